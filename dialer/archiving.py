"""The archive put together: what the daemon runs of it, and what commands use without a daemon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.archive.archivist import Archivist
from dialer.archive.config import ArchiveConfig
from dialer.archive.coverage import audit
from dialer.archive.daily import sign_days
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.keys import signing_key, wrapping
from dialer.archive.mirror import LogMirror
from dialer.archive.process import Asked
from dialer.archive.s3 import S3Shelf
from dialer.archive.shelf import S3, Shelf
from dialer.archive.sweeper import Sweeper
from dialer.errors import DialerError
from dialer.model import ArchiveEvent
from dialer.ports import ArchiveIndex, CallView
from dialer.settings import Settings

log = logging.getLogger("dialer.archive")

Due = Callable[[datetime], datetime]
"""When a ticket that is issued then is due (R57)."""
_LOOK_S = 60.0
_DAYS_BACK = 7
"""Days at most that are audited at once; older ones by `dialer archive audit`."""


@dataclass(frozen=True, slots=True)
class Archiving:
    """One archive, open."""

    config: ArchiveConfig
    index: ArchiveIndex
    room: EvidenceRoom
    sweeper: Sweeper
    mirror: LogMirror
    s3: S3Shelf | None
    node: str
    due: Due


@asynccontextmanager
async def open_archive(settings: Settings, index: ArchiveIndex, due: Due) -> AsyncIterator[Archiving]:
    """Raises ArchiveError: a key that can't be read, the extra ``s3`` missing."""
    config = settings.archive
    await asyncio.to_thread(wrapping, config)
    await asyncio.to_thread(signing_key, config.sign_key_file)
    async with AsyncExitStack() as stack:
        s3 = await stack.enter_async_context(S3Shelf.open(config)) if config.s3_bucket else None
        shelves: dict[str, Shelf] = {S3: s3} if s3 is not None else {}
        room = EvidenceRoom(config, index, shelves)
        sweeper, mirror = Sweeper(config, index, room), LogMirror(config.root, index)
        yield Archiving(config, index, room, sweeper, mirror, s3, settings.site.node, due)


async def run_archive(
    archive: Archiving,
    worker: Asked,
    clock: Callable[[], datetime],
    stop: asyncio.Event,
    caller: Callable[[CallView], str],
) -> None:
    """The daemon's part: seal what ends, copy the log to its files, close the days; until ``stop``."""
    archivist = Archivist(
        archive.config, archive.index, worker, archive.node, clock, caller=caller, s3=archive.s3
    )
    keeping = asyncio.create_task(_keep_days(archive, clock, stop))
    await archivist.run(stop)
    await keeping


async def _keep_days(archive: Archiving, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    seen: date | None = None
    while True:
        ending = stop.is_set()
        try:
            await archive.mirror.catch_up()
            now = clock()
            today = now.astimezone(ZoneInfo(archive.config.zone)).date()
            if today != seen and not ending:
                await close_days(archive, now)
                await archive.mirror.catch_up()
                seen = today
        except DialerError as error:
            log.error("the archive's day isn't closed", extra={"why": str(error)})
        if ending:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()


async def close_days(archive: Archiving, now: datetime) -> None:
    """Audit each day that is over and wasn't, then sign the log of the days that are over."""
    today = now.astimezone(ZoneInfo(archive.config.zone)).date()
    last = await archive.index.last_entry(ArchiveEvent.AUDITED)
    known = last.details.get("day") if last is not None else None
    day = date.fromisoformat(str(known)) + timedelta(days=1) if known else today - timedelta(days=1)
    day = max(day, today - timedelta(days=_DAYS_BACK))
    while day < today:
        found = await audit(archive.config, archive.index, archive.room, day, now, archive.due, archive.node)
        if found.gaps:
            log.warning("recordings aren't whole", extra={"day": str(day), "gaps": len(found.gaps)})
        day += timedelta(days=1)
    await sign_days(archive.config, archive.index, now)
