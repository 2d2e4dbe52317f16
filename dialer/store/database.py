"""``SqlStore``: the Store port on one database. SQLite is the default; PostgreSQL serves many nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import cast

from dialer.access.search import CallQuery, Found
from dialer.errors import StoreError
from dialer.events import Event
from dialer.kpi import Month, MonthCount
from dialer.model import (
    Attempt,
    CallId,
    CallRecord,
    DueChange,
    ImportReport,
    Recording,
    Task,
    TaskId,
    Ticket,
)
from dialer.policy.ledger import Rules
from dialer.policy.verdict import Decision
from dialer.ports import CallView, Candidate, Claim, LedgerEntry, Reachable
from dialer.store import (
    barrier,
    claims,
    decided,
    engine,
    exemptions,
    figures,
    ledger,
    migrate,
    outbox,
    outcomes,
    repository,
    search,
)
from dialer.store.access import SqlAccess
from dialer.store.archive import SqlArchive
from dialer.store.config import StoreConfig
from dialer.store.group import GroupWriter, Kind
from dialer.store.postgres import switched_off
from dialer.store.queue import Asked, Queue
from dialer.store.registers import SqlRegisters
from dialer.store.sqlite import SqliteDatabase
from dialer.store.transactions import Database

_PAGE = 1000
_WAKE = 1000
"""Tasks whose Wait is over that one look at the queue makes ready."""

_CLAIM = Kind(claims.claim, lambda asked: asked.task_id, lasting=False, single=True)
_RELEASE = Kind(claims.release, lambda claim: claim.task.id, lasting=False)
_RENEW = Kind(claims.renew, lambda asked: asked.claim.task.id, lasting=False)
_NOTE = Kind(outcomes.note, lambda noted: (noted.call_id, noted.answered))


class SqlStore(SqlRegisters):
    """Implements ``dialer.ports.Store`` and ``dialer.registers.Registers``. Make it with ``open``.

    Every coroutine may raise StoreError.
    """

    def __init__(self, database: Database, config: StoreConfig) -> None:
        self._database = database
        self._group = GroupWriter(database, config)
        self._queue = Queue()
        self.archive = SqlArchive(self._group)
        self._barrier = Kind(partial(barrier.barrier, config=config), lambda asked: asked.claim.task.id)
        self._number_key = b""
        self._finish = Kind(
            lambda connection, some, loop: outcomes.finish(connection, some, loop, self._number_key),
            lambda finished: finished.record.call_id,
        )
        self.access = SqlAccess(self._group)
        self._decide = Kind(partial(decided.record_decision, config=config), lambda made: made.task_id)

    @classmethod
    async def open(cls, place: str | Path, config: StoreConfig | None = None) -> SqlStore:
        """Open a file (made with its folder where missing) or a database URL, and migrate it.

        ``config.url`` goes before ``place``. Raises StoreError: damaged, locked, not ours, or written
        by a newer version.
        """
        config = config or StoreConfig()
        database = engine.make(config.url or place, config)
        store = cls(database, config)
        try:
            if config.quick_check and isinstance(database, SqliteDatabase):
                await store._group.read(database.quick_check)
            await store._group.alone(migrate.upgrade)
            store._number_key = await store._group.alone(
                lambda connection, _: search.prepare(connection, config.number_secret)
            )
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return self._database.place

    async def switched_off(self) -> frozenset[str]:
        """Settings of a PostgreSQL server that keep what was committed, and are off (``fsync``)."""
        return await self._group.alone(lambda connection, _: switched_off(connection))

    async def close(self) -> None:
        await self._group.close()
        await self._database.close()

    # --- tasks ---------------------------------------------------------------------------------

    async def add_tasks(self, tasks: Sequence[Task], now: datetime) -> ImportReport:
        if any(not task.phones for task in tasks):
            raise StoreError("a task without a telephone number can't be stored")
        return await self._group.alone(
            lambda connection, _: repository.add_tasks(
                connection, exemptions.exempted(connection, tasks), now
            )
        )

    async def candidates(
        self,
        now: datetime,
        limit: int,
        campaigns: Collection[str] | None = None,
        reachable: Reachable = lambda _lane: True,
        node: str = "",
    ) -> list[Candidate]:
        asked = Asked(now, limit, campaigns, reachable, node)
        found = await self._group.glance(lambda connection: self._queue.read(connection, asked))
        if found is None:
            await self._group.alone(lambda connection, _: decided.wake(connection, now, max(limit, _WAKE)))
            found = await self._group.glance(
                lambda connection: self._queue.read(connection, asked, woken=True)
            )
        return found or []

    async def reconsider(self, limit: int) -> int:
        return await self._group.alone(lambda connection, _: decided.reconsider(connection, limit))

    async def candidate(self, task_id: TaskId) -> Candidate | None:
        return await self._group.glance(lambda connection: repository.candidate(connection, task_id))

    async def tasks(self) -> list[Task]:
        found: list[Task] = []
        while page := await self.task_page(found[-1].id if found else TaskId(0), _PAGE):
            found += page
        return found

    async def task_page(self, after: TaskId, limit: int, campaign: str = "") -> list[Task]:
        return await self._group.read(
            lambda connection: repository.task_page(connection, after, limit, campaign)
        )

    async def record_decision(self, task_id: TaskId, decision: Decision, now: datetime) -> None:
        await self._group.submit(self._decide, decided.DecisionMade(task_id, decision, now))

    async def decisions(self, task_id: TaskId) -> list[tuple[datetime, Decision]]:
        return await self._group.read(lambda connection: repository.decisions(connection, task_id))

    async def keep_rules(self, rules: Rules, now: datetime, campaign: str = "") -> bool:
        return await self._group.alone(
            lambda connection, _: ledger.keep_rules(connection, rules, now, campaign)
        )

    async def rules(self, fingerprint: str) -> Rules | None:
        return await self._group.read(lambda connection: ledger.rules(connection, fingerprint))

    async def provisional_tasks(self) -> list[Task]:
        return await self._group.read(ledger.provisional_tasks)

    async def set_due(self, changes: Sequence[DueChange], now: datetime) -> None:
        await self._group.alone(lambda connection, _: ledger.set_due(connection, changes, now))

    async def due_changes(self, task_id: TaskId) -> list[tuple[datetime, DueChange]]:
        return await self._group.read(lambda connection: ledger.due_changes(connection, task_id))

    async def calls_in_slots(self, slots: Sequence[str]) -> dict[str, int]:
        """How many calls, whoever they went to, were made in each of these slots."""
        return await self._group.read(lambda connection: ledger.calls_in_slots(connection, slots))

    async def faults(self, start: datetime, end: datetime) -> tuple[Decision, ...]:
        """What stopped every call for a while: the trunk, the disk (R7, R75); each rule's first word."""
        return await self._group.read(lambda connection: ledger.faults(connection, start, end))

    async def imported_at(self, task_id: TaskId) -> datetime | None:
        return await self._group.read(lambda connection: ledger.imported_at(connection, task_id))

    # --- claims --------------------------------------------------------------------------------

    async def claim(self, task_id: TaskId, node: str, lease_s: float, now: datetime) -> Claim | None:
        asked = claims.ClaimAsked(task_id, node, lease_s, now)
        return cast("Claim | None", await self._group.submit(_CLAIM, asked))

    async def release(self, claim: Claim) -> None:
        await self._group.submit(_RELEASE, claim)

    async def barrier(
        self, claim: Claim, check: Callable[[Candidate], Decision], now: datetime
    ) -> tuple[Decision, Attempt | None]:
        asked = barrier.BarrierAsked(claim, check, now)
        return cast(barrier.Passage, await self._group.submit(self._barrier, asked))

    async def renew(self, claim: Claim, lease_s: float) -> None:
        await self._group.submit(_RENEW, claims.RenewalAsked(claim, lease_s))

    async def drop_claims(self, node: str) -> int:
        return await self._group.alone(lambda connection, _: claims.drop_claims(connection, node))

    # --- calls ---------------------------------------------------------------------------------

    async def note_ringing(self, call_id: CallId, at: datetime) -> None:
        await self._group.submit(_NOTE, outcomes.Noted(call_id, at, answered=False))

    async def note_answered(self, call_id: CallId, at: datetime) -> None:
        await self._group.submit(_NOTE, outcomes.Noted(call_id, at, answered=True))

    async def finish(self, claim: Claim, record: CallRecord) -> list[Ticket]:
        asked = outcomes.Finished(claim, record)
        return cast("list[Ticket]", await self._group.submit(self._finish, asked))

    async def open_attempts(self, node: str) -> list[Attempt]:
        return await self._group.read(lambda connection: repository.open_attempts(connection, node))

    async def close_unknown(self, record: CallRecord) -> None:
        await self._group.submit(self._finish, outcomes.Finished(None, record))

    async def calls(self, task_id: TaskId | None = None) -> list[CallView]:
        if task_id is not None:
            return await self._group.read(lambda connection: repository.calls_of(connection, task_id))
        found: list[CallView] = []
        while page := await self.call_page(found[-1].attempt.id if found else CallId(0), _PAGE):
            found += page
        return found

    async def call_page(self, after: CallId, limit: int) -> list[CallView]:
        return await self._group.read(lambda connection: repository.call_page(connection, after, limit))

    async def call(self, call_id: CallId) -> CallView | None:
        return await self._group.glance(lambda connection: repository.call(connection, call_id))

    async def ledger_entries(
        self, start: datetime, end: datetime, after: int, limit: int
    ) -> list[LedgerEntry]:
        """The decisions made in that span, a page at a time, in order."""
        return await self._group.read(lambda connection: ledger.entries(connection, start, end, after, limit))

    async def undecided_calls(self, start: datetime, end: datetime) -> tuple[int, list[CallId]]:
        """The number of calls begun in that span, and which of them no decision of the ledger permits."""
        return await self._group.read(lambda connection: ledger.undecided_calls(connection, start, end))

    async def month_count(
        self, month: Month, zone: tzinfo, *, campaign: str = "", open_is_success: bool = False
    ) -> MonthCount:
        """The month's counts, aggregated by the database (``figures.month_count``)."""
        return await self._group.read(
            lambda connection: figures.month_count(
                connection, month, zone, campaign=campaign, open_is_success=open_is_success
            )
        )

    async def month_calls(self, month: Month, campaign: str = "") -> list[CallId]:
        """The month's finished calls that count, oldest first."""
        found = await self._group.read(lambda connection: figures.month_calls(connection, month, campaign))
        return [CallId(one) for one in found]

    async def month_conversations(self, month: Month) -> list[CallId]:
        """The month's calls in which somebody was spoken with, oldest first: what is sampled (R59)."""
        found = await self._group.read(lambda connection: figures.month_conversations(connection, month))
        return [CallId(one) for one in found]

    async def calls_by_id(self, ids: Sequence[CallId]) -> list[CallView]:
        return await self._group.read(lambda connection: repository.calls_by_id(connection, ids))

    async def search(self, query: CallQuery) -> Found:
        return await self._group.read_by_values(
            lambda connection: search.search(connection, query, self._number_key)
        )

    async def tickets(self) -> list[Ticket]:
        return await self._group.read(repository.tickets)

    async def recordings(self) -> list[Recording]:
        return await self._group.read(repository.recordings)

    # --- outbox --------------------------------------------------------------------------------

    async def outbox(self, limit: int, after: int = 0) -> list[tuple[int, Event]]:
        return await self._group.read(lambda connection: outbox.pending(connection, limit, after))

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self._group.alone(lambda connection, _: outbox.done(connection, ids))
