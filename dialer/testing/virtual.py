"""An event loop whose time stands still while there is work and jumps when there is none.

Days of calling run in seconds, and every run is the same.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _NoWaiting(selectors.BaseSelector):
    """Never sleeps: what the loop would have slept is added to its time."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.passed = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits and no timer is set: the run would never end")
        self.passed += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits only for timers, events and other tasks; no sockets, no threads."""

    def __init__(self) -> None:
        self._waits = _NoWaiting()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.passed


def run_virtual(main: Callable[[Callable[[], datetime]], Coroutine[Any, Any, T]], start: datetime) -> T:
    """Run ``main(clock)``; the clock starts at ``start`` and runs with the loop's time."""
    if start.tzinfo is None:
        raise ValueError("start needs a zone")
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(lambda: start + timedelta(seconds=loop.time())))
