"""The ledger beside the decisions: the rules as they changed, deadlines dated anew, what else went on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Date, bindparam, case, func, insert, or_, select, update

from dialer.events import DeadlineDatedAnew
from dialer.model import CallId, DueChange, Task, TaskId
from dialer.policy.ledger import Rules
from dialer.policy.verdict import Decision
from dialer.ports import LedgerEntry
from dialer.store import outbox, queue, repository, rows
from dialer.store.tables import (
    ATTEMPTS,
    DECISIONS,
    DUE_CHANGES,
    RULES,
    TASKS,
    among_texts,
    long_ago,
)

_LAST_RULES = (
    select(RULES.c.fingerprint)
    .where(RULES.c.campaign == bindparam("of"))
    .order_by(RULES.c.id.desc())
    .limit(1)
)
_RULES = select(RULES).where(RULES.c.fingerprint == bindparam("named")).order_by(RULES.c.id.desc()).limit(1)
_ASK_ANEW = update(TASKS).where(queue.waits()).values(hidden_until=long_ago())
_ASK_CAMPAIGN_ANEW = _ASK_ANEW.where(TASKS.c.campaign == bindparam("of"))
_PROVISIONAL = select(TASKS, repository.PHONES_OF).where(TASKS.c.due_provisional).order_by(TASKS.c.id)
_DAY = bindparam("day", type_=Date())
_DATE = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("task"))
    .values(
        due=_DAY,
        due_provisional=bindparam("unsure"),
        deadline=case((TASKS.c.cooling_off_end < _DAY, TASKS.c.cooling_off_end), else_=_DAY),
    )
)
_CHANGES = select(DUE_CHANGES).where(DUE_CHANGES.c.task_id == bindparam("task")).order_by(DUE_CHANGES.c.id)
_IN_SLOTS = (
    select(ATTEMPTS.c.slot, func.count().label("calls"))
    .where(among_texts(ATTEMPTS.c.slot, "slots"))
    .group_by(ATTEMPTS.c.slot)
)
_FAULTS = select(DECISIONS).where(
    DECISIONS.c.id.in_(
        select(func.min(DECISIONS.c.id))
        .where(
            DECISIONS.c.at >= bindparam("start"),
            DECISIONS.c.at < bindparam("end"),
            DECISIONS.c.kind == "wait",
            DECISIONS.c.rule.in_(("R7", "R75")),
        )
        .group_by(DECISIONS.c.rule)
    )
)
_DAY_PAGE = (
    select(DECISIONS)
    .where(
        DECISIONS.c.at >= bindparam("start"),
        DECISIONS.c.at < bindparam("end"),
        DECISIONS.c.id > bindparam("after"),
    )
    .order_by(DECISIONS.c.id)
    .limit(bindparam("limit"))
)
_BEFORE = DECISIONS.alias("before")
_SAID = DECISIONS.alias("said")
_LAST_WORD = (
    select(func.max(_BEFORE.c.id))
    .where(_BEFORE.c.task_id == ATTEMPTS.c.task_id, _BEFORE.c.at <= ATTEMPTS.c.invited_at)
    .correlate(ATTEMPTS)
    .scalar_subquery()
)
_UNDECIDED = (
    select(ATTEMPTS.c.id)
    .select_from(ATTEMPTS.outerjoin(_SAID, _SAID.c.id == _LAST_WORD))
    .where(
        ATTEMPTS.c.invited_at >= bindparam("start"),
        ATTEMPTS.c.invited_at < bindparam("end"),
        or_(
            _SAID.c.id.is_(None),
            _SAID.c.kind != "dial",
            _SAID.c.number != ATTEMPTS.c.number,
            _SAID.c.slot != ATTEMPTS.c.slot,
        ),
    )
    .order_by(ATTEMPTS.c.id)
)
_MADE = select(func.count()).where(
    ATTEMPTS.c.invited_at >= bindparam("start"), ATTEMPTS.c.invited_at < bindparam("end")
)
_IMPORTED = select(TASKS.c.imported_at).where(TASKS.c.id == bindparam("task"))


def keep_rules(connection: Connection, rules: Rules, now: datetime, campaign: str) -> bool:
    if connection.execute(_LAST_RULES, {"of": campaign}).scalar() == rules.fingerprint:
        return False
    row = {"at": now, "campaign": campaign, "fingerprint": rules.fingerprint, "body": rules.body}
    connection.execute(insert(RULES).values(row))
    if campaign:
        connection.execute(_ASK_CAMPAIGN_ANEW, {"of": campaign})
    else:
        connection.execute(_ASK_ANEW)
    return True


def rules(connection: Connection, fingerprint: str) -> Rules | None:
    row = connection.execute(_RULES, {"named": fingerprint}).first()
    return None if row is None else Rules(row.fingerprint, row.body)


def provisional_tasks(connection: Connection) -> list[Task]:
    return [rows.task(row) for row in connection.execute(_PROVISIONAL)]


def set_due(connection: Connection, changes: Sequence[DueChange], now: datetime) -> None:
    if not changes:
        return
    connection.execute(
        _DATE, [{"task": one.task_id, "day": one.after, "unsure": one.provisional} for one in changes]
    )
    connection.execute(
        insert(DUE_CHANGES),
        [
            {
                "task_id": one.task_id,
                "at": now,
                "deadline_type": one.deadline_type,
                "before": one.before,
                "after": one.after,
                "provisional": one.provisional,
            }
            for one in changes
        ],
    )
    outbox.put(
        connection,
        [DeadlineDatedAnew(now, one.task_id, one.before, one.after, one.provisional) for one in changes],
    )


def due_changes(connection: Connection, task_id: TaskId) -> list[tuple[datetime, DueChange]]:
    return [
        (row.at, DueChange(TaskId(row.task_id), row.deadline_type, row.before, row.after, row.provisional))
        for row in connection.execute(_CHANGES, {"task": task_id})
    ]


def calls_in_slots(connection: Connection, slots: Sequence[str]) -> dict[str, int]:
    """How many calls, whoever they went to, were made in each of these slots."""
    found = {row.slot: row.calls for row in connection.execute(_IN_SLOTS, {"slots": list(slots)})}
    return {slot: found.get(slot, 0) for slot in slots}


def faults(connection: Connection, start: datetime, end: datetime) -> tuple[Decision, ...]:
    """What stopped every call for a while: the trunk, the disk (R7, R75); each rule's first word."""
    return tuple(rows.decision(row) for row in connection.execute(_FAULTS, {"start": start, "end": end}))


def imported_at(connection: Connection, task_id: TaskId) -> datetime | None:
    return connection.execute(_IMPORTED, {"task": task_id}).scalar()


def entries(
    connection: Connection, start: datetime, end: datetime, after: int, limit: int
) -> list[LedgerEntry]:
    """Decisions made in that span, in order of their numbers, from the one behind ``after``."""
    asked = {"start": start, "end": end, "after": after, "limit": limit}
    return [
        LedgerEntry(row.id, TaskId(row.task_id), row.at, rows.decision(row))
        for row in connection.execute(_DAY_PAGE, asked)
    ]


def undecided_calls(connection: Connection, start: datetime, end: datetime) -> tuple[int, list[CallId]]:
    """How many calls were begun in that span, and those that the task's last decision didn't permit."""
    span = {"start": start, "end": end}
    made = connection.execute(_MADE, span).scalar_one()
    return made, [CallId(key) for key in connection.execute(_UNDECIDED, span).scalars()]
