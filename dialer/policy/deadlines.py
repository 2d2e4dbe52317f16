"""What is due when, and who is called first (R10, R30, R31, R83, R84, R86, R87)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from dialer.errors import CalendarError
from dialer.model import Attempt, Task
from dialer.policy.calendar import Calendar
from dialer.policy.case import Case, counts
from dialer.policy.days import add_months
from dialer.policy.ruling import Passed, Ruling
from dialer.policy.windows import NOON, day_label
from dialer.policy.zones import find_zone

FAR = date.max


class DueRule(StrEnum):
    """How a campaign dates its call-backs, counted from the day of the event."""

    NEW_POLICY = "R30"
    """Within 5 workdays of signing."""
    SIGNED_MONTH = "R31"
    """Within one calendar month of signing."""
    VISIT = "R83"
    """Within 24 hours of a visit: by the end of the next day."""
    MONTH_START = "R84"
    """In the first 3 workdays of the following month."""
    CLAIM = "R86"
    """Within 3 days of the claim's end."""
    ISSUED_MONTH = "R87"
    """Within one month of issuing the policy."""
    CLAIM_WEEK = "R87-claim"
    """Within one week of the claim's end."""


def due_day(rule: DueRule, event: date, calendar: Calendar) -> date:
    """The last day on which the call-back is in time. Raises CalendarError for workday rules."""
    match rule:
        case DueRule.NEW_POLICY | DueRule.MONTH_START:
            return calendar.add_workdays(*_counted(rule, event))
        case DueRule.SIGNED_MONTH | DueRule.ISSUED_MONTH:
            return add_month(event)
        case DueRule.VISIT:
            return event + timedelta(days=1)
        case DueRule.CLAIM:
            return event + timedelta(days=3)
        case DueRule.CLAIM_WEEK:
            return event + timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline with what it came from, so that a notice can put it right."""

    rule: DueRule
    event: date
    day: date
    provisional: bool = False
    """Counted through a year without official data: ``day`` is then early rather than late."""


def due_of(rule: DueRule, event: date, calendar: Calendar) -> Due:
    """The deadline; without official data a conservative one, marked provisional."""
    try:
        return Due(rule, event, due_day(rule, event, calendar))
    except CalendarError:
        start, workdays = _counted(rule, event)
        return Due(rule, event, calendar.surely_by(start, workdays), provisional=True)


def recompute(due: Due, calendar: Calendar) -> Due:
    """The same deadline by a calendar that may know more now; a final one stays as it is."""
    return due_of(due.rule, due.event, calendar) if due.provisional else due


def _counted(rule: DueRule, event: date) -> tuple[date, int]:
    """For a rule in workdays: the day after which they count, and how many."""
    if rule is DueRule.MONTH_START:
        return add_month(event.replace(day=1)) - timedelta(days=1), 3
    return event, 5


def add_month(day: date) -> date:
    """The same day of the next month, or that month's last day: 31 January gives 28 February."""
    return add_months(day, 1)


def due_key(task: Task) -> tuple[date, date, int]:
    """Sort key of the queue: end of cooling-off first, then the deadline, then the older task."""
    return (task.cooling_off_end or FAR, task.due or FAR, int(task.id))


def call_order(task: Task, attempts: Sequence[Attempt], now: datetime) -> tuple[date, date, int, bool, int]:
    """``due_key``; among equals the fewest attempts first, so that nobody is called again before everybody
    was, then those whose present half-day hasn't been tried (R43)."""
    zone = find_zone(task.zone)
    local = now.astimezone(zone) if zone else now
    made = [a for a in attempts if a.pass_no == task.pass_no and counts(a)]
    tried = any((a.invited_at.astimezone(local.tzinfo).hour < NOON) == (local.hour < NOON) for a in made)
    cooling_off, due, number = due_key(task)
    return (cooling_off, due, len(made), tried, number)


def deadline(case: Case) -> Ruling:
    """A passed deadline doesn't stop the call-back (R17: every policy), but the operator sees it."""
    task, today = case.task, case.today
    zh, en = [], []
    for name, english, day in (
        ("犹豫期至", "cooling-off ends", task.cooling_off_end),
        ("回访期限", "due", task.due),
    ):
        if day is not None:
            zh.append(f"{name} {day_label(day)}{'已过' if day < today else ''}")
            en.append(f"{english} {day}{' (passed)' if day < today else ''}")
    return Passed("R10", ",".join(zh) or "未设期限", ", ".join(en) or "no deadline set")
