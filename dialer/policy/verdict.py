"""All rules in one order: may this task's customer be called now, and if not, why and when?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from dialer.errors import CalendarError
from dialer.model import Attempt, Task
from dialer.policy import deadlines, eligibility, retries, timing
from dialer.policy.calendar import Calendar
from dialer.policy.case import Case
from dialer.policy.ruling import (
    Decision,
    Dial,
    Escalate,
    Finding,
    Passed,
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
    retries.one_live_call,
    retries.attempts_left,
    retries.destination,
    retries.usable_number,
    retries.trunk_pause,
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
    if now.tzinfo is None:
        raise ValueError("now needs a zone: pass an aware datetime")
    findings: list[Finding] = []
    for ruling in _before_timing(task, resources):
        findings.append(finding_of(ruling))
        if not isinstance(ruling, Passed):
            return Decision(ruling, tuple(findings))
    zone = find_zone(task.zone or settings.zone)
    if zone is None:
        refusal = Refuse("R44", f"客户时区 {task.zone} 无法识别,不能判断当地时间,请更正")
        return Decision(refusal, (*findings, finding_of(refusal)))
    case = Case(task, attempts, customer_attempts, now.astimezone(zone), zone, calendar, settings, resources)
    try:
        for rule in CASE_RULES:
            ruling = rule(case)
            findings.append(finding_of(ruling))
            if not isinstance(ruling, Passed):
                return Decision(ruling, tuple(findings))
        return Decision(_dial(case), tuple(findings))
    except CalendarError as error:
        refusal = Refuse("R44", f"缺少官方工作日历,不拨打:请补充 {error.file}")
        return Decision(refusal, (*findings, finding_of(refusal)))


def _before_timing(task: Task, resources: Resources) -> Iterator[Ruling]:
    for rule in TASK_RULES:
        yield rule(task)
    yield eligibility.approved(resources)


def _dial(case: Case) -> Dial:
    slot, phone = timing.open_slot(case), case.phone
    if slot is None or phone is None:
        raise AssertionError("the rules passed a case without a slot or a number")
    rule = "R79" if timing.due_appointment(case) is not None else "R44"
    why = f"{slot.label},第 {case.task.pass_no} 轮第 {len(case.counted) + 1} 次拨打"
    return Dial(phone.number, slot.key, slot.end, rule, why)
