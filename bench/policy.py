"""The policy engine's figures: `make bench-policy`. A table, and as the last line one JSON object.

- claim: the next task of a million in mixed states (``bench/millions.py``), on SQLite and on a private,
  durable PostgreSQL; the given percentile is the worse one. The process is set up as the daemon's (event
  loop, collector). The server's memory holds the database, and it has taken its statistics and written its
  pages out after the fill; the limit beside it is a bare ``SELECT 1`` between two claims, over asyncpg. Timed
  is what a node with one free line does for its next call: the look at the queue, which brings as many
  candidates with their numbers and attempts as the scheduler asks for then, the verdict of each until one
  may be called, and the claim up to its commit. What comes between two claims isn't timed: verdicts that
  say wait are stored, the barrier and the end of the call
- import: 100,000 rows into a fresh installation by ``dialer import``
- simulation: 100,000 new policies over a month by ``dialer simulate``, every call checked; the limit beside
  it is as many jobs that do nothing but take a call's turns of the event loop
- report: a month of a million calls (``bench/report.py``)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from sqlalchemy import Connection

from bench import report
from bench.imports import measure_import
from bench.measure import percentile, print_json, print_table
from bench.millions import NOT_APPROVED, OPENS, fill
from dialer.app import keep_what_is_there, use_fast_loop
from dialer.lanes import Lanes
from dialer.model import CallRecord, Disposition
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Resources, decide
from dialer.ports import Candidate
from dialer.scheduler import PER_LINE
from dialer.site import Site
from dialer.store import SqlStore
from dialer.testing.postgres import PrivatePostgres
from dialer.testing.virtual import run_virtual

ROOT = Path(__file__).parents[1]
MILLION = 1_000_000
NODE = "bench"
LOOK = PER_LINE
"""So many tasks the node looks at for its next call."""
_PART = 50_000
"""Tasks written at once: the store bounds how long a statement may take."""
WARM = 50
"""Claims that aren't counted: the database's caches are cold."""
_BUFFERS = "2GB"
"""Of the server: it holds a million tasks with their attempts (1.2 GB)."""

_LINES = 200
_TURNS = 9
"""Of the event loop, for one call of the simulation."""

Probe = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Claims:
    """Milliseconds from the look at the queue to the claim."""

    database: str
    filled_s: float
    took: list[float]
    probed: list[float]
    """Of a bare statement between two claims; none on SQLite, which is no server."""

    @property
    def p99(self) -> float:
        return percentile(self.took, 0.99)


@dataclass(frozen=True, slots=True)
class Node:
    """What the scheduler does for its next call, one at a time."""

    store: SqlStore
    calendar: Calendar
    settings: PolicySettings
    begun: float = field(default_factory=time.perf_counter)

    @property
    def now(self) -> datetime:
        """It runs: once a second the queue is surveyed, too."""
        return OPENS + timedelta(seconds=time.perf_counter() - self.begun)

    def judge(self, one: Candidate) -> Decision:
        free = Resources(lines_free=1, approved=one.task.campaign != NOT_APPROVED)
        about = (one.task, one.attempts, one.customer_attempts)
        return decide(*about, self.now, self.calendar, self.settings, free)

    async def claims(self, count: int, probe: Probe | None) -> tuple[list[float], list[float]]:
        """Milliseconds of each, and of ``probe`` before it.

        What is found and may not be called is put away between two claims.
        """
        took: list[float] = []
        probed: list[float] = []
        lanes = Lanes(self.calendar, lambda _campaign: self.settings, lambda: self.now, 1.0)
        while len(took) < count + WARM:
            if probe:
                begun = time.perf_counter()
                await probe()
                probed.append((time.perf_counter() - begun) * 1000)
            begun = time.perf_counter()
            now = self.now
            found = await self.store.candidates(now, LOOK, None, lanes.reachable(now), NODE)
            claim, waits = None, []
            for one in found:
                decision = self.judge(one)
                if not isinstance(decision.verdict, Dial):
                    waits.append((one, decision))
                elif claim := await self.store.claim(one.task.id, NODE, 60.0, self.now):
                    took.append((time.perf_counter() - begun) * 1000)
                    break
            if not found:
                raise RuntimeError(f"the queue is empty after {len(took)} claims")
            for one, decision in waits:
                await self.store.record_decision(one.task.id, decision, self.now)
            if claim is not None:
                _, attempt = await self.store.barrier(claim, self.judge, self.now)
                if attempt is None:
                    await self.store.release(claim)
                    continue
                record = CallRecord(attempt.id, claim.task.id, Disposition.NO_ANSWER, self.now)
                await self.store.finish(claim, record)
        return took[WARM:], probed[WARM:]


async def measure_claims(name: str, place: Path | str, tasks: int, count: int) -> Claims:
    store = await SqlStore.open(place)
    begun = time.perf_counter()

    for first in range(1, tasks + 1, _PART):

        def work(connection: Connection, _: object, first: int = first) -> None:
            fill(connection, first, min(first + _PART - 1, tasks))

        await store._group.alone(work)
    filled = time.perf_counter() - begun
    node = Node(store, Site(ROOT).calendar, PolicySettings())
    try:
        if isinstance(place, str):
            async with settled(place) as probe:
                keep_what_is_there()
                took, probed = await node.claims(count, probe)
        else:
            keep_what_is_there()
            took, probed = await node.claims(count, None)
    finally:
        await store.close()
    return Claims(name, filled, took, probed)


@asynccontextmanager
async def settled(url: str) -> AsyncIterator[Probe]:
    """A server that just took a million rows cleans up behind them for minutes: not what a claim costs."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
        yield (await connection.prepare("SELECT 1")).fetchval
    finally:
        await connection.close()


@asynccontextmanager
async def postgres_database() -> AsyncIterator[str]:
    server = PrivatePostgres(shared_buffers=_BUFFERS)
    try:
        await asyncio.to_thread(server.start)
        yield server.make("bench")
    finally:
        await asyncio.to_thread(server.stop)


async def all_claims(folder: Path, tasks: int, count: int, postgres: bool) -> list[Claims]:
    found = [await measure_claims("SQLite", folder / "million.sqlite", tasks, count)]
    (folder / "million.sqlite").unlink()
    if postgres:
        async with postgres_database() as url:
            found.append(await measure_claims("PostgreSQL", url, tasks, count))
    return found


def measure_simulation(tasks: int, days: int) -> tuple[float, int]:
    """Seconds of the whole command, and how many calls it checked. Raises RuntimeError for a broken rule."""
    command = [sys.executable, "-m", "dialer.cli", "simulate", "--tasks", str(tasks), "--days", str(days)]
    command += ["--from", "2026-10-12", "--lines", str(_LINES), "--cps", "10", "--agents", "20", "--json"]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    took = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"the simulation ended with {done.returncode}: {done.stdout[-2000:].decode()}")
    found = json.loads(done.stdout)
    if found["tasks"] != tasks or found["checked"] < tasks:
        raise RuntimeError(f"{found['tasks']} tasks, {found['checked']} calls: too few")
    return took, found["checked"]


def bare_calls(count: int) -> float:
    """Seconds for so many jobs in virtual time, as many at once as there are lines."""

    async def call() -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(1.0)

    async def lines(_clock: Callable[[], datetime]) -> None:
        for first in range(0, count, _LINES):
            await asyncio.gather(*(call() for _ in range(first, min(first + _LINES, count))))

    begun = time.perf_counter()
    run_virtual(lines, OPENS)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=MILLION, help="in the queue that is claimed from")
    parser.add_argument("--claims", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100_000, help="of the import")
    parser.add_argument("--simulated", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--calls", type=int, default=MILLION, help="in the month that is reported")
    parser.add_argument("--no-postgres", action="store_true")
    asked = parser.parse_args()
    use_fast_loop()
    rows: list[tuple[object, ...]] = [("figure", "value")]
    with tempfile.TemporaryDirectory(prefix="bench-policy-") as name:
        folder = Path(name)
        claimed = asyncio.run(all_claims(folder, asked.tasks, asked.claims, not asked.no_postgres))
        import_s, import_mb = measure_import(asked.rows, folder)
        simulated_s, checked = measure_simulation(asked.simulated, asked.days)
        bare_s = bare_calls(checked)
        reported = asyncio.run(
            report.count_month(folder / "report.sqlite", asked.calls * 2 // 5, asked.calls, 3)
        )
    for one in claimed:
        rows += [
            (f"claim among {asked.tasks:,}, {one.database}: p50, ms", f"{percentile(one.took, 0.5):.2f}"),
            (f"claim among {asked.tasks:,}, {one.database}: p99, ms", f"{one.p99:.2f}"),
            (f"queue filled, {one.database}, s", f"{one.filled_s:.0f}"),
        ]
        if one.probed:
            bare = percentile(one.probed, 0.5)
            rows += [
                (f"SELECT 1 between claims, {one.database}: p50, ms", f"{bare:.2f}"),
                ("the same: p99, ms", f"{percentile(one.probed, 0.99):.2f}"),
                ("a claim's p50 in SELECT 1", f"{percentile(one.took, 0.5) / bare:.1f}"),
            ]
    rows += [
        (f"import of {asked.rows:,} rows, s", f"{import_s:.1f}"),
        ("import, most memory, MB", f"{import_mb:.0f}"),
        (f"simulation of {asked.simulated:,} tasks, {asked.days} days, s", f"{simulated_s:.1f}"),
        ("calls simulated and checked", checked),
        ("as many bare jobs in virtual time, s", f"{bare_s:.1f}"),
        ("the simulation in bare jobs", f"{simulated_s / bare_s:.1f}"),
        (f"report over {asked.calls:,} calls, slowest of three, s", f"{max(reported):.2f}"),
    ]
    print_table(rows)
    print_json(
        {
            "claim_p99_ms": max(one.p99 for one in claimed),
            **{f"claim_p99_ms_{one.database.lower()}": one.p99 for one in claimed},
            "import_100k_s": import_s,
            "import_rss_mb": import_mb,
            "simulate_100k_month_s": simulated_s,
            "report_1m_s": max(reported),
        }
    )


if __name__ == "__main__":
    main()
