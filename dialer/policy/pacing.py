"""How fast calls may leave: so many per second, so many at once. Pure; ``now`` is loop time."""

from __future__ import annotations

import math

import msgspec

_SAME_S = 1e-7
"""Times this near are one time: sums of floats differ."""
CATCH_UP_S = 0.05
"""How late a call may leave without moving those behind it."""


class Pacer(msgspec.Struct, frozen=True):
    """Calls leave ``1/cps`` seconds apart, and no second ever holds more than ``cps`` of them (rounded up).

    A timer that fires late costs no calls: the next one keeps its place in the rhythm.
    """

    cps: float
    next_at: float = float("-inf")
    """Loop time from which the next call may leave."""
    recent: tuple[float, ...] = ()
    """When the last calls left: as many as a second may hold."""

    def __post_init__(self) -> None:
        if not 0 < self.cps <= 1000:
            raise ValueError(f"cps: {self.cps} is not in 0..1000 calls per second")

    def wait_s(self, now: float) -> float:
        """Seconds until a call may leave; 0 for now."""
        full = self.recent[0] + 1 if len(self.recent) >= math.ceil(self.cps) else float("-inf")
        wait = max(self.next_at - now, full - now)
        return wait if wait > _SAME_S else 0.0

    def take(self, now: float) -> Pacer:
        """The pacer once a call has left at ``now``. Raises ValueError where it had to wait."""
        if self.wait_s(now) > 0:
            raise ValueError("no call may leave yet")
        beat = self.next_at if now - self.next_at <= CATCH_UP_S else now
        recent = (*self.recent, now)[-math.ceil(self.cps) :]
        return Pacer(self.cps, beat + 1 / self.cps, recent)


def lines_free(configured: int, live: int, trunk_free: int) -> int:
    """Lines for another call: within our own bound and the trunk's."""
    return max(0, min(configured - live, trunk_free))


def room_for_agents(free: int, busy: int, live: int, per_agent: float) -> int:
    """How many more calls the agents have room for: ``per_agent`` under way for each one who is free.

    ``live``: calls under way, those of ``busy`` agents among them.
    """
    return max(0, int(free * per_agent) - (live - busy))
