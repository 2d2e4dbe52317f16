"""An event loop whose time stands still while there is work and jumps when there is none.

Days of calling run in seconds, and every run is the same.
"""

from __future__ import annotations

import asyncio
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SAME_S = 1e-9
"""Timers this near are due together."""
_MANY = 100


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits only for timers, events and other tasks; no sockets, no threads.

    It has a queue of timers and a turn of its own: asyncio's looks at sockets each time, and compares timers
    in Python. Timers of the same time ring in the order in which they were set.
    """

    # asyncio's own, from Python 3.8 on.
    _ready: deque[Handle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._set = 0
        """Timers ever set."""
        self._dropped = 0
        """About how many of those that stand in the queue were cancelled."""

    def time(self) -> float:
        return self._passed

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        return self.call_at(self._passed + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        timer = TimerHandle(when, callback, args, self, context)
        self._set += 1
        heappush(self._timers, (when, self._set, timer))
        return timer

    def _timer_handle_cancelled(self, _handle: TimerHandle) -> None:
        self._dropped += 1

    def _run_once(self) -> None:
        """What is ready is called; where nothing is, time goes on to the next timer."""
        ready, timers = self._ready, self._timers
        if self._dropped > _MANY and self._dropped * 2 > len(timers):
            timers[:] = [one for one in timers if not one[2]._cancelled]
            heapify(timers)
            self._dropped = 0
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not ready and not self._stopping:
            if not timers:
                raise RuntimeError("everybody waits and no timer is set: the run would never end")
            self._passed += max(0.0, timers[0][0] - self._passed)
        end = self._passed + _SAME_S
        while timers and timers[0][0] < end:
            ready.append(heappop(timers)[2])
        take = ready.popleft
        for _ in range(len(ready)):
            handle = take()
            if not handle._cancelled:
                handle._run()


def run_virtual(main: Callable[[Callable[[], datetime]], Coroutine[Any, Any, T]], start: datetime) -> T:
    """Run ``main(clock)``; the clock starts at ``start`` and runs with the loop's time."""
    if start.tzinfo is None:
        raise ValueError("start needs a zone")
    loop = VirtualLoop()
    last = (0.0, start)

    def clock() -> datetime:
        nonlocal last
        passed = loop.time()
        if passed != last[0]:
            last = (passed, start + timedelta(seconds=passed))
        return last[1]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(clock))
