"""Values of the lists that the business side hands in or gets: who isn't called, and new numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from dialer.model import ALL_SIGNATURES, Phone, PhoneNumber, Signature, Task, TaskState


@dataclass(frozen=True, slots=True)
class DoNotCall:
    """A number that isn't dialled, whoever's it is (R38)."""

    number: PhoneNumber
    reason: str = ""


class NumberUse(StrEnum):
    """Whose a number is, as far as the database knows."""

    FREE = "free"
    """Nobody's who is called."""
    CUSTOMER = "customer"
    """In a task, finished or not."""
    DO_NOT_CALL = "do_not_call"


class ExemptionKind(StrEnum):
    WAIVER = "waiver"
    """免访声明 with its three signatures (R19)."""
    SURRENDER = "surrender"
    """退保, 撤单 (R11)."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A policy that isn't called back. A waiver that lacks a signature isn't one: ValueError (R19)."""

    kind: ExemptionKind
    policy_no: str
    campaign: str = ""
    """Empty: in every campaign."""
    day: date | None = None
    """When the waiver was filed; when the policy was surrendered."""
    signed: tuple[str, ...] = ()
    """Of a waiver: the names of policyholder, seller and sales manager."""

    def __post_init__(self) -> None:
        if self.kind is ExemptionKind.WAIVER and len(self.signed) != len(ALL_SIGNATURES):
            raise ValueError("a waiver needs the signatures of policyholder, seller and sales manager (R19)")

    @property
    def signatures(self) -> tuple[Signature, ...]:
        return ALL_SIGNATURES if self.kind is ExemptionKind.WAIVER else ()

    def applies_to(self, campaign: str) -> bool:
        return self.campaign in ("", campaign)

    def exempt(self, task: Task) -> Task:
        """The task with this exemption on it."""
        if self.kind is ExemptionKind.SURRENDER:
            return replace(task, surrendered=True)
        return replace(task, waiver=True, waiver_signatures=self.signatures)


@dataclass(frozen=True, slots=True)
class ListReport:
    """What a list of exemptions or numbers changed."""

    added: int = 0
    known: int = 0
    """Were on record already."""
    tasks: int = 0
    """Tasks that it concerns."""


@dataclass(frozen=True, slots=True)
class ContactWanted:
    """A task whose number the business side must confirm or replace, and why (R22)."""

    task: Task
    rule: str
    why: str
    since: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class ContactFound:
    """What the business side found: numbers that it confirmed, best first (R24)."""

    campaign: str
    policy_no: str
    phones: tuple[PhoneNumber, ...]
    max_passes: int
    """Of the campaign: the last pass may go on with another number, but no further one begins."""
    old_confirmed: bool = False
    """The number that the task names first is right, too."""


class ContactResult(StrEnum):
    REFRESHED = "refreshed"
    KNOWN = "known"
    """The task goes on with these numbers already."""
    NO_TASK = "no_task"
    NOT_WAITING = "not_waiting"
    """The task isn't waiting for a number."""
    DO_NOT_CALL = "do_not_call"


def refreshed(task: Task, found: ContactFound) -> Task | ContactResult:
    """The task with its confirmed numbers first, in its next pass; or why not.

    Numbers that weren't confirmed stay behind them, unverified: no pass dials them (R24).
    """
    old = (task.phones[0].number,) if found.old_confirmed else ()
    numbers = tuple(dict.fromkeys((*found.phones, *old)))
    confirmed = tuple(Phone(number) for number in numbers)
    if task.state is TaskState.OPEN and task.phones[: len(confirmed)] == confirmed:
        return ContactResult.KNOWN
    if task.state is not TaskState.CONTACT_REFRESH:
        return ContactResult.NOT_WAITING
    others = tuple(Phone(one.number, False) for one in task.phones if one.number not in numbers)
    return replace(
        task,
        phones=confirmed + others,
        state=TaskState.OPEN,
        pass_no=max(task.pass_no, min(task.pass_no + 1, found.max_passes)),
        appointment=None,
    )
