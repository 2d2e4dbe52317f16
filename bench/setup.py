"""``make bench-setup``: call set-ups per second, from the claim of a task to the ACK of its answer.

Tasks wait in the store; scheduler, conductor, SIP trunk, media process and archive work as in the daemon
(``bench.setup_node``). SIPp on this machine answers each call and hangs up at once, so each set-up is also a
recording that is sealed and a call that is stored. ``finished`` must keep up with the set-ups.

On PostgreSQL several nodes share one database, as they would in production: one control process is one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.setup_node import Figures, Job
from dialer.testing.postgres import PrivatePostgres

HERE = Path(__file__).parent
STORES = ("sqlite", "none", "postgres")
RATES = {"sqlite": 200.0, "none": 400.0, "postgres": 400.0}
"""What the pacing asks for: more than is aimed at."""
NODES = {"sqlite": 1, "none": 1, "postgres": 2}
CALLEE_PORT = 19080
START_S = 120


@dataclass
class Measured:
    nodes: list[Figures]
    sipp_cpu: float
    postgres_cpu: float

    @property
    def waits_ms(self) -> list[float]:
        return sorted(wait for node in self.nodes for wait in node.waits_ms)

    @property
    def setups_per_s(self) -> float:
        return sum(len(node.waits_ms) / node.seconds for node in self.nodes)

    @property
    def finished_per_s(self) -> float:
        return sum(node.finished / node.seconds for node in self.nodes)


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


def server_cpu_s(postgres: PrivatePostgres | None) -> float:
    """Of the postmaster and its children."""
    return 0.0 if postgres is None or postgres.pid is None else measure.cpu_s(measure.family(postgres.pid))


@contextmanager
def database(kind: str) -> Iterator[tuple[str, PrivatePostgres | None]]:
    """``Job.store``; for PostgreSQL a durable server of our own, unless DIALER_BENCH_POSTGRES names one."""
    if kind != "postgres" or "DIALER_BENCH_POSTGRES" in os.environ:
        yield os.environ["DIALER_BENCH_POSTGRES"] if kind == "postgres" else kind, None
        return
    postgres = PrivatePostgres()
    try:
        postgres.start()
        yield postgres.make("bench"), postgres
    finally:
        postgres.stop()


class Node:
    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.setup_node"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(dataclasses.asdict(job)) + "\n")
        self._process.stdin.flush()

    def wait_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise SystemExit("a node failed, see above")

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def figures(self, limit_s: float) -> Figures:
        said, _ = self._process.communicate(timeout=limit_s)
        return Figures(**json.loads(said.splitlines()[-1]))

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def hold(kind: str, count: int, rate: float, seconds: float, folder: Path, profile: str) -> Measured:
    folder = folder / kind
    folder.mkdir()
    callee = sipp("-sf", str(HERE / "answer.xml"), "-p", str(CALLEE_PORT), "-mp", "18200", folder=folder)
    nodes: list[Node] = []
    try:
        with database(kind) as (store, postgres):
            zero, tasks = time.monotonic(), int(rate * (seconds + 4))
            for number in range(count):
                job = Job(
                    number, str(folder / f"home-{number}"), store, rate / count, seconds,
                    0 if number else tasks, CALLEE_PORT, zero, "" if number else profile,
                )  # fmt: skip
                nodes.append(Node(job))
                nodes[-1].wait_ready()
            before, began = (measure.cpu_s([callee.pid]), server_cpu_s(postgres)), time.monotonic()
            for node in nodes:
                node.go()
            time.sleep(seconds)
            length = time.monotonic() - began
            sipp_cpu, postgres_cpu = (
                (after - was) / length
                for was, after in zip(
                    before, (measure.cpu_s([callee.pid]), server_cpu_s(postgres)), strict=True
                )
            )
            return Measured([node.figures(seconds + 60) for node in nodes], sipp_cpu, postgres_cpu)
    finally:
        for node in nodes:
            node.stop()
        stop(callee)


def column(found: Measured, rate: float, limit: float) -> list[tuple[str, str]]:
    waits = found.waits_ms
    return [
        ("nodes", f"{len(found.nodes)}"),
        ("asked for, per second", f"{rate:g}"),
        ("set-ups per second", f"{found.setups_per_s:.1f}"),
        ("  of SIPp's own", f"{found.setups_per_s / limit:.1%}"),
        ("calls finished per second", f"{found.finished_per_s:.1f}"),
        ("claim to ACK, ms: p50", f"{statistics.median(waits) if waits else 0:.0f}"),
        ("  p99", f"{measure.percentile(waits, 0.99):.0f}"),
        ("claims lost to another node", f"{sum(node.lost for node in found.nodes)}"),
        ("not answered", f"{sum(node.unanswered for node in found.nodes)}"),
        ("live at the end", f"{sum(node.live for node in found.nodes)}"),
        ("cores: control", f"{sum(node.control_cpu for node in found.nodes):.2f}"),
        ("  media", f"{sum(node.media_cpu for node in found.nodes):.2f}"),
        ("  database server", f"{found.postgres_cpu:.2f}"),
        ("  far end", f"{found.sipp_cpu:.2f}"),
        ("tasks stored per second", f"{found.nodes[0].import_tasks_per_s:.0f}"),
        ("memory of the control processes, MB", f"{sum(node.rss_mb for node in found.nodes):.0f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=(*STORES, "all"), default="all")
    parser.add_argument("--rate", type=float, help="calls per second that the pacing asks for")
    parser.add_argument("--nodes", type=int, help="control processes that share a PostgreSQL database")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--profile", default="", help="a file for cProfile's figures of the first node")
    options = parser.parse_args()
    kinds = STORES if options.store == "all" else (options.store,)
    with tempfile.TemporaryDirectory(prefix="bench-setup-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        limit, commits = sipp_limit(folder), sqlite_limit(folder)
        found = {
            kind: hold(
                kind, (options.nodes or NODES[kind]) if kind == "postgres" else 1,
                options.rate or RATES[kind], options.seconds, folder, options.profile,
            )
            for kind in kinds
        }  # fmt: skip
    columns = [column(one, options.rate or RATES[kind], limit) for kind, one in found.items()]
    table = [(rows[0][0], *(value for _, value in rows)) for rows in zip(*columns, strict=True)]
    measure.print_table([("", *found), *table])
    print(f"SIPp to SIPp: {limit:.0f} calls per second; SQLite: {commits:.0f} commits of one row per second")
    figures: dict[str, object] = {"setups_per_s": next(iter(found.values())).setups_per_s}
    for kind, one in found.items():
        figures |= {
            f"setups_per_s_{kind}": one.setups_per_s,
            f"finished_per_s_{kind}": one.finished_per_s,
            f"p50_ms_{kind}": statistics.median(one.waits_ms) if one.waits_ms else 0.0,
            f"p99_ms_{kind}": measure.percentile(one.waits_ms, 0.99),
        }
    measure.print_json({**figures, "sipp_to_sipp_per_s": limit, "sqlite_commits_per_s": commits})


if __name__ == "__main__":
    main()
