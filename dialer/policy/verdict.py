"""All rules in one order: may this task's customer be called now, and if not, why and when?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

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

TASK_RULES: tuple[Callable[[Task], Ruling], ...] = (
    eligibility.open_state,
    eligibility.waiver,
    eligibility.surrendered,
    eligibility.do_not_call,
    eligibility.opted_out,
)
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


@dataclass(frozen=True, slots=True)
class Hearing:
    """The verdict and what the rules said, not yet made into findings: for who may not need them."""

    verdict: Verdict
    rulings: tuple[Ruling, ...]

    def decision(self, inputs: Inputs | None = None) -> Decision:
        return Decision(self.verdict, tuple(map(finding_of, self.rulings)), inputs)


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
    case, rulings = _hear(task, attempts, customer_attempts, now, calendar, settings, resources)
    said: list[Ruling] = []
    for ruling in rulings:
        said.append(ruling)
        if not isinstance(ruling, Finding):
            return Hearing(ruling, tuple(said))
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
    _, rulings = _hear(task, attempts, customer_attempts, now, calendar, settings, resources)
    return tuple(finding_of(ruling) for ruling in rulings)


def _hear(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> tuple[Case | None, Iterator[Ruling]]:
    """The case, or None in an unknown zone, and the rules' answers as they are asked for."""
    if now.tzinfo is None:
        raise ValueError("now needs a zone: pass an aware datetime")
    zone = find_zone(task.zone or settings.zone)
    if zone is None:
        return None, _rulings(task, None, resources)
    case = Case(task, attempts, customer_attempts, now.astimezone(zone), zone, calendar, settings, resources)
    return case, _rulings(task, case, resources)


def _rulings(task: Task, case: Case | None, resources: Resources) -> Iterator[Ruling]:
    for rule in TASK_RULES:
        yield rule(task)
    yield eligibility.approved(resources)
    if case is None:
        yield Refuse(
            "R44",
            f"客户时区 {task.zone} 无法识别,不能判断当地时间,请更正",
            f"the customer's zone {task.zone} is unknown, so is the local time: correct it",
        )
        return
    for check in CASE_RULES:
        try:
            yield check(case)
        except CalendarError as error:
            yield Refuse(
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
    why = f"{slot.label},第 {case.task.pass_no} 轮第 {number} 次拨打"
    en = f"{slot.en}, attempt {number} of pass {case.task.pass_no}"
    return Dial(phone.number, slot.key, slot.end, rule, why, en)
