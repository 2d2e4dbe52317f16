"""When the customer asked to be called: from words to a permitted time (R79)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dialer.model import AppointmentWish, Segment
from dialer.policy.calendar import Calendar
from dialer.policy.case import Case
from dialer.policy.settings import PolicySettings
from dialer.policy.windows import NOON, Slot, slots_after, slots_of
from dialer.policy.zones import at_least, find_zone, instant

LEAD = timedelta(minutes=30)
"""Who asks for later on the same day isn't called back sooner than this."""
FURTHEST_DAYS = 90
"""A wish for a later day becomes this many days."""
EDGE = timedelta(minutes=5)
"""A wish after a window is moved to this long before its last possible start, not to its last second."""
WORKING_MORNING_FROM = 8
"""Hours below this, said without 上午 or 下午, mean the afternoon: 三点 is 15:00."""


def appointment_slot(case: Case) -> Slot | None:
    """The pending appointment as a slot of its own, or None where no call may start at its time."""
    agreed = case.appointment
    if agreed is None or not case.calendar.covers(agreed.year) or not case.calendar.is_workday(agreed.date()):
        return None
    room = _room_at(agreed, case.zone, case.task.segment, case.settings)
    if room is None:
        return None
    lapse = _add(agreed, timedelta(seconds=case.settings.appointment_tolerance_s), case.zone)
    latest = lapse if at_least(room.latest_start, lapse) else room.latest_start
    return Slot(f"{agreed.date().isoformat()}/a{agreed:%H%M%S}", agreed, room.end, latest)


def _add(moment: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
    """Elapsed time, not wall-clock time."""
    return (moment.astimezone(UTC) + span).astimezone(zone)


def _room_at(moment: datetime, zone: ZoneInfo, segment: Segment, settings: PolicySettings) -> Slot | None:
    """What bounds a call at that local moment: a window, or where allowed the appointment hours."""
    rooms = slots_of(moment.date(), segment, zone, settings)
    if settings.appointment_outside_windows:
        hours = settings.appointment_hours
        start, end = instant(moment.date(), hours.start, zone), instant(moment.date(), hours.end, zone)
        rooms += (Slot("", start, end, _add(end, -settings.ring_total, zone)),)
    return next((room for room in rooms if room.may_start(moment)), None)


def resolve(
    wish: AppointmentWish,
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    zone: str,
    segment: Segment = Segment.GENERAL,
) -> datetime:
    """The earliest permitted time that matches the wish, local to the customer, after ``now``.

    A day off moves to the next workday with the same half or hour. An hour outside the windows
    becomes the nearest time inside, unless ``appointment_outside_windows`` allows it as said.
    In a year without official data Monday to Friday are taken for workdays: the wish is kept, and
    ``decide`` refuses the call until the calendar is there. Raises ValueError for an unknown zone.
    """
    where = find_zone(zone or settings.zone)
    if where is None:
        raise ValueError(f"{zone!r} is not an IANA zone")
    earliest = _add(now, LEAD, where)
    calendar = replace(calendar, years=calendar.years | {earliest.year, earliest.year + 1})
    at, half = _clock_time(wish)
    if at is None and not half and wish.days is None:
        slots = slots_after(earliest, segment, where, calendar, settings)
        return next(start for start, slot in slots if not slot.holds(now))
    day = earliest.date()
    if wish.days is not None:
        day = now.astimezone(where).date() + timedelta(days=min(max(wish.days, 0), FURTHEST_DAYS))
    while True:
        day = calendar.workday_from(day)
        slots_then = slots_of(day, segment, where, settings)
        if at is None:
            found = _in_half(slots_then, half, earliest)
        else:
            wished = instant(day, at, where)
            as_said = at_least(wished, earliest) and _room_at(wished, where, segment, settings) is not None
            found = wished if as_said else _near(wished, slots_then, earliest)
            if at_least(now, wished):
                found = None  # that hour is over today: the same hour on the next workday
        if found is not None:
            return found
        day += timedelta(days=1)


def _clock_time(wish: AppointmentWish) -> tuple[time | None, str]:
    """The wished time of day and half; an hour that can't be read counts as not said."""
    hour = wish.hour
    if hour is None or not 0 <= hour <= 23 or not 0 <= wish.minute <= 59:
        return None, wish.half
    if hour < NOON and (wish.half == "pm" or (not wish.half and hour < WORKING_MORNING_FROM)):
        hour += NOON
    return time(hour, wish.minute), ""


def _in_half(slots: Sequence[Slot], half: str, earliest: datetime) -> datetime | None:
    """The first moment of the wished half-day, or of the day where none is wished or has a window."""
    fitting = [slot for slot in slots if not half or slot.morning == (half == "am")] or slots
    still_open = [slot for slot in fitting if at_least(slot.latest_start, earliest)]
    return min((max(slot.start, earliest) for slot in still_open), default=None)


def _near(wished: datetime, slots: Sequence[Slot], earliest: datetime) -> datetime | None:
    """The moment in the day's slots that is closest to the wish; the later of two equally near."""
    near = [moment for slot in slots if (moment := _nearest(slot, wished, earliest)) is not None]
    return min(near, key=lambda moment: (abs(moment - wished), wished > moment), default=None)


def _nearest(slot: Slot, wished: datetime, earliest: datetime) -> datetime | None:
    last = slot.latest_start - EDGE
    last = last.replace(minute=last.minute // 5 * 5, second=0, microsecond=0)
    moment = max(slot.start, min(wished, last), earliest)
    return moment if slot.may_start(moment) else None
