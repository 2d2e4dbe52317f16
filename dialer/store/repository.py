"""Reads: rows found, put together, mapped to model values. Each function runs in its caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialer.model import Attempt, CallId, ImportReport, Recording, Task, TaskId, TaskState, Ticket
from dialer.policy.verdict import Decision
from dialer.ports import CallView, Candidate
from dialer.store import outbox, rows
from dialer.store.tables import (
    AnswerRow,
    AttemptRow,
    ClaimRow,
    DecisionRow,
    PhoneRow,
    RecordingRow,
    TaskRow,
    TicketRow,
    db_now,
)

T = TypeVar("T")

_CHUNK = 500
"""Values per IN list or INSERT: far below every engine's limit."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


async def add_tasks(session: AsyncSession, tasks: Sequence[Task], now: datetime) -> ImportReport:
    """Insert what isn't there yet by (campaign, policy number)."""
    seen: set[tuple[str, str]] = set()
    by_campaign: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        by_campaign[task.campaign].append(task.policy_no)
    for campaign, policies in by_campaign.items():
        for chunk in chunks(policies):
            found = await session.scalars(
                select(TaskRow.policy_no).where(TaskRow.campaign == campaign, TaskRow.policy_no.in_(chunk))
            )
            seen.update((campaign, policy_no) for policy_no in found)
    fresh: list[Task] = []
    for task in tasks:
        key = (task.campaign, task.policy_no)
        if key not in seen:
            seen.add(key)
            fresh.append(task)
    for some in chunks(fresh):
        new = [rows.task_row(task, now) for task in some]
        session.add_all(new)
        await session.flush()
        for row, task in zip(new, some, strict=True):
            session.add_all(rows.phone_rows(row.id, task))
            session.add(outbox.imported(row.id, task.campaign, now))
        await session.flush()
        session.expunge_all()
    return ImportReport(accepted=len(fresh), duplicates=len(tasks) - len(fresh))


def live_attempt(task_id: object = TaskRow.id) -> ColumnElement[bool]:
    """SQL: the task has a call under way."""
    return exists().where(AttemptRow.task_id == task_id, AttemptRow.outcome.is_(None))


async def candidates(session: AsyncSession, now: datetime, limit: int) -> list[Candidate]:
    claimed = exists().where(ClaimRow.task_id == TaskRow.id, ClaimRow.lease_until > db_now())
    found = await session.scalars(
        select(TaskRow)
        .where(TaskRow.state == TaskState.OPEN.value, TaskRow.hidden_until <= now, ~claimed, ~live_attempt())
        .order_by(TaskRow.deadline, TaskRow.id)
        .limit(limit)
    )
    return await candidates_of(session, found.all())


async def candidates_of(session: AsyncSession, found: Sequence[TaskRow]) -> list[Candidate]:
    """Each task with its attempts and those of its customer's other tasks, oldest first."""
    phones = await _phones(session, [row.id for row in found])
    by_customer: dict[str, list[Attempt]] = defaultdict(list)
    for keys in chunks(sorted({row.customer_key for row in found})):
        attempts = await session.scalars(
            select(AttemptRow).where(AttemptRow.customer_key.in_(keys)).order_by(AttemptRow.id)
        )
        for row in attempts:
            by_customer[row.customer_key].append(rows.attempt(row))
    made: list[Candidate] = []
    for task_row in found:
        calls = by_customer[task_row.customer_key]
        own = tuple(call for call in calls if call.task_id == task_row.id)
        others = tuple(call for call in calls if call.task_id != task_row.id)
        made.append(Candidate(rows.task(task_row, phones[task_row.id]), own, others))
    return made


async def candidate(session: AsyncSession, task_id: TaskId) -> Candidate | None:
    row = await session.get(TaskRow, task_id)
    return None if row is None else (await candidates_of(session, [row]))[0]


async def all_tasks(session: AsyncSession) -> list[Task]:
    found = (await session.scalars(select(TaskRow).order_by(TaskRow.id))).all()
    return await _tasks(session, found)


async def decisions(session: AsyncSession, task_id: TaskId) -> list[tuple[datetime, Decision]]:
    """Oldest first."""
    found = await session.scalars(
        select(DecisionRow).where(DecisionRow.task_id == task_id).order_by(DecisionRow.id)
    )
    return [(row.at, rows.decision(row)) for row in found]


async def calls(session: AsyncSession, task_id: TaskId | None) -> list[CallView]:
    query = select(AttemptRow).order_by(AttemptRow.id)
    if task_id is not None:
        query = query.where(AttemptRow.task_id == task_id)
    return await _views(session, (await session.scalars(query)).all())


async def call(session: AsyncSession, call_id: CallId) -> CallView | None:
    row = await session.get(AttemptRow, call_id)
    return None if row is None else (await _views(session, [row]))[0]


async def open_attempts(session: AsyncSession, node: str) -> list[Attempt]:
    found = await session.scalars(
        select(AttemptRow)
        .where(AttemptRow.node == node, AttemptRow.outcome.is_(None))
        .order_by(AttemptRow.id)
    )
    return [rows.attempt(row) for row in found]


async def tickets(session: AsyncSession, call_id: CallId | None = None) -> list[Ticket]:
    query = select(TicketRow).order_by(TicketRow.id)
    if call_id is not None:
        query = query.where(TicketRow.call_id == call_id)
    return [rows.ticket(row) for row in await session.scalars(query)]


async def recordings(session: AsyncSession) -> list[Recording]:
    found = await session.scalars(select(RecordingRow).order_by(RecordingRow.call_id))
    return [rows.recording(row) for row in found]


async def _phones(session: AsyncSession, task_ids: Sequence[int]) -> dict[int, list[PhoneRow]]:
    phones: dict[int, list[PhoneRow]] = defaultdict(list)
    for ids in chunks(task_ids):
        found = await session.scalars(
            select(PhoneRow).where(PhoneRow.task_id.in_(ids)).order_by(PhoneRow.task_id, PhoneRow.position)
        )
        for phone in found:
            phones[phone.task_id].append(phone)
    return phones


async def _tasks(session: AsyncSession, found: Sequence[TaskRow]) -> list[Task]:
    phones = await _phones(session, [row.id for row in found])
    return [rows.task(row, phones[row.id]) for row in found]


async def _views(session: AsyncSession, found: Sequence[AttemptRow]) -> list[CallView]:
    task_rows: list[TaskRow] = []
    for ids in chunks(sorted({row.task_id for row in found})):
        task_rows += await session.scalars(select(TaskRow).where(TaskRow.id.in_(ids)))
    tasks = {task.id: task for task in await _tasks(session, task_rows)}
    answers: dict[int, list[AnswerRow]] = defaultdict(list)
    tickets: dict[int, list[TicketRow]] = defaultdict(list)
    recordings: dict[int, RecordingRow] = {}
    for ids in chunks([row.id for row in found]):
        for answer in await session.scalars(
            select(AnswerRow)
            .where(AnswerRow.call_id.in_(ids))
            .order_by(AnswerRow.call_id, AnswerRow.position)
        ):
            answers[answer.call_id].append(answer)
        for ticket in await session.scalars(
            select(TicketRow).where(TicketRow.call_id.in_(ids)).order_by(TicketRow.id)
        ):
            tickets[ticket.call_id].append(ticket)
        for recording in await session.scalars(select(RecordingRow).where(RecordingRow.call_id.in_(ids))):
            recordings[recording.call_id] = recording
    return [
        CallView(
            rows.attempt(row),
            tasks[TaskId(row.task_id)],
            rows.record(row, answers[row.id], tickets[row.id], recordings.get(row.id)),
        )
        for row in found
    ]
