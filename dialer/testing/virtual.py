"""An event loop whose time stands still while there is work and jumps when there is none.

Days of calling run in seconds, and every run is the same.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SAME_S = 1e-9
"""Timers this near are due together."""
_MANY = 100


class _Timers(selectors.SelectSelector):
    """Where asyncio waits for sockets, time goes on instead: to the next timer, where nothing is ready.

    A queue of its own, because asyncio's compares timers in Python and doesn't keep the order of those that
    were set for the same time.
    """

    def __init__(self, call_soon: Callable[..., object]) -> None:
        super().__init__()
        self.now = 0.0
        self._call_soon = call_soon
        self._queue: list[
            tuple[float, int, TimerHandle, Callable[..., object], tuple[Any, ...], Context]
        ] = []
        self._set = 0
        """Timers ever set."""
        self._sweep_at = _MANY
        """With so many in the queue the cancelled ones are taken out of it."""

    def add(
        self, timer: TimerHandle, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        self._set += 1
        heappush(self._queue, (timer.when(), self._set, timer, callback, args, context))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """``timeout``: None where nothing is ready."""
        queue = self._queue
        if timeout is None:
            self._go_on()
        end = self.now + _SAME_S
        while queue and queue[0][0] < end:
            _, _, timer, callback, args, context = heappop(queue)
            self._call_soon(_unless_cancelled, timer, callback, args, context=context)
        return []

    def _go_on(self) -> None:
        queue = self._queue
        if len(queue) > self._sweep_at:
            queue[:] = [one for one in queue if not one[2].cancelled()]
            heapify(queue)
            self._sweep_at = 2 * len(queue) + _MANY
        while queue and queue[0][2].cancelled():
            heappop(queue)
        if not queue:
            raise RuntimeError("everybody waits and no timer is set: the run would never end")
        self.now = max(self.now, queue[0][0])


def _unless_cancelled(timer: TimerHandle, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
    if not timer.cancelled():
        callback(*args)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits only for timers, events and other tasks; no sockets, no threads."""

    def __init__(self) -> None:
        self._timers = _Timers(self.call_soon)
        super().__init__(self._timers)

    def time(self) -> float:
        return self._timers.now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        context = copy_context() if context is None else context
        timer = TimerHandle(when, callback, args, self, context)
        self._timers.add(timer, callback, args, context)
        return timer


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
