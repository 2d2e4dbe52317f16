"""How fast calls may leave: so many per second, so many at once. Pure; ``now`` is loop time."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pacer:
    """Calls per second as a token bucket of one: calls leave at least ``1/cps`` seconds apart.

    One token and no more, so that no second ever holds more than ``cps`` calls (rounded up).
    """

    cps: float
    next_at: float = float("-inf")
    """Loop time from which the next call may leave."""

    def __post_init__(self) -> None:
        if not 0 < self.cps <= 1000:
            raise ValueError(f"cps: {self.cps} is not in 0..1000 calls per second")

    def wait_s(self, now: float) -> float:
        """Seconds until a call may leave; 0 for now."""
        return max(0.0, self.next_at - now)

    def take(self, now: float) -> Pacer:
        """The pacer once a call has left at ``now``. Raises ValueError where it had to wait."""
        if self.wait_s(now) > 0:
            raise ValueError("no call may leave yet")
        return replace(self, next_at=now + 1 / self.cps)


def lines_free(configured: int, live: int, trunk_free: int) -> int:
    """Lines for another call: within our own bound and the trunk's."""
    return max(0, min(configured - live, trunk_free))
