"""The end of calls in one transaction: attempts, answers, tickets, recordings, tasks, claims, outbox.

As in ``claims``, each function does the work of many callers, who are about different calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from dialer.errors import Fenced, StoreError
from dialer.events import CallAnswered, CallEnded, Event, RecordingSealed, TicketIssued
from dialer.model import CallId, CallRecord, TaskId, TaskState, Ticket, TicketId
from dialer.ports import Claim
from dialer.store import outbox, repository, rows, search
from dialer.store.claims import InLoop
from dialer.store.effects import appointment_after_call, pass_after_call, state_after_call
from dialer.store.tables import (
    ANSWERS,
    ATTEMPTS,
    CLAIMS,
    RECORDINGS,
    TASKS,
    TICKETS,
    UtcDateTime,
    among_ids,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """Ringing or, with ``answered``, the answer."""

    call_id: CallId
    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """``claim`` is None where recovery closes the call."""

    claim: Claim | None
    record: CallRecord


_HELD = select(ATTEMPTS).where(among_ids(ATTEMPTS.c.id)).order_by(ATTEMPTS.c.id).with_for_update()
_HELD_TASKS = (
    select(
        TASKS.c.id,
        TASKS.c.state,
        TASKS.c.appointment,
        TASKS.c.pass_no,
        TASKS.c.tier,
        TASKS.c.due,
        TASKS.c.cooling_off_end,
    )
    .where(among_ids(TASKS.c.id))
    .order_by(TASKS.c.id)
    .with_for_update()
)
_RANG = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("call")).values(ringing_at=bindparam("at"))
_WAS_ANSWERED = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("call")).values(answered_at=bindparam("at"))
_END = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("call"))
"""Sets the columns that the parameters name."""
_MOVE = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("task"))
    .values(
        state=bindparam("becomes"),
        appointment=bindparam("agreed", type_=UtcDateTime()),
        pass_no=bindparam("next_pass"),
    )
)
_UNCLAIM = delete(CLAIMS).where(among_ids(CLAIMS.c.task_id))


def note(connection: Connection, noted: Sequence[Noted], _: InLoop) -> list[StoreError | None]:
    found = _calls(connection, [one.call_id for one in noted])
    rang: list[rows.Values] = []
    answered: list[rows.Values] = []
    events: list[Event] = []
    for one in noted:
        row = found.get(one.call_id)
        if row is None or row.outcome is not None:
            continue
        if not one.answered and row.ringing_at is None:
            rang.append({"call": one.call_id, "at": one.at})
        elif one.answered and row.answered_at is None:
            answered.append({"call": one.call_id, "at": one.at})
            events.append(CallAnswered(one.at, one.call_id))
    if rang:
        connection.execute(_RANG, rang)
    if answered:
        connection.execute(_WAS_ANSWERED, answered)
    outbox.put(connection, events)
    return [None if one.call_id in found else _no_call(one.call_id) for one in noted]


def finish(
    connection: Connection, finished: Sequence[Finished], _: InLoop, number_key: bytes
) -> list[list[Ticket] | StoreError]:
    """A second finish of the same call changes nothing and returns the same tickets.

    The lease may have run out meanwhile: a live attempt keeps everybody else away. Fenced where
    the call belongs to another claim or recovery has closed it.
    """
    found = _calls(connection, [one.record.call_id for one in finished])
    results: dict[CallId, list[Ticket] | StoreError] = {}
    ended: list[tuple[Row[Any], Finished]] = []
    known: list[CallId] = []
    for one in finished:
        row = found.get(one.record.call_id)
        if row is None:
            results[one.record.call_id] = _no_call(one.record.call_id)
        elif (refusal := _refusal(row, one)) is not None:
            results[one.record.call_id] = refusal
        elif row.outcome is not None:
            known.append(one.record.call_id)
        else:
            ended.append((row, one))
    if known:
        before = repository.tickets_of(connection, known)
        results |= {call: before[call] for call in known}
    if ended:
        results |= _close(connection, ended)
        search.put(connection, [one.record.call_id for _, one in ended], number_key)
    return [results[one.record.call_id] for one in finished]


def _calls(connection: Connection, ids: Sequence[int]) -> dict[int, Row[Any]]:
    return {row.id: row for row in connection.execute(_HELD, {"ids": sorted(set(ids))})}


def _no_call(call_id: CallId) -> StoreError:
    return StoreError(f"there is no call {call_id}")


def _refusal(row: Row[Any], finished: Finished) -> StoreError | None:
    claim, record = finished.claim, finished.record
    task = record.task_id if claim is None else claim.task.id
    if row.task_id != task or row.task_id != record.task_id:
        return StoreError(f"call {record.call_id} isn't a call of task {task}")
    if claim is None:
        return None
    if row.fence != claim.fence:
        return Fenced(f"call {record.call_id} was made under another claim of its task")
    if row.recovered:
        return Fenced(f"recovery has closed call {record.call_id} already")
    return None


def _close(
    connection: Connection, ended: Sequence[tuple[Row[Any], Finished]]
) -> dict[CallId, list[Ticket] | StoreError]:
    records = [one.record for _, one in ended]
    ids = [record.task_id for record in records]
    tasks: dict[int, Any] = {row.id: row for row in connection.execute(_HELD_TASKS, {"ids": sorted(ids)})}
    connection.execute(_END, [_ending(row, one) for row, one in ended])
    moved = []
    for row, one in ended:
        task = tasks[row.task_id]
        agreed = appointment_after_call(task, row, one.record)  # type: ignore[arg-type]  # its columns
        recurs, outcome = rows.recurs(task), one.record.outcome
        state = state_after_call(TaskState(task.state), outcome, recurs).value
        pass_no = pass_after_call(task.pass_no, outcome, recurs)
        if (agreed, state, pass_no) != (task.appointment, task.state, task.pass_no):
            moved.append({"task": task.id, "becomes": state, "agreed": agreed, "next_pass": pass_no})
    if moved:
        connection.execute(_MOVE, moved)
    connection.execute(_UNCLAIM, {"ids": ids})
    answers = [
        rows.answer_row(record.call_id, n, answer)
        for record in records
        for n, answer in enumerate(record.answers)
    ]
    if answers:
        connection.execute(insert(ANSWERS), answers)
    recordings = [rows.recording_row(record.recording) for record in records if record.recording is not None]
    if recordings:
        connection.execute(insert(RECORDINGS), recordings)
    issued = _issue(connection, records)
    outbox.put(connection, [event for record in records for event in _events(record, issued[record.call_id])])
    return {record.call_id: issued[record.call_id] for record in records}


def _ending(row: Row[Any], one: Finished) -> rows.Values:
    record = one.record
    return {
        "call": record.call_id,
        **rows.attempt_values(record),
        "ringing_at": record.ringing_at or row.ringing_at,
        "answered_at": record.answered_at or row.answered_at,
        "recovered": one.claim is None,
    }


def _issue(connection: Connection, records: Sequence[CallRecord]) -> dict[CallId, list[Ticket]]:
    issued = [ticket for record in records for ticket in record.tickets]
    if not issued:
        return {record.call_id: [] for record in records}
    new = [rows.ticket_row(ticket) for ticket in repository.repeated(connection, issued)]
    connection.execute(insert(TICKETS), new)
    stored = repository.tickets_of(connection, [record.call_id for record in records])
    return {record.call_id: stored[record.call_id] for record in records}


def _events(record: CallRecord, tickets: list[Ticket]) -> list[Event]:
    recording = record.recording
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
