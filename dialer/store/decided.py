"""Decisions: what the rules said of a task, what that changes in it, and what brings it back to the queue.

As in ``claims``, the work of many callers in one write transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    func,
    insert,
    select,
    update,
)

from dialer.kpi import Method
from dialer.model import TaskId, TaskState
from dialer.policy.verdict import Decision, Verdict
from dialer.store import handovers, queue, rows
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig
from dialer.store.effects import PARKED, channel_of, differs, hidden_until, state_after_verdict
from dialer.store.tables import (
    DECISIONS,
    LONG_AGO,
    TASKS,
    UtcDateTime,
    among_ids,
    long_ago,
)


@dataclass(frozen=True, slots=True)
class DecisionMade:
    task_id: TaskId
    decision: Decision
    now: datetime


_HELD_TASKS = select(TASKS).where(among_ids(TASKS.c.id)).order_by(TASKS.c.id).with_for_update()
_LAST_SAID = select(
    DECISIONS.c.id,
    DECISIONS.c.task_id,
    DECISIONS.c.kind,
    DECISIONS.c.rule,
    DECISIONS.c.why,
    DECISIONS.c.en,
    DECISIONS.c.until,
    DECISIONS.c.number,
    DECISIONS.c.slot,
    DECISIONS.c.channel,
).where(
    DECISIONS.c.id.in_(
        select(func.max(DECISIONS.c.id)).where(among_ids(DECISIONS.c.task_id)).group_by(DECISIONS.c.task_id)
    )
)
_SAY = insert(DECISIONS)
_MOVE = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("task"))
    .values(hidden_until=bindparam("hidden", type_=UtcDateTime()), state=bindparam("becomes"))
)
_WAITED = (
    select(TASKS.c.id)
    .where(queue.waited(bindparam("now", type_=UtcDateTime())))
    .order_by(TASKS.c.hidden_until, TASKS.c.deadline, TASKS.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_WAKE = update(TASKS).where(TASKS.c.id.in_(_WAITED)).values(hidden_until=long_ago())
_PARKED = (
    select(TASKS.c.id)
    .where(queue.waits(), TASKS.c.hidden_until == bindparam("parked", PARKED, type_=UtcDateTime()))
    .order_by(TASKS.c.deadline, TASKS.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_UNPARK = update(TASKS).where(TASKS.c.id.in_(_PARKED)).values(hidden_until=long_ago())


def wake(connection: Connection, now: datetime, limit: int) -> None:
    """Put tasks whose Wait verdict is over back among the ready ones, longest over first."""
    connection.execute(_WAKE, {"now": now, "limit": limit})


def reconsider(connection: Connection, limit: int) -> int:
    """Put so many of the refused tasks back among the ready ones, the nearest deadline first."""
    return connection.execute(_UNPARK, {"limit": limit}).rowcount


def record_decision(
    connection: Connection, made: Sequence[DecisionMade], _: InLoop, config: StoreConfig
) -> list[None]:
    ids = [one.task_id for one in made]
    found = {row.id: row for row in connection.execute(_HELD_TASKS, {"ids": ids})}
    keep(connection, [one for one in made if one.task_id in found], found, config)
    return [None for _ in made]


def keep(
    connection: Connection, made: Sequence[DecisionMade], found: dict[int, Row[Any]], config: StoreConfig
) -> None:
    """Write what says something new, and what it changes in the task."""
    if not made:
        return
    last: dict[int, Verdict] = {
        row.task_id: rows.verdict(row)
        for row in connection.execute(_LAST_SAID, {"ids": [one.task_id for one in made]})
    }
    said = [
        rows.decision_row(one.task_id, one.decision, one.now)
        for one in made
        if differs(one.decision.verdict, last.get(one.task_id))
    ]
    if said:
        connection.execute(_SAY, said)
    moved: list[rows.Values] = []
    given: list[tuple[TaskId, Method, datetime]] = []
    for one in made:
        row, verdict = found[one.task_id], one.decision.verdict
        state = state_after_verdict(TaskState(row.state), verdict, config.excluding_rules)
        hidden = hidden_until(state, verdict) or LONG_AGO
        if (hidden, state.value) != (row.hidden_until, row.state):
            moved.append({"task": one.task_id, "hidden": hidden, "becomes": state.value})
        if state.value != row.state and (channel := channel_of(verdict)) is not None:
            given.append((one.task_id, channel, one.now))
    if moved:
        connection.execute(_MOVE, moved)
    handovers.open_(connection, given)
