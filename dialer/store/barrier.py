"""The barrier: at most one INVITE per attempt row, at most one live call per customer.

As in ``claims``, the work of many callers in one write transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
)
from sqlalchemy.dialects import postgresql, sqlite

from dialer.errors import Fenced
from dialer.events import CallDialled
from dialer.model import Attempt, CallId, TaskId, TaskState
from dialer.policy.ruling import ONE_LIVE_CALL
from dialer.policy.verdict import Decision, Dial, Wait
from dialer.ports import Candidate, Claim
from dialer.store import decided, effects, outbox, repository, rows
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig
from dialer.store.tables import (
    ATTEMPTS,
    CLAIMS,
    TASKS,
    among_ids,
    db_now,
)


@dataclass(frozen=True, slots=True)
class BarrierAsked:
    claim: Claim
    check: Callable[[Candidate], Decision]
    now: datetime


Passage = tuple[Decision, Attempt | None]
"""What the barrier says: with an attempt, an INVITE may leave."""

_HELD_BY_CLAIM = (
    repository.WHOLE.add_columns(CLAIMS.c.fence.label("held"), CLAIMS.c.node.label("held_by"))
    .join_from(TASKS, CLAIMS, CLAIMS.c.task_id == TASKS.c.id)
    .where(among_ids(TASKS.c.id), CLAIMS.c.lease_until > db_now())
    .order_by(TASKS.c.id)
    .with_for_update()
)
_DIAL = {
    "sqlite": sqlite.insert(ATTEMPTS).on_conflict_do_nothing().returning(ATTEMPTS),
    "postgresql": postgresql.insert(ATTEMPTS).on_conflict_do_nothing().returning(ATTEMPTS),
}


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
        decided.DecisionMade(one.claim.task.id, decisions[one.claim.task.id], one.now)
        for one in asked
        if one.claim.task.id in decisions
    ]
    decided.keep(connection, made, found, config)
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
