"""The heartbeat: asks for due tasks, asks the verdict, claims, and hands each call to the conductor.

It decides nothing itself. A call leaves only after ``Store.barrier`` has asked the verdict again
on fresh rows and written the attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from dialer.departures import Departures
from dialer.errors import UNFORESEEN, StoreError
from dialer.lanes import Lanes
from dialer.livecalls import Conduct, LiveCalls
from dialer.means import Approval, Destination, Means, Staff
from dialer.model import Task, TaskId, TaskState
from dialer.policy.calendar import Calendar
from dialer.policy.deadlines import call_order
from dialer.policy.ruling import INTERNAL_ERROR, Inputs, finding_of
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Hearing, Refuse, Verdict, Wait, hear
from dialer.ports import Archive, Candidate, Store, Trunk
from dialer.refused import Refused
from dialer.ruleskept import RulesKept

log = logging.getLogger("dialer.scheduler")


class Campaigns(Protocol):
    """What the scheduler asks of the campaigns. Refreshed as often as the heart beats."""

    async def refresh(self) -> None:
        """Raises StoreError."""
        ...

    def running(self) -> Collection[str]:
        """The campaigns whose tasks are looked at."""
        ...

    def settings(self, campaign: str) -> PolicySettings:
        """The rules as the campaign narrows them; the same object until they change."""
        ...


PER_LINE = 4
"""How many tasks are looked at for each free line: some will have to wait."""
_NOW = timedelta()
_SOON = timedelta(seconds=1)
"""So near to the last permitted moment, the time until the call leaves is counted."""


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """How this node works through the queue."""

    node: str
    """Name of this node in claims; unique among the nodes of one database."""
    heartbeat_s: float = 1.0
    """Seconds between two looks at the queue; ``wake()`` looks at once."""
    lease_s: float = 30.0
    """How long a claim holds without renewal; renewed three times in that span while the call lives."""
    cps: float = 2.0
    """Calls started per second at most."""
    lines: int = 10
    """Calls at once at most."""
    batch: int = 50
    """Tasks looked at in one heartbeat."""
    calls_per_agent: float = 0.0
    """R46, R54: at most so many calls for each agent who could take one over; 0: agents don't bound calls."""
    refused_recheck_s: float = 15.0
    """How often one refused task of each campaign and rule is asked again; where its answer has changed, all
    that were refused are."""
    store_backoff_s: float = 1.0
    """First pause after a database error; doubles up to ``store_backoff_max_s``."""
    store_backoff_max_s: float = 30.0
    """Longest pause after database errors."""

    def __post_init__(self) -> None:
        if not self.node:
            raise ValueError("node: empty; give each node its own name")
        for name in ("heartbeat_s", "lease_s", "cps", "store_backoff_s", "store_backoff_max_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not above 0")
        for name in ("lines", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is below 1")
        if not 0 <= self.calls_per_agent <= 100:
            raise ValueError(f"calls_per_agent: {self.calls_per_agent} is not in 0..100")
        if not 1 <= self.refused_recheck_s <= 86_400:
            raise ValueError(f"refused_recheck_s: {self.refused_recheck_s} is not in 1..86400 seconds")


class Scheduler:
    """``run`` until stopped; ``drain`` before leaving. One per node."""

    def __init__(
        self,
        store: Store,
        trunk: Trunk,
        archive: Archive,
        conduct: Conduct,
        calendar: Calendar,
        settings: PolicySettings,
        config: SchedulerConfig,
        clock: Callable[[], datetime],
        approval: Approval,
        destination: Destination = lambda _number: "",
        staff: Staff = lambda: (0, 0),
        campaigns: Campaigns | None = None,
    ) -> None:
        """``campaigns``: None where every task may be looked at, by the same rules."""
        self._store, self._calendar, self._settings, self._config = store, calendar, settings, config
        self._clock, self._campaigns = clock, campaigns
        self._rules = RulesKept(settings, calendar, self._settings_of)
        self._means = Means(
            trunk, archive, calendar, settings, config.lines, config.calls_per_agent, clock, approval,
            destination, staff,
        )  # fmt: skip
        self._calls = LiveCalls(store, conduct, config.lease_s, clock, over=self.wake)
        self._departures = Departures(
            store, self._calls, config.cps, config.node, config.lease_s, clock,
            check=self._check_departure,
            refused=self._refused_at_barrier,
            failed=self._set_aside,
        )  # fmt: skip
        self._wake, self._drain = asyncio.Event(), asyncio.Event()
        self._beat = asyncio.Lock()
        """Held while a heartbeat works."""
        self._chosen: dict[TaskId, tuple[Hearing, Inputs]] = {}
        """By which verdict each task in preparation was chosen, until its barrier."""
        self._refused = Refused(store, config.refused_recheck_s, self._verdict)
        self._lanes = Lanes(calendar, self._settings_of, clock, config.heartbeat_s)

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """Kept: to ask asyncio costs a system call."""
        return asyncio.get_running_loop()

    @property
    def live(self) -> int:
        """Calls under way."""
        return len(self._calls)

    @property
    def draining(self) -> bool:
        return self._drain.is_set()

    def wake(self) -> None:
        """Look at the queue now instead of at the next heartbeat."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set or ``drain`` is called; then returns once no call is live."""
        watch = asyncio.create_task(self._stop_with(stop))
        campaigns = asyncio.create_task(self._watch_campaigns())
        pause = self._config.store_backoff_s
        try:
            while not self.draining:
                self._wake.clear()
                try:
                    async with self._beat:
                        await self._heartbeat()
                except StoreError as error:
                    log.error("database error, no new calls", extra={"why": str(error), "retry_s": pause})
                    await self._until(self._drain, pause)
                    pause = min(pause * 2, self._config.store_backoff_max_s)
                    continue
                pause = self._config.store_backoff_s
                if not self._wake.is_set():
                    await self._rest(self._lanes.rest_s())
            await self._until_idle()
        finally:
            watch.cancel()
            campaigns.cancel()

    async def drain(self, timeout: float) -> int:
        """No new calls from now on; wait for the live ones. Returns how many live on after ``timeout``."""
        self._begin_draining()
        try:
            async with asyncio.timeout(timeout):
                await self._until_idle()
        except TimeoutError:
            log.warning("calls still live after draining", extra={"live": self.live})
        return self.live

    async def abort(self) -> None:
        """End every live call now: each conductor hangs up and writes its row."""
        self._begin_draining()
        async with self._beat:
            await self._departures.until_none()
            await asyncio.sleep(0)  # a call started just now must have begun, or it can't clean up
            self._calls.cancel()
        await self._until_idle()

    def _begin_draining(self) -> None:
        self._drain.set()
        self._wake.set()
        self._departures.moved()

    async def _until_idle(self) -> None:
        async with self._beat:
            await self._departures.until_none()
        await self._calls.until_none()

    async def _stop_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._begin_draining()

    async def _watch_campaigns(self) -> None:
        """Beside the heartbeat, which lasts as long as the pace lets calls leave: who is paused meanwhile
        isn't called any more."""
        while self._campaigns is not None:
            before = self._running()
            try:
                await self._campaigns.refresh()
            except StoreError as error:
                log.warning("campaigns not looked up", extra={"why": str(error)})
            if self._running() != before:
                self.wake()
            await asyncio.sleep(self._config.heartbeat_s)

    def _settings_of(self, campaign: str) -> PolicySettings:
        return self._campaigns.settings(campaign) if self._campaigns else self._settings

    def _running(self) -> Collection[str] | None:
        return None if self._campaigns is None else frozenset(self._campaigns.running())

    async def _rest(self, seconds: float) -> None:
        """Until ``wake``, or so long."""
        alarm = self._loop.call_later(seconds, self.wake)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    async def _until(self, event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    # -- one heartbeat -----------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        """Raises StoreError."""
        await self._departures.settle()
        if self._chosen:
            self._chosen = {key: heard for key, heard in self._chosen.items() if key in self._departures}
        now, running = self._clock(), self._running()
        await self._rules.keep(self._store, running or (), now)
        free = self._free()
        if free == 0 or self._means.blocked():
            return  # nothing to decide: the order of the queue stands
        more = await self._refused.recheck(self._loop.time(), self._config.batch)
        limit = min(self._config.batch, PER_LINE * free) + len(self._departures) + more
        found = await self._store.candidates(
            now, limit, running, self._lanes.reachable(now), self._config.node
        )
        keeping: list[Awaitable[bool]] = []
        kept: list[bool] = []
        try:
            begun = await self._take_turns(found, now, keeping)
        finally:
            if len(keeping) == 1:  # as a rule: whose call has just ended
                kept = [await keeping[0]]
            elif keeping:
                kept = await asyncio.gather(*keeping)
        if more or (len(found) >= limit and (begun or any(kept)) and self._free()):
            # There may be more. Where no line is free, the end of a call wakes; one that comes free otherwise
            # (a task that another node has, a no at the barrier, an agent) is seen at the next heartbeat.
            self.wake()

    async def _take_turns(
        self, found: Sequence[Candidate], now: datetime, keeping: list[Awaitable[bool]]
    ) -> int:
        """Prepare a call for each that may be dialled; ``keeping``: to record what the others wait for.

        Raises StoreError.
        """
        begun = 0

        def keep_meanwhile() -> None:
            keeping[:] = map(asyncio.ensure_future, keeping)

        if len(found) > 1:
            found = sorted(found, key=lambda c: self._order(c, now))
        for one in found:
            if one.task.id in self._departures:
                continue
            if (
                not await self._departures.room(self._drain.is_set, keep_meanwhile)
                or not self._free()
                or self._means.blocked()
            ):
                return begun
            try:
                heard, inputs = self._hear(one, len(self._departures))
            except UNFORESEEN as error:
                keeping.append(self._fail(one.task, error))
                continue
            if isinstance(heard.verdict, Dial):
                self._chosen[one.task.id] = heard, inputs
                self._departures.begin(one.task)
                begun += 1
            else:
                keeping.append(self._keep(one.task, heard.decision(inputs)))
                self._means.note(heard.verdict)
        return begun

    def _order(self, one: Candidate, now: datetime) -> tuple[object, ...]:
        """Who was promised a time first, then by deadline, then by tier."""
        appointment = one.task.appointment
        order = call_order(one.task, one.attempts, now, self._settings.tiers)
        return (appointment is None or appointment > now, *order)

    def _free(self) -> int:
        return self._means.free(self.live, len(self._departures))

    def _hear(
        self,
        one: Candidate,
        preparing: int,
        ahead: timedelta = _NOW,
        before: tuple[Hearing, Inputs] | None = None,
    ) -> tuple[Hearing, Inputs]:
        """The verdict on these rows with what this node has, at this moment or a little later.

        ``preparing``: the other calls that have a line in view. ``before``: what was heard of the task; the
        rules aren't asked again where nothing that they look at has changed, not even the time.
        """
        resources, now = self._means.for_task(one.task, self.live, preparing), self._clock()
        if ahead:
            now += ahead
        about = (one.task, one.attempts, one.customer_attempts)
        settings, rules = self._rules.of(one.task.campaign)
        inputs = Inputs(now, *about, resources, rules.fingerprint)
        if before is not None and before[1] == inputs:
            return before[0], inputs
        return hear(*about, now, self._calendar, settings, resources), inputs

    def _verdict(self, one: Candidate) -> Verdict | None:
        try:
            return self._hear(one, 0)[0].verdict
        except UNFORESEEN:
            return None  # the queue shows the task again, and it is set aside with a line in the log

    def _check_departure(self, one: Candidate) -> Decision:
        """The verdict at the barrier: it must hold when the call's turn comes, too."""
        others = len(self._departures) - 1
        heard, inputs = self._hear(one, others, before=self._chosen.pop(one.task.id, None))
        ahead = timedelta(seconds=self._departures.turn_s())
        if isinstance(heard.verdict, Dial) and ahead and self._ends_soon(heard.verdict):
            heard, inputs = self._hear(one, others, ahead)
        return heard.decision(inputs)

    def _ends_soon(self, dial: Dial) -> bool:
        return self._clock() + self._settings.ring_total > dial.window_end - _SOON

    async def _keep(self, task: Task, decision: Decision) -> bool:
        """Record what isn't a call. Returns whether the task is out of the way now. Raises StoreError."""
        if task.state is not TaskState.OPEN:
            return False
        await self._store.record_decision(task.id, decision, self._clock())
        if isinstance(decision.verdict, Refuse):
            self._refused.note(task, decision.verdict)
        return True

    async def _refused_at_barrier(self, task: Task, decision: Decision) -> None:
        self._means.note(decision.verdict)
        await self._keep(task, decision)

    async def _set_aside(self, task: Task, error: Exception) -> None:
        """A fault of the program at this task: it waits, the others go on. Raises StoreError."""
        log.error("task set aside", extra={"task_id": int(task.id)}, exc_info=error)
        now, kind = self._clock(), type(error).__name__
        why, en = f"程序内部错误({kind}),见日志", f"internal error ({kind}), see the log"
        wait = Wait(now + timedelta(seconds=self._settings.fault_recheck_s), INTERNAL_ERROR, why, en)
        decision = Decision(wait, (finding_of(wait),))
        await self._store.record_decision(task.id, decision, now)

    async def _fail(self, task: Task, error: Exception) -> bool:
        await self._set_aside(task, error)
        return True
