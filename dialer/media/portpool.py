"""RTP ports: even, the odd one above for RTCP, each pair resting after use. Free of I/O."""

from __future__ import annotations

from collections import deque


class PortPool:
    """Hands out the port that has been free longest. ``low`` to ``high``: both of each pair lie within."""

    def __init__(self, low: int, high: int, rest_s: float) -> None:
        self._rest_s = rest_s
        self._free: deque[tuple[float, int]] = deque(
            (float("-inf"), port) for port in range(low + low % 2, high, 2)
        )

    def __len__(self) -> int:
        """Ports not in use, resting ones too."""
        return len(self._free)

    def take(self, now: float) -> int | None:
        """A port, or None where all are in use or resting."""
        if not self._free or self._free[0][0] > now:
            return None
        return self._free.popleft()[1]

    def give(self, port: int, now: float) -> None:
        """Back into the pool, after its rest."""
        self._free.append((now + self._rest_s, port))
