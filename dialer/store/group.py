"""Group commit: what many callers want to write goes into one transaction, with one wait for the disk.

While a transaction runs, callers gather for the next one; and a little longer, but for a caller who is
alone, as the last one was: nobody is worth waiting for. Each caller goes on only once its transaction
is committed. Where one caller's rows are refused, the transaction is rolled back and each caller gets
its own; where the commit fails, all of them hear it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dialer.errors import StoreError
from dialer.store import faults
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig
from dialer.store.transactions import Database
from dialer.threads import to_its_end, whole

log = logging.getLogger("dialer.store")

T = TypeVar("T")

Bulk = Callable[[Connection, Sequence[Any], InLoop], Sequence[Any]]
"""(connection, what each caller asks, event loop) -> each caller's result or error, in the same order."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of write. Callers with the same key don't share a call of ``bulk``: they are in turn."""

    bulk: Bulk
    key: Callable[[Any], object]
    lasting: bool = True
    """Whether it must be on the disk when its caller goes on. A claim needn't: lost with the power, it is
    free again, and the barrier behind it is kept together with all that came before."""
    single: bool = False
    """Whether PostgreSQL does it in one statement, however many ask: with nothing else beside it, that is a
    transaction by itself."""


@dataclass(eq=False, slots=True)
class _Waiting:
    kind: Kind
    asked: Any
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupWriter:
    """Gathers, commits and answers. Use from one event loop."""

    def __init__(self, database: Database, config: StoreConfig) -> None:
        self._database, self._config = database, config
        self._queue: deque[_Waiting] = deque()
        self._gathering = False
        self._busy = False
        """Whether the last transaction served several callers."""
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, kind: Kind, asked: Any) -> Any:
        """Returns or raises once the transaction is over; so does a caller that is cancelled meanwhile."""
        waiting = _Waiting(kind, asked)
        self._queue.append(waiting)
        self._gather()
        return await to_its_end(waiting.done)

    async def alone(self, work: Callable[[Connection, InLoop], T]) -> T:
        """A transaction of its own, in turn with the others."""
        return await whole(self._tried(lambda: self._database.write_much(work)))

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await whole(self._tried(lambda: self._database.read(work)))

    async def read_by_values(self, work: Callable[[Connection], T]) -> T:
        return await whole(self._tried(lambda: self._database.read_by_values(work)))

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """A read of a few rows, found by their index."""
        return await whole(self._tried(lambda: self._database.glance(work)))

    async def close(self) -> None:
        """Until every transaction is over."""
        while self._running or self._queue:
            await asyncio.sleep(0) if not self._running else await asyncio.wait(self._running)

    # --- inside --------------------------------------------------------------------------------

    def _gather(self) -> None:
        if not self._queue or self._gathering or len(self._running) >= self._database.writers:
            return
        self._gathering = True
        asyncio.get_running_loop().call_soon(self._wait_for_more)

    def _wait_for_more(self) -> None:
        if self._busy or len(self._queue) > 1:
            asyncio.get_running_loop().call_later(self._config.gather_s, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._gathering = False
        some = [self._queue.popleft() for _ in range(min(len(self._queue), self._config.group_size))]
        self._busy = len(some) > 1
        if some:
            task = asyncio.get_running_loop().create_task(self._commit(some))
            self._running.add(task)
            task.add_done_callback(self._over)
        self._gather()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._gather()

    async def _commit(self, waiting: list[_Waiting]) -> None:
        try:
            results = await self._tried(
                lambda: self._database.write(
                    lambda connection, in_loop: _perform(connection, waiting, in_loop),
                    lasting=any(one.kind.lasting for one in waiting),
                    single=_is_single(waiting),
                )
            )
        except StoreError as error:
            if len(waiting) > 1 and faults.is_one_callers(error.__cause__ or error):
                for one in waiting:
                    await self._commit([one])
            else:
                for one in waiting:
                    _answer(one, error)
        except asyncio.CancelledError:
            # The loop is ending: nobody may wait for ever, and nobody believes in a commit.
            for one in waiting:
                _answer(one, StoreError(f"{self._database.place}: the program ended in this transaction"))
            raise
        except Exception as error:  # a fault in one caller's work is that caller's
            if len(waiting) > 1:
                for one in waiting:
                    await self._commit([one])
            else:
                log.error("write failed", exc_info=error)
                why = f"{self._database.place}: the transaction broke off: {error!r}"
                _answer(waiting[0], StoreError(why))
        else:
            for one, result in zip(waiting, results, strict=True):
                _answer(one, result)

    async def _tried(self, run: Callable[[], Awaitable[T]]) -> T:
        """Run a whole transaction; again where it was rolled back because the database was busy."""
        for left in range(self._config.busy_retries, -1, -1):
            try:
                return await run()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if not faults.is_busy(error) or not left:
                    raise StoreError(faults.explain(error, self._database.place)) from error
                log.warning("database busy, trying again", extra={"tries_left": left})
        raise AssertionError("unreachable: the last try returns or raises")


def _is_single(waiting: Sequence[_Waiting]) -> bool:
    kind = waiting[0].kind
    of_one_kind = all(one.kind is kind for one in waiting)
    return kind.single and of_one_kind and len({kind.key(one.asked) for one in waiting}) == len(waiting)


def _perform(connection: Connection, waiting: Sequence[_Waiting], in_loop: InLoop) -> list[Any]:
    """In the transaction: each kind once, or as often as one key is asked for."""
    results: dict[_Waiting, Any] = {}
    left = list(waiting)
    while left:
        turn: dict[Kind, list[_Waiting]] = {}
        seen: set[tuple[Kind, object]] = set()
        later: list[_Waiting] = []
        for one in left:
            key = (one.kind, one.kind.key(one.asked))
            if key in seen:
                later.append(one)
            else:
                seen.add(key)
                turn.setdefault(one.kind, []).append(one)
        for kind, some in turn.items():
            said = kind.bulk(connection, [one.asked for one in some], in_loop)
            results.update(zip(some, said, strict=True))
        left = later
    return [results[one] for one in waiting]


def _answer(waiting: _Waiting, result: Any) -> None:
    if waiting.done.done():
        return
    if isinstance(result, BaseException):
        waiting.done.set_exception(result)
    else:
        waiting.done.set_result(result)
