"""Events as JSON rows, written in the transaction that made them true, read by the bus, then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from dialer.errors import StoreError
from dialer.events import Event
from dialer.store.tables import OUTBOX, among_ids

_TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}

_INSERT = insert(OUTBOX)
_PENDING = (
    select(OUTBOX).where(OUTBOX.c.id > bindparam("after")).order_by(OUTBOX.c.id).limit(bindparam("limit"))
)
_DONE = delete(OUTBOX).where(among_ids(OUTBOX.c.id))


def encode(event: Event) -> tuple[str, str]:
    """The class's name and the event as JSON."""
    return type(event).__name__, msgspec.json.encode(event).decode()


def decode(kind: str, payload: str) -> Event:
    """Raises StoreError for an event that this version doesn't know."""
    found = _TYPES.get(kind)
    if found is None:
        raise StoreError(f"the outbox holds a {kind!r} event, which this version doesn't know: upgrade it")
    try:
        return msgspec.json.decode(payload, type=found)
    except msgspec.DecodeError as error:
        raise StoreError(f"a {kind} event in the outbox can't be read: {error}") from error


def put(connection: Connection, events: Sequence[Event]) -> None:
    """In the order given."""
    if events:
        rows = [dict(zip(("kind", "payload"), encode(event), strict=True)) for event in events]
        connection.execute(_INSERT, rows)


def pending(connection: Connection, limit: int, after: int = 0) -> list[tuple[int, Event]]:
    """Oldest first."""
    found = connection.execute(_PENDING, {"limit": limit, "after": after})
    return [(row.id, decode(row.kind, row.payload)) for row in found]


def done(connection: Connection, ids: Sequence[int]) -> None:
    """Published: forget them. The rows they speak of stay."""
    if ids:
        connection.execute(_DONE, {"ids": list(ids)})
