"""Reads: rows found, put together, mapped to model values. Each function runs in its caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    insert,
    select,
)

from dialer.events import TaskImported
from dialer.model import Attempt, CallId, ImportReport, Recording, Task, TaskId, TaskState, Ticket
from dialer.policy.verdict import Decision
from dialer.ports import CallView, Candidate
from dialer.store import outbox, rows
from dialer.store.tables import (
    ANSWERS,
    ATTEMPTS,
    CLAIMS,
    DECISIONS,
    DO_NOT_CALL,
    LONG_AGO,
    PHONES,
    RECORDINGS,
    TASKS,
    TICKETS,
    among_ids,
    among_texts,
    db_now,
    is_ready,
)

T = TypeVar("T")

_CHUNK = 1000
"""Rows at once: bounds the memory of a long list, not the result."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def live_attempt(task_id: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: the task has a call under way."""
    return exists().where(ATTEMPTS.c.task_id == task_id, ATTEMPTS.c.outcome.is_(None))


def leased(task_id: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: the task has a claim whose lease runs."""
    return exists().where(CLAIMS.c.task_id == task_id, CLAIMS.c.lease_until > db_now())


_FREE = (
    TASKS.c.state == bindparam("open", TaskState.OPEN.value),
    ~leased(TASKS.c.id),
    ~live_attempt(TASKS.c.id),
)
_READY = (
    select(TASKS)
    .where(is_ready(), *_FREE[1:], TASKS.c.campaign == bindparam("campaign"))
    .order_by(TASKS.c.deadline, TASKS.c.id)
    .limit(bindparam("limit"))
)
_NEXT_READY = (
    select(TASKS.c.campaign)
    .where(is_ready(), TASKS.c.campaign > bindparam("after"))
    .order_by(TASKS.c.campaign)
    .limit(1)
)
# Found by appointment alone: by state or hidden_until, SQLite would look through all that are open.
_DUE = (
    select(TASKS)
    .where(
        TASKS.c.appointment <= bindparam("now"),
        func.coalesce(TASKS.c.state, "") == bindparam("open", TaskState.OPEN.value),
        func.coalesce(TASKS.c.hidden_until, LONG_AGO) <= bindparam("now"),
        *_FREE[1:],
    )
    .order_by(TASKS.c.appointment)
    .limit(bindparam("limit"))
)
_NEXT_OF_ALL = (
    select(TASKS.c.campaign).where(TASKS.c.campaign > bindparam("after")).order_by(TASKS.c.campaign).limit(1)
)
_DUE_OF = _DUE.where(among_texts(func.coalesce(TASKS.c.campaign, ""), "campaigns"))
_TASKS = select(TASKS).where(among_ids(TASKS.c.id)).order_by(TASKS.c.id)
_TASK_PAGE = (
    select(TASKS).where(TASKS.c.id > bindparam("after")).order_by(TASKS.c.id).limit(bindparam("limit"))
)
_TASK_PAGE_OF = _TASK_PAGE.where(TASKS.c.campaign == bindparam("campaign"))
_KNOWN = select(TASKS.c.policy_no, TASKS.c.id).where(
    TASKS.c.campaign == bindparam("campaign"), among_texts(TASKS.c.policy_no, "policies")
)
_PHONES = (
    select(PHONES, exists().where(DO_NOT_CALL.c.number == PHONES.c.number).label("listed"))
    .where(among_ids(PHONES.c.task_id))
    .order_by(PHONES.c.task_id, PHONES.c.position)
)
_OF_CUSTOMERS = (
    select(ATTEMPTS).where(among_texts(ATTEMPTS.c.customer_key, "customers")).order_by(ATTEMPTS.c.id)
)
_OF_TASKS = select(ATTEMPTS).where(among_ids(ATTEMPTS.c.task_id)).order_by(ATTEMPTS.c.id)
_DECISIONS = select(DECISIONS).where(DECISIONS.c.task_id == bindparam("task")).order_by(DECISIONS.c.id)
_ATTEMPTS = select(ATTEMPTS).where(among_ids(ATTEMPTS.c.id)).order_by(ATTEMPTS.c.id)
_CALL_PAGE = (
    select(ATTEMPTS)
    .where(ATTEMPTS.c.id > bindparam("after"))
    .order_by(ATTEMPTS.c.id)
    .limit(bindparam("limit"))
)
_OF_TASK = select(ATTEMPTS).where(ATTEMPTS.c.task_id == bindparam("task")).order_by(ATTEMPTS.c.id)
_OPEN = (
    select(ATTEMPTS)
    .where(ATTEMPTS.c.node == bindparam("node"), ATTEMPTS.c.outcome.is_(None))
    .order_by(ATTEMPTS.c.id)
)
_ANSWERS = select(ANSWERS).where(among_ids(ANSWERS.c.call_id)).order_by(ANSWERS.c.call_id, ANSWERS.c.position)
_TICKETS = select(TICKETS).where(among_ids(TICKETS.c.call_id)).order_by(TICKETS.c.id)
_RECORDINGS = select(RECORDINGS).where(among_ids(RECORDINGS.c.call_id))


def add_tasks(connection: Connection, tasks: Sequence[Task], now: datetime) -> ImportReport:
    """Insert what isn't there yet by (campaign, policy number)."""
    accepted = 0
    for some in chunks(tasks):
        known = _known(connection, some)
        fresh: list[Task] = []
        for task in some:
            key = (task.campaign, task.policy_no)
            if key not in known:
                known[key] = 0
                fresh.append(task)
        if not fresh:
            continue
        connection.execute(insert(TASKS), [rows.task_row(task, now) for task in fresh])
        ids = _known(connection, fresh)
        numbered = [(ids[task.campaign, task.policy_no], task) for task in fresh]
        connection.execute(
            insert(PHONES), [row for task_id, task in numbered for row in rows.phone_rows(task_id, task)]
        )
        outbox.put(connection, [TaskImported(now, TaskId(n), task.campaign) for n, task in numbered])
        accepted += len(fresh)
    return ImportReport(accepted=accepted, duplicates=len(tasks) - accepted)


def _known(connection: Connection, tasks: Sequence[Task]) -> dict[tuple[str, str], int]:
    by_campaign: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        by_campaign[task.campaign].append(task.policy_no)
    return {
        (campaign, row.policy_no): row.id
        for campaign, policies in by_campaign.items()
        for row in connection.execute(_KNOWN, {"campaign": campaign, "policies": policies})
    }


def candidates(
    connection: Connection, now: datetime, limit: int, campaigns: Collection[str] | None = None
) -> list[Candidate]:
    """Tasks that are ready, earliest deadline first; due appointments are among them in any case.

    ``campaigns``: of these alone; None: of all. ``claims.wake`` makes those ready whose wait is over.
    """
    asked: dict[str, Any] = {"now": now, "limit": limit}
    if campaigns is None:
        due, names = connection.execute(_DUE, asked).all(), _steps(connection, _NEXT_READY)
    else:
        names = sorted(campaigns)
        due = connection.execute(_DUE_OF, {**asked, "campaigns": names}).all()
    ready = [row for name in names for row in connection.execute(_READY, {"campaign": name, "limit": limit})]
    ready.sort(key=_in_order)
    found = {row.id: row for row in (*due, *ready)}
    kept = list(found.values())[:limit]
    return candidates_of(connection, sorted(kept, key=_in_order))


def _in_order(row: Row[Any]) -> tuple[date, int]:
    return (row.deadline, row.id)


def candidates_of(connection: Connection, found: Sequence[Row[Any]]) -> list[Candidate]:
    """Each task with its attempts and those of its customer's other tasks, oldest first."""
    if not found:
        return []
    phones = phones_of(connection, [row.id for row in found])
    by_customer: dict[str, list[Attempt]] = defaultdict(list)
    customers = sorted({row.customer_key for row in found})
    for row in connection.execute(_OF_CUSTOMERS, {"customers": customers}):
        by_customer[row.customer_key].append(rows.attempt(row))
    # A later pass may dial another number, and so be another customer's key; its own calls stay its own.
    later = [row.id for row in found if row.pass_no > 1]
    earlier: dict[int, list[Attempt]] = defaultdict(list)
    for row in connection.execute(_OF_TASKS, {"ids": later}) if later else ():
        earlier[row.task_id].append(rows.attempt(row))
    made: list[Candidate] = []
    for task_row in found:
        calls = by_customer[task_row.customer_key]
        own = tuple(earlier.get(task_row.id) or (call for call in calls if call.task_id == task_row.id))
        others = tuple(call for call in calls if call.task_id != task_row.id)
        made.append(Candidate(rows.task(task_row, phones[task_row.id]), own, others))
    return made


def candidate(connection: Connection, task_id: TaskId) -> Candidate | None:
    found = connection.execute(_TASKS, {"ids": [task_id]}).all()
    return candidates_of(connection, found)[0] if found else None


def task_page(connection: Connection, after: TaskId, limit: int, campaign: str = "") -> list[Task]:
    """By id, from the one behind ``after``; of one campaign where it is named."""
    asked: dict[str, Any] = {"after": after, "limit": limit}
    if campaign:
        found = connection.execute(_TASK_PAGE_OF, {**asked, "campaign": campaign}).all()
    else:
        found = connection.execute(_TASK_PAGE, asked).all()
    return tasks_of(connection, found)


def decisions(connection: Connection, task_id: TaskId) -> list[tuple[datetime, Decision]]:
    """Oldest first."""
    return [(row.at, rows.decision(row)) for row in connection.execute(_DECISIONS, {"task": task_id})]


def call_page(connection: Connection, after: CallId, limit: int) -> list[CallView]:
    """By id, from the one behind ``after``."""
    return _views(connection, connection.execute(_CALL_PAGE, {"after": after, "limit": limit}).all())


def calls_of(connection: Connection, task_id: TaskId) -> list[CallView]:
    return _views(connection, connection.execute(_OF_TASK, {"task": task_id}).all())


def call(connection: Connection, call_id: CallId) -> CallView | None:
    found = _views(connection, connection.execute(_ATTEMPTS, {"ids": [call_id]}).all())
    return found[0] if found else None


def calls_by_id(connection: Connection, ids: Sequence[int]) -> list[CallView]:
    """In the order of their ids."""
    return _views(connection, connection.execute(_ATTEMPTS, {"ids": list(ids)}).all())


def open_attempts(connection: Connection, node: str) -> list[Attempt]:
    return [rows.attempt(row) for row in connection.execute(_OPEN, {"node": node})]


def tickets_of(connection: Connection, call_ids: Sequence[int]) -> dict[int, list[Ticket]]:
    found: dict[int, list[Ticket]] = defaultdict(list)
    for row in connection.execute(_TICKETS, {"ids": list(call_ids)}):
        found[row.call_id].append(rows.ticket(row))
    return found


def tickets(connection: Connection) -> list[Ticket]:
    return [rows.ticket(row) for row in connection.execute(select(TICKETS).order_by(TICKETS.c.id))]


def recordings(connection: Connection) -> list[Recording]:
    found = connection.execute(select(RECORDINGS).order_by(RECORDINGS.c.call_id))
    return [rows.recording(row) for row in found]


def phones_of(connection: Connection, task_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    return _by(connection, _PHONES, task_ids, "task_id")


def _by(
    connection: Connection, query: Select[Any], ids: Iterable[int], column: str
) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query, {"ids": list(ids)}):
        found[getattr(row, column)].append(row)
    return found


def tasks_by_id(connection: Connection, ids: Sequence[int]) -> dict[TaskId, Task]:
    """In the order of their ids."""
    if not ids:
        return {}
    found = connection.execute(_TASKS, {"ids": list(ids)}).all()
    return {task.id: task for task in tasks_of(connection, found)}


def campaigns(connection: Connection) -> list[str]:
    """Every campaign that a task names, one step through the index for each."""
    return _steps(connection, _NEXT_OF_ALL)


def _steps(connection: Connection, following: Select[Any]) -> list[str]:
    found = [""]
    while (name := connection.execute(following, {"after": found[-1]}).scalar()) is not None:
        found.append(name)
    return found[1:]


def tasks_of(connection: Connection, found: Sequence[Row[Any]]) -> list[Task]:
    phones = phones_of(connection, [row.id for row in found]) if found else {}
    return [rows.task(row, phones[row.id]) for row in found]


def _views(connection: Connection, found: Sequence[Row[Any]]) -> list[CallView]:
    if not found:
        return []
    calls = [row.id for row in found]
    task_rows = connection.execute(_TASKS, {"ids": sorted({row.task_id for row in found})}).all()
    tasks = {task.id: task for task in tasks_of(connection, task_rows)}
    answers = _by(connection, _ANSWERS, calls, "call_id")
    tickets = _by(connection, _TICKETS, calls, "call_id")
    recordings = {row.call_id: row for row in connection.execute(_RECORDINGS, {"ids": calls})}
    return [
        CallView(
            rows.attempt(row),
            tasks[TaskId(row.task_id)],
            rows.record(row, answers[row.id], tickets[row.id], recordings.get(row.id)),
        )
        for row in found
    ]
