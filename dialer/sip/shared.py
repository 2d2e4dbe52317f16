"""One task whose result several others wait for."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from dialer.errors import TrunkError

T = TypeVar("T")


async def result_of(task: asyncio.Task[T], closed: str) -> T:
    """The task's result. Whoever gives up waiting doesn't take it from the others.

    Raises what the task raised, and TrunkError with ``closed`` where the task was cancelled: that is
    its owner's end, and no wish of the one who waits.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if task.cancelled() and (waiter is None or not waiter.cancelling()):
            raise TrunkError(closed) from None
        raise


def observe(task: asyncio.Task[T]) -> None:
    """Its error is nobody's surprise where everybody has given up waiting."""
    if not task.cancelled():
        task.exception()
