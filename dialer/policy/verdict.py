"""All rules in one order: may this task's customer be called now, and if not, why and when?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import TypeVar, cast

import msgspec

from dialer.errors import CalendarError
from dialer.model import Attempt, Task
from dialer.policy import deadlines, eligibility, permitted, retries, timing
from dialer.policy.calendar import Calendar
from dialer.policy.case import Case
from dialer.policy.ruling import (
    Decision,
    Dial,
    Escalate,
    Finding,
    Inputs,
    Refuse,
    Resources,
    Ruling,
    Verdict,
    Wait,
    finding_of,
)
from dialer.policy.settings import PolicySettings
from dialer.policy.zones import find_zone

__all__ = [
    "Decision",
    "Dial",
    "Escalate",
    "Finding",
    "Refuse",
    "Resources",
    "Verdict",
    "Wait",
    "decide",
    "examine",
]

T = TypeVar("T")

TASK_RULES: tuple[Callable[[Task], Ruling], ...] = (
    eligibility.open_state,
    eligibility.waiver,
    eligibility.surrendered,
    eligibility.do_not_call,
    eligibility.opted_out,
)
RESOURCE_RULES = (eligibility.approved,)
CASE_RULES: tuple[Callable[[Case], Ruling], ...] = (
    deadlines.deadline,
    retries.not_over,
    retries.one_live_call,
    retries.attempts_left,
    retries.destination,
    retries.usable_number,
    retries.trunk_pause,
    timing.period_begun,
    timing.tier_due,
    timing.not_rejected_today,
    timing.appointment_kept,
    timing.window_open,
    timing.slot_unused,
    timing.under_daily_cap,
    timing.can_record,
    timing.trunk_up,
    timing.line_free,
)
"""The order is the answer's order: the first rule that stops names the reason."""


def decide(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> Decision:
    """Dial, or the first rule that stops the call. ``now`` is aware (ValueError otherwise).

    ``attempts`` are the task's own, ``customer_attempts`` those of the customer's other tasks.
    An unknown zone or a year without a calendar refuses (R44). The findings end with the rule
    that stopped.
    """
    return hear(task, attempts, customer_attempts, now, calendar, settings, resources).decision()


class Hearing(msgspec.Struct, frozen=True):
    """The verdict and what the rules said, not yet made into findings: for who may not need them."""

    verdict: Verdict
    rulings: tuple[Ruling, ...]

    def decision(self, inputs: Inputs | None = None) -> Decision:
        passed = cast("tuple[Finding, ...]", self.rulings[:-1])  # only the last one can have stopped the call
        return Decision(self.verdict, (*passed, finding_of(self.rulings[-1])), inputs)


def hear(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> Hearing:
    """As ``decide``."""
    case = _case(task, attempts, customer_attempts, now, calendar, settings, resources)
    said = _rulings(task, case, resources, every=False)
    last = said[-1]
    if not isinstance(last, Finding):
        return Hearing(last, tuple(said))
    if case is None:
        raise AssertionError("the rules passed a case without a zone")
    return Hearing(_dial(case), tuple(said))


def examine(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> tuple[Finding, ...]:
    """What every rule says, also those behind the one that stops; else as ``decide``."""
    case = _case(task, attempts, customer_attempts, now, calendar, settings, resources)
    return tuple(map(finding_of, _rulings(task, case, resources, every=True)))


def _case(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> Case | None:
    """None in an unknown zone."""
    if now.tzinfo is None:
        raise ValueError("now needs a zone: pass an aware datetime")
    zone = find_zone(task.zone or settings.zone)
    if zone is None:
        return None
    return Case(task, attempts, customer_attempts, now.astimezone(zone), zone, calendar, settings, resources)


def _rulings(task: Task, case: Case | None, resources: Resources, *, every: bool) -> list[Ruling]:
    """What the rules say, in their order: up to the first that stops, or of ``every`` one."""
    said: list[Ruling] = []
    if _ask(TASK_RULES, task, said, every) or _ask(RESOURCE_RULES, resources, said, every):
        return said
    if case is not None:
        _ask(CASE_RULES, case, said, every)
        return said
    zh = f"客户时区 {task.zone} 无法识别,不能判断当地时间,请更正"
    unknown = f"the customer's zone {task.zone} is unknown, so is the local time: correct it"
    said.append(Refuse("R44", zh, unknown))
    return said


def _ask(rules: Iterable[Callable[[T], Ruling]], about: T, said: list[Ruling], every: bool) -> bool:
    """Whether one of them stopped the call; with ``every`` one heard, none does."""
    for rule in rules:
        try:
            ruling = rule(about)
        except CalendarError as error:
            ruling = _no_calendar(error)
        said.append(ruling)
        if ruling.__class__ is not Finding and not every:
            return True
    return False


def _no_calendar(error: CalendarError) -> Refuse:
    return Refuse(
        "R44",
        f"缺少官方工作日历,不拨打:请补充 {error.file}",
        f"there is no official calendar, nobody is called: add {error.file}",
    )


def _dial(case: Case) -> Dial:
    slot, phone = permitted.open_slot(case), case.phone
    if slot is None or phone is None:
        raise AssertionError("the rules passed a case without a slot or a number")
    rule = "R79" if permitted.due_appointment(case) is not None else "R44"
    number = len(case.counted) + 1
    why, en = _attempt(slot.label, slot.en, case.task.pass_no, number)
    return Dial(phone.number, slot.key, slot.end, rule, why, en)


@lru_cache(maxsize=1024)
def _attempt(label: str, en: str, pass_no: int, number: int) -> tuple[str, str]:
    return f"{label},第 {pass_no} 轮第 {number} 次拨打", f"{en}, attempt {number} of pass {pass_no}"
