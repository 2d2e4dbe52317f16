"""The 20 ms clock in two 10 ms sub-ticks, by absolute deadlines. Free of I/O.

Spreading the legs over the sub-ticks keeps one pass over them short; each waking costs as much as some ten
legs, so there aren't more of them.
"""

from __future__ import annotations

from typing import Final

PHASES: Final = 2
TICK_S: Final = 0.02 / PHASES
TICK_SAMPLES: Final = 160 // PHASES


class SubTicks:
    """Which sub-ticks are due. Number n is due at ``epoch + n * 10 ms``: late wake-ups never add up.

    After a stall at most ``CATCH_UP`` sub-ticks (ten frames of each leg) are made up for: what a far end's
    jitter buffer can still put in order, so that no word gets a hole. The rest is skipped, because a burst
    of old audio helps nobody. Positions go on counting, so timestamps and
    recordings stay true.
    """

    CATCH_UP: Final = 10 * PHASES

    __slots__ = ("_next", "epoch", "skipped")

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch
        self._next = 1
        self.skipped = 0

    def deadline(self) -> float:
        """When the next sub-tick is due."""
        return self.epoch + self._next * TICK_S

    def due(self, now: float) -> range:
        """Numbers of the sub-ticks to run now, in order."""
        last = int((now - self.epoch) / TICK_S + 1e-6)
        first = self._next
        if last < first:
            return range(0)
        if last - first >= self.CATCH_UP:
            kept = last - self.CATCH_UP + 1
            self.skipped += kept - first
            first = kept
        self._next = last + 1
        return range(first, last + 1)

    def rest(self, now: float) -> None:
        """Nobody needed the sub-ticks up to ``now``: they are neither due nor skipped."""
        self._next = max(self._next, int((now - self.epoch) / TICK_S) + 1)

    def position(self, now: float) -> int:
        """Samples since the epoch."""
        return int((now - self.epoch) * 8000)
