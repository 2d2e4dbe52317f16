"""Which lanes of the queue somebody may be called in now: closed ones aren't looked at.

So a night costs nothing, however long the queue is, and the first call leaves when the window opens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dialer.model import Segment
from dialer.policy.calendar import Calendar
from dialer.policy.doors import is_open, next_opening
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

    def reachable(self, now: datetime) -> Reachable:
        """For one look at ``now``."""
        known: dict[Lane, bool] = {}
        self._shut = set()

        def reachable(lane: Lane) -> bool:
            if lane not in known:
                known[lane] = self._open(lane, now)
                if not known[lane]:
                    self._shut.add(lane)
            return known[lane]

        return reachable

    def _open(self, lane: Lane, now: datetime) -> bool:
        return is_open(
            lane.zone, Segment(lane.segment), now, self._calendar, self._settings_of(lane.campaign)
        )

    def rest_s(self) -> float:
        """Until the next look: a heartbeat, or the moment at which a window opens."""
        if not self._shut:
            return self._heartbeat_s
        now = self._clock()
        # With all lines busy nobody has looked since: what has opened meanwhile isn't waited for.
        opens = (self._opens(lane, now) for lane in self._shut if not self._open(lane, now))
        first = min((one for one in opens if one is not None), default=None)
        return self._heartbeat_s if first is None else min(self._heartbeat_s, (first - now).total_seconds())

    def _opens(self, lane: Lane, now: datetime) -> datetime | None:
        return next_opening(
            lane.zone, Segment(lane.segment), now, self._calendar, self._settings_of(lane.campaign)
        )
