"""The archive: what sealing costs, how fast everything is verified, how soon a call is found among a million.

    make bench-archive [CALLS=300] [ARGS=--clear] [ARGS="--rows 1000000"]

Calls of a minute are sealed (on disk, hashed, enciphered, with their sidecars, in the log) by the worker
process, then all of them are verified, as `dialer archive verify --all` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.search import measure_search
from dialer.archive.process import WorkerProcess
from dialer.testing.archives import House, house

MINUTE = 60


def cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def measure(folder: Path, calls: int, clear: bool) -> dict[str, float]:
    (folder / "key").write_text("5a" * 32)
    settings: dict[str, Any] = {} if clear else {"key_file": folder / "key"}
    async with house(folder, **settings) as first:
        worker = WorkerProcess(first.config)
        idle = cpu_s(resource.RUSAGE_CHILDREN)
        await worker.start()
        one = House(first.config, first.store, worker=worker)
        for _ in range(calls):
            await one.call(MINUTE)
        began, before = time.perf_counter(), time.process_time()
        await one.settle()
        keep_wall, control = time.perf_counter() - began, time.process_time() - before
        await worker.close()
        work = cpu_s(resource.RUSAGE_CHILDREN) - idle
        began, before = time.perf_counter(), time.process_time()
        findings = await one.verify()
        verify_wall = time.perf_counter() - began
        verify_cpu = time.process_time() - before
        if findings:
            raise SystemExit(f"the archive doesn't verify: {findings[:3]}")
        stored = sum(path.stat().st_size for path in first.config.root.rglob("*") if path.is_file())
    return {
        "calls": calls,
        "seal_cpu_s_per_call_minute": (work + control) / calls,
        "worker_cpu_s_per_call_minute": work / calls,
        "control_cpu_s_per_call": control / calls,
        "archived_calls_per_s": calls / keep_wall,
        "stored_mb_per_call_minute": stored / calls / 1e6,
        "verify_gb_per_min": stored / 1e9 / verify_wall * 60,
        "verify_cpu_s_per_gb": verify_cpu / (stored / 1e9),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--clear", action="store_true", help="recordings rest in clear")
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls to search; 0: no search")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build" if Path("build").is_dir() else None) as folder:
        found = asyncio.run(measure(Path(folder), asked.calls, asked.clear))
        if asked.rows:
            found["search_p95_ms"] = measure_search(Path(folder), asked.rows)
    table = Table(title="archive, " + ("in clear" if asked.clear else "AES-256-GCM"))
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:,.5g}")
    Console().print(table)
    print(json.dumps({name: round(value, 5) for name, value in found.items()}))


if __name__ == "__main__":
    main()
