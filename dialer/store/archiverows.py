"""The archive's tables: what is kept, the log that is only ever appended to, the days' roots.

Each function runs in its caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, func, insert, select, text, union, update

from dialer import proof
from dialer.access.search import LogQuery
from dialer.errors import StoreError
from dialer.events import ArchiveRootSigned, TicketIssued
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
    TicketId,
)
from dialer.ports import CallView, Filed
from dialer.store import outbox, repository, rows
from dialer.store.tables import ARCHIVE_LOG, ATTEMPTS, KEPT, RECORDINGS, ROOTS, TICKETS, among_ids

_LOCK = 0x4855_4947
"""PostgreSQL's advisory lock: the log has one end, and one transaction at a time appends to it."""

Move = tuple[Kept | None, Kept]

_HEAD = select(ARCHIVE_LOG.c.seq, ARCHIVE_LOG.c.hash).order_by(ARCHIVE_LOG.c.seq.desc()).limit(1)
_UNSEALED = (
    select(RECORDINGS.c.call_id)
    .join(ATTEMPTS, ATTEMPTS.c.id == RECORDINGS.c.call_id)
    .outerjoin(KEPT, KEPT.c.call_id == RECORDINGS.c.call_id)
    .where(
        RECORDINGS.c.call_id > bindparam("after"), KEPT.c.call_id.is_(None), ATTEMPTS.c.outcome.is_not(None)
    )
    .order_by(RECORDINGS.c.call_id)
    .limit(bindparam("limit"))
)
_IN_STATE = (
    select(KEPT)
    .where(KEPT.c.state == bindparam("state"), KEPT.c.call_id > bindparam("after"))
    .order_by(KEPT.c.call_id)
    .limit(bindparam("limit"))
)
_DUE = (
    select(KEPT)
    .where(
        KEPT.c.state == bindparam("state", KeptState.KEPT.value),
        KEPT.c.retain_until < bindparam("today"),
        KEPT.c.hold.is_(False),
    )
    .order_by(KEPT.c.retain_until, KEPT.c.call_id)
    .limit(bindparam("limit"))
)
_ANSWERED = (
    select(ATTEMPTS.c.id)
    .where(
        and_(ATTEMPTS.c.answered_at >= bindparam("start"), ATTEMPTS.c.answered_at < bindparam("end")),
        ATTEMPTS.c.outcome.is_not(None),
    )
    .order_by(ATTEMPTS.c.id)
)


def append(connection: Connection, new: Sequence[NewEntry]) -> list[LogEntry]:
    """Each names the hash of the one before: whoever changes one must change all that follow."""
    if not new:
        return []
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    head = connection.execute(_HEAD).first()
    seq, prev = (head.seq, head.hash) if head is not None else (0, proof.GENESIS)
    made: list[LogEntry] = []
    for one in new:
        seq += 1
        at = one.at.astimezone(UTC)
        body = proof.entry_body(seq, at.isoformat(), one.kind, one.call_id, one.by, one.details, prev)
        prev = proof.leaf_hash(body)
        made.append(LogEntry(seq, at, one.kind, one.call_id, one.by, dict(one.details), body, prev))
    connection.execute(
        insert(ARCHIVE_LOG),
        [
            {
                "seq": one.seq, "at": one.at, "kind": one.kind.value, "call_id": one.call_id,
                "body": one.body, "hash": one.hash,
            }
            for one in made
        ],
    )  # fmt: skip
    return made


class _Body(msgspec.Struct):
    by: str = ""
    detail: dict[str, Detail] = {}


def entry(row: Row[Any]) -> LogEntry:
    """A body or kind that can't be read is left for the verifier to name: it has no details then."""
    try:
        body = msgspec.json.decode(row.body, type=_Body)
        kind = ArchiveEvent(row.kind)
    except (msgspec.DecodeError, ValueError):
        body, kind = _Body(), ArchiveEvent.AUDITED
    call = None if row.call_id is None else CallId(row.call_id)
    return LogEntry(row.seq, row.at, kind, call, body.by, body.detail, row.body, row.hash)


def log_of(connection: Connection, calls: Sequence[int]) -> dict[int, list[LogEntry]]:
    found: dict[int, list[LogEntry]] = defaultdict(list)
    asked = select(ARCHIVE_LOG).where(among_ids(ARCHIVE_LOG.c.call_id)).order_by(ARCHIVE_LOG.c.seq)
    for row in connection.execute(asked, {"ids": list(calls)}):
        found[row.call_id].append(entry(row))
    return found


def log_page(connection: Connection, after: int, limit: int) -> list[LogEntry]:
    asked = select(ARCHIVE_LOG).where(ARCHIVE_LOG.c.seq > after).order_by(ARCHIVE_LOG.c.seq).limit(limit)
    return [entry(row) for row in connection.execute(asked)]


def log_search(connection: Connection, query: LogQuery) -> list[LogEntry]:
    """Newest first."""
    log = ARCHIVE_LOG.c
    asked = select(ARCHIVE_LOG).order_by(log.seq.desc()).limit(query.limit)
    if query.start is not None:
        asked = asked.where(log.at >= query.start)
    if query.end is not None:
        asked = asked.where(log.at < query.end)
    if query.kind is not None:
        asked = asked.where(log.kind == query.kind.value)
    if query.call is not None:
        asked = asked.where(log.call_id == query.call)
    if query.before is not None:
        asked = asked.where(log.seq < query.before)
    if query.by:  # canonical JSON: "at", "by", "call" come first, in this order
        person = proof.canonical({"by": query.by})[1:-1]
        asked = asked.where(log.body.ilike('{"at":"%",' + _escaped(person) + ',"call":%', escape="\\"))
    return [entry(row) for row in connection.execute(asked)]


def _escaped(text: str) -> str:
    """As it is, inside LIKE."""
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, "\\" + sign)
    return text


def last_entry(connection: Connection, kind: ArchiveEvent | None) -> LogEntry | None:
    asked = select(ARCHIVE_LOG).order_by(ARCHIVE_LOG.c.seq.desc()).limit(1)
    if kind is not None:
        asked = asked.where(ARCHIVE_LOG.c.kind == kind.value)
    row = connection.execute(asked).first()
    return None if row is None else entry(row)


_LIVE = select(func.min(ATTEMPTS.c.id)).where(ATTEMPTS.c.outcome.is_(None))
_NEWEST = select(func.max(ATTEMPTS.c.id))


def unsealed(connection: Connection, after: int, limit: int) -> tuple[list[CallView], CallId]:
    newest, live = connection.scalar(_NEWEST) or 0, connection.scalar(_LIVE)
    ids = [row.call_id for row in connection.execute(_UNSEALED, {"after": after, "limit": limit})]
    settled = min([newest, *(one - 1 for one in (*ids[:1], live) if one is not None)])
    return repository.calls_by_id(connection, ids), CallId(max(after, settled))


def answered_between(connection: Connection, start: datetime, end: datetime) -> list[CallView]:
    ids = [row.id for row in connection.execute(_ANSWERED, {"start": start, "end": end})]
    return [view for some in repository.chunks(ids) for view in repository.calls_by_id(connection, some)]


def in_state(connection: Connection, state: KeptState, after: int, limit: int) -> list[Kept]:
    asked = {"state": state.value, "after": after, "limit": limit}
    return [_kept(row) for row in connection.execute(_IN_STATE, asked)]


def due(connection: Connection, today: date, limit: int) -> list[Kept]:
    return [_kept(row) for row in connection.execute(_DUE, {"today": today, "limit": limit})]


def kept_of(connection: Connection, calls: Sequence[int]) -> dict[int, Kept]:
    asked = select(KEPT).where(among_ids(KEPT.c.call_id))
    return {row.call_id: _kept(row) for row in connection.execute(asked, {"ids": list(calls)})}


def change(connection: Connection, moves: Sequence[Move], entries: Sequence[NewEntry]) -> list[LogEntry]:
    """Raises StoreError where a row isn't what its first says."""
    for before, after in moves:
        values = _values(after)
        if before is None:
            connection.execute(insert(KEPT), values)
            continue
        wanted = update(KEPT).where(
            KEPT.c.call_id == before.call_id, KEPT.c.state == before.state.value, KEPT.c.hold == before.hold
        )
        if connection.execute(wanted.values(values)).rowcount != 1:
            raise StoreError(f"call {before.call_id}: its evidence was changed meanwhile; look again")
        if before.hold != after.hold:
            connection.execute(
                update(RECORDINGS).where(RECORDINGS.c.call_id == after.call_id).values(legal_hold=after.hold)
            )
    return append(connection, entries)


def filed_ids(connection: Connection, after: int, limit: int) -> list[int]:
    """Also calls whose row here or there was removed: their log entries still speak of them."""
    sources = (
        select(column.label("call"))
        for column in (RECORDINGS.c.call_id, KEPT.c.call_id, ARCHIVE_LOG.c.call_id)
    )
    calls = union(*sources).subquery()
    asked = select(calls.c.call).where(calls.c.call > after).order_by(calls.c.call).limit(limit)
    return [row.call for row in connection.execute(asked)]


def filed_calls(connection: Connection, calls: Sequence[int]) -> list[Filed]:
    asked = select(RECORDINGS).where(among_ids(RECORDINGS.c.call_id))
    found = {row.call_id: rows.recording(row) for row in connection.execute(asked, {"ids": list(calls)})}
    kept, log = kept_of(connection, calls), log_of(connection, calls)
    return [
        Filed(CallId(call), found.get(call), kept.get(call), tuple(log.get(call, ())))
        for call in sorted(calls)
        if call in found or call in kept or call in log
    ]


def roots(connection: Connection) -> list[DayRoot]:
    return [
        DayRoot(row.day, row.first, row.last, row.root, row.text, row.signature, row.public_key)
        for row in connection.execute(select(ROOTS).order_by(ROOTS.c.day))
    ]


def add_root(connection: Connection, root: DayRoot, at: datetime) -> None:
    names = ("day", "first", "last", "root", "text", "signature", "public_key")
    connection.execute(insert(ROOTS), {name: getattr(root, name) for name in names})
    event = ArchiveRootSigned(
        at, root.day, root.first, root.last, root.root, root.signature, root.public_key, root.text
    )
    outbox.put(connection, [event])


def audit_tickets(connection: Connection, tickets: Sequence[Ticket]) -> list[Ticket]:
    there = repository.tickets_of(connection, sorted({one.call_id for one in tickets}))
    new = [
        one for one in tickets if one.category not in [other.category for other in there.get(one.call_id, ())]
    ]
    made: list[Ticket] = []
    for one in new:
        key = connection.execute(insert(TICKETS).returning(TICKETS.c.id), rows.ticket_row(one)).scalar_one()
        made.append(replace(one, id=TicketId(key)))
    outbox.put(
        connection,
        [TicketIssued(one.issued_at, one.id, one.call_id, one.category, one.major) for one in made],
    )
    return made


def tally(connection: Connection) -> list[tuple[KeptState, str, bool, int, int]]:
    size = func.coalesce(func.sum(KEPT.c.audio_size + KEPT.c.sidecar_size), 0)
    asked = select(KEPT.c.state, KEPT.c.place, KEPT.c.hold, func.count(), size).group_by(
        KEPT.c.state, KEPT.c.place, KEPT.c.hold
    )
    return [
        (KeptState(state), place, bool(hold), calls, int(stored))
        for state, place, hold, calls, stored in connection.execute(asked)
    ]


_FIELDS = tuple(Kept.__dataclass_fields__)


def _values(one: Kept) -> rows.Values:
    return {name: getattr(one, name) for name in _FIELDS} | {"state": one.state.value}


def _kept(row: Row[Any]) -> Kept:
    values = {name: getattr(row, name) for name in _FIELDS}
    try:
        return Kept(**values | {"call_id": CallId(row.call_id), "state": KeptState(row.state)})
    except ValueError as error:
        raise StoreError(f"call {row.call_id}: its evidence row can't be read: {error}") from error
