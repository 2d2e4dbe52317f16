"""A customer list to tasks: what a row says, its deadline, and what the campaign makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dialer.campaigns.rules import Admission, NotAdmitted
from dialer.intake import cells
from dialer.intake.cells import Cell
from dialer.intake.columns import CUSTOMERS
from dialer.intake.config import Dating, IntakeConfig
from dialer.intake.reader import ListReader, Reading, RowReader
from dialer.intake.sheets import Sheet
from dialer.model import Policyholder, RowError, Segment, Task, TaskId
from dialer.policy.duedates import cooling_off_end, due_of


@dataclass(frozen=True, slots=True)
class CustomerList:
    """What a file gave."""

    tasks: tuple[Task, ...]
    """Good rows, in order; their ids are 0 until the store has them."""
    errors: tuple[RowError, ...]
    """What is wrong with the others, in order of rows; a row may have several."""
    notices: tuple[str, ...]
    """Columns and sheets that weren't used."""


class CustomerReader(ListReader[Task]):
    """A customer list (``CUSTOMERS``)."""

    def __init__(
        self,
        sheet: Sheet,
        *,
        campaign: str,
        script: str,
        country: str = "86",
        dating: Dating | None = None,
        admit: Admission | None = None,
    ) -> None:
        """``admit``: what the campaign makes of a row. Without ``dating`` no deadline type is known."""
        known = dating or Dating()
        super().__init__(
            sheet,
            lambda row: _task(row, campaign, script, country, known, admit),
            key=lambda task: task.policy_no,
        )
        self._unsigned: list[str] = []

    def __iter__(self) -> Iterator[Reading[Task]]:
        for reading in super().__iter__():
            if reading.value is not None and reading.value.waiver and reading.value.missing_signatures:
                self._unsigned.append(reading.value.policy_no)
            yield reading

    @property
    def notices(self) -> tuple[str, ...]:
        """Complete once the list is read.

        R19: a waiver that isn't signed by all three exempts nobody, and whoever sent the list should know.
        """
        if not self._unsigned:
            return super().notices
        first = ", ".join(self._unsigned[:3]) + (", ..." if len(self._unsigned) > 3 else "")
        column = CUSTOMERS.spellings["waiver_signatures"][0]
        return (
            *super().notices,
            f"{len(self._unsigned)} waivers lack a signature and exempt nobody (R19): {first}; name who"
            f" signed in a column {column!r}",
        )


def read_customers(
    data: bytes,
    filename: str,
    *,
    campaign: str,
    script: str,
    config: IntakeConfig | None = None,
    dating: Dating | None = None,
) -> CustomerList:
    """A whole list at once. ``filename`` only names it in errors.

    Rows are counted as a spreadsheet shows them, so a header in the first row is row 1. Raises
    ImportFileError where nothing can be read: encoding, columns, size.
    """
    config = config or IntakeConfig()
    reader = CustomerReader(
        Sheet(data, filename, CUSTOMERS, config),
        campaign=campaign,
        script=script,
        country=config.country,
        dating=dating,
    )
    tasks: list[Task] = []
    errors: list[RowError] = []
    for reading in reader:
        errors += reading.errors
        if reading.value is not None:
            tasks.append(reading.value)
    return CustomerList(tuple(tasks), tuple(errors), reader.notices)


def _words(cell: Cell) -> str:
    return cells.text(cell, required=True)


def _days(cell: Cell) -> int:
    return cells.whole(cell, 0, 365)


def _task(
    row: RowReader, campaign: str, script: str, country: str, dating: Dating, admit: Admission | None
) -> Task | None:
    policy_no = row.get("policy_no", cells.policy_no, "")
    phones = row.phones(country)
    days = row.get("cooling_off_days", _days, 15, optional=True)
    received = row.get("received", cells.day, None, optional=True)
    counted = None if received is None else cooling_off_end(received, days)
    event = row.get("event", cells.day, None, optional=True)
    dated = _dated(row, event, dating)
    task = Task(
        id=TaskId(0),
        campaign=campaign,
        policy_no=policy_no,
        holder=Policyholder(
            row.get("name", _words, ""),
            row.get("gender", cells.honorific, ""),
            row.get("insured_differs", cells.truth, False),
        ),
        phones=phones,
        product=row.get("product", _words, ""),
        premium=row.get("premium", cells.money, Decimal(0)),
        pay_years=row.get("pay_years", cells.pay_years, 0),
        script=script,
        cooling_off_days=days,
        cooling_off_end=row.get("cooling_off_end", cells.day, counted, optional=True),
        due=dated.due,
        deadline_type=dated.name,
        event=event,
        due_provisional=dated.provisional,
        branch=row.get("branch", cells.text, "", optional=True),
        channel=row.get("channel", cells.text, "", optional=True),
        seller=row.get("seller", cells.text, "", optional=True),
        seller_team=row.get("seller_team", cells.text, "", optional=True),
        segment=row.get("segment", cells.segment, Segment.GENERAL),
        tier=row.get("tier", cells.tier, "", optional=True),
        zone=row.get("zone", cells.zone, "Asia/Shanghai", optional=True),
        waiver=row.get("waiver", cells.truth, False),
        waiver_signatures=row.get("waiver_signatures", cells.signatures, (), optional=True),
        surrendered=row.get("surrendered", cells.truth, False),
        do_not_call=row.get("do_not_call", cells.truth, False),
        opted_out=row.get("opted_out", cells.truth, False),
        address=row.get("address", cells.text, "", optional=True),
        email=row.get("email", cells.email, "", optional=True),
    )
    if row.errors:
        return task if policy_no else None  # its policy number counts for duplicates
    if admit is None:
        return task
    try:
        return admit(task)
    except NotAdmitted as error:
        row.wrong(error.field, str(error))
        return task


@dataclass(frozen=True, slots=True)
class _Dated:
    name: str = ""
    due: date | None = None
    provisional: bool = False


def _dated(row: RowReader, event: date | None, dating: Dating) -> _Dated:
    """The deadline as the row gives it, else by its deadline type, or the list's, from the row's event."""
    given = row.get("due", cells.day, None, optional=True)
    own = row.get("deadline_type", cells.text, "", optional=True)
    name = own or dating.default
    kind = next((kind for kind in dating.types if kind.name == name), None)
    if kind is None:
        if own:
            known = ", ".join(kind.name for kind in dating.types) or "none"
            row.wrong("deadline_type", f"isn't a deadline type: write one of {known}")
        return _Dated("", given)
    if given is not None or event is None:
        if own and given is None:
            row.wrong("event", "is empty: give the day from which the deadline counts")
        return _Dated(name if event is not None else "", given)
    due = due_of(kind, event, dating.calendar)
    return _Dated(name, due.day, due.provisional)
