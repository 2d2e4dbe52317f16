"""The daemon's part in backups: one a day, by a process of its own, and an alarm where the last is old."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

from dialer.alarm import NOT_FROM_OUTBOX
from dialer.backups import backups_in
from dialer.errors import DialerError
from dialer.events import BackupOverdue
from dialer.ports import EventSink
from dialer.settings import BackupSettings

log = logging.getLogger("dialer.backup")

LOOK_S = 60.0
_END_S = 30.0
"""A backup that is told to end has this long to clear up, before it is killed: a daemon that is to start
again must not wait for a big copy, and the next backup removes what is left.
"""
_ANSWER_S = 10.0
"""So long a look at the backups' folder may take, before the last backup goes on ageing by what was known."""
_TRY_AGAIN = timedelta(hours=1)
_NICE = 10


def is_due(config: BackupSettings, last: datetime | None, now: datetime, zone: tzinfo) -> bool:
    """Whether today's backup is to be made now."""
    if not config.at:
        return False
    local = now.astimezone(zone)
    begins = datetime.combine(local.date(), config.time_of_day, zone)
    return local >= begins and (last is None or last < begins)


def overdue(config: BackupSettings, last: datetime | None, now: datetime) -> str:
    """Empty, or in what the last backup is too old."""
    if last is None:
        return "there is no backup yet"
    age = now - last
    if age <= timedelta(hours=config.max_age_hours):
        return ""
    return f"the last backup is {age / timedelta(hours=1):.0f} h old, {config.max_age_hours:g} h are allowed"


async def keep_backups(
    home: Path,
    config: BackupSettings,
    zone: tzinfo,
    clock: Callable[[], datetime],
    sinks: Sequence[EventSink],
    look_s: float = LOOK_S,
) -> None:
    """Until cancelled. Without ``backup.folder`` there is nothing to do.

    Where the folder can't be looked at (its disk may be gone, or hang) the last backup that was seen
    grows older.
    """
    if config.folder is None:
        log.warning("no backups are made: set backup.folder (R93)")
        return
    seen = _Seen()
    look: asyncio.Task[None] | None = None
    told: date | None = None
    fault = ""
    try:
        while True:
            look = look or asyncio.create_task(_look(home, config.folder, config, zone, clock, seen))
            await asyncio.wait((look,), timeout=_ANSWER_S)
            now = clock()
            before, fault = fault, _fault(look, seen, config.folder)
            if fault and fault != before:
                log.error("backups can't be made or looked at", extra={"why": fault})
            look = None if look.done() else look
            today = now.astimezone(zone).date()
            if (why := seen.overdue(config, now)) and told != today:
                told = today
                log.error("backup too old", extra={"why": why})
                await _tell(BackupOverdue(now, seen.last), sinks)
            await asyncio.sleep(look_s)
    finally:
        if look is not None:
            look.cancel()
            await asyncio.wait((look,))  # a backup that is being made clears up


@dataclass(slots=True)
class _Seen:
    """What is known of the backups, while a look or a backup goes on."""

    last: datetime | None = None
    tried: datetime | None = None
    making: bool = False

    def overdue(self, config: BackupSettings, now: datetime) -> str:
        """One that is being made has an hour, before the last is told to be too old."""
        if self.making and self.tried is not None and now - self.tried < _TRY_AGAIN:
            return ""
        return overdue(config, self.last, now)


async def _look(
    home: Path, folder: Path, config: BackupSettings, zone: tzinfo, clock: Callable[[], datetime], seen: _Seen
) -> None:
    """Makes today's backup where it is due. Raises OSError."""
    seen.last = await asyncio.to_thread(_last, folder)
    now = clock()
    if is_due(config, seen.last, now, zone) and (seen.tried is None or now - seen.tried >= _TRY_AGAIN):
        seen.tried, seen.making = now, True
        try:
            await _make(home)
        finally:
            seen.making = False
        seen.last = await asyncio.to_thread(_last, folder)


def _fault(look: asyncio.Task[None], seen: _Seen, folder: Path) -> str:
    """Empty, or why that look found nothing out. Raises what is a fault of the program."""
    if not look.done():
        return "" if seen.making else f"{folder} hasn't answered for {_ANSWER_S:g} s"
    try:
        look.result()
    except OSError as error:
        return str(error)
    return ""


def _last(folder: Path) -> datetime | None:
    found = backups_in(folder)
    return found[0].made_at if found else None


async def _make(home: Path) -> None:
    """Copying, hashing and restoring would take the interpreter's lock from the calls. Raises OSError."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *_command(home), stdin=nothing, stdout=nothing, stderr=pipe
    )
    try:
        with contextlib.suppress(OSError):  # it is over already, or runs as fast as it likes
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        _, said = await process.communicate()
    except asyncio.CancelledError:
        await _end(process)
        raise
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["nothing was said"]
        log.error("backup failed", extra={"why": lines[-1]})
    else:
        log.info("backup made")


def _command(home: Path) -> list[str]:
    return [sys.executable, "-m", "dialer.cli", "--home", str(home), "--lang", "en", "backup", "make"]


async def _end(process: asyncio.subprocess.Process) -> None:
    """It clears up when it is told to end; one that hangs with its disk isn't waited for."""
    for tell in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            tell()
            await asyncio.wait_for(process.wait(), _END_S)
            return


async def _tell(event: BackupOverdue, sinks: Sequence[EventSink]) -> None:
    for sink in sinks:
        try:
            await sink.publish(NOT_FROM_OUTBOX, event)
        except DialerError as error:
            log.warning("event not published", extra={"why": str(error)})
