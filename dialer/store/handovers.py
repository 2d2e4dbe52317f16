"""Visits, letters and texts in the database: opened by a verdict, moved by people, counted by the meter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, tzinfo
from typing import Any

import msgspec
from sqlalchemy import CTE, Connection, Row, Select, bindparam, exists, func, insert, or_, select, update

from dialer.errors import IllegalTransition
from dialer.events import Event, HandoverMoved, MethodCapPassed, TaskHandedOver, TicketIssued
from dialer.handover import (
    CLOSED,
    Handover,
    HandoverId,
    HandoverRecord,
    HandoverState,
    HandoverStep,
    HandoverTaken,
    HandoverView,
    Meter,
    WrittenAnswer,
    advance,
    task_after,
)
from dialer.kpi import UNCOUNTED, Method, Month
from dialer.model import Task, TaskId, TaskState, Ticket, TicketId
from dialer.policy.verdict import Decision, Escalate, Finding
from dialer.store import outbox, repository, rows
from dialer.store.tables import (
    ATTEMPTS,
    DECISIONS,
    HANDOVER_STEPS,
    HANDOVERS,
    METER_ALARMS,
    TASKS,
    TICKETS,
    among_ids,
)

_PAGE = (
    select(HANDOVERS)
    .where(
        HANDOVERS.c.channel == bindparam("channel"),
        HANDOVERS.c.state.in_(bindparam("states", expanding=True)),
        HANDOVERS.c.id > bindparam("after"),
    )
    .order_by(HANDOVERS.c.id)
    .limit(bindparam("limit"))
)
_ONE = select(HANDOVERS).where(HANDOVERS.c.id == bindparam("handover"))
_OPEN_OF = (
    select(HANDOVERS)
    .where(among_ids(HANDOVERS.c.task_id), HANDOVERS.c.state.not_in(sorted(state.value for state in CLOSED)))
    .order_by(HANDOVERS.c.id)
    .with_for_update()
)
_WRITE = update(HANDOVERS).where(HANDOVERS.c.id == bindparam("handover"))


def open_(connection: Connection, given: Sequence[tuple[TaskId, Method, datetime]]) -> None:
    """What verdicts or an unsuccessful visit give to another method."""
    if not given:
        return
    connection.execute(
        insert(HANDOVERS),
        [
            {
                "task_id": task,
                "channel": channel.value,
                "state": HandoverState.LISTED.value,
                "opened_at": at,
                "assignee": "",
                "answers": "[]",
                "note": "",
            }
            for task, channel, at in given
        ],
    )
    outbox.put(connection, [TaskHandedOver(at, task, channel.value) for task, channel, at in given])


def page(
    connection: Connection,
    channel: Method,
    states: Collection[HandoverState],
    after: HandoverId,
    limit: int,
) -> list[HandoverView]:
    asked = {"channel": channel.value, "states": sorted(states), "after": after, "limit": limit}
    return _views(connection, connection.execute(_PAGE, asked).all())


def one(connection: Connection, handover_id: HandoverId) -> HandoverView | None:
    found = _views(connection, connection.execute(_ONE, {"handover": handover_id}).all())
    return found[0] if found else None


def history(connection: Connection, handover_id: HandoverId) -> list[HandoverRecord]:
    """Oldest first."""
    found = connection.execute(
        select(HANDOVER_STEPS)
        .where(HANDOVER_STEPS.c.handover_id == handover_id)
        .order_by(HANDOVER_STEPS.c.id)
    )
    return [
        HandoverRecord(
            HandoverStep(row.step),
            HandoverState(row.before),
            HandoverState(row.after),
            row.actor,
            row.at,
            row.note,
            row.account,
        )
        for row in found
    ]


def take_step(
    connection: Connection,
    handover_id: HandoverId,
    taken: HandoverTaken,
    tickets: Sequence[Ticket],
    verification: Task | None,
) -> HandoverView:
    """Raises IllegalTransition."""
    held = connection.execute(_ONE.with_for_update(), {"handover": handover_id}).all()
    if not held:
        raise IllegalTransition(f"there is no hand-over {handover_id}")
    view = _views(connection, held)[0]
    moved = _moved(connection, view.handover, taken, view.task.seller)
    task = task_after(view.task, moved)
    if task != view.task:
        connection.execute(
            update(TASKS)
            .where(TASKS.c.id == task.id)
            .values(state=task.state.value, visit_failed=task.visit_failed)
        )
    if task.state is TaskState.LETTER and view.task.state is not TaskState.LETTER:
        _to_letter(connection, task, taken.at)
    if moved.state is HandoverState.DONE:
        _issue(connection, tickets)
        if verification is not None:
            repository.add_tasks(connection, [verification], taken.at)
    return HandoverView(moved, task)


def withdraw(connection: Connection, task_ids: Sequence[int], by: str, at: datetime, note: str) -> None:
    """Open hand-overs of tasks that need none any more."""
    taken = HandoverTaken(HandoverStep.WITHDRAW, by, at, note)
    for row in connection.execute(_OPEN_OF, {"ids": list(task_ids)}).all():
        _moved(connection, _handover(row), taken, "")


def _to_letter(connection: Connection, task: Task, at: datetime) -> None:
    """R26, said as a verdict would: `dialer why` tells it."""
    why, en = "上门回访不成功,转信函", "the visit was unsuccessful: send a letter"
    verdict = Escalate("letter", "R26", why, en)
    decision = Decision(verdict, (Finding("R26", "escalate", why, en=en),))
    connection.execute(insert(DECISIONS), rows.decision_row(task.id, decision, at))
    open_(connection, [(task.id, Method.LETTER, at)])


def _moved(connection: Connection, before: Handover, taken: HandoverTaken, seller: str) -> Handover:
    after = advance(before, taken, seller)
    connection.execute(
        _WRITE.values(
            state=after.state.value,
            assignee=after.assignee,
            planned=after.planned,
            closed_at=after.closed_at,
            done_on=after.done_on,
            answers=msgspec.json.encode(after.answers).decode(),
            note=after.note,
        ),
        {"handover": before.id},
    )
    connection.execute(
        insert(HANDOVER_STEPS).values(
            handover_id=before.id,
            step=taken.step.value,
            before=before.state.value,
            after=after.state.value,
            actor=taken.by,
            account=taken.account,
            at=taken.at,
            note=taken.note,
        )
    )
    outbox.put(connection, [HandoverMoved(taken.at, before.task_id, before.channel.value, taken.step.value)])
    return after


def _issue(connection: Connection, tickets: Sequence[Ticket]) -> None:
    """R74: a no on paper is a 问题件 too."""
    events: list[Event] = []
    for ticket in repository.repeated(connection, tickets):
        made = connection.execute(
            insert(TICKETS).returning(TICKETS.c.id), rows.ticket_row(ticket)
        ).scalar_one()
        events.append(
            TicketIssued(ticket.issued_at, TicketId(made), ticket.call_id, ticket.category, ticket.major)
        )
    outbox.put(connection, events)


def _views(connection: Connection, found: Sequence[Row[Any]]) -> list[HandoverView]:
    tasks = repository.tasks_by_id(connection, sorted({row.task_id for row in found}))
    return [HandoverView(_handover(row), tasks[TaskId(row.task_id)]) for row in found]


def _handover(row: Row[*tuple[Any, ...]]) -> Handover:
    return Handover(
        id=HandoverId(row.id),
        task_id=TaskId(row.task_id),
        channel=Method(row.channel),
        state=HandoverState(row.state),
        opened_at=row.opened_at,
        assignee=row.assignee,
        planned=row.planned,
        closed_at=row.closed_at,
        done_on=row.done_on,
        answers=msgspec.json.decode(row.answers, type=tuple[WrittenAnswer, ...]),
        note=row.note,
    )


# --- the meter ----------------------------------------------------------------------------------


def last_of_month(month: Month, zone: tzinfo) -> Select[Any]:
    """(task_id, handover): of each task that was given to another method in the month, or whose visit,
    letter or text came to its end in it, the last such hand-over."""
    begin, end = month.begin(zone), month.end(zone)
    touched = or_(
        (HANDOVERS.c.opened_at >= begin) & (HANDOVERS.c.opened_at < end),
        (HANDOVERS.c.closed_at >= begin) & (HANDOVERS.c.closed_at < end),
    )
    return (
        select(HANDOVERS.c.task_id, func.max(HANDOVERS.c.id).label("handover"))
        .where(touched, HANDOVERS.c.state != HandoverState.WITHDRAWN.value)
        .group_by(HANDOVERS.c.task_id)
    )


def meter(connection: Connection, month: Month, zone: tzinfo) -> Meter:
    """R8 for one month, all campaigns."""
    given: CTE = last_of_month(month, zone).cte("given")
    in_month = (
        ATTEMPTS.c.slot >= f"{month}-",
        ATTEMPTS.c.slot < f"{month.after:%Y-%m}-",
        ATTEMPTS.c.outcome.not_in(sorted(one.value for one in UNCOUNTED)),
    )
    rung = exists().where(ATTEMPTS.c.task_id == given.c.task_id, *in_month)
    by_channel = (
        select(HANDOVERS.c.channel, func.count().label("tasks"), func.count().filter(~rung).label("unrung"))
        .select_from(given.join(HANDOVERS, HANDOVERS.c.id == given.c.handover))
        .group_by(HANDOVERS.c.channel)
    )
    found = {row.channel: row for row in connection.execute(by_channel)}
    called: int = connection.execute(
        select(func.count(ATTEMPTS.c.task_id.distinct())).where(*in_month)
    ).scalar_one()

    def tasks(method: Method) -> int:
        return int(found[method.value].tasks) if method.value in found else 0

    return Meter(
        called_back=called + sum(row.unrung for row in found.values()),
        visits=tasks(Method.VISIT),
        letters=tasks(Method.LETTER),
    )


def tell_meter(connection: Connection, month: Month, found: Meter, at: datetime) -> bool:
    told = select(METER_ALARMS.c.month).where(METER_ALARMS.c.month == str(month)).with_for_update()
    if connection.execute(told).first() is not None:
        return False
    connection.execute(insert(METER_ALARMS).values(month=str(month), told_at=at))
    outbox.put(connection, [MethodCapPassed(at, str(month), found.visits + found.letters, found.called_back)])
    return True
