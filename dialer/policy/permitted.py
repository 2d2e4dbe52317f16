"""Which moment is one to call in, by all timing rules together (R41-R45, R77, R79, R84)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from dialer.model import NOT_COUNTED, Disposition
from dialer.policy.appointments import appointment_slot
from dialer.policy.case import Case
from dialer.policy.dispositions import RETRIES, Retry
from dialer.policy.windows import SEARCH_DAYS, Slot, slots_after, start_of_next_day
from dialer.policy.zones import at_least, instant

_REJECTIONS = tuple(one for one, asks in RETRIES.items() if asks is Retry.NEXT_DAY)


def next_permitted(case: Case, not_before: datetime) -> datetime:
    """The first moment from ``not_before`` on at which all timing rules agree. Raises CalendarError."""
    bounds = (rejected_today(case), paused_until(case), tier_due_from(case), period_from(case))
    start = not_before.astimezone(case.zone)
    for bound in bounds:
        if bound is not None and at_least(bound, start):
            start = bound
    agreed = appointment_slot(case)
    if agreed is not None and at_least(agreed.latest_start, start):
        return start if at_least(start, agreed.start) else agreed.start
    if case.appointment is not None and at_least(case.appointment, start):
        start = case.appointment
    for begin, slot in slots_after(start, case.task.segment, case.zone, case.calendar, case.settings):
        if not case.used(slot) and case.calls_on(slot.start.date()) < case.settings.daily_cap:
            return begin
    return start + timedelta(days=SEARCH_DAYS)


def open_slot(case: Case) -> Slot | None:
    """The slot in which a call may leave now: the appointment's, or the window's on a workday."""
    known = case.slots_known
    if "open" not in known:
        known["open"] = due_appointment(case) or _open_window(case)
    return known["open"]


def _open_window(case: Case) -> Slot | None:
    if not case.calendar.is_workday(case.today):
        return None
    now = case.now.astimezone(UTC)
    for slot in case.slots_today:
        if slot.may_start(now):
            return slot
    return None


def due_appointment(case: Case) -> Slot | None:
    if case.appointment is None:
        return None
    known = case.slots_known
    if "agreed" not in known:
        slot = appointment_slot(case)
        known["agreed"] = slot if slot is not None and slot.may_start(case.now) else None
    return known["agreed"]


# --- what keeps a customer from being called before a moment, or None where that moment is over ---


def rejected_today(case: Case) -> datetime | None:
    """R43: start of the day after the last rejection (603), whatever the pass."""
    rejected = [a.invited_at for a in case.tried if a.outcome in _REJECTIONS]
    return _ahead(case, start_of_next_day(max(rejected), case.zone)) if rejected else None


def paused_until(case: Case) -> datetime | None:
    """R42: end of the pause after a try that doesn't count."""
    ends = [a.ended_at or a.invited_at for a in case.attempts if a.outcome in NOT_COUNTED]
    if not ends:
        return None
    pause = timedelta(seconds=case.settings.uncounted_retry_s)
    return _ahead(case, (max(ends) + pause).astimezone(case.zone))


def last_called_back(case: Case) -> datetime | None:
    """When the customer was last called back with success, by whatever task; local."""
    done = [a.invited_at for a in case.everything if a.outcome is Disposition.COMPLETED]
    return max(done).astimezone(case.zone) if done else None


def tier_due_from(case: Case) -> datetime | None:
    """R77, R78, R96: when the tier's interval since the last call-back is over."""
    if not case.task.recurs:
        return None
    every, last = case.settings.tiers.of(case.task.tier), last_called_back(case)
    if every is None or last is None:
        return None
    return _ahead(case, instant(every.after(last.date()), time.min, case.zone))


def period_from(case: Case) -> datetime | None:
    """R84: the first day of the month in which the call-back is due."""
    event = case.task.event
    kind = None if event is None else case.settings.deadline_type(case.task.deadline_type)
    opens = None if kind is None or event is None else kind.opens(event)
    return None if opens is None else _ahead(case, instant(opens, time.min, case.zone))


def _ahead(case: Case, moment: datetime | None) -> datetime | None:
    return moment if moment is not None and not at_least(case.now, moment) else None
