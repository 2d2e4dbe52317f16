"""A month's counts, aggregated by the database: a million calls never become Python rows.

A call belongs to the month of its slot's day, which is the customer's own; an event of the office
(a hand-over, an import, a recording) to the month in the house's zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)

from dialer.handover import HandoverState
from dialer.kpi import ANSWERED, UNCOUNTED, CallCount, Cause, Method, Month, MonthCount, Slice, Tally
from dialer.model import ALL_SIGNATURES, AUDIT_CATEGORY, Disposition, TaskState
from dialer.store.handovers import last_of_month
from dialer.store.tables import ATTEMPTS, HANDOVERS, NO_DEADLINE, RECORDINGS, TASKS, TICKETS
from dialer.tickets import TicketState

_DIMENSIONS = (TASKS.c.branch, TASKS.c.channel, TASKS.c.product, TASKS.c.seller)
_COUNTED = ATTEMPTS.c.outcome.not_in(sorted(one.value for one in UNCOUNTED))
"""Of a live call nobody knows yet: NULL is in no list and out of none."""
_COMPLETED = ATTEMPTS.c.outcome == literal(Disposition.COMPLETED.value, literal_execute=True)
"""Written out: only so does SQLite see that the index of completed calls serves."""
_ANSWERED = ATTEMPTS.c.outcome.in_(sorted(one.value for one in ANSWERED))
_FOUND = TICKETS.c.category != AUDIT_CATEGORY
"""Found by a call; a ticket about our own recording is nobody's 问题件 (R14)."""
_SETTLED = TICKETS.c.status == TicketState.CLOSED.value
_HANDED_TO = (Method.VISIT, Method.LETTER, Method.TEXT)
_SHORTLY = timedelta(days=2)
"""A ticket is issued when its call ends: narrows the search before the slot decides."""

Key = tuple[str, str, str, str]
Counts = dict[str, int]


def month_count(
    connection: Connection, month: Month, zone: tzinfo, *, campaign: str = "", open_is_success: bool = False
) -> MonthCount:
    """All of one month. ``campaign`` empty: all of them.

    ``open_is_success``: whether a call-back counts as a success while a ticket of it isn't closed.
    """
    # Parts before their wholes: what a running daemon adds meanwhile can't make a part the larger one.
    found = (
        _tickets(month, zone, campaign),
        _handed_over(month, zone, campaign),
        _called(month, campaign),
        _due(month, zone, campaign, open_is_success),
    )
    slices = _merged(connection, found)
    recorded = connection.execute(_recordings(month, zone, campaign)).one()
    return MonthCount(
        month=month,
        campaign=campaign,
        slices=tuple(_slice(key, slices[key]) for key in sorted(slices)),
        calls=tuple(
            CallCount(row.slot, Disposition(row.outcome), row.calls)
            for row in connection.execute(_outcomes(month, campaign))
        ),
        causes=tuple(
            Cause(row.category, row.question, row.tickets, row.settled, row.major)
            for row in connection.execute(_causes(month, zone, campaign))
        ),
        recordings=recorded.recordings,
        talk_s=float(recorded.talk_s or 0),
    )


def month_calls(connection: Connection, month: Month, campaign: str = "") -> list[int]:
    """Ids of the month's finished calls that count as attempts, oldest first."""
    query: Select[Any] = select(ATTEMPTS.c.id).where(*_in_month(month), _COUNTED).order_by(ATTEMPTS.c.id)
    return list(connection.execute(_of_campaign(query, ATTEMPTS.c.task_id, campaign)).scalars())


def month_conversations(connection: Connection, month: Month) -> list[int]:
    """Of these, the ones in which somebody was spoken with, in the same order."""
    query = select(ATTEMPTS.c.id).where(*_in_month(month), _ANSWERED).order_by(ATTEMPTS.c.id)
    return list(connection.execute(query).scalars())


def _merged(connection: Connection, queries: Iterable[Select[Any]]) -> dict[Key, Counts]:
    """Of each slice what the queries counted: their columns are the four dimensions, then the counts."""
    merged: dict[Key, Counts] = defaultdict(Counts)
    for query in queries:
        found = connection.execute(query)
        names = list(found.keys())[len(_DIMENSIONS) :]
        for row in found:
            counts = merged[row[0], row[1], row[2], row[3]]
            for name, value in zip(names, row[len(_DIMENSIONS) :], strict=True):
                counts[name] = counts.get(name, 0) + int(value)
    return merged


def _slice(key: Key, counts: Counts) -> Slice:
    called, rung = counts.pop("called", 0), counts.pop("rung_and_handed", 0)
    return Slice(*key, Tally(by_phone=called - rung, **counts))


# --- the queries ---------------------------------------------------------------------------------


def _in_month(month: Month) -> tuple[ColumnElement[bool], ...]:
    return (ATTEMPTS.c.slot >= f"{month}-", ATTEMPTS.c.slot < f"{month.after:%Y-%m}-")


def _of_campaign(query: Select[Any], task_id: ColumnElement[int], campaign: str) -> Select[Any]:
    if not campaign:
        return query
    return query.where(exists().where(TASKS.c.id == task_id, TASKS.c.campaign == campaign))


def _once(query: Select[Any], name: str) -> CTE:
    """Worked out once, not in every place that names its columns."""
    return query.cte(name).prefix_with("MATERIALIZED")


def _count(condition: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    return func.count() if condition is None else func.count().filter(condition)


def _due(month: Month, zone: tzinfo, campaign: str, open_is_success: bool) -> Select[Any]:
    called = select(func.substr(func.min(ATTEMPTS.c.slot), 1, 10)).where(
        ATTEMPTS.c.task_id == TASKS.c.id, _COMPLETED
    )
    on_paper = select(cast(func.min(HANDOVERS.c.done_on), Text)).where(
        HANDOVERS.c.task_id == TASKS.c.id, HANDOVERS.c.state == HandoverState.DONE.value
    )
    done = func.coalesce(called.scalar_subquery(), on_paper.scalar_subquery())
    left_open: ColumnElement[bool] = (
        false()
        if open_is_success
        else exists().where(TICKETS.c.task_id == TASKS.c.id, not_(_SETTLED), _FOUND)
    )
    imported = and_(TASKS.c.imported_at >= month.begin(zone), TASKS.c.imported_at < month.end(zone))
    query = select(
        *_DIMENSIONS,
        done.label("done"),
        left_open.label("left_open"),
        cast(TASKS.c.cooling_off_end, Text).label("last_day"),
        TASKS.c.state,
        TASKS.c.surrendered,
    ).where(
        or_(
            and_(TASKS.c.deadline >= month.first, TASKS.c.deadline < month.after),
            and_(TASKS.c.deadline == NO_DEADLINE, imported),
        ),
        not_(and_(TASKS.c.waiver, TASKS.c.waiver_signatures == ",".join(ALL_SIGNATURES))),
    )
    if campaign:
        query = query.where(TASKS.c.campaign == campaign)
    found = _once(query, "due")
    success = and_(found.c.done.is_not(None), not_(found.c.left_open))
    missed = or_(found.c.done.is_(None), found.c.left_open)
    declined = found.c.state == TaskState.REFUSED.value
    return _by_dimensions(
        found,
        _count().label("due"),
        _count(success).label("successes"),
        _count(and_(success, found.c.done <= found.c.last_day)).label("in_cooling_off"),
        _count(and_(missed, declined)).label("refused"),
        _count(and_(missed, not_(declined), found.c.surrendered)).label("surrendered"),
    )


def _by_dimensions(found: FromClause, *counts: ColumnElement[int]) -> Select[Any]:
    names = [found.c[column.name] for column in _DIMENSIONS]
    # A seller works in one branch and channel: compared first, the others seldom need to be.
    return select(*names, *counts).group_by(*reversed(names))


def _called(month: Month, campaign: str) -> Select[Any]:
    made = _once(
        select(ATTEMPTS.c.task_id, _count().label("calls"), _count(_ANSWERED).label("answered"))
        .where(*_in_month(month), _COUNTED)
        .group_by(ATTEMPTS.c.task_id),
        "made",
    )
    query = (
        select(
            *_DIMENSIONS,
            _count().label("called"),
            func.sum(made.c.calls).label("calls"),
            func.sum(made.c.answered).label("answered"),
            _count(made.c.answered > 0).label("reached"),
        )
        .select_from(made.join(TASKS, TASKS.c.id == made.c.task_id))
        .group_by(*reversed(_DIMENSIONS))
    )
    return query.where(TASKS.c.campaign == campaign) if campaign else query


def _handed_over(month: Month, zone: tzinfo, campaign: str) -> Select[Any]:
    """Tasks that the month gave to a visit, letter or text, or for which one ended in it (R25, R26, R37)."""
    last = _once(last_of_month(month, zone), "handed")
    rung = exists().where(ATTEMPTS.c.task_id == TASKS.c.id, *_in_month(month), _COUNTED)
    query = (
        select(
            *_DIMENSIONS,
            *(_count(HANDOVERS.c.channel == one.value).label(f"by_{one.value}") for one in _HANDED_TO),
            _count(rung).label("rung_and_handed"),
        )
        .select_from(
            last.join(HANDOVERS, HANDOVERS.c.id == last.c.handover).join(TASKS, TASKS.c.id == last.c.task_id)
        )
        .group_by(*reversed(_DIMENSIONS))
    )
    return query.where(TASKS.c.campaign == campaign) if campaign else query


def _from_tickets(query: Select[Any], month: Month, zone: tzinfo, campaign: str) -> Select[Any]:
    on_paper = and_(
        TICKETS.c.call_id.is_(None),
        TICKETS.c.issued_at >= month.begin(zone),
        TICKETS.c.issued_at < month.end(zone),
    )
    query = query.select_from(
        TICKETS.outerjoin(ATTEMPTS, ATTEMPTS.c.id == TICKETS.c.call_id).join(
            TASKS, TASKS.c.id == TICKETS.c.task_id
        )
    ).where(
        TICKETS.c.issued_at >= month.begin(zone) - _SHORTLY,
        TICKETS.c.issued_at < month.end(zone) + _SHORTLY,
        or_(and_(*_in_month(month), _COUNTED), on_paper),
        _FOUND,
    )
    return query.where(TASKS.c.campaign == campaign) if campaign else query


def _tickets(month: Month, zone: tzinfo, campaign: str) -> Select[Any]:
    query = select(
        *_DIMENSIONS,
        _count().label("tickets"),
        _count(_SETTLED).label("settled"),
        func.count(TICKETS.c.task_id.distinct()).label("with_ticket"),
    ).group_by(*reversed(_DIMENSIONS))
    return _from_tickets(query, month, zone, campaign)


def _causes(month: Month, zone: tzinfo, campaign: str) -> Select[Any]:
    query = (
        select(
            TICKETS.c.category,
            TICKETS.c.question,
            _count().label("tickets"),
            _count(_SETTLED).label("settled"),
            _count(TICKETS.c.major).label("major"),
        )
        .group_by(TICKETS.c.category, TICKETS.c.question)
        .order_by(_count().desc(), TICKETS.c.category, TICKETS.c.question)
    )
    return _from_tickets(query, month, zone, campaign)


def _outcomes(month: Month, campaign: str) -> Select[Any]:
    query = (
        select(ATTEMPTS.c.slot, ATTEMPTS.c.outcome, _count().label("calls"))
        .where(*_in_month(month), ATTEMPTS.c.outcome.is_not(None))
        .group_by(ATTEMPTS.c.slot, ATTEMPTS.c.outcome)
        .order_by(ATTEMPTS.c.slot, ATTEMPTS.c.outcome)
    )
    return _of_campaign(query, ATTEMPTS.c.task_id, campaign)


def _recordings(month: Month, zone: tzinfo, campaign: str) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [
        _count().label("recordings"),
        func.sum(RECORDINGS.c.duration_s).label("talk_s"),
    ]
    query = select(*columns).where(
        RECORDINGS.c.started_at >= month.begin(zone), RECORDINGS.c.started_at < month.end(zone)
    )
    if campaign:
        query = query.join(ATTEMPTS, ATTEMPTS.c.id == RECORDINGS.c.call_id)
    return _of_campaign(query, ATTEMPTS.c.task_id, campaign)
