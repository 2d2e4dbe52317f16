"""Claims: who works at a task, as a lease on the database's clock with a fence that grows with every claim.

Each function does the work of many callers in its caller's write transaction; what it gives for a
caller may be an error, which is that caller's alone. Callers of one function are about different tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    DateTime,
    Float,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from dialer.errors import Fenced
from dialer.model import TaskId, TaskState
from dialer.ports import Claim
from dialer.store import repository, rows
from dialer.store.tables import (
    CLAIMS,
    TASKS,
    among_ids,
    db_now,
)

InLoop = Callable[[Callable[[], None]], None]
"""Runs a function in the event loop and returns once it has returned."""


@dataclass(frozen=True, slots=True)
class ClaimAsked:
    task_id: TaskId
    node: str
    lease_s: float
    now: datetime


@dataclass(frozen=True, slots=True)
class RenewalAsked:
    claim: Claim
    lease_s: float


_CLAIMABLE = (
    select(TASKS.c.id)
    .where(
        among_ids(TASKS.c.id),
        # Not to be found by its state: that is every open task.
        func.coalesce(TASKS.c.state, "") == TaskState.OPEN.value,
        ~repository.live_attempt(TASKS.c.id),
        ~repository.leased(TASKS.c.id),
    )
    .order_by(TASKS.c.id)
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(TASKS)
    .where(TASKS.c.id.in_(_CLAIMABLE))
    .values(fence=TASKS.c.fence + 1)
    .returning(TASKS, repository.PHONES_OF)
)
_NEW_CLAIM = ("task_id", "node", "fence", "lease_until", "claimed_at")


def _or_renewed(made: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """Only a lease that ran out makes room."""
    fresh = {name: made.excluded[name] for name in _NEW_CLAIM[1:]}
    over = CLAIMS.c.lease_until <= db_now()
    return made.on_conflict_do_update(index_elements=["task_id"], set_=fresh, where=over)


_CLAIM = _or_renewed(sqlite.insert(CLAIMS).values(lease_until=db_now() + bindparam("lease_s")))


_ASKED: dict[str, TypeEngine[Any]] = {
    "ids": Integer(), "node": Text(), "lease_s": Float(), "claimed_at": DateTime(timezone=True)
}  # fmt: skip


def _claim_in_one() -> Select[Any]:
    """SQL, PostgreSQL: take, and what was taken, in one statement and so in one round trip.

    A claim that was made meanwhile, too late to be seen, stays: its task is left out.
    """
    asked = func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _ASKED.items()))
    one = asked.table_valued(
        *(column(name, kind) for name, kind in _ASKED.items()), name="asked"
    ).render_derived()
    taken = _TAKE.cte("taken")
    values = select(
        taken.c.id, one.c.node, taken.c.fence, db_now() + one.c.lease_s, one.c.claimed_at
    ).join_from(taken, one, one.c.ids == taken.c.id)
    made = _or_renewed(postgresql.insert(CLAIMS).from_select(_NEW_CLAIM, values))
    claimed = made.returning(CLAIMS.c.task_id).cte("claimed")
    return select(taken).join_from(taken, claimed, claimed.c.task_id == taken.c.id)


_CLAIM_IN_ONE = _claim_in_one()
_HELD = (
    select(CLAIMS.c.task_id, CLAIMS.c.fence, CLAIMS.c.node)
    .where(among_ids(CLAIMS.c.task_id), CLAIMS.c.lease_until > db_now())
    .order_by(CLAIMS.c.task_id)
    .with_for_update()
)
_RENEW = (
    update(CLAIMS)
    .where(CLAIMS.c.task_id == bindparam("task"))
    .values(lease_until=db_now() + bindparam("lease_s"))
)
_RELEASE = delete(CLAIMS).where(
    CLAIMS.c.task_id == bindparam("task"),
    CLAIMS.c.fence == bindparam("held"),
    ~repository.live_attempt(CLAIMS.c.task_id),
)


def claim(connection: Connection, asked: Sequence[ClaimAsked], _: InLoop) -> list[Claim | None]:
    claimed = _claimed_in_one if connection.dialect.name == "postgresql" else _claimed
    found = {row.id: row for row in claimed(connection, asked)}
    return [
        None if row is None else Claim(rows.task(row), row.fence, one.node)
        for one in asked
        for row in (found.get(one.task_id),)
    ]


def _claimed_in_one(connection: Connection, asked: Sequence[ClaimAsked]) -> Sequence[Row[Any]]:
    values = {
        "ids": [one.task_id for one in asked],
        "node": [one.node for one in asked],
        "lease_s": [one.lease_s for one in asked],
        "claimed_at": [one.now for one in asked],
    }
    return connection.execute(_CLAIM_IN_ONE, values).all()


def _claimed(connection: Connection, asked: Sequence[ClaimAsked]) -> Sequence[Row[Any]]:
    """On SQLite nobody else can write between the two statements."""
    found = connection.execute(_TAKE, {"ids": [one.task_id for one in asked]}).all()
    fences = {row.id: row.fence for row in found}
    new = [
        {
            "task_id": one.task_id,
            "node": one.node,
            "fence": fences[one.task_id],
            "lease_s": one.lease_s,
            "claimed_at": one.now,
        }
        for one in asked
        if one.task_id in fences
    ]
    if new:
        connection.execute(_CLAIM, new)
    return found


def renew(connection: Connection, asked: Sequence[RenewalAsked], _: InLoop) -> list[Fenced | None]:
    """Fenced also where the lease ran out and nobody has taken the task yet."""
    ids = [one.claim.task.id for one in asked]
    held = {row.task_id: row.fence for row in connection.execute(_HELD, {"ids": ids})}
    ours = [one for one in asked if held.get(one.claim.task.id) == one.claim.fence]
    if ours:
        connection.execute(_RENEW, [{"task": one.claim.task.id, "lease_s": one.lease_s} for one in ours])
    return [
        None
        if one in ours
        else Fenced(f"task {one.claim.task.id}: the claim with fence {one.claim.fence} is over")
        for one in asked
    ]


def release(connection: Connection, claims: Sequence[Claim], _: InLoop) -> list[None]:
    """An unused claim goes; one with a live call stays until the call is finished."""
    connection.execute(_RELEASE, [{"task": one.task.id, "held": one.fence} for one in claims])
    return [None for _ in claims]


def drop_claims(connection: Connection, node: str) -> int:
    gone = connection.execute(
        delete(CLAIMS)
        .where(CLAIMS.c.node == node, ~repository.live_attempt(CLAIMS.c.task_id))
        .returning(CLAIMS.c.task_id)
    )
    return len(gone.all())
