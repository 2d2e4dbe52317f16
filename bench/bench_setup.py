"""Call set-ups per second: from the claim of a task to the ACK of its answer, on the shipped parts.

Tasks wait in the store; scheduler, conductor, SIP trunk, media process and archive work as in the
daemon. SIPp on this machine answers each call and hangs up at once. The last line is one JSON object.

    RATE     calls per second that the pacing asks for
    SECONDS  how long
    STORE    sqlite, postgres (DIALER_BENCH_POSTGRES holds its URL, else one is started) or none
    PROFILE  a file for cProfile's figures of the control process
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
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

from dialer import tickets
from dialer.app import keep_what_is_there, use_fast_loop
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
from dialer.testing.postgres import PrivatePostgres
from dialer.testing.store import MemoryStore
from dialer.transfer import WarmTransfer

HERE = Path(__file__).parent
BEGIN = datetime(2026, 11, 10, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
WARM_S = 2.0
"""At the start and not counted."""


@dataclass
class Marks:
    """Loop times of each call, by task."""

    claimed: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    finished: dict[int, float] = field(default_factory=dict)


class WatchedStore:
    """Notes when a task is claimed and when its call is stored; passes all on."""

    def __init__(self, store: Any, marks: Marks) -> None:
        self._store, self._marks = store, marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, task_id: TaskId, *args: Any) -> Any:
        self._marks.claimed[task_id] = asyncio.get_running_loop().time()
        return await self._store.claim(task_id, *args)

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


def install(home: Path, sipp_port: int, rate: float) -> Site:
    (home / "config").mkdir(parents=True)
    (home / "config" / "dialer.toml").write_text(
        f"""
[site]
node = "bench"
[trunk]
name = "bench"
host = "127.0.0.1"
port = {sipp_port}
lines = 2000
[sip]
bind_host = "127.0.0.1"
bind_port = 0
[media]
port_low = 20000
port_high = 39998
[scheduler]
cps = {rate}
lines = 2000
batch = 100
[archive]
min_free_bytes = 50_000_000
"""
    )
    return Site(home)


def sipp(*arguments: str, folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("sipp") or sys.exit("sipp is missing: apt-get install sip-tester")
    with (folder / "sipp.log").open("ab") as out:
        return subprocess.Popen(
            [str(program), *arguments, "-i", "127.0.0.1", "-nostdin"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def sipp_limit(folder: Path, calls: int = 6000) -> float:
    """Calls per second that SIPp alone makes to SIPp: both cores busy with nothing else."""
    callee = sipp("-sf", str(HERE / "answer.xml"), "-p", "19060", "-mp", "18000", folder=folder)
    try:
        time.sleep(0.3)
        began = time.perf_counter()
        caller = sipp(
            "127.0.0.1:19060", "-sf", str(HERE / "call.xml"), "-p", "19070", "-mp", "18100",
            "-r", "5000", "-l", "200", "-m", str(calls), "-recv_timeout", "2000", folder=folder,
        )  # fmt: skip
        caller.wait(60)
        return calls / (time.perf_counter() - began)
    finally:
        stop(callee)


def sqlite_limit(folder: Path, seconds: float = 1.0) -> float:
    """Commits per second of one row each, with the store's durability."""
    connection = sqlite3.connect(folder / "limit.sqlite", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (a INTEGER)")
    began, commits = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        connection.execute("INSERT INTO t VALUES (1)")
        commits += 1
    connection.close()
    return commits / passed


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server_cpu_s(postgres: PrivatePostgres | None) -> float:
    """Of the postmaster and its children."""
    if postgres is None or postgres.pid is None:
        return 0.0
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    return sum(cpu_s(pid) for pid in (postgres.pid, *map(int, children)))


@asynccontextmanager
async def opened(kind: str, site: Site) -> AsyncIterator[Any]:
    if kind == "none":
        yield MemoryStore()
        return
    place: str | Path = site.settings.site.database
    if kind == "postgres":
        place = os.environ["DIALER_BENCH_POSTGRES"]
    store = await SqlStore.open(place, site.settings.store)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def server(kind: str) -> Iterator[PrivatePostgres | None]:
    """A durable server of our own, unless DIALER_BENCH_POSTGRES names another."""
    if kind != "postgres" or "DIALER_BENCH_POSTGRES" in os.environ:
        yield None
        return
    postgres = PrivatePostgres()
    try:
        postgres.start()
        os.environ["DIALER_BENCH_POSTGRES"] = postgres.make("bench")
        yield postgres
    finally:
        postgres.stop()


async def bench(
    kind: str, rate: float, seconds: float, folder: Path, postgres: PrivatePostgres | None
) -> dict[str, float | str]:
    port = 19080
    site = install(folder / "home", port, rate)
    loop = asyncio.get_running_loop()
    zero = loop.time()

    def clock() -> datetime:
        return BEGIN + timedelta(seconds=loop.time() - zero)

    callee = sipp("-sf", str(HERE / "answer.xml"), "-p", str(port), "-mp", "18200", folder=folder)
    media = ProcessMediaPlane(site.settings.media)
    endpoint = SipEndpoint(site.settings.sip)
    marks = Marks()
    try:
        async with opened(kind, site) as real:
            began = loop.time()
            waiting = tasks(int(os.environ.get("TASKS", rate * (seconds + WARM_S + 2))))
            for start in range(0, len(waiting), 1000):
                await real.add_tasks(waiting[start : start + 1000], clock())
            import_s = loop.time() - began
            await media.start()
            await endpoint.start()
            trunk = SipTrunk(site.settings.trunks[0], media, endpoint)
            await trunk.start()
            store: Any = WatchedStore(real, marks)
            watched: Any = WatchedTrunk(trunk, marks)
            archive = LocalVault(site.settings.archive)
            house = House(
                trunk=watched,
                store=store,
                archive=archive,
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
            scheduler = Scheduler(
                store, watched, archive, Conductor(house).conduct, site.calendar, site.settings.calling,
                site.settings.scheduler, clock, site.approval,
            )  # fmt: skip
            site.approval(waiting[0])
            keep_what_is_there()
            running = asyncio.create_task(scheduler.run(asyncio.Event()))
            await asyncio.sleep(WARM_S)
            children = {"media": media.pid or 0, "sipp": callee.pid}
            before = {name: cpu_s(pid) for name, pid in children.items()}
            server_before = server_cpu_s(postgres)
            own = time.process_time()
            profile = cProfile.Profile() if os.environ.get("PROFILE") else None
            if profile:
                profile.enable()
            since = loop.time()
            await asyncio.sleep(seconds)
            until = loop.time()
            if profile:
                profile.disable()
                profile.dump_stats(os.environ["PROFILE"])
            own = time.process_time() - own
            used = {name: cpu_s(pid) - before[name] for name, pid in children.items()}
            server_used = server_cpu_s(postgres) - server_before
            live = scheduler.live
            await scheduler.drain(5.0)
            await scheduler.abort()
            await running
            await trunk.close()
    finally:
        await endpoint.close()
        await media.close()
        stop(callee)
    done = [at for at in marks.finished.values() if since <= at < until]
    waits = sorted(
        (at - marks.claimed[task]) * 1000 for task, at in marks.answered.items() if since <= at < until
    )
    wall = until - since
    claimed = sum(since <= at < until for at in marks.claimed.values())
    return {
        "setups_per_s": round(len(waits) / wall, 1),
        "finished_per_s": round(len(done) / wall, 1),
        "p50_ms": round(statistics.median(waits), 1) if waits else 0.0,
        "p99_ms": round(waits[int(len(waits) * 0.99)], 1) if waits else 0.0,
        "unanswered": len(set(marks.claimed) - set(marks.answered)),
        "claimed": claimed,
        "live_at_end": live,
        "control_cpu": round(own / wall, 3),
        "media_cpu": round(used["media"] / wall, 3),
        "sipp_cpu": round(used["sipp"] / wall, 3),
        "postgres_cpu": round(server_used / wall, 3),
        "import_tasks_per_s": round(len(waiting) / import_s, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    use_fast_loop()
    rate = float(os.environ.get("RATE", "100"))
    seconds = float(os.environ.get("SECONDS", "20"))
    kind = os.environ.get("STORE", "sqlite")
    with tempfile.TemporaryDirectory(prefix="bench-setup-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        result: dict[str, float | str] = {"bench": "setup", "store": kind, "rate": rate, "seconds": seconds}
        limits = {"sipp_to_sipp_per_s": round(sipp_limit(folder), 1)}
        if kind == "sqlite":
            limits["sqlite_commits_per_s"] = round(sqlite_limit(folder), 1)
        with server(kind) as postgres, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result |= runner.run(bench(kind, rate, seconds, folder, postgres))
        result |= limits
        result["of_sipp_limit"] = round(float(result["setups_per_s"]) / limits["sipp_to_sipp_per_s"], 4)
    width = max(map(len, result))
    for key, value in result.items():
        print(f"{key:{width}}  {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
