"""Slots: the spans of local time in which a call may start ringing (R44, R45, R43)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dialer.model import Segment
from dialer.policy.calendar import Calendar
from dialer.policy.once import once
from dialer.policy.settings import PolicySettings
from dialer.policy.zones import at_least, instant

SEARCH_DAYS = 60
"""How far ahead a next slot is looked for: longer than any public holiday and any used-up week."""
NOON = 12


@dataclass(frozen=True)
class Slot:
    """One window of one local day: the unit in which attempts must differ (R43)."""

    key: str
    """``2026-11-10/1``: local day and the window's index."""
    start: datetime
    end: datetime
    latest_start: datetime
    """R41, R44: a call that leaves later would still ring when the window is over."""

    def holds(self, moment: datetime) -> bool:
        """Whether ``moment`` lies in the window at all."""
        begin, _, end = self._instants
        return begin <= moment < end

    def may_start(self, moment: datetime) -> bool:
        begin, latest, _ = self._instants
        return begin <= moment <= latest

    @once
    def _instants(self) -> tuple[datetime, datetime, datetime]:
        """In UTC: datetimes of one zone compare by wall clock, which is wrong where clocks change."""
        return self.start.astimezone(UTC), self.latest_start.astimezone(UTC), self.end.astimezone(UTC)

    @property
    def morning(self) -> bool:
        return self.start.hour < NOON

    @once
    def label(self) -> str:
        """For the operator: 11月10日 14:00-16:00."""
        start, end = self.start, self.end
        return f"{day_label(start)} {start.hour:02}:{start.minute:02}-{end.hour:02}:{end.minute:02}"

    @once
    def en(self) -> str:
        """The same in English: 2026-11-10 14:00-16:00."""
        start, end = self.start, self.end
        return f"{start.date()} {start.hour:02}:{start.minute:02}-{end.hour:02}:{end.minute:02}"


def day_label(day: date) -> str:
    return f"{day.month}月{day.day}日"


def moment_label(moment: datetime) -> str:
    return f"{moment.month}月{moment.day}日 {moment.hour:02}:{moment.minute:02}"


def moment_en(moment: datetime) -> str:
    return f"{moment.date()} {moment.hour:02}:{moment.minute:02}"


@lru_cache(maxsize=1024)
def slots_of(day: date, segment: Segment, zone: ZoneInfo, settings: PolicySettings) -> tuple[Slot, ...]:
    """The slots of a local day, whether or not it is a workday."""
    slots = []
    for index, window in enumerate(settings.windows_for(segment)):
        start, end = instant(day, window.start, zone), instant(day, window.end, zone)
        latest = (end.astimezone(UTC) - settings.ring_total).astimezone(zone)
        slots.append(Slot(f"{day.isoformat()}/{index}", start, end, latest))
    return tuple(slots)


def slots_after(
    moment: datetime, segment: Segment, zone: ZoneInfo, calendar: Calendar, settings: PolicySettings
) -> Iterator[tuple[datetime, Slot]]:
    """Each slot still open at ``moment`` or later, with the earliest time to call in it.

    Workdays only, at most ``SEARCH_DAYS`` ahead. Raises CalendarError on reaching an unknown year.
    """
    day = moment.astimezone(zone).date()
    for ahead in range(SEARCH_DAYS):
        today = day + timedelta(days=ahead)
        if not calendar.is_workday(today):
            continue
        for slot in slots_of(today, segment, zone, settings):
            if slot.may_start(moment):
                yield moment.astimezone(zone), slot
            elif at_least(slot.start, moment):
                yield slot.start, slot


def start_of_next_day(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    return instant(local.date() + timedelta(days=1), local.time().min, zone)
