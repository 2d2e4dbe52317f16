"""Events as JSON rows, written in the transaction that made them true, read by the bus, then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialer.errors import StoreError
from dialer.events import Event, TaskImported
from dialer.model import TaskId
from dialer.store.tables import OutboxRow

_TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


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


def row(event: Event) -> OutboxRow:
    kind, payload = encode(event)
    return OutboxRow(kind=kind, payload=payload)


def imported(task_id: int, campaign: str, now: datetime) -> OutboxRow:
    return row(TaskImported(now, TaskId(task_id), campaign))


async def pending(session: AsyncSession, limit: int) -> list[tuple[int, Event]]:
    """Oldest first."""
    found = await session.scalars(select(OutboxRow).order_by(OutboxRow.id).limit(limit))
    return [(row.id, decode(row.kind, row.payload)) for row in found]


async def done(session: AsyncSession, ids: Sequence[int]) -> None:
    """Published: forget them. The rows they speak of stay."""
    await session.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)))
