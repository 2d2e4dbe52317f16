"""Deadlines that were counted without an official calendar, counted again once it is there (R30, R84)."""

from __future__ import annotations

import logging
from datetime import datetime

from dialer.model import DueChange, Task
from dialer.policy.calendar import Calendar
from dialer.policy.duedates import due_of
from dialer.policy.settings import PolicySettings
from dialer.ports import Store

log = logging.getLogger("dialer.redating")


async def date_anew(
    store: Store, calendar: Calendar, settings: PolicySettings, now: datetime
) -> list[DueChange]:
    """Every provisional deadline that the calendar says otherwise, or surely now. Raises StoreError.

    Each change is noted in the ledger and told as ``DeadlineDatedAnew``.
    """
    found = [_again(task, calendar, settings) for task in await store.provisional_tasks()]
    changes = [change for change in found if change is not None]
    await store.set_due(changes, now)
    if changes:
        log.info("deadlines dated anew", extra={"tasks": len(changes)})
    return changes


def _again(task: Task, calendar: Calendar, settings: PolicySettings) -> DueChange | None:
    kind = settings.deadline_type(task.deadline_type)
    if kind is None or task.event is None:
        log.warning("no such deadline type, the date stays provisional", extra={"task_id": int(task.id)})
        return None
    due = due_of(kind, task.event, calendar)
    if (due.day, due.provisional) == (task.due, True):
        return None
    return DueChange(task.id, kind.name, task.due, due.day, due.provisional)
