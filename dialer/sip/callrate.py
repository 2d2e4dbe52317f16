"""How many calls may leave in any second. Sans-IO: ``now`` is loop time."""

from __future__ import annotations

import math
from collections import deque

_MARGIN_S = 0.03
"""The window is so much longer than a second: on the wire, two INVITEs may move together."""


class CallRate:
    """At most ``per_s`` calls in any sliding second; below one a second, one in ``1/per_s`` seconds.

    ``reserve`` gives each caller its own moment, so that those who wait leave in order.
    """

    def __init__(self, per_s: float) -> None:
        """0: no bound."""
        self._count = max(1, math.floor(per_s))
        self._window_s = 0.0 if per_s <= 0 else max(1.0, 1 / per_s) + _MARGIN_S
        self._taken: deque[float] = deque(maxlen=self._count)
        """When the last calls left or will leave, in order."""

    def next_at(self, now: float) -> float:
        """When a call that asks now may leave; ``now`` for at once."""
        if not self._window_s or len(self._taken) < self._count:
            return now
        return max(now, self._taken[0] + self._window_s)

    def reserve(self, now: float) -> float:
        """Take the next moment; it is the caller's, who leaves then or not at all."""
        at = self.next_at(now)
        if self._window_s:
            self._taken.append(max(at, self._taken[-1]) if self._taken else at)
        return at
