"""``SqlArchive``: what the database knows of the archive, on the same connections as ``SqlStore``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import cast

from dialer.access.search import LogQuery
from dialer.model import (
    ArchiveEvent,
    CallId,
    DayRoot,
    Detail,
    Kept,
    KeptState,
    LogEntry,
    NewEntry,
    Ticket,
)
from dialer.ports import CallView, Filed
from dialer.store import archiverows, repository
from dialer.store.group import GroupWriter


class SqlArchive:
    """Implements ``dialer.ports.ArchiveIndex``; ``SqlStore.archive`` is one."""

    def __init__(self, group: GroupWriter) -> None:
        self._group = group

    async def append(
        self, kind: ArchiveEvent, call_id: CallId | None, by: str, at: datetime, details: Mapping[str, Detail]
    ) -> LogEntry:
        return (await self.change((), [NewEntry(kind, call_id, by, at, details)]))[0]

    async def log_of(self, call_id: CallId) -> list[LogEntry]:
        found = await self._group.read(lambda connection: archiverows.log_of(connection, [call_id]))
        return found.get(call_id, [])

    async def log_search(self, query: LogQuery) -> list[LogEntry]:
        return await self._group.read(lambda connection: archiverows.log_search(connection, query))

    async def change(self, moves: Sequence[archiverows.Move], entries: Sequence[NewEntry]) -> list[LogEntry]:
        return await self._group.alone(lambda connection, _: archiverows.change(connection, moves, entries))

    async def unsealed(self, after: CallId, limit: int) -> tuple[list[CallView], CallId]:
        return await self._group.read(lambda connection: archiverows.unsealed(connection, after, limit))

    async def in_state(self, state: KeptState, after: CallId, limit: int) -> list[Kept]:
        return await self._group.read(
            lambda connection: archiverows.in_state(connection, state, after, limit)
        )

    async def due(self, today: date, limit: int) -> list[Kept]:
        return await self._group.read(lambda connection: archiverows.due(connection, today, limit))

    async def kept(self, call_id: CallId) -> Kept | None:
        found = await self._group.read(lambda connection: archiverows.kept_of(connection, [call_id]))
        return found.get(call_id)

    async def filed(self, after: CallId, limit: int) -> list[Filed]:
        ids = await self._group.read(lambda connection: archiverows.filed_ids(connection, after, limit))
        return await self.filed_calls([CallId(one) for one in ids])

    async def filed_calls(self, calls: Sequence[CallId]) -> list[Filed]:
        return await self._group.read(lambda connection: archiverows.filed_calls(connection, calls))

    async def log_page(self, after: int, limit: int) -> list[LogEntry]:
        return await self._group.read(lambda connection: archiverows.log_page(connection, after, limit))

    async def last_entry(self, kind: ArchiveEvent | None = None) -> LogEntry | None:
        return await self._group.read(lambda connection: archiverows.last_entry(connection, kind))

    async def roots(self) -> list[DayRoot]:
        return await self._group.read(archiverows.roots)

    async def add_root(self, root: DayRoot, at: datetime) -> None:
        await self._group.alone(lambda connection, _: archiverows.add_root(connection, root, at))

    async def answered_between(self, start: datetime, end: datetime) -> list[CallView]:
        return await self._group.read(lambda connection: archiverows.answered_between(connection, start, end))

    async def calls_by_id(self, ids: Sequence[CallId]) -> list[CallView]:
        return await self._group.read(lambda connection: repository.calls_by_id(connection, ids))

    async def audit_tickets(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        return await self._group.alone(lambda connection, _: archiverows.audit_tickets(connection, tickets))

    async def tally(self) -> list[tuple[KeptState, str, bool, int, int]]:
        return cast("list[tuple[KeptState, str, bool, int, int]]", await self._group.read(archiverows.tally))
