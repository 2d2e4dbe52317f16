"""One queue of deadlines for everything that waits in the user agent."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimerValues:
    """RFC 3261 table 4, in seconds. Tests pass smaller ones."""

    t1: float = 0.5
    """Round-trip estimate: the first retransmission interval."""
    t2: float = 4.0
    """Longest retransmission interval of non-INVITE requests and INVITE responses."""
    t4: float = 5.0
    """How long a message stays in the network."""
    d: float = 32.0
    """How long the ACK of a refused INVITE is kept for retransmissions."""

    @property
    def timeout(self) -> float:
        """Timers B, F, H, J, L and M: 64*T1."""
        return 64 * self.t1


_SPARE = 64


class TimerQueue:
    """Deadlines by key; the newest ``set`` of a key wins."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._count = 0

    def set(self, key: Hashable, when: float | None) -> None:
        """None cancels."""
        if when is None:
            if self._due.pop(key, None) is not None:
                self._tidy()
            return
        current = self._due.get(key)
        if current is not None and current[0] == when:
            return
        self._count += 1
        self._due[key] = (when, self._count)
        heapq.heappush(self._heap, (when, self._count, key))
        self._tidy()

    def _tidy(self) -> None:
        """What no longer counts doesn't lie in the heap until its time comes."""
        if len(self._heap) > 2 * len(self._due) + _SPARE:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[:2]]
            heapq.heapify(self._heap)

    @property
    def held(self) -> int:
        """Entries in memory, those that no longer count included."""
        return len(self._heap)

    def next(self) -> float | None:
        """The earliest deadline."""
        while self._heap:
            when, count, key = self._heap[0]
            if self._due.get(key) == (when, count):
                return when
            heapq.heappop(self._heap)
        return None

    def pop(self, now: float) -> Hashable | None:
        """One key that is due, taken out; None when nothing is."""
        when = self.next()
        if when is None or when > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        return key

    def __contains__(self, key: Hashable) -> bool:
        return key in self._due

    def __len__(self) -> int:
        return len(self._due)
