"""The real daemon as a process with a home of its own, and what its operator sees of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ports import media_ports

from dialer.campaigning import demonstrate

ROOT = Path(__file__).parents[2]
CLOCK = "2026-11-10T10:00:05+08:00"
"""A Tuesday, a workday, in the first window."""
Tables = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Customer:
    """One row of the customer list. ``policy_no`` names the customer in every JSON."""

    policy_no: str
    number: str
    name: str = "王建国"


async def wait_for(
    condition: Callable[[], object], what: str, timeout_s: float, logs: Callable[[], str] = lambda: ""
) -> None:
    """Poll; fail with ``what`` and the logs when the time is over."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"timed out: {what}\n{logs()}"
        await asyncio.sleep(0.05)


def ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that only waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@dataclass
class Daemon:
    """One run of ``dialer run``."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-12000:]

    async def running(self, timeout_s: float = 60.0) -> None:
        def started() -> bool:
            assert self.process.poll() is None, f"the daemon ended at once\n{self.log()}"
            return "dialer.app: running" in self.log()

        await wait_for(started, "the daemon did not start", timeout_s, self.log)

    def children(self, module: str) -> list[int]:
        """Process ids of its children that run ``module``."""
        found = []
        with suppress(FileNotFoundError, ProcessLookupError):
            for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                        found.append(int(pid))
        return found

    async def kill(self) -> None:
        """``kill -9`` of the main process; what it started must end by itself."""
        orphans = [*self.children("dialer.media"), *self.children("dialer.asr")]
        assert orphans, f"no child processes\n{self.log()}"
        self.process.kill()
        self.process.wait(10)
        await wait_for(lambda: all(map(ended, orphans)), f"{orphans} outlived the daemon", 15, self.log)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def exit_code(self, timeout_s: float) -> int:
        await wait_for(lambda: self.process.poll() is not None, "the daemon did not end", timeout_s, self.log)
        return int(self.process.returncode)

    def stop(self) -> None:
        """For the end of a test: TERM, and KILL where a call is still draining."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


@dataclass
class Home:
    """An installation's folder. ``cli`` is what an operator types; ``rows`` is only for cheap polling."""

    path: Path
    daemons: list[Daemon] = field(default_factory=list)

    @classmethod
    def make(
        cls,
        path: Path,
        trunk_port: int,
        tables: Tables | None = None,
        trunks: Sequence[Mapping[str, object]] = (),
    ) -> Home:
        """Keys only (no speech model) unless ``tables`` says otherwise; RTP ports in a range of its own.

        ``trunks``: several instead of the one to ``trunk_port``.
        """
        low, high = media_ports()
        settings: dict[str, dict[str, object]] = {
            "site": {"node": "test", "drain_s": 60.0},
            "sip": {"bind_host": "127.0.0.1", "bind_port": 0},
            "trunk": {"name": "test", "host": "127.0.0.1", "port": trunk_port, "options_interval_s": 0},
            "media": {"port_low": low, "port_high": high},
            "recogniser": {"engine": "dtmf"},
            "scheduler": {"heartbeat_s": 0.3, "cps": 10.0},
            "archive": {"min_free_bytes": 50_000_000},
        }
        for table, values in (tables or {}).items():
            settings.setdefault(table, {}).update(values)
        written = [
            (f"[{table}]", values) for table, values in settings.items() if not trunks or table != "trunk"
        ]
        written += [("[[trunks]]", values) for values in trunks]
        (path / "config").mkdir(parents=True)
        text = "".join(
            f"{header}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
            for header, values in written
        )
        (path / "config" / "dialer.toml").write_text(text, encoding="utf-8")
        return cls(path)

    async def add(self, customers: Sequence[Customer], script: str = "new-policy/short") -> None:
        """``dialer import`` of a CSV file."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["保单号", "投保人", "性别", "电话", "产品", "保费", "缴费年限", "犹豫期止"])
        rows.writerows(
            [one.policy_no, one.name, "男", one.number, "安心相伴终身寿险", 12000, 10, "2026-11-24"]
            for one in customers
        )
        file = self.path / "customers.csv"
        file.write_text(text.getvalue(), encoding="utf-8-sig")
        if not (self.path / "config" / "campaigns").exists():
            await demonstrate(self.path, "new-policy", script, datetime.fromisoformat(CLOCK))
        report = await self.cli("import", str(file))
        assert report["report"]["accepted"] == len(customers), report

    def start(self, clock: str = CLOCK, environ: Mapping[str, str] | None = None) -> Daemon:
        log_file = self.path / f"daemon-{len(self.daemons)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                self._command("run", "--clock", clock),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**environment(), **(environ or {})},
            )  # fmt: skip
        self.daemons.append(Daemon(process, log_file))
        return self.daemons[-1]

    async def cli(self, *words: str) -> Any:
        """``dialer ... --json``, parsed."""
        done = await asyncio.to_thread(
            subprocess.run,
            self._command(*words, "--json"),
            capture_output=True,
            env=environment(),
            timeout=180,
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stderr.decode()}"
        return json.loads(done.stdout)

    async def calls(self) -> dict[str, list[Any]]:
        """``dialer calls --json`` by policy number, oldest first."""
        found: dict[str, list[Any]] = {}
        for view in sorted(await self.cli("calls"), key=lambda view: view["attempt"]["id"]):
            found.setdefault(view["task"]["policy_no"], []).append(view)
        return found

    async def tasks(self) -> dict[str, Any]:
        """``dialer tasks --json`` by policy number."""
        return {task["policy_no"]: task for task in await self.cli("tasks")}

    async def last_verdict(self, task_id: int) -> Any:
        """The last verdict that ``dialer why`` tells."""
        return (await self.cli("why", str(task_id)))["decisions"][-1][1]["verdict"]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database beside the daemon."""
        database = sqlite3.connect(f"file:{self.path / 'dialer.sqlite'}?mode=ro", uri=True, timeout=5)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    async def until(self, sql: str, what: str, timeout_s: float) -> None:
        """Poll the database until ``sql`` returns a true value first."""

        def true() -> bool:
            found = self.rows(sql)
            return bool(found and found[0][0])

        await wait_for(true, what, timeout_s, self.log)

    def log(self) -> str:
        return "\n".join(f"--- {one.log_file.name}\n{one.log()}" for one in self.daemons)

    def recording(self, view: Any) -> Path:
        """The file of a call as ``calls --json`` shows it."""
        return self.path / "recordings" / str(view["record"]["recording"]["path"])

    def stop(self) -> None:
        for one in self.daemons:
            one.stop()

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "dialer.cli", "--home", str(self.path), *words]


def environment() -> dict[str, str]:
    """Ours, with compiled modules kept: a command's start is most of what it costs here."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}


def soxi(file: Path) -> tuple[int, int, float]:
    """Channels, sample rate and seconds, as ``soxi`` reads them."""

    def ask(what: str) -> str:
        return subprocess.run(["soxi", what, str(file)], check=True, capture_output=True, text=True).stdout

    return int(ask("-c")), int(ask("-r")), float(ask("-D"))
