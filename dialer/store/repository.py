"""Reads: rows found, put together, mapped to model values. Each function runs in its caller's transaction.

A task comes with its numbers and attempts as JSON, in one statement: on a server each is a round trip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    or_,
    select,
)

from dialer.events import TaskImported
from dialer.model import Attempt, CallId, ImportReport, Recording, Task, TaskId, Ticket, TicketId
from dialer.policy.verdict import Decision
from dialer.ports import CallView, Candidate
from dialer.store import outbox, rows
from dialer.store.bulk import insert_rows
from dialer.store.tables import (
    ANSWERS,
    ATTEMPTS,
    CLAIMS,
    DECISIONS,
    DO_NOT_CALL,
    PHONES,
    RECORDINGS,
    TASKS,
    TICKETS,
    among_ids,
    among_texts,
    db_now,
    json_list,
    json_lists,
)
from dialer.tickets import again

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


def _json(
    table: FromClause, columns: Sequence[ColumnElement[Any]], where: ColumnElement[bool]
) -> ScalarSelect[str]:
    """SQL: the rows of ``table`` that belong to a task, as JSON; one statement brings all of a task."""
    return select(json_lists(json_list(*columns))).where(where).correlate(TASKS).scalar_subquery()


def _columns(table: FromClause, names: Sequence[str]) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]


_LISTED = exists().where(DO_NOT_CALL.c.number == PHONES.c.number)
"""SQL: the do-not-call list has it."""
PHONES_OF = _json(
    PHONES, [*_columns(PHONES, rows.PHONE_COLUMNS), _LISTED], PHONES.c.task_id == TASKS.c.id
).label("phones")
_CALLS_OF = _json(
    ATTEMPTS,
    _columns(ATTEMPTS, rows.ATTEMPT_COLUMNS),
    or_(ATTEMPTS.c.customer_key == TASKS.c.customer_key, ATTEMPTS.c.task_id == TASKS.c.id),
).label("calls")
"""Those to its customer, and its own to whatever number."""
WHOLE = select(TASKS, PHONES_OF, _CALLS_OF)
"""Rows for ``candidate_of``."""


_NEXT_OF_ALL = (
    select(TASKS.c.campaign).where(TASKS.c.campaign > bindparam("after")).order_by(TASKS.c.campaign).limit(1)
)
_TASKS = select(TASKS, PHONES_OF).where(among_ids(TASKS.c.id)).order_by(TASKS.c.id)
_CANDIDATES = WHOLE.where(among_ids(TASKS.c.id)).order_by(TASKS.c.id)
_TASK_PAGE = (
    select(TASKS, PHONES_OF)
    .where(TASKS.c.id > bindparam("after"))
    .order_by(TASKS.c.id)
    .limit(bindparam("limit"))
)
_TASK_PAGE_OF = _TASK_PAGE.where(TASKS.c.campaign == bindparam("campaign"))
_KNOWN = select(TASKS.c.policy_no, TASKS.c.id).where(
    TASKS.c.campaign == bindparam("campaign"), among_texts(TASKS.c.policy_no, "policies")
)
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
_OF_POLICY = TASKS.alias("of_policy")
_EARLIER = (
    select(TICKETS.c.id, TICKETS.c.call_id, TICKETS.c.category, TASKS.c.id.label("task"))
    .select_from(TASKS)
    .join(_OF_POLICY, _OF_POLICY.c.policy_no == TASKS.c.policy_no)
    .join(TICKETS, TICKETS.c.task_id == _OF_POLICY.c.id)
    .where(among_ids(TASKS.c.id))
    .order_by(TICKETS.c.id)
)
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
        insert_rows(connection, TASKS, [rows.task_row(task, now) for task in fresh])
        ids = _known(connection, fresh)
        numbered = [(ids[task.campaign, task.policy_no], task) for task in fresh]
        numbers = [row for task_id, task in numbered for row in rows.phone_rows(task_id, task)]
        insert_rows(connection, PHONES, numbers)
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


def candidate_of(row: Row[Any]) -> Candidate:
    """A task with its attempts and those of its customer's other tasks, oldest first."""
    calls = rows.attempts(row.calls)
    own = tuple(call for call in calls if call.task_id == row.id)
    others = tuple(call for call in calls if call.task_id != row.id)
    return Candidate(rows.task(row), own, others)


def candidate(connection: Connection, task_id: TaskId) -> Candidate | None:
    return next(map(candidate_of, connection.execute(_CANDIDATES, {"ids": [task_id]})), None)


def task_page(connection: Connection, after: TaskId, limit: int, campaign: str = "") -> list[Task]:
    """By id, from the one behind ``after``; of one campaign where it is named."""
    asked: dict[str, Any] = {"after": after, "limit": limit}
    if campaign:
        return [rows.task(row) for row in connection.execute(_TASK_PAGE_OF, {**asked, "campaign": campaign})]
    return [rows.task(row) for row in connection.execute(_TASK_PAGE, asked)]


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


def repeated(connection: Connection, issued: Sequence[Ticket]) -> list[Ticket]:
    """Marks the tickets whose matter came up before: in another call, or on paper (R89)."""
    calls = {ticket.call_id for ticket in issued if ticket.call_id}
    found = connection.execute(_EARLIER, {"ids": sorted({ticket.task_id for ticket in issued})})
    earlier = {(row.task, row.category): TicketId(row.id) for row in found if row.call_id not in calls}
    keys = ((ticket, (ticket.task_id, ticket.category)) for ticket in issued)
    return [again(ticket, earlier[key]) if key in earlier else ticket for ticket, key in keys]


def tickets(connection: Connection) -> list[Ticket]:
    return [rows.ticket(row) for row in connection.execute(select(TICKETS).order_by(TICKETS.c.id))]


def recordings(connection: Connection) -> list[Recording]:
    found = connection.execute(select(RECORDINGS).order_by(RECORDINGS.c.call_id))
    return [rows.recording(row) for row in found]


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
    return {TaskId(row.id): rows.task(row) for row in connection.execute(_TASKS, {"ids": list(ids)})}


def campaigns(connection: Connection) -> list[str]:
    """Every campaign that a task names, one step through the index for each."""
    found = [""]
    while (name := connection.execute(_NEXT_OF_ALL, {"after": found[-1]}).scalar()) is not None:
        found.append(name)
    return found[1:]


def _views(connection: Connection, found: Sequence[Row[Any]]) -> list[CallView]:
    if not found:
        return []
    calls = [row.id for row in found]
    task_rows = connection.execute(_TASKS, {"ids": sorted({row.task_id for row in found})}).all()
    tasks = {task.id: task for task in map(rows.task, task_rows)}
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
