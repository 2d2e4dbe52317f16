"""How many calls may leave in any second. Sans-IO: ``now`` is loop time."""

from __future__ import annotations

import math
from collections import deque

_MARGIN_S = 0.03
"""The window is so much longer than a second: on the way, two INVITEs may come closer together."""


class CallRate:
    """At most ``per_s`` calls in any sliding second; below one a second, one in ``1/per_s`` seconds."""

    def __init__(self, per_s: float) -> None:
        """0: no bound."""
        self._count = max(1, math.floor(per_s))
        self._window_s = 0.0 if per_s <= 0 else max(1.0, 1 / per_s) + _MARGIN_S
        self._left: deque[float] = deque(maxlen=self._count)
        """When the last calls left."""

    def next_at(self, now: float, ahead: int = 0) -> float:
        """When a call that asks now may leave, with ``ahead`` others before it; ``now`` for at once."""
        if not self._window_s:
            return now
        left, at = deque(self._left, self._count), now
        for _ in range(ahead + 1):
            if len(left) == self._count:
                at = max(at, left[0] + self._window_s)
            left.append(at)
        return at

    def take(self, now: float) -> None:
        """A call leaves now. Raises ValueError where it had to wait."""
        if self.next_at(now) > now:
            raise ValueError("no call may leave yet")
        if self._window_s:
            self._left.append(now)
