"""The daemon's part in backups: one a day, by a process of its own, and an alarm where the last is old."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
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
"""A backup that is told to end has this long to clear up, before it is killed."""
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

    Where the folder can't be looked at (its disk may be gone) the last backup that was seen grows older.
    """
    if config.folder is None:
        log.warning("no backups are made: set backup.folder (R93)")
        return
    told: date | None = None
    tried: datetime | None = None
    last: datetime | None = None
    fault = ""
    while True:
        now = clock()
        try:
            last = await asyncio.to_thread(_last, config.folder)
            if is_due(config, last, now, zone) and (tried is None or now - tried >= _TRY_AGAIN):
                tried = now
                await _make(home)
                last = await asyncio.to_thread(_last, config.folder)
            fault = ""
        except OSError as error:
            if fault != (fault := str(error)):
                log.error("backups can't be made or looked at", extra={"why": fault})
        today = now.astimezone(zone).date()
        if (why := overdue(config, last, now)) and told != today:
            told = today
            log.error("backup too old", extra={"why": why})
            await _tell(BackupOverdue(now, last), sinks)
        await asyncio.sleep(look_s)


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
