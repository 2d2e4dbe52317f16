"""The end of a call in one transaction: attempt, answers, tickets, recording, task, claim, outbox."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialer.errors import Fenced, StoreError
from dialer.events import CallAnswered, CallEnded, Event, RecordingSealed, TicketIssued
from dialer.model import CallId, CallRecord, Recording, TaskId, TaskState, Ticket, TicketId
from dialer.ports import Claim
from dialer.store import outbox, repository, rows
from dialer.store.effects import appointment_after_call, state_after_call
from dialer.store.tables import AttemptRow, ClaimRow, PhoneRow, TaskRow


async def note_ringing(session: AsyncSession, call_id: CallId, at: datetime) -> None:
    row = await _attempt(session, call_id)
    if row.outcome is None and row.ringing_at is None:
        row.ringing_at = at


async def note_answered(session: AsyncSession, call_id: CallId, at: datetime) -> None:
    row = await _attempt(session, call_id)
    if row.outcome is None and row.answered_at is None:
        row.answered_at = at
        session.add(outbox.row(CallAnswered(at, call_id)))


async def finish(session: AsyncSession, claim: Claim, record: CallRecord) -> list[Ticket]:
    """A second finish of the same call changes nothing and returns the same tickets.

    The lease may have run out meanwhile: a live attempt keeps everybody else away. Raises Fenced
    where the call belongs to another claim or recovery has closed it.
    """
    row = await _attempt(session, record.call_id)
    if row.task_id != claim.task.id or row.task_id != record.task_id:
        raise StoreError(f"call {record.call_id} isn't a call of task {claim.task.id}")
    if row.fence != claim.fence:
        raise Fenced(f"call {record.call_id} was made under another claim of its task")
    if row.recovered:
        raise Fenced(f"recovery has closed call {record.call_id} already")
    if row.outcome is not None:
        return await repository.tickets(session, record.call_id)
    return await _close(session, row, record)


async def close_unknown(session: AsyncSession, record: CallRecord) -> None:
    """Recovery's finish: no claim is needed. A call that is closed already stays as it is."""
    row = await _attempt(session, record.call_id)
    if row.task_id != record.task_id:
        raise StoreError(f"call {record.call_id} isn't a call of task {record.task_id}")
    if row.outcome is None:
        row.recovered = True
        await _close(session, row, record)


async def _attempt(session: AsyncSession, call_id: CallId) -> AttemptRow:
    row = await session.scalar(select(AttemptRow).where(AttemptRow.id == call_id).with_for_update())
    if row is None:
        raise StoreError(f"there is no call {call_id}")
    return row


async def _close(session: AsyncSession, row: AttemptRow, record: CallRecord) -> list[Ticket]:
    task = await session.get_one(TaskRow, row.task_id)
    phones = await session.scalars(
        select(PhoneRow).where(PhoneRow.task_id == task.id).order_by(PhoneRow.position)
    )
    task.appointment = appointment_after_call(rows.task(task, list(phones)), rows.attempt(row), record)
    task.state = state_after_call(TaskState(task.state), record.outcome).value
    _write_attempt(row, record)
    session.add_all(rows.answer_row(record.call_id, n, one) for n, one in enumerate(record.answers))
    tickets = [rows.ticket_row(one) for one in record.tickets]
    session.add_all(tickets)
    if record.recording is not None:
        session.add(rows.recording_row(record.recording))
    await session.execute(delete(ClaimRow).where(ClaimRow.task_id == row.task_id))
    await session.flush()
    issued = [rows.ticket(one) for one in tickets]
    session.add_all(outbox.row(event) for event in _events(record, issued))
    return issued


def _write_attempt(row: AttemptRow, record: CallRecord) -> None:
    row.outcome = record.outcome.value
    row.ringing_at = record.ringing_at or row.ringing_at
    row.answered_at = record.answered_at or row.answered_at
    row.ended_at = record.ended_at
    row.sip_code = record.sip_code
    row.reason = record.reason
    row.appointment = record.appointment
    row.hung_up_by = record.hung_up_by
    row.agent = record.agent
    row.transferred = record.transferred
    row.rtp = None if record.rtp is None else msgspec.json.encode(record.rtp).decode()
    row.script_version = record.script_version


def _events(record: CallRecord, tickets: list[Ticket]) -> list[Event]:
    recording: Recording | None = record.recording
    events: list[Event] = [
        CallEnded(record.ended_at, record.call_id, TaskId(record.task_id), record.outcome),
        *(
            TicketIssued(one.issued_at, TicketId(one.id), record.call_id, one.category, one.major)
            for one in tickets
        ),
    ]
    if recording is not None:
        events.append(RecordingSealed(recording.ended_at, record.call_id, recording.sha256))
    return events
