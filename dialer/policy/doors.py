"""Whether anybody of a zone and segment may be called now, and if not, when: the rules that don't look at the
customer (R44, R45), asked once for all of them. The verdict asks again for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dialer.errors import CalendarError
from dialer.model import Segment
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.policy.windows import slots_after, slots_of, start_of_next_day
from dialer.policy.zones import at_least, find_zone

_AHEAD = timedelta(days=1)
"""An opening further away than this is looked for again by then."""


@dataclass(frozen=True, slots=True)
class Door:
    """Whether a window is open, and the span of time for which that is known."""

    open: bool
    since: datetime
    until: datetime
    """The last moment of an open one; of a closed one the first at which it is to be asked again."""

    def known(self, moment: datetime) -> bool:
        return self.since <= moment and (moment <= self.until if self.open else moment < self.until)


def door(zone: str, segment: Segment, now: datetime, calendar: Calendar, settings: PolicySettings) -> Door:
    """Whether a window of these customers is open at ``now``, agreed times aside.

    Open also where it can't be known, in an unknown zone or a year without a calendar: the verdict
    refuses such a call, and says why.
    """
    where = find_zone(zone or settings.zone)
    if where is None:
        return Door(True, now, now)
    today, tomorrow = now.astimezone(where).date(), start_of_next_day(now, where)
    if calendar.covers(today.year) and not calendar.is_workday(today):
        return Door(False, now, tomorrow.astimezone(UTC))
    slots = slots_of(today, segment, where, settings)
    for slot in slots:
        if slot.may_start(now):
            return Door(True, now, slot.latest_start.astimezone(UTC))
    opens = next((slot.start for slot in slots if at_least(slot.start, now)), tomorrow)
    return Door(False, now, opens.astimezone(UTC))


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
