"""``SqlStore``: the Store port on one database. SQLite is the default: WAL, every commit on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from dialer.errors import StoreError
from dialer.events import Event
from dialer.model import (
    Attempt,
    CallId,
    CallRecord,
    ImportReport,
    Recording,
    Task,
    TaskId,
    Ticket,
)
from dialer.policy.verdict import Decision
from dialer.ports import CallView, Candidate, Claim
from dialer.store import claims, engine, migrate, outbox, outcomes, repository
from dialer.store.config import StoreConfig

log = logging.getLogger("dialer.store")

T = TypeVar("T")
Work = Callable[[AsyncSession], Awaitable[T]]


class SqlStore:
    """Implements ``dialer.ports.Store``. Make it with ``open``; every coroutine may raise StoreError."""

    def __init__(self, made: AsyncEngine, place: str, config: StoreConfig) -> None:
        self._engine = made
        self._writer = made.execution_options(**engine.WRITE)
        self._place = place
        self._config = config
        # SQLite has one writer: waiting here is cheaper than polling for its lock.
        self._one_writer = asyncio.Lock() if made.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, place: str | Path, config: StoreConfig | None = None) -> SqlStore:
        """Open a file (made with its folder where missing) or a database URL, and migrate it.

        Raises StoreError: damaged, locked, not ours, or written by a newer version.
        """
        config = config or StoreConfig()
        made, name = engine.make(place, config)
        store = cls(made, name, config)
        try:
            if config.quick_check and made.dialect.name == "sqlite":
                await store._guard(lambda: engine.quick_check(made))
            await store._write(migrate.upgrade)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        await self._engine.dispose()

    # --- tasks ---------------------------------------------------------------------------------

    async def add_tasks(self, tasks: Sequence[Task], now: datetime) -> ImportReport:
        if any(not task.phones for task in tasks):
            raise StoreError("a task without a telephone number can't be stored")
        return await self._write(lambda session: repository.add_tasks(session, tasks, now))

    async def candidates(self, now: datetime, limit: int) -> list[Candidate]:
        return await self._read(lambda session: repository.candidates(session, now, limit))

    async def candidate(self, task_id: TaskId) -> Candidate | None:
        return await self._read(lambda session: repository.candidate(session, task_id))

    async def tasks(self) -> list[Task]:
        return await self._read(repository.all_tasks)

    async def record_decision(self, task_id: TaskId, decision: Decision, now: datetime) -> None:
        await self._write(
            lambda session: claims.record_decision(session, task_id, decision, now, self._config)
        )

    async def decisions(self, task_id: TaskId) -> list[tuple[datetime, Decision]]:
        return await self._read(lambda session: repository.decisions(session, task_id))

    # --- claims --------------------------------------------------------------------------------

    async def claim(self, task_id: TaskId, node: str, lease_s: float, now: datetime) -> Claim | None:
        return await self._write(lambda session: claims.claim(session, task_id, node, lease_s, now))

    async def release(self, claim: Claim) -> None:
        await self._write(lambda session: claims.release(session, claim))

    async def barrier(
        self, claim: Claim, check: Callable[[Candidate], Decision], now: datetime
    ) -> tuple[Decision, Attempt | None]:
        return await self._write(lambda session: claims.barrier(session, claim, check, now, self._config))

    async def renew(self, claim: Claim, lease_s: float) -> None:
        await self._write(lambda session: claims.renew(session, claim, lease_s))

    async def drop_claims(self, node: str) -> int:
        return await self._write(lambda session: claims.drop_claims(session, node))

    # --- calls ---------------------------------------------------------------------------------

    async def note_ringing(self, call_id: CallId, at: datetime) -> None:
        await self._write(lambda session: outcomes.note_ringing(session, call_id, at))

    async def note_answered(self, call_id: CallId, at: datetime) -> None:
        await self._write(lambda session: outcomes.note_answered(session, call_id, at))

    async def finish(self, claim: Claim, record: CallRecord) -> list[Ticket]:
        return await self._write(lambda session: outcomes.finish(session, claim, record))

    async def open_attempts(self, node: str) -> list[Attempt]:
        return await self._read(lambda session: repository.open_attempts(session, node))

    async def close_unknown(self, record: CallRecord) -> None:
        await self._write(lambda session: outcomes.close_unknown(session, record))

    async def calls(self, task_id: TaskId | None = None) -> list[CallView]:
        return await self._read(lambda session: repository.calls(session, task_id))

    async def call(self, call_id: CallId) -> CallView | None:
        return await self._read(lambda session: repository.call(session, call_id))

    async def tickets(self) -> list[Ticket]:
        return await self._read(repository.tickets)

    async def recordings(self) -> list[Recording]:
        return await self._read(repository.recordings)

    # --- outbox --------------------------------------------------------------------------------

    async def outbox(self, limit: int) -> list[tuple[int, Event]]:
        return await self._read(lambda session: outbox.pending(session, limit))

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self._write(lambda session: outbox.done(session, ids))

    # --- transactions --------------------------------------------------------------------------

    async def _read(self, work: Work[T]) -> T:
        return await self._guard(lambda: self._transact(self._engine, work))

    async def _write(self, work: Work[T]) -> T:
        if self._one_writer is None:
            return await self._guard(lambda: self._transact(self._writer, work))
        async with self._one_writer:
            return await self._guard(lambda: self._transact(self._writer, work))

    async def _transact(self, on: AsyncEngine, work: Work[T]) -> T:
        return await _to_its_end(self._transaction(on, work))

    async def _transaction(self, on: AsyncEngine, work: Work[T]) -> T:
        async with AsyncSession(on, expire_on_commit=False) as session, session.begin():
            return await work(session)

    async def _guard(self, run: Callable[[], Awaitable[T]]) -> T:
        """Run a whole transaction; again where it was rolled back because the database was busy."""
        for left in range(self._config.busy_retries, -1, -1):
            try:
                return await run()
            except DBAPIError as error:
                if not engine.is_busy(error) or not left:
                    raise StoreError(engine.explain(error, self._place)) from error
                log.warning("database busy, trying again", extra={"tries_left": left})
            except (SQLAlchemyError, OSError) as error:
                raise StoreError(f"{self._place}: {error}") from error
        raise AssertionError("unreachable: the last try returns or raises")


async def _to_its_end(transaction: Coroutine[Any, Any, T]) -> T:
    """Who is cancelled waits for the commit or rollback first.

    A connection that is given up in the middle of a transaction may keep SQLite's write lock for good.
    """
    task = asyncio.ensure_future(transaction)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((task,))
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("transaction of a cancelled task failed", extra={"kind": type(error).__name__})
        raise
