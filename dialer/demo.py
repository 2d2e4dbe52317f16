"""``dialer demo``: twelve invented customers are called over real SIP and RTP on this machine.

Everything is the daemon's own: import, verdict, claim, INVITE, prompts, recogniser, recording,
tickets. Only the persons are invented: the shipped test phones speak for them. Legal time starts on a
workday at 10:00 and jumps from slot to slot, so that retries happen.
"""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from rich.console import Console

from dialer import logs, views
from dialer.app import Daemon, open_daemon
from dialer.campaigning import demonstrate
from dialer.errors import ConfigError, DialerError
from dialer.events import CallAnswered, CallDialled, CallEnded, Event, TicketIssued
from dialer.imports import import_customers
from dialer.media import g711
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import Disposition, PhoneNumber, Recording, Task, TaskState
from dialer.policy.ruling import Wait
from dialer.ports import CallView
from dialer.sip.config import EndpointConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.site import Site
from dialer.testing.clock import MovableClock
from dialer.testing.customers import AGENT, CUSTOMERS
from dialer.testing.personas import Persona
from dialer.testing.phone import AgentPhone, CustomerPhone

START = datetime(2026, 11, 10, 10, 0, 5, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Tuesday, a workday, in the first window."""
_CAMPAIGN, _SCRIPT = "new-policy", "new-policy/short"
_MARK = ".dialer-demo"
_LOOK_S = 0.2
_PATIENCE_S = 240.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demonstration came to; ``mismatches`` counts customers who ended otherwise than expected."""

    customers: int
    attempts: int
    answered: int
    completed: int
    tickets: int
    recordings: int
    mismatches: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one customer's calls came to."""

    state: TaskState
    outcomes: tuple[Disposition, ...]
    tickets: tuple[str, ...]
    faults: tuple[str, ...]


async def run(home: Path, *, lang: str, to_stderr: bool) -> Summary:
    """Place the calls, compare, print. Raises DialerError where it can't even start."""
    console = Console(stderr=to_stderr, width=None if Console(stderr=to_stderr).is_terminal else 160)
    began = asyncio.get_running_loop().time()
    prepare(home)
    async with AsyncExitStack() as stack:
        phones = await _phones(stack)
        site = _install(home, phones)
        logs.configure(site.settings.site.log_level)
        clock = MovableClock(START)
        await demonstrate(home, _CAMPAIGN, _SCRIPT, clock())
        await _import(home, clock())
        progress = _Progress(console, clock, lang)
        daemon = await stack.enter_async_context(open_daemon(site, clock, [progress]))
        progress.know(await daemon.store.tasks())
        await _work(daemon, clock)
        seen = await _look(daemon)
        attempts = [view.attempt for view in await daemon.store.calls()]
        recordings = await daemon.store.recordings()
        tickets = await daemon.store.tickets()
    mismatches = [persona for persona in CUSTOMERS if not _as_expected(persona, seen[persona.key])]
    summary = Summary(
        customers=len(CUSTOMERS),
        attempts=len(attempts),
        answered=sum(attempt.answered_at is not None for attempt in attempts),
        completed=sum(attempt.outcome is Disposition.COMPLETED for attempt in attempts),
        tickets=len(tickets),
        recordings=len(recordings),
        mismatches=len(mismatches),
        wall_s=round(asyncio.get_running_loop().time() - began, 1),
    )
    _report(console, seen, summary, home, lang)
    return summary


def prepare(home: Path) -> None:
    """An empty folder with our mark; a folder that isn't a demonstration's is left alone."""
    if home.exists() and any(home.iterdir()):
        if not (home / _MARK).exists():
            raise ConfigError("isn't empty and isn't a demonstration's: name another with --home", str(home))
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / _MARK).touch()


@dataclass(frozen=True, slots=True)
class _Phones:
    trunk_port: int
    agent_port: int


async def _phones(stack: AsyncExitStack) -> _Phones:
    """The customers' side of the trunk and the agent's phone, each on a port of its own."""
    plane = ProcessMediaPlane(MediaConfig(port_low=24000, port_high=25998))
    await plane.start()
    stack.push_async_callback(plane.close)
    by_number = {PhoneNumber.parse(persona.number).national: persona for persona in CUSTOMERS}
    customers = CustomerPhone(by_number)
    ports = []
    for take in (customers.take, AgentPhone().take):
        endpoint = SipEndpoint(
            EndpointConfig(bind_host="127.0.0.1", bind_port=0), media=plane, on_invite=take
        )
        await endpoint.start()
        stack.push_async_callback(endpoint.close)
        ports.append(endpoint.local[1])
    return _Phones(*ports)


def _install(home: Path, phones: _Phones) -> Site:
    """The demonstration's own settings: only what differs from the defaults."""
    config = home / "config"
    config.mkdir()
    (config / "dialer.toml").write_text(
        f"""# Settings of the demonstration. Every key is explained in the shipped config/dialer.toml.
[site]
node = "demo"
log_level = "ERROR"

[trunk]
name = "demo"
host = "127.0.0.1"
port = {phones.trunk_port}
lines = 20

[sip]
bind_host = "127.0.0.1"
bind_port = 0

[media]
port_low = 22000
port_high = 23998

[scheduler]
cps = 5.0
lines = 20
heartbeat_s = 0.5

[archive]
min_free_bytes = 50_000_000

[transfer]
agents = [{{ name = "{AGENT}", uri = "sip:agent@127.0.0.1:{phones.agent_port}" }}]
""",
        encoding="utf-8",
    )
    return Site(home)


async def _import(home: Path, now: datetime) -> None:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        ["保单号", "投保人", "性别", "电话", "产品", "保费", "缴费年限", "犹豫期天数", "犹豫期止", "业务员"]
    )
    for number, persona in enumerate(CUSTOMERS, 1):
        rows.writerow(
            [
                f"DEMO{number:04d}", persona.name, persona.gender, persona.number, persona.product,
                persona.premium, 10, 15, "2026-11-24", persona.seller,
            ]
        )  # fmt: skip
    data = text.getvalue().encode("utf-8-sig")
    (home / "customers.csv").write_bytes(data)
    imported = await import_customers(home, data, "customers.csv", _CAMPAIGN, None, now)
    if imported.report.accepted != len(CUSTOMERS):
        raise DialerError(f"the demonstration's own list was not accepted: {imported.report.errors}")


async def _work(daemon: Daemon, clock: MovableClock) -> None:
    """Run the daemon until every task is settled, moving legal time on whenever all of them wait."""
    stop = asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not running.done():
                await asyncio.sleep(_LOOK_S)
                if daemon.scheduler.live:
                    continue
                waits = await _waits(daemon)
                if waits is None:
                    break
                if waits and min(waits) > clock():
                    clock.move_to(min(waits))
                    daemon.scheduler.wake()
    except TimeoutError:
        raise DialerError(f"the demonstration did not end within {_PATIENCE_S:g} s") from None
    finally:
        stop.set()
        await running


async def _waits(daemon: Daemon) -> list[datetime] | None:
    """When the open tasks may go on; empty while one of them may be dialled now; None: all settled."""
    waits: list[datetime] = []
    open_tasks = [task for task in await daemon.store.tasks() if task.state is TaskState.OPEN]
    if not open_tasks:
        return None
    for task in open_tasks:
        decisions = await daemon.store.decisions(task.id)
        last = decisions[-1][1].verdict if decisions else None
        if not isinstance(last, Wait):
            return []
        waits.append(last.until)
    return waits


async def _look(daemon: Daemon) -> dict[str, _Seen]:
    by_number = {PhoneNumber.parse(persona.number): persona.key for persona in CUSTOMERS}
    tickets = await daemon.store.tickets()
    root = daemon.site.settings.archive.root
    seen: dict[str, _Seen] = {}
    for task in await daemon.store.tasks():
        views_ = await daemon.store.calls(task.id)
        faults = [fault for view in views_ for fault in _recording_faults(view, root)]
        seen[by_number[task.phones[0].number]] = _Seen(
            task.state,
            tuple(view.attempt.outcome or Disposition.UNKNOWN for view in views_),
            tuple(sorted(ticket.category for ticket in tickets if ticket.task_id == task.id)),
            tuple(faults),
        )
    return seen


def _recording_faults(view: CallView, root: Path) -> list[str]:
    """An answered call has a stereo recording with sound on both sides."""
    if view.attempt.answered_at is None:
        return []
    recording = view.record.recording if view.record else None
    if recording is None:
        return [f"call {view.attempt.id}: no recording"]
    sides = ("prompt", "customer")
    return [
        f"call {view.attempt.id}: silence on the {side} side"
        for side, level in zip(sides, levels(root / recording.path, recording), strict=True)
        if level < _SOUND
    ]


_SOUND = 200.0
"""Peak of the loudest 20 ms (mean magnitude, 16-bit) above which a side isn't silent."""
_HEADER = 58
_FRAME = 160


def levels(path: Path, recording: Recording) -> tuple[float, float]:
    """The loudest 20 ms of each channel, as mean magnitude of 16-bit samples."""
    payload = np.frombuffer(path.read_bytes()[_HEADER:], dtype=np.uint8)
    frames = len(payload) // (2 * _FRAME)
    pcm = np.abs(g711.decode(payload[: frames * 2 * _FRAME].tobytes(), recording.codec).astype(np.int32))
    loudest = pcm.reshape(frames, _FRAME, 2).mean(axis=1).max(axis=0) if frames else np.zeros(2)
    return float(loudest[0]), float(loudest[1])


def _as_expected(persona: Persona, seen: _Seen) -> bool:
    return (
        seen.state is persona.state
        and seen.outcomes == persona.expected
        and seen.tickets == tuple(sorted(persona.tickets))
        and not seen.faults
    )


class _Progress:
    """An EventSink that tells what happens, as it happens."""

    def __init__(self, console: Console, clock: MovableClock, lang: str) -> None:
        self._console, self._clock, self._lang = console, clock, lang
        self._who: dict[int, str] = {}
        self._calls: dict[int, str] = {}

    def know(self, tasks: Sequence[Task]) -> None:
        self._who = {task.id: f"{task.holder.name[:1]}** {task.phones[0].number.masked}" for task in tasks}

    async def publish(self, event_id: int, event: Event) -> None:
        zh = self._lang == views.ZH
        match event:
            case CallDialled():
                self._calls[event.call_id] = self._who.get(event.task_id, "")
                self._tell(event.at, event.call_id, "呼出" if zh else "INVITE")
            case CallAnswered():
                self._tell(event.at, event.call_id, "接听" if zh else "answered")
            case CallEnded():
                self._tell(event.at, event.call_id, views.outcome_text(event.outcome, self._lang))
            case TicketIssued():
                self._tell(None, event.call_id, f"{views.word('ticket', self._lang)} {event.category}")

    def _tell(self, at: datetime | None, call: int, what: str) -> None:
        self._console.print(
            f"{views.local(at or self._clock())}  #{call:<3} {self._calls.get(call, '')}  {what}"
        )


def _report(console: Console, seen: dict[str, _Seen], summary: Summary, home: Path, lang: str) -> None:
    rows = []
    for persona in CUSTOMERS:
        found = seen[persona.key]
        observed = " → ".join(views.outcome_text(outcome, lang) for outcome in found.outcomes)
        expected = " → ".join(views.outcome_text(outcome, lang) for outcome in persona.expected)
        faults = "; ".join(found.faults)
        rows.append(
            (
                "✓" if _as_expected(persona, found) else "✗",
                f"{persona.name[:1]}** {persona.story}" if lang == views.ZH else persona.key,
                f"{expected} ({views.state_text(persona.state, lang)})",
                f"{observed} ({views.state_text(found.state, lang)}) {faults}".strip(),
                str(len(found.outcomes)),
                "、".join(found.tickets),
            )
        )
    console.print(views.table(("result", "customer", "expected", "heard", "attempts", "tickets"), rows, lang))
    if lang == views.ZH:
        console.print(
            f"客户 {summary.customers},拨打 {summary.attempts},接听 {summary.answered},"
            f"完成 {summary.completed},问题件 {summary.tickets},录音 {summary.recordings},"
            f"不符 {summary.mismatches},用时 {summary.wall_s} 秒"
        )
        console.print(f"安装目录:{home}(可用 dialer --home {home} calls 查看)")
    else:
        console.print(
            f"{summary.customers} customers, {summary.attempts} attempts, {summary.answered} answered, "
            f"{summary.completed} completed, {summary.tickets} tickets, {summary.recordings} recordings, "
            f"{summary.mismatches} mismatches, {summary.wall_s} s"
        )
        console.print(f"Look around: dialer --home {home} calls")
