"""The heartbeat: asks for due tasks, asks the verdict, claims, and hands each call to the conductor.

It decides nothing itself. A call leaves only after ``Store.barrier`` has asked the verdict again
on fresh rows and written the attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from dialer.departures import UNFORESEEN, Departures
from dialer.errors import StoreError
from dialer.livecalls import Conduct, LiveCalls
from dialer.model import PhoneNumber, Task, TaskState
from dialer.policy.calendar import Calendar
from dialer.policy.deadlines import call_order
from dialer.policy.pacing import lines_free
from dialer.policy.ruling import INTERNAL_ERROR, Inputs, finding_of
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Resources, Wait, decide
from dialer.ports import Archive, Candidate, Store, Trunk
from dialer.ruleskept import RulesKept

log = logging.getLogger("dialer.scheduler")

Approval = Callable[[Task], str]
"""Empty where the task's campaign and script are approved, else why not (R9, R49), as a Reason in both
languages."""


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


Destination = Callable[[PhoneNumber], str]
"""Empty where some trunk may dial the number, else why none may."""

_PER_LINE = 4
"""How many tasks are looked at for each free line: some will have to wait."""
_ROOM_S = 0.25
_MOST_REFUSED = 1000
"""How far a look at the queue reaches past tasks that are refused but stay open."""


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


def refusals(task: Task, destination: Destination) -> dict[PhoneNumber, str]:
    """The task's numbers that no trunk may dial, and why."""
    said = {phone.number: destination(phone.number) for phone in task.phones}
    return {number: why for number, why in said.items() if why}


def _stops_all(decision: Decision) -> bool:
    """The trunk or the disk: the same for every task."""
    return isinstance(decision.verdict, Wait) and decision.verdict.rule in ("R7", "R75")


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
        campaigns: Campaigns | None = None,
    ) -> None:
        """``campaigns``: None where every task may be looked at, by the same rules."""
        self._store, self._trunk, self._archive = store, trunk, archive
        self._calendar, self._settings, self._config = calendar, settings, config
        self._clock, self._approval, self._destination = clock, approval, destination
        self._campaigns = campaigns
        self._rules = RulesKept(settings, calendar, self._settings_of)
        self._calls = LiveCalls(store, conduct, config.lease_s, clock, over=self.wake)
        self._departures = Departures(
            store, self._calls, config.cps, config.node, config.lease_s, clock,
            check=lambda one: self._decide(one, len(self._departures) - 1),
            refused=self._refused_at_barrier,
            failed=self._set_aside,
        )  # fmt: skip
        self._wake, self._drain = asyncio.Event(), asyncio.Event()
        self._beat = asyncio.Lock()
        """Held while a heartbeat works."""
        self._refused: dict[int, tuple[str, str]] = {}
        """Tasks that stay visible although they aren't dialled, with what was recorded of them."""
        self._room_said, self._room_until = (False, ""), float("-inf")
        self._blocked_until = float("-inf")
        """Loop time: a fault that stops every call is written to one task, not to each in turn."""

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
                await self._until(self._wake, self._config.heartbeat_s)
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

    async def _until(self, event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    # -- one heartbeat -----------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        """Raises StoreError."""
        await self._departures.settle()
        now, running = self._clock(), self._running()
        await self._rules.keep(self._store, running or (), now)
        free = self._free()
        if free == 0 or self._blocked():
            return  # nothing to decide: the order of the queue stands
        limit = min(self._config.batch, _PER_LINE * free) + min(len(self._refused), _MOST_REFUSED)
        limit += len(self._departures)
        found = await self._store.candidates(now, limit, running)
        there = {one.task.id for one in found}
        self._refused = {key: said for key, said in self._refused.items() if key in there}
        keeping: list[asyncio.Task[bool]] = []
        try:
            begun = await self._take_turns(found, now, keeping)
        finally:
            kept = await asyncio.gather(*keeping)
        if len(found) >= limit and (begun or any(kept)):
            self.wake()  # there may be more

    async def _take_turns(
        self, found: Sequence[Candidate], now: datetime, keeping: list[asyncio.Task[bool]]
    ) -> int:
        """Prepare a call for each that may be dialled, record what the others wait for. Raises StoreError."""
        begun = 0
        for one in sorted(found, key=lambda c: self._order(c, now)):
            if one.task.id in self._departures:
                continue
            if not await self._departures.room(lambda: self.draining) or not self._free() or self._blocked():
                return begun
            try:
                decision = self._decide(one, len(self._departures))
            except UNFORESEEN as error:
                keeping.append(asyncio.create_task(self._fail(one.task, error)))
                continue
            if isinstance(decision.verdict, Dial):
                self._departures.begin(one.task)
                begun += 1
            else:
                keeping.append(asyncio.create_task(self._keep(one.task, decision)))
                self._note_block(decision)
        return begun

    def _order(self, one: Candidate, now: datetime) -> tuple[object, ...]:
        """Who was promised a time first, then by deadline, then by tier."""
        appointment = one.task.appointment
        order = call_order(one.task, one.attempts, now, self._settings.tiers)
        return (appointment is None or appointment > now, *order)

    def _free(self) -> int:
        """Lines for another call. A trunk that is down is the verdict's matter: it says why."""
        trunk, preparing = self._trunk.state(), len(self._departures)
        return lines_free(
            self._config.lines, self.live + preparing, trunk.lines_free - preparing if trunk.up else 1
        )

    def _note_block(self, decision: Decision) -> None:
        if _stops_all(decision):
            self._blocked_until = asyncio.get_running_loop().time() + self._settings.fault_recheck_s

    def _room(self) -> tuple[bool, str]:
        """Asked of the disk a few times a second at most."""
        now = asyncio.get_running_loop().time()
        if now >= self._room_until:
            self._room_said, self._room_until = self._archive.has_room(), now + _ROOM_S
        return self._room_said

    def _blocked(self) -> bool:
        """Whether the fault that stopped the last heartbeat lasts and its task waits still."""
        waiting = asyncio.get_running_loop().time() < self._blocked_until
        return waiting and not (self._trunk.state().up and self._archive.has_room()[0])

    def _decide(self, one: Candidate, preparing: int) -> Decision:
        """The verdict on these rows at this moment with what this node has.

        ``preparing``: the other calls that have a line in view.
        """
        room, why_no_room = self._room()
        trunk = self._trunk.state()
        why_not_approved = self._approval(one.task)
        resources = Resources(
            lines_free=lines_free(self._config.lines, self.live + preparing, trunk.lines_free - preparing),
            can_record=room,
            can_record_why=why_no_room,
            approved=not why_not_approved,
            approved_why=why_not_approved,
            trunk_up=trunk.up,
            trunk_why=trunk.reason,
            not_dialable=refusals(one.task, self._destination),
        )
        now = self._clock()
        settings, rules = self._rules.of(one.task.campaign)
        decision = decide(
            one.task, one.attempts, one.customer_attempts, now, self._calendar, settings, resources
        )
        went_by = Inputs(now, one.task, one.attempts, one.customer_attempts, resources, rules.fingerprint)
        return replace(decision, inputs=went_by)

    async def _keep(self, task: Task, decision: Decision) -> bool:
        """Record what isn't a call. What stays visible is recorded once, not at each heartbeat.

        Returns whether it was recorded. Raises StoreError.
        """
        verdict = decision.verdict
        if task.state is not TaskState.OPEN:
            return False
        if not isinstance(verdict, Wait):
            said = (verdict.rule, verdict.why)
            if self._refused.get(task.id) == said:
                return False
            self._refused[task.id] = said
        await self._store.record_decision(task.id, decision, self._clock())
        return True

    async def _refused_at_barrier(self, task: Task, decision: Decision) -> None:
        self._note_block(decision)
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
