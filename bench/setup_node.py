"""One dialer node of ``bench.setup``, as a process of its own: the shipped parts as in the daemon.

``python -m bench.setup_node`` reads one JSON object (``Job``) from stdin, says ``ready`` once its tasks are
stored and its trunk is up, begins at the next line on stdin, and says one JSON object (``Figures``).
"""

from __future__ import annotations

import asyncio
import cProfile
import dataclasses
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvloop

from bench import measure
from dialer import tickets
from dialer.app import keep_what_is_there, use_fast_loop
from dialer.archive.process import WorkerProcess
from dialer.archive.vault import LocalVault
from dialer.conductor import Conductor
from dialer.conversation import House
from dialer.media.plane import ProcessMediaPlane
from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.appointments import resolve
from dialer.ports import Answered, DialRequest, LegEvent, RecogniserStream
from dialer.scheduler import Scheduler
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import SipLeg
from dialer.sip.trunk import SipTrunk
from dialer.site import Site
from dialer.store import SqlStore
from dialer.testing.store import MemoryStore
from dialer.transfer import WarmTransfer

BEGIN = datetime(2026, 11, 10, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
WARM_S = 2.0
"""At the start and not counted."""


@dataclass
class Job:
    number: int
    home: str
    store: str
    """``sqlite``, ``none``, or the URL of a PostgreSQL database."""
    rate: float
    """Calls per second that this node's pacing asks for."""
    seconds: float
    tasks: int
    """To store before the start; 0: another node does."""
    callee_port: int
    zero: float
    """Monotonic time at which it is ten o'clock for all nodes."""
    profile: str = ""
    """A file for cProfile's figures."""


@dataclass
class Figures:
    seconds: float
    waits_ms: list[float]
    """From the claim to the ACK, of each call answered in that time."""
    finished: int
    claimed: int
    lost: int
    unanswered: int
    live: int
    control_cpu: float
    media_cpu: float
    rss_mb: float
    import_tasks_per_s: float


@dataclass
class Marks:
    """Loop times of each call, by task."""

    claimed: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    finished: dict[int, float] = field(default_factory=dict)
    lost: int = 0
    """Claims of tasks that another node had."""


class WatchedStore:
    """Notes when a task is claimed and when its call is stored; passes all on."""

    def __init__(self, store: Any, marks: Marks) -> None:
        self._store, self._marks = store, marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, task_id: TaskId, *args: Any) -> Any:
        at = asyncio.get_running_loop().time()
        claim = await self._store.claim(task_id, *args)
        if claim is not None:
            self._marks.claimed[task_id] = at
        else:
            self._marks.lost += 1
        return claim

    async def finish(self, claim: Any, record: Any) -> Any:
        found = await self._store.finish(claim, record)
        self._marks.finished[claim.task.id] = asyncio.get_running_loop().time()
        return found


class WatchedTrunk:
    """Notes when a call's answer was acknowledged. The number called is the task's own."""

    def __init__(self, trunk: SipTrunk, marks: Marks) -> None:
        self._trunk, self._marks = trunk, marks
        self.state = trunk.state

    async def dial(self, request: DialRequest) -> WatchedLeg:
        assert isinstance(request.target, PhoneNumber)
        return WatchedLeg(await self._trunk.dial(request), int(request.target.e164[6:]), self._marks)


class WatchedLeg:
    def __init__(self, leg: SipLeg, task: int, marks: Marks) -> None:
        self._leg, self._task, self._marks = leg, task, marks
        self.hang_up, self.close = leg.hang_up, leg.close

    @property
    def media(self) -> Any:
        return self._leg.media

    async def next_event(self) -> LegEvent:
        event = await self._leg.next_event()
        if isinstance(event, Answered):
            self._marks.answered[self._task] = event.at
        return event


class NoRecogniser:
    """Nobody speaks here."""

    async def open(self, words: Any) -> RecogniserStream:
        raise AssertionError("silence was recognised")


def tasks(count: int, first: int = 1) -> list[Task]:
    return [
        Task(
            id=TaskId(0), campaign="bench", policy_no=f"P{n}", holder=Policyholder("王芳", "女士"),
            phones=(Phone(PhoneNumber.parse(f"138{n:08d}")),), product="安心相伴终身寿险",
            premium=Decimal(12000),
pay_years=20, script="new-policy/short",
        )
        for n in range(first, first + count)
    ]  # fmt: skip


def install(job: Job) -> Site:
    home = Path(job.home)
    ports = 20000 + 10000 * job.number
    (home / "config").mkdir(parents=True)
    (home / "config" / "dialer.toml").write_text(
        f"""
[site]
node = "bench-{job.number}"
[trunk]
name = "bench"
host = "127.0.0.1"
port = {job.callee_port}
lines = 2000
[sip]
bind_host = "127.0.0.1"
bind_port = 0
[media]
port_low = {ports}
port_high = {ports + 9998}
[scheduler]
cps = {job.rate}
lines = 2000
batch = 100
[archive]
min_free_bytes = 50_000_000
"""
    )
    return Site(home)


@asynccontextmanager
async def opened(job: Job, site: Site) -> AsyncIterator[Any]:
    if job.store == "none":
        yield MemoryStore()
        return
    place: str | Path = site.settings.site.database if job.store == "sqlite" else job.store
    store = await SqlStore.open(place, site.settings.store)
    try:
        yield store
    finally:
        await store.close()


async def add(store: Any, waiting: list[Task], now: datetime) -> float:
    """Tasks stored per second."""
    began = time.perf_counter()
    for start in range(0, len(waiting), 1000):
        await store.add_tasks(waiting[start : start + 1000], now)
    return len(waiting) / (time.perf_counter() - began)


def house_of(
    site: Site, trunk: Any, store: Any, endpoint: SipEndpoint, vault: LocalVault, clock: Any
) -> House:
    return House(
        trunk=trunk,
        store=store,
        archive=vault,
        recogniser=NoRecogniser(),
        prompts=site.prompts,
        transfer=WarmTransfer(trunk, site.prompts, site.settings.transfer, endpoint.lookup),
        session_for=lambda task, free: site.session(task, free, clock()),
        tickets=lambda *found: tickets.issue(*found, site.calendar.add_workdays),
        appointment=lambda wish, task, now: resolve(
            wish, now, site.calendar, site.settings.calling, task.zone, task.segment
        ),
        clock=clock,
        store_patience_s=5.0,
    )


async def run(job: Job) -> Figures:
    site, loop = install(job), asyncio.get_running_loop()

    def clock() -> datetime:
        return BEGIN + timedelta(seconds=loop.time() - job.zero)

    media = ProcessMediaPlane(site.settings.media)
    endpoint, worker = SipEndpoint(site.settings.sip), WorkerProcess(site.settings.archive)
    vault = LocalVault(site.settings.archive, worker)
    marks, waiting = Marks(), tasks(job.tasks)
    try:
        async with vault.watched(), opened(job, site) as real:
            stored_per_s = await add(real, waiting, clock()) if waiting else 0.0
            await media.start()
            await worker.start()
            await endpoint.start()
            trunk = SipTrunk(site.settings.trunks[0], media, endpoint)
            await trunk.start()
            store: Any = WatchedStore(real, marks)
            house = house_of(site, WatchedTrunk(trunk, marks), store, endpoint, vault, clock)
            scheduler = Scheduler(
                store, house.trunk, house.archive, Conductor(house).conduct, site.calendar,
                site.settings.calling, site.settings.scheduler, clock, site.approval,
            )  # fmt: skip
            site.approval(tasks(1)[0])
            keep_what_is_there()
            print("ready", flush=True)
            await loop.run_in_executor(None, sys.stdin.readline)
            running = asyncio.create_task(scheduler.run(asyncio.Event()))
            await asyncio.sleep(WARM_S)
            since, control, plane = loop.time(), time.process_time(), measure.cpu_s([media.pid or 0])
            with profiled(job.profile):
                await asyncio.sleep(job.seconds)
            until = loop.time()
            control, plane = time.process_time() - control, measure.cpu_s([media.pid or 0]) - plane
            live = scheduler.live
            await scheduler.drain(5.0)
            await scheduler.abort()
            await running
            await trunk.close()
    finally:
        await endpoint.close()
        await media.close()
        await worker.close()
    return Figures(
        seconds=until - since,
        waits_ms=[
            (at - marks.claimed[task]) * 1000 for task, at in marks.answered.items() if since <= at < until
        ],
        finished=sum(since <= at < until for at in marks.finished.values()),
        claimed=sum(since <= at < until for at in marks.claimed.values()),
        lost=marks.lost,
        unanswered=len(set(marks.claimed) - set(marks.answered)),
        live=live,
        control_cpu=control / (until - since),
        media_cpu=plane / (until - since),
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        import_tasks_per_s=stored_per_s,
    )


@contextmanager
def profiled(file: str) -> Iterator[None]:
    profile = cProfile.Profile()
    if file:
        profile.enable()
    yield
    if file:
        profile.disable()
        profile.dump_stats(file)


def main() -> None:
    job = Job(**json.loads(sys.stdin.readline()))
    use_fast_loop()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(dataclasses.asdict(runner.run(run(job)))), flush=True)


if __name__ == "__main__":
    main()
