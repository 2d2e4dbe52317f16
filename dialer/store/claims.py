"""Claims and the barrier: at most one INVITE per attempt row, at most one live call per customer.

A claim is a lease on the database's clock with a fence that grows with every claim of the task.
Each function runs in its caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialer.errors import Fenced
from dialer.events import CallDialled
from dialer.model import Attempt, CallId, TaskId, TaskState
from dialer.policy.ruling import ONE_LIVE_CALL
from dialer.policy.verdict import Decision, Dial, Finding, Wait
from dialer.ports import Candidate, Claim
from dialer.store import outbox, repository, rows
from dialer.store.config import StoreConfig
from dialer.store.effects import differs, state_after_verdict
from dialer.store.tables import LONG_AGO, AttemptRow, ClaimRow, DecisionRow, TaskRow, db_now


async def claim(
    session: AsyncSession, task_id: TaskId, node: str, lease_s: float, now: datetime
) -> Claim | None:
    row = await session.scalar(
        select(TaskRow)
        .where(
            TaskRow.id == task_id,
            TaskRow.state == TaskState.OPEN.value,
            ~repository.live_attempt(),
            ~exists().where(ClaimRow.task_id == TaskRow.id, ClaimRow.lease_until > db_now()),
        )
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    # What is left in the way can only be a lease that ran out.
    await session.execute(delete(ClaimRow).where(ClaimRow.task_id == task_id))
    row.fence += 1
    session.add(
        ClaimRow(task_id=row.id, node=node, fence=row.fence, lease_until=db_now() + lease_s, claimed_at=now)
    )
    await session.flush()
    found = (await repository.candidates_of(session, [row]))[0]
    return Claim(found.task, row.fence, node)


async def barrier(
    session: AsyncSession,
    claim: Claim,
    check: Callable[[Candidate], Decision],
    now: datetime,
    config: StoreConfig,
) -> tuple[Decision, Attempt | None]:
    row = await session.scalar(select(TaskRow).where(TaskRow.id == claim.task.id).with_for_update())
    held = await session.scalar(
        select(ClaimRow.task_id).where(
            ClaimRow.task_id == claim.task.id,
            ClaimRow.fence == claim.fence,
            ClaimRow.node == claim.node,
            ClaimRow.lease_until > db_now(),
        )
    )
    if row is None or held is None:
        raise Fenced(f"task {claim.task.id}: the claim with fence {claim.fence} is over")
    fresh = (await repository.candidates_of(session, [row]))[0]
    if any(attempt.live for attempt in fresh.attempts):
        raise Fenced(f"task {claim.task.id}: this claim has its call already")
    decision = check(fresh)
    if isinstance(decision.verdict, Dial) and row.state != TaskState.OPEN.value:
        raise Fenced(f"task {claim.task.id} isn't open any more")
    if isinstance(decision.verdict, Dial) and any(attempt.live for attempt in fresh.customer_attempts):
        decision = _customer_busy(decision, now, config)
    await _keep_decision(session, row, decision, now, config)
    if not isinstance(decision.verdict, Dial):
        return decision, None
    attempt = AttemptRow(
        task_id=row.id,
        customer_key=row.customer_key,
        number=decision.verdict.number.e164,
        pass_no=row.pass_no,
        slot=decision.verdict.slot,
        node=claim.node,
        fence=claim.fence,
        invited_at=now,
        sip_code=0,
        reason="",
        hung_up_by="",
        agent="",
        transferred=False,
        script_version="",
        recovered=False,
    )
    session.add(attempt)
    await session.flush()
    session.add(outbox.row(CallDialled(now, CallId(attempt.id), TaskId(row.id))))
    return decision, rows.attempt(attempt)


def _customer_busy(decision: Decision, now: datetime, config: StoreConfig) -> Decision:
    """``check`` let it pass; the table never does."""
    why = "another call to this customer is under way"
    until = now + timedelta(seconds=config.customer_busy_wait_s)
    return Decision(
        Wait(until, ONE_LIVE_CALL, why), (*decision.findings, Finding(ONE_LIVE_CALL, "wait", why))
    )


async def record_decision(
    session: AsyncSession, task_id: TaskId, decision: Decision, now: datetime, config: StoreConfig
) -> None:
    row = await session.scalar(select(TaskRow).where(TaskRow.id == task_id).with_for_update())
    if row is not None:
        await _keep_decision(session, row, decision, now, config)


async def _keep_decision(
    session: AsyncSession, row: TaskRow, decision: Decision, now: datetime, config: StoreConfig
) -> None:
    verdict = decision.verdict
    last = await session.scalar(
        select(DecisionRow).where(DecisionRow.task_id == row.id).order_by(DecisionRow.id.desc()).limit(1)
    )
    if differs(verdict, None if last is None else rows.decision(last).verdict):
        session.add(rows.decision_row(TaskId(row.id), decision, now))
    row.hidden_until = verdict.until if isinstance(verdict, Wait) else LONG_AGO
    row.state = state_after_verdict(TaskState(row.state), verdict, config.excluding_rules).value


async def renew(session: AsyncSession, claim: Claim, lease_s: float) -> None:
    """Raises Fenced also where the lease ran out and nobody has taken the task yet."""
    renewed = await session.scalar(
        update(ClaimRow)
        .where(
            ClaimRow.task_id == claim.task.id,
            ClaimRow.fence == claim.fence,
            ClaimRow.lease_until > db_now(),
        )
        .values(lease_until=db_now() + lease_s)
        .returning(ClaimRow.task_id)
    )
    if renewed is None:
        raise Fenced(f"task {claim.task.id}: the claim with fence {claim.fence} is over")


async def release(session: AsyncSession, claim: Claim) -> None:
    """An unused claim goes; one with a live call stays until the call is finished."""
    await session.execute(
        delete(ClaimRow).where(
            ClaimRow.task_id == claim.task.id,
            ClaimRow.fence == claim.fence,
            ~repository.live_attempt(ClaimRow.task_id),
        )
    )


async def drop_claims(session: AsyncSession, node: str) -> int:
    gone = await session.scalars(
        delete(ClaimRow)
        .where(ClaimRow.node == node, ~repository.live_attempt(ClaimRow.task_id))
        .returning(ClaimRow.task_id)
    )
    return len(gone.all())
