"""Claims and the barrier: at most one INVITE per attempt row, at most one live call per customer.

A claim is a lease on the database's clock with a fence that grows with every claim of the task.
Each function does the work of many callers in its caller's write transaction; what it gives for a
caller may be an error, which is that caller's alone. Callers of one function are about different tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from dialer.errors import Fenced
from dialer.events import CallDialled
from dialer.kpi import Method
from dialer.model import Attempt, CallId, TaskId, TaskState
from dialer.policy.ruling import ONE_LIVE_CALL
from dialer.policy.verdict import Decision, Dial, Verdict, Wait
from dialer.ports import Candidate, Claim
from dialer.store import effects, handovers, outbox, queue, repository, rows
from dialer.store.config import StoreConfig
from dialer.store.effects import PARKED, channel_of, differs, hidden_until, state_after_verdict
from dialer.store.tables import (
    ATTEMPTS,
    CLAIMS,
    DECISIONS,
    LONG_AGO,
    TASKS,
    UtcDateTime,
    among_ids,
    db_now,
    long_ago,
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
class BarrierAsked:
    claim: Claim
    check: Callable[[Candidate], Decision]
    now: datetime


@dataclass(frozen=True, slots=True)
class DecisionMade:
    task_id: TaskId
    decision: Decision
    now: datetime


@dataclass(frozen=True, slots=True)
class RenewalAsked:
    claim: Claim
    lease_s: float


Passage = tuple[Decision, Attempt | None]
"""What the barrier says: with an attempt, an INVITE may leave."""

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
_HELD_TASKS = select(TASKS).where(among_ids(TASKS.c.id)).order_by(TASKS.c.id).with_for_update()
_HELD_BY_CLAIM = (
    repository.WHOLE.add_columns(CLAIMS.c.fence.label("held"), CLAIMS.c.node.label("held_by"))
    .join_from(TASKS, CLAIMS, CLAIMS.c.task_id == TASKS.c.id)
    .where(among_ids(TASKS.c.id), CLAIMS.c.lease_until > db_now())
    .order_by(TASKS.c.id)
    .with_for_update()
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
_LAST_SAID = select(
    DECISIONS.c.id,
    DECISIONS.c.task_id,
    DECISIONS.c.kind,
    DECISIONS.c.rule,
    DECISIONS.c.why,
    DECISIONS.c.en,
    DECISIONS.c.until,
    DECISIONS.c.number,
    DECISIONS.c.slot,
    DECISIONS.c.channel,
).where(
    DECISIONS.c.id.in_(
        select(func.max(DECISIONS.c.id)).where(among_ids(DECISIONS.c.task_id)).group_by(DECISIONS.c.task_id)
    )
)
_SAY = insert(DECISIONS)
_MOVE = (
    update(TASKS)
    .where(TASKS.c.id == bindparam("task"))
    .values(hidden_until=bindparam("hidden", type_=UtcDateTime()), state=bindparam("becomes"))
)
_DIAL = {
    "sqlite": sqlite.insert(ATTEMPTS).on_conflict_do_nothing().returning(ATTEMPTS),
    "postgresql": postgresql.insert(ATTEMPTS).on_conflict_do_nothing().returning(ATTEMPTS),
}
_WAITED = (
    select(TASKS.c.id)
    .where(queue.waited(bindparam("now", type_=UtcDateTime())))
    .order_by(TASKS.c.hidden_until, TASKS.c.deadline, TASKS.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_WAKE = update(TASKS).where(TASKS.c.id.in_(_WAITED)).values(hidden_until=long_ago())
_PARKED = (
    select(TASKS.c.id)
    .where(queue.waits(), TASKS.c.hidden_until == bindparam("parked", PARKED, type_=UtcDateTime()))
    .order_by(TASKS.c.deadline, TASKS.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_UNPARK = update(TASKS).where(TASKS.c.id.in_(_PARKED)).values(hidden_until=long_ago())


def wake(connection: Connection, now: datetime, limit: int) -> None:
    """Put tasks whose Wait verdict is over back among the ready ones, longest over first."""
    connection.execute(_WAKE, {"now": now, "limit": limit})


def reconsider(connection: Connection, limit: int) -> int:
    """Put so many of the refused tasks back among the ready ones, the nearest deadline first."""
    return connection.execute(_UNPARK, {"limit": limit}).rowcount


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


def barrier(
    connection: Connection, asked: Sequence[BarrierAsked], in_loop: InLoop, config: StoreConfig
) -> list[Passage | BaseException]:
    # While the claim is held nobody else writes attempts of its task: what is read with the lock is fresh.
    found = {row.id: row for row in connection.execute(_HELD_BY_CLAIM, {"ids": _tasks_of(asked)})}
    fresh = {TaskId(key): repository.candidate_of(row) for key, row in found.items()}
    results: dict[TaskId, Passage | BaseException] = {}
    to_check: list[BarrierAsked] = []
    for one in asked:
        claim = one.claim
        mine = found.get(claim.task.id)
        if mine is None or (mine.held, mine.held_by) != (claim.fence, claim.node):
            why = f"task {claim.task.id}: the claim with fence {claim.fence} is over"
            results[claim.task.id] = Fenced(why)
        elif any(attempt.live for attempt in fresh[claim.task.id].attempts):
            results[claim.task.id] = Fenced(f"task {claim.task.id}: this claim has its call already")
        else:
            to_check.append(one)
    checked = _checked(to_check, fresh, in_loop)
    results |= {task: said for task, said in checked.items() if isinstance(said, BaseException)}
    decisions = {task: said for task, said in checked.items() if isinstance(said, Decision)}
    _one_call_per_customer(asked, decisions, found, fresh, results, config)
    calls = _dial(connection, asked, decisions, found, config)
    made = [
        DecisionMade(one.claim.task.id, decisions[one.claim.task.id], one.now)
        for one in asked
        if one.claim.task.id in decisions
    ]
    _keep(connection, made, found, config)
    for task, decision in decisions.items():
        results[task] = (decision, calls.get(task))
    return [results[one.claim.task.id] for one in asked]


def _tasks_of(asked: Sequence[BarrierAsked]) -> list[int]:
    return [one.claim.task.id for one in asked]


def _checked(
    asked: Sequence[BarrierAsked], fresh: dict[TaskId, Candidate], in_loop: InLoop
) -> dict[TaskId, Decision | BaseException]:
    """All verdicts in one visit to the event loop: their caller's objects live there."""
    said: dict[TaskId, Decision | BaseException] = {}

    def check() -> None:
        for one in asked:
            task = one.claim.task.id
            try:
                said[task] = one.check(fresh[task])
            except Exception as error:  # noqa: BLE001 - it goes to its caller, and to nobody else
                said[task] = error

    if asked:
        in_loop(check)
    return said


def _one_call_per_customer(
    asked: Sequence[BarrierAsked],
    decisions: dict[TaskId, Decision],
    found: dict[int, Row[Any]],
    fresh: dict[TaskId, Candidate],
    results: dict[TaskId, Passage | BaseException],
    config: StoreConfig,
) -> None:
    """What ``check`` let pass and the rows don't: a closed task, a customer who is in a call."""
    busy: set[str] = set()
    for one in asked:
        task = one.claim.task.id
        if task not in decisions or not isinstance(decisions[task].verdict, Dial):
            continue
        if found[task].state != TaskState.OPEN.value:
            del decisions[task]
            results[task] = Fenced(f"task {task} isn't open any more")
            continue
        customer = found[task].customer_key
        if customer in busy or any(attempt.live for attempt in fresh[task].customer_attempts):
            decisions[task] = _customer_busy(decisions[task], one.now, config)
        busy.add(customer)


def _dial(
    connection: Connection,
    asked: Sequence[BarrierAsked],
    decisions: dict[TaskId, Decision],
    found: dict[int, Row[Any]],
    config: StoreConfig,
) -> dict[TaskId, Attempt]:
    """Write the attempts. Another node's call to a customer, not seen before, changes the decision."""
    new = [
        _attempt(one, decision.verdict, found[one.claim.task.id])
        for one in asked
        if (decision := decisions.get(one.claim.task.id)) and isinstance(decision.verdict, Dial)
    ]
    if not new:
        return {}
    # One order of customers for all nodes, so that none waits for another in a circle.
    new.sort(key=lambda values: str(values["customer_key"]))
    written = connection.execute(_DIAL[connection.dialect.name], new).all()
    calls = {TaskId(row.task_id): rows.attempt(row) for row in written}
    ids = {values["task_id"] for values in new}
    for one in asked:
        task = one.claim.task.id
        if task in ids and task not in calls:
            decisions[task] = _customer_busy(decisions[task], one.now, config)
    outbox.put(
        connection, [CallDialled(call.invited_at, CallId(call.id), task) for task, call in calls.items()]
    )
    return calls


def _attempt(asked: BarrierAsked, verdict: Dial, row: Row[Any]) -> rows.Values:
    return {
        "task_id": row.id,
        "customer_key": row.customer_key,
        "number": verdict.number.e164,
        "pass_no": row.pass_no,
        "slot": verdict.slot,
        "node": asked.claim.node,
        "fence": asked.claim.fence,
        "invited_at": asked.now,
        "sip_code": 0,
        "reason": "",
        "hung_up_by": "",
        "agent": "",
        "transferred": False,
        "script_version": "",
        "recovered": False,
    }


def _customer_busy(decision: Decision, now: datetime, config: StoreConfig) -> Decision:
    """``check`` let it pass; the table never does."""
    until = now + timedelta(seconds=config.customer_busy_wait_s)
    return effects.stopped_by(decision, Wait(until, ONE_LIVE_CALL, *effects.CUSTOMER_BUSY))


def record_decision(
    connection: Connection, made: Sequence[DecisionMade], _: InLoop, config: StoreConfig
) -> list[None]:
    ids = [one.task_id for one in made]
    found = {row.id: row for row in connection.execute(_HELD_TASKS, {"ids": ids})}
    _keep(connection, [one for one in made if one.task_id in found], found, config)
    return [None for _ in made]


def _keep(
    connection: Connection, made: Sequence[DecisionMade], found: dict[int, Row[Any]], config: StoreConfig
) -> None:
    """Write what says something new, and what it changes in the task."""
    if not made:
        return
    last: dict[int, Verdict] = {
        row.task_id: rows.verdict(row)
        for row in connection.execute(_LAST_SAID, {"ids": [one.task_id for one in made]})
    }
    said = [
        rows.decision_row(one.task_id, one.decision, one.now)
        for one in made
        if differs(one.decision.verdict, last.get(one.task_id))
    ]
    if said:
        connection.execute(_SAY, said)
    moved: list[rows.Values] = []
    given: list[tuple[TaskId, Method, datetime]] = []
    for one in made:
        row, verdict = found[one.task_id], one.decision.verdict
        state = state_after_verdict(TaskState(row.state), verdict, config.excluding_rules)
        hidden = hidden_until(state, verdict) or LONG_AGO
        if (hidden, state.value) != (row.hidden_until, row.state):
            moved.append({"task": one.task_id, "hidden": hidden, "becomes": state.value})
        if state.value != row.state and (channel := channel_of(verdict)) is not None:
            given.append((one.task_id, channel, one.now))
    if moved:
        connection.execute(_MOVE, moved)
    handovers.open_(connection, given)


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
