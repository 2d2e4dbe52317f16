"""The calls under way on one node: each with its conductor's work and its lease's renewal."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from dialer.errors import Fenced, StoreError
from dialer.model import Attempt, CallId, CallRecord, Disposition
from dialer.policy.verdict import Dial
from dialer.ports import Claim, Store

log = logging.getLogger("dialer.scheduler")

Conduct = Callable[[Claim, Attempt, Dial], Coroutine[Any, Any, None]]
"""Place the call and see it through to ``Store.finish``; cancelled, it hangs up."""


@dataclass(eq=False, slots=True)
class _Live:
    claim: Claim
    attempt: Attempt
    job: asyncio.Task[None] = field(init=False)
    """The conductor's work; where that ended early, the closing of its row."""
    conducted: bool = True
    """False once ``job`` is the closing."""
    renewing: asyncio.Task[None] | None = None
    """None in the first third of its lease: a call that is over by then needs no renewal."""


class LiveCalls:
    """Starts calls and keeps their leases; an error in one never reaches another."""

    def __init__(
        self,
        store: Store,
        conduct: Conduct,
        lease_s: float,
        clock: Callable[[], datetime],
        over: Callable[[], None],
    ) -> None:
        """``over`` is called at the end of each call."""
        self._store, self._conduct, self._lease_s = store, conduct, lease_s
        self._clock, self._when_over = clock, over
        self._live: dict[CallId, _Live] = {}
        self._leases: deque[tuple[float, _Live]] = deque()
        """When each is to be renewed first, in this order; calls that are over by then are passed by."""
        self._alarm: asyncio.TimerHandle | None = None
        """For the first of them."""

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """Kept: to ask asyncio costs a system call."""
        return asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._live

    def start(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        live = _Live(claim, attempt)
        self._live[attempt.id] = live
        loop = self._loop
        live.job = loop.create_task(self._conduct(claim, attempt, dial))
        live.job.add_done_callback(lambda job: self._conduct_over(live, job))
        self._leases.append((loop.time() + self._lease_s / 3, live))
        if self._alarm is None:
            self._alarm = loop.call_at(self._leases[0][0], self._renew_leases)

    def cancel(self) -> None:
        """End them all: each conductor hangs up and writes its row."""
        for live in self._live.values():
            if live.conducted:
                live.job.cancel()

    async def until_none(self) -> None:
        while self._live:
            await asyncio.wait([live.job for live in self._live.values()])

    def _renew_leases(self) -> None:
        loop, leases = self._loop, self._leases
        while leases and leases[0][0] <= loop.time():
            live = leases.popleft()[1]
            if live.conducted and self._live.get(live.attempt.id) is live:
                self._begin_renewing(live)
        self._alarm = loop.call_at(leases[0][0], self._renew_leases) if leases else None

    def _begin_renewing(self, live: _Live) -> None:
        live.renewing = asyncio.create_task(self._renew(live), name=f"lease of call {live.attempt.id}")
        live.renewing.add_done_callback(lambda renewal: self._renewal_over(live, renewal))

    def _renewal_over(self, live: _Live, renewal: asyncio.Task[None]) -> None:
        """The claim is no longer ours: the call must end."""
        if renewal.cancelled():
            return
        if (failure := renewal.exception()) is not None:
            log.error("renewal failed", extra={"call_id": int(live.attempt.id)}, exc_info=failure)
        if live.conducted:
            live.job.cancel()

    def _conduct_over(self, live: _Live, job: asyncio.Task[None]) -> None:
        if live.renewing is not None:
            live.renewing.cancel()
        failure = None if job.cancelled() else job.exception()
        if failure is not None:
            log.error("call failed", extra={"call_id": int(live.attempt.id)}, exc_info=failure)
        if failure is None and not job.cancelled():
            self._over(live)
            return
        live.conducted = False
        live.job = asyncio.create_task(self._close_unknown(live, "the call's own task ended early"))
        live.job.add_done_callback(lambda _: self._over(live))

    async def _renew(self, live: _Live) -> None:
        """Returns when the claim is no longer ours, and the call must end.

        A lost or slow database doesn't end a call: nobody else claims a task with a live attempt. A
        lease that ran out meanwhile is left to ``finish``, which knows.
        """
        loop = asyncio.get_running_loop()
        cut_off, held_until = False, loop.time() + self._lease_s * 2 / 3
        while True:
            call, asked = {"call_id": int(live.attempt.id)}, loop.time()
            try:
                await self._store.renew(live.claim, self._lease_s)
                cut_off, held_until = False, asked + self._lease_s
            except Fenced:
                if await self._closed(live):
                    await asyncio.Event().wait()  # the conductor is about to return
                # Asked in time, and the answer came when the lease was over: the database's doing.
                cut_off = cut_off or asked < held_until <= loop.time()
                if not cut_off:
                    log.error("claim lost, the call is ended", extra=call)
                    return
                log.warning("lease ran out while the database was away, the call goes on", extra=call)
            except StoreError as error:
                cut_off = True
                log.warning("lease not renewed, the call goes on", extra={**call, "why": str(error)})
            await asyncio.sleep(self._lease_s / 3)

    async def _closed(self, live: _Live) -> bool:
        """Whether the conductor has stored the call: that drops the claim as well."""
        try:
            view = await self._store.call(live.attempt.id)
        except StoreError:
            return False
        return view is not None and view.attempt.outcome not in (None, Disposition.UNKNOWN)

    async def _close_unknown(self, live: _Live, reason: str) -> None:
        """Without this row the customer would count as being in a call until the next start."""
        record = CallRecord(
            live.attempt.id, live.claim.task.id, Disposition.UNKNOWN, self._clock(), reason=reason
        )
        try:
            await self._store.close_unknown(record)
        except StoreError as error:
            extra = {"call_id": int(live.attempt.id), "why": str(error)}
            log.error("call left open, recovery closes it at the next start", extra=extra)

    def _over(self, live: _Live) -> None:
        del self._live[live.attempt.id]
        self._when_over()
