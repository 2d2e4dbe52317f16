"""The smaller lists: do-not-call numbers, waivers, surrenders, confirmed numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dialer.intake import cells
from dialer.intake.cells import Cell
from dialer.intake.columns import CONTACTS, DO_NOT_CALL, SURRENDERS, WAIVERS
from dialer.intake.config import IntakeConfig
from dialer.intake.reader import ListReader, RowReader
from dialer.intake.sheets import Sheet, Source
from dialer.listings import DoNotCall, Exemption, ExemptionKind
from dialer.model import ALL_SIGNATURES, PhoneNumber, Signature

_STATEMENTS = ("signed_statement", "clear_statement")
"""R19: what a waiver must say: policyholder and insured signed themselves, contract and fees are clear."""


def do_not_call_list(
    source: Source, filename: str, config: IntakeConfig
) -> ListReader[tuple[DoNotCall, ...]]:
    """Each row: one or more numbers."""

    def parse(row: RowReader) -> tuple[DoNotCall, ...] | None:
        reason = row.get("reason", cells.text, "", optional=True)
        return tuple(DoNotCall(phone.number, reason) for phone in row.phones(config.country)) or None

    return ListReader(Sheet(source, filename, DO_NOT_CALL, config), parse)


def _signed(cell: Cell) -> str:
    """A name, or yes; what says no is no signature."""
    value = cells.text(cell)
    if not value:
        raise ValueError("is missing: the waiver exempts only with all three signatures (R19)")
    try:
        if not cells.truth(value):
            raise ValueError("wasn't given: the waiver exempts only with all three signatures (R19)")
    except ValueError as error:
        if "R19" in str(error):
            raise
    return value


def _stated(cell: Cell) -> bool:
    if not cells.truth(cell):
        raise ValueError("isn't stated: the waiver must say so (R19)")
    return True


def waiver_list(
    source: Source, filename: str, config: IntakeConfig, campaign: str, today: date
) -> ListReader[Exemption]:
    """R19: rows with both statements, all three signatures and the day of filing; others are refused."""

    def filed(cell: Cell) -> date:
        day = cells.day(cell)
        if day > today:
            raise ValueError("lies ahead: only a waiver that is filed exempts (R19)")
        return day

    def parse(row: RowReader) -> Exemption | None:
        policy_no = row.get("policy_no", cells.policy_no, "")
        for field in _STATEMENTS:
            row.get(field, _stated, False)
        names = {
            Signature.POLICYHOLDER: row.get("policyholder", _signed, ""),
            Signature.SELLER: row.get("seller", _signed, ""),
            Signature.SALES_MANAGER: row.get("sales_manager", _signed, ""),
        }
        day = row.get("filed", filed, today)
        where = row.get("campaign", cells.text, campaign, optional=True)
        if not where:
            row.wrong(
                "campaign", "is missing: a waiver belongs to a campaign; write it here or give --campaign"
            )
        if row.errors:
            return None
        signed = tuple(names[one] for one in ALL_SIGNATURES)
        return Exemption(ExemptionKind.WAIVER, policy_no, where, day, signed)

    return ListReader(
        Sheet(source, filename, WAIVERS, config), parse, key=lambda one: (one.policy_no, one.campaign)
    )


def surrender_list(
    source: Source, filename: str, config: IntakeConfig, campaign: str
) -> ListReader[Exemption]:
    """R11: surrendered or withdrawn policies; without a campaign they concern all of them."""

    def parse(row: RowReader) -> Exemption | None:
        policy_no = row.get("policy_no", cells.policy_no, "")
        day = row.get("day", cells.day, None, optional=True)
        where = row.get("campaign", cells.text, campaign, optional=True)
        return None if row.errors else Exemption(ExemptionKind.SURRENDER, policy_no, where, day)

    return ListReader(
        Sheet(source, filename, SURRENDERS, config), parse, key=lambda one: (one.policy_no, one.campaign)
    )


@dataclass(frozen=True, slots=True)
class ContactRow:
    """What came back about one customer's number (R24)."""

    row: int
    campaign: str
    policy_no: str
    phones: tuple[PhoneNumber, ...]
    old_confirmed: bool
    """The number that was dialled is right."""


def contact_list(
    source: Source, filename: str, config: IntakeConfig, campaign: str
) -> ListReader[ContactRow]:
    """Rows with a new number, or the word that the old one is right; with neither they wait for an answer."""

    def parse(row: RowReader) -> ContactRow | None:
        policy_no = row.get("policy_no", cells.policy_no, "")
        where = row.get("campaign", cells.text, campaign, optional=True)
        if not where:
            row.wrong("campaign", "is missing: write it here or give --campaign")
        phones = row.phones(config.country, required=False)
        confirmed = row.get("confirmed", cells.truth, False)
        if row.errors:
            return None
        return ContactRow(0, where, policy_no, tuple(phone.number for phone in phones), confirmed)

    return ListReader(
        Sheet(source, filename, CONTACTS, config), parse, key=lambda one: (one.policy_no, one.campaign)
    )
