"""From the claim to the start of a call: several at once, so that the store commits them together.

Each goes through claim and barrier on its own and then waits for its turn: calls leave no faster
than the pacer lets them. ``_AHEAD_S`` worth of them may be with the store, which takes time, but
only ``_LEAD_S`` worth wait for their turn: a verdict must not grow old there.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cached_property

from dialer.errors import UNFORESEEN, Fenced, StoreError
from dialer.livecalls import LiveCalls
from dialer.model import Attempt, CallRecord, Disposition, Task, TaskId
from dialer.policy.pacing import Pacer
from dialer.policy.verdict import Decision, Dial
from dialer.ports import Candidate, Claim, Store

log = logging.getLogger("dialer.scheduler")

_AHEAD_S = 0.3
_LEAD_S = 0.1
_MOST_AHEAD = 64
_SAME_S = 1e-6
"""Times this near are one time: sums of floats differ."""


class Departures:
    """The calls of one node that are being prepared. Use from one event loop."""

    def __init__(
        self,
        store: Store,
        calls: LiveCalls,
        cps: float,
        node: str,
        lease_s: float,
        clock: Callable[[], datetime],
        check: Callable[[Candidate], Decision],
        refused: Callable[[Task, Decision], Awaitable[None]],
        failed: Callable[[Task, Exception], Awaitable[None]],
    ) -> None:
        """``check``: the verdict at the barrier. ``refused`` hears of one that isn't Dial,
        ``failed`` of a fault."""
        self._store, self._calls = store, calls
        self._node, self._lease_s, self._clock = node, lease_s, clock
        self._check, self._refused, self._failed = check, refused, failed
        self._pacer = Pacer(cps)
        self._ahead = max(1, min(_MOST_AHEAD, int(cps * _AHEAD_S)))
        self._most_ready = max(1, math.ceil(cps * _LEAD_S))
        self._ready = 0
        """How many have passed the barrier and wait for their turn."""
        self._gate = asyncio.Lock()
        self._moved = asyncio.Event()
        self._fault: StoreError | None = None
        self._preparing: dict[TaskId, asyncio.Task[None]] = {}
        self._doubtful: list[Claim] = []
        """Claims whose barrier broke off: the attempt row may or may not be there."""

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """Kept: to ask asyncio costs a system call."""
        return asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._preparing)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._preparing

    def begin(self, task: Task) -> None:
        """Claim, barrier, turn, start. Ask for ``room`` first."""
        job = self._loop.create_task(self._prepare(task), name=f"task {task.id}")
        self._preparing[task.id] = job
        job.add_done_callback(lambda job: self._over(task, job))

    async def room(self, closing: Callable[[], bool], waits: Callable[[], None]) -> bool:
        """Until another call may be prepared; False once ``closing`` (tell it by ``moved``).

        ``waits`` is called where there is no room at once. Raises StoreError where the database failed one
        under way.
        """
        loop = self._loop
        while not closing():
            self._raise_fault()
            early_s = self._pacer.wait_s(loop.time()) - _LEAD_S
            few = len(self._preparing) < self._ahead and self._ready < self._most_ready
            if few and early_s <= _SAME_S:
                return True
            waits()
            self._moved.clear()
            alarm = loop.call_later(early_s, self._moved.set) if early_s > _SAME_S else None
            try:
                await self._moved.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()
        return False

    def turn_s(self) -> float:
        """In how many seconds a call would leave that passed the barrier now."""
        behind = self._ready + self._gate.locked()
        return self._pacer.wait_s(self._loop.time()) + behind / self._pacer.cps

    def moved(self) -> None:
        """Something changed for who waits in ``room``."""
        self._moved.set()

    async def until_none(self) -> None:
        while self._preparing:
            await asyncio.wait(self._preparing.values())

    # -- one call ----------------------------------------------------------------------------

    async def _prepare(self, task: Task) -> None:
        """Raises StoreError."""
        claim = await self._store.claim(task.id, self._node, self._lease_s, self._clock())
        if claim is None:
            return
        try:
            decision, attempt = await self._store.barrier(claim, self._check, self._clock())
        except Fenced:
            log.warning("claim lost at the barrier", extra={"task_id": int(task.id)})
        except StoreError:
            self._doubtful.append(claim)
            raise
        except UNFORESEEN as error:
            self._doubtful.append(claim)
            await self._failed(claim.task, error)
        else:
            if attempt is not None and isinstance(decision.verdict, Dial):
                await self._start(claim, attempt, decision.verdict)
            else:
                await self._store.release(claim)
                await self._refused(claim.task, decision)

    async def _start(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        loop = self._loop
        self._ready += 1
        try:
            await self._gate.acquire()
        finally:
            self._ready -= 1
        try:
            while (wait := self._pacer.wait_s(loop.time())) > 0:  # noqa: ASYNC110 - for the time itself
                await asyncio.sleep(wait)
            self._pacer = self._pacer.take(loop.time())
            # From here on it is a live call, and must not be counted twice.
            del self._preparing[claim.task.id]
            self._calls.start(claim, attempt, dial)
        finally:
            self._gate.release()

    def _over(self, task: Task, job: asyncio.Task[None]) -> None:
        self._preparing.pop(task.id, None)
        if not job.cancelled() and (error := job.exception()) is not None:
            if isinstance(error, StoreError):
                self._fault = self._fault or error
            else:
                log.error("call not prepared", extra={"task_id": int(task.id)}, exc_info=error)
        self._moved.set()

    # -- after a fault of the database -------------------------------------------------------

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    async def settle(self) -> None:
        """A barrier whose commit is unknown: no INVITE left, so its row, if any, doesn't count.

        Raises StoreError.
        """
        self._raise_fault()
        while self._doubtful:
            claim = self._doubtful[0]
            row = await self._store.candidate(claim.task.id)
            for attempt in row.attempts if row else ():
                if attempt.live and attempt.id not in self._calls:
                    await self._not_dialled(claim, attempt)
            await self._store.release(claim)
            del self._doubtful[0]

    async def _not_dialled(self, claim: Claim, attempt: Attempt) -> None:
        why = "the database broke off at the barrier; no INVITE left"
        ended = self._clock()
        record = CallRecord(attempt.id, claim.task.id, Disposition.NOT_DIALLED, ended, reason=why)
        try:
            await self._store.finish(claim, record)
        except Fenced:
            log.info("attempt belongs to another claim", extra={"call_id": int(attempt.id)})
