"""Which lanes of the queue somebody may be called in now: closed ones aren't looked at.

So a night costs nothing, however long the queue is, and the first call leaves when the window opens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dialer.model import Segment
from dialer.policy.calendar import Calendar
from dialer.policy.doors import Door, door, next_opening
from dialer.policy.settings import PolicySettings
from dialer.ports import Lane, Reachable


class Lanes:
    """Remembers what the last look found closed."""

    def __init__(
        self,
        calendar: Calendar,
        settings_of: Callable[[str], PolicySettings],
        clock: Callable[[], datetime],
        heartbeat_s: float,
    ) -> None:
        """``settings_of``: the rules of a campaign."""
        self._calendar, self._settings_of, self._clock = calendar, settings_of, clock
        self._heartbeat_s = heartbeat_s
        self._shut: set[Lane] = set()
        self._doors: dict[Lane, tuple[PolicySettings, Door]] = {}
        """As they were found, and by which settings."""

    def reachable(self, now: datetime) -> Reachable:
        """For one look at ``now``."""
        now = now.astimezone(UTC)
        self._shut = set()

        def reachable(lane: Lane) -> bool:
            found = self._open(lane, now)
            if not found:
                self._shut.add(lane)
            return found

        return reachable

    def _open(self, lane: Lane, now: datetime) -> bool:
        settings, found = self._settings_of(lane.campaign), self._doors.get(lane)
        if found is None or found[0] is not settings or not found[1].known(now):
            seen = door(lane.zone, Segment(lane.segment), now, self._calendar, settings)
            self._doors[lane] = found = (settings, seen)
        return found[1].open

    def rest_s(self) -> float:
        """Until the next look: a heartbeat, or the moment at which a window opens."""
        if not self._shut:
            return self._heartbeat_s
        now = self._clock().astimezone(UTC)
        # With all lines busy nobody has looked since: what has opened meanwhile isn't waited for.
        opens = (self._opens(lane, now) for lane in self._shut if not self._open(lane, now))
        first = min((one for one in opens if one is not None), default=None)
        return self._heartbeat_s if first is None else min(self._heartbeat_s, (first - now).total_seconds())

    def _opens(self, lane: Lane, now: datetime) -> datetime | None:
        return next_opening(
            lane.zone, Segment(lane.segment), now, self._calendar, self._settings_of(lane.campaign)
        )
