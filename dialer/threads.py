"""Work that comes to its end though whoever waits for it is cancelled, and work that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("dialer")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``asyncio.to_thread``, but who is cancelled waits for the thread: clearing up comes after it."""
    return await whole(asyncio.to_thread(work, *args, **kwargs))


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """The same for a coroutine, which isn't cancelled."""
    return await to_its_end(asyncio.ensure_future(work))


async def to_its_end(work: asyncio.Future[T]) -> T:
    """Who is cancelled waits for its end first: what it wrote must not be in doubt."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((work,))
        if not work.cancelled() and (error := work.exception()) is not None:
            log.warning("work of a cancelled task failed", extra={"kind": type(error).__name__})
        raise


def beside(work: Coroutine[Any, Any, None], tell: logging.Logger, ended: str) -> asyncio.Task[None]:
    """A task that nobody waits for: a fault of the program that ends it is an error in the log, ``ended``."""

    def look(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            tell.error(ended, exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(look)
    return task
