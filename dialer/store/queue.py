"""The queue: which tasks are to be looked at next, found by its indexes however many there are.

Open tasks that don't wait stand in lanes, each in order of its deadlines. Of the lanes that somebody may be
called in now, the first few are read; the others cost nothing, however long they are. Which lanes there are
is looked up once a second, and whenever no task is found.

Where several nodes work, each reads the first few of its own share too, by the tasks' numbers, and they go
before others with the same deadline. It is a preference and no more: who has which task the claim decides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from dialer.model import TaskState
from dialer.ports import Candidate, Lane, Reachable
from dialer.store import rows
from dialer.store.repository import WHOLE, candidate_of, leased, live_attempt
from dialer.store.tables import CLAIMS, TASKS, UtcDateTime, among_texts, json_list, json_lists, long_ago


def _open(tasks: FromClause) -> ColumnElement[bool]:
    """Written out, as the queue's partial indexes say it: of a parameter no planner knows that they serve."""
    return tasks.c.state == literal_column(f"'{TaskState.OPEN.value}'")


def waits() -> ColumnElement[bool]:
    """SQL: an open task isn't ready, in the words of the index ``ix_tasks_waiting``."""
    return and_(_open(TASKS), TASKS.c.hidden_until > long_ago())


def waited(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """SQL: the wait of an open task is over."""
    return and_(waits(), TASKS.c.hidden_until <= now)


def _ready(tasks: FromClause) -> ColumnElement[bool]:
    """SQL: a task is open and doesn't wait, in the words of the index ``ix_tasks_ready``."""
    return and_(_open(tasks), tasks.c.hidden_until == long_ago())


_READY = _ready(TASKS)
_FREE = and_(~leased(TASKS.c.id), ~live_attempt(TASKS.c.id))
_ONE: ColumnElement[int] = literal_column("1")
"""A limit that the planner knows: of a parameter it expects a tenth of the table."""
_LANE = (TASKS.c.campaign, TASKS.c.zone, TASKS.c.segment)
_NOW = bindparam("now", type_=UtcDateTime())


def _lanes() -> CTE:
    """All lanes that have a ready task: from each one step through the index to the next."""
    first = select(*_LANE).where(_READY, TASKS.c.campaign >= "").order_by(*_LANE).limit(_ONE).subquery()
    lanes = select(first).cte("lanes", recursive=True)
    # The next segment of the zone, else the next zone of the campaign, else the next campaign: one
    # comparison of all three would walk through the index.
    following = func.coalesce(*(_following(lanes, same) for same in (2, 1, 0)))
    return lanes.union_all(select(*_LANE).join_from(lanes, TASKS, TASKS.c.id == following))


def _following(lanes: CTE, same: int) -> ScalarSelect[int]:
    """A task of the next lane that has the first ``same`` columns in common."""
    after = TASKS.alias("after")
    column = [after.c[one.name] for one in _LANE]
    shared = (column[n] == lanes.c[_LANE[n].name] for n in range(same))
    query = select(after.c.id).where(_ready(after), *shared, column[same] > lanes.c[_LANE[same].name])
    return query.order_by(*column[same:]).limit(_ONE).correlate(lanes).scalar_subquery()


_LANES_NOW = _lanes()
_LANES: ScalarSelect[str] = (
    select(json_lists(json_list(*_LANES_NOW.c))).select_from(_LANES_NOW).scalar_subquery()
)


def _nodes() -> CTE:
    """Every node that has claims, one step through their index for each."""
    first = select(func.min(CLAIMS.c.node).label("node")).cte("nodes", recursive=True)
    after = CLAIMS.alias("after")
    following = select(func.min(after.c.node)).where(after.c.node > first.c.node).scalar_subquery()
    return first.union_all(select(following).where(first.c.node.is_not(None)))


_NODES_NOW = _nodes()
_NODES: ScalarSelect[str] = (
    select(json_lists(json_list(_NODES_NOW.c.node))).where(_NODES_NOW.c.node.is_not(None)).scalar_subquery()
)
_FIRST_WAIT = select(TASKS.c.hidden_until).where(waits()).order_by(TASKS.c.hidden_until).limit(_ONE)
_WAITED = (_FIRST_WAIT.scalar_subquery() <= _NOW).label("waited")
"""SQL: somebody's wait is over."""
_SURVEY = (_WAITED, _LANES.label("lanes"), _NODES.label("nodes"))
"""And the lanes that have a ready task, and who is at work."""
_SURVEY_EVERY = timedelta(seconds=1)
_KEYS = (TASKS.c.id, TASKS.c.appointment, TASKS.c.deadline)
_DUE = (
    select(*_KEYS)
    .where(
        _open(TASKS),
        TASKS.c.appointment.is_not(None),
        TASKS.c.appointment <= _NOW,
        TASKS.c.hidden_until <= _NOW,
        _FREE,
    )
    .order_by(TASKS.c.appointment)
    .limit(bindparam("limit"))
)


_DUE_OF = _DUE.where(among_texts(func.coalesce(TASKS.c.campaign, ""), "campaigns"))
"""Found by appointment alone, not by campaign."""


def _head_of_lane(number: int) -> Select[Any]:
    """The first tasks of the lane that the parameters of that number name."""
    names = (f"{column.name}{number}" for column in _LANE)
    same = (column == bindparam(name) for column, name in zip(_LANE, names, strict=True))
    query = select(*_KEYS).where(_READY, *same, _FREE)
    return query.order_by(TASKS.c.deadline, TASKS.c.id).limit(bindparam("limit"))


def _others(tasks: FromClause) -> ColumnElement[int]:
    """SQL: 0 where a task is in this node's share, else 1."""
    share = tasks.c.id % bindparam("nodes", type_=Integer())
    return case((share == bindparam("share", type_=Integer()), 0), else_=1)


@cache
def _heads(lanes: int, of_some: bool, survey: bool, shared: bool) -> Select[Any]:
    """Agreed times that are due, then what so many lanes have due first, each with all that belongs to it.

    ``of_some``: of the parameter ``campaigns`` alone. ``survey``: with all lanes and the nodes at work;
    ``shared``: of those with one deadline this node's share goes first.
    """
    parts = [_DUE_OF if of_some else _DUE, *(_head_of_lane(number) for number in range(lanes))]
    if shared:
        parts += [_head_of_lane(number).where(_others(TASKS) == 0) for number in range(lanes)]
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    order: list[ColumnElement[Any]] = [case((found.c.appointment <= _NOW, 0), else_=1), found.c.deadline]
    order += [_others(found), found.c.id] if shared else [found.c.id]
    whole = select(found.c.id)
    if shared:  # a task of this node's share may stand at the head of all, too
        whole = whole.group_by(found.c.id, found.c.appointment, found.c.deadline)
    first = whole.order_by(*order).limit(bindparam("limit"))
    query = WHOLE.add_columns(*(_SURVEY if survey else (_WAITED,))).where(TASKS.c.id.in_(first))
    return query.order_by(TASKS.c.deadline, *([_others(TASKS)] if shared else []), TASKS.c.id)


_DECODER = msgspec.json.Decoder(list[tuple[str, str, str]])
_NAMES = msgspec.json.Decoder(list[tuple[str]])


@dataclass(frozen=True, slots=True)
class Asked:
    """As ``ports.Store.candidates``."""

    now: datetime
    limit: int
    campaigns: Collection[str] | None
    reachable: Reachable
    node: str = ""

    def wants(self, lane: Lane) -> bool:
        return (self.campaigns is None or lane.campaign in self.campaigns) and self.reachable(lane)


class Queue:
    """Reads the queue. It remembers which lanes and nodes there were: as long as the lanes are the same, and
    nobody's wait is over, one statement brings everything."""

    def __init__(self) -> None:
        self._lanes: tuple[Lane, ...] = ()
        self._nodes: list[str] = []
        self._surveyed_at: datetime | None = None

    def read(self, connection: Connection, asked: Asked, *, woken: bool = False) -> list[Candidate] | None:
        """Ready tasks of lanes that are asked for, earliest deadline first; agreed times that are due are
        among them anyway. None: some task's wait is over, ``decided.wake`` first (or say that you did).
        """
        survey = woken or self._outdated(asked.now)
        found = self._heads(connection, asked, survey)
        said = found[0] if found else connection.execute(select(*_SURVEY), {"now": asked.now}).one()
        if said.waited and not woken:
            return None
        if (survey or not found) and self._note(said, asked):
            found = self._heads(connection, asked, survey=False)
        return [candidate_of(row) for row in found]

    def _outdated(self, now: datetime) -> bool:
        at = self._surveyed_at
        return at is None or not at <= now < at + _SURVEY_EVERY

    def _note(self, said: Row[*tuple[Any, ...]], asked: Asked) -> bool:
        """Keep what the survey found. Whether there are other lanes than before."""
        self._surveyed_at = asked.now
        before, self._lanes = self._lanes, _lanes_of(said.lanes)
        if asked.node:
            self._nodes = sorted({asked.node, *(name for (name,) in _NAMES.decode(said.nodes or "[]"))})
        return set(self._lanes) != set(before)

    def _heads(self, connection: Connection, asked: Asked, survey: bool) -> Sequence[Row[Any]]:
        values: rows.Values = {"now": asked.now, "limit": asked.limit}
        if asked.campaigns is not None:
            values["campaigns"] = sorted(asked.campaigns)
        lanes = [lane for lane in self._lanes if asked.wants(lane)]
        for n, lane in enumerate(lanes):
            values |= {f"campaign{n}": lane.campaign, f"zone{n}": lane.zone, f"segment{n}": lane.segment}
        shared = asked.node in self._nodes and len(self._nodes) > 1
        if shared:
            values |= {"nodes": len(self._nodes), "share": self._nodes.index(asked.node)}
        query = _heads(len(lanes), asked.campaigns is not None, survey, shared)
        return connection.execute(query, values).all()


def _lanes_of(text: str | None) -> tuple[Lane, ...]:
    return tuple(Lane(*names) for names in _DECODER.decode(text)) if text else ()
