"""Whether anybody of a zone and segment may be called now, and if not, when: the rules that don't look at the
customer (R44, R45), asked once for all of them. The verdict asks again for each.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dialer.errors import CalendarError
from dialer.model import Segment
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.policy.windows import slots_after, slots_of
from dialer.policy.zones import at_least, find_zone

_AHEAD = timedelta(days=1)
"""An opening further away than this is looked for again by then."""


def is_open(zone: str, segment: Segment, now: datetime, calendar: Calendar, settings: PolicySettings) -> bool:
    """Whether a window of these customers is open at ``now``, agreed times aside.

    True also where it can't be known, in an unknown zone or a year without a calendar: the verdict
    refuses such a call, and says why.
    """
    where = find_zone(zone or settings.zone)
    if where is None:
        return True
    today = now.astimezone(where).date()
    if calendar.covers(today.year) and not calendar.is_workday(today):
        return False
    return any(slot.may_start(now) for slot in slots_of(today, segment, where, settings))


def next_opening(
    zone: str, segment: Segment, now: datetime, calendar: Calendar, settings: PolicySettings
) -> datetime | None:
    """When the next window of these customers opens; None: not within a day."""
    where = find_zone(zone or settings.zone)
    if where is None:
        return None
    try:
        start, _ = next(slots_after(now, segment, where, calendar, settings))
    except (CalendarError, StopIteration):
        return None
    return None if at_least(start, now + _AHEAD) else start
