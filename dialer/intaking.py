"""What every import of a list does: rows streamed into short transactions, bad ones written down.

A good row goes in whatever the others are. An import that broke off is made again: what it stored counts
as duplicates then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

from dialer.campaigns import Plan, read_plan
from dialer.campaigns.life import heads
from dialer.campaigns.rules import halted
from dialer.intake import ListReader, ReportFile
from dialer.model import RowError
from dialer.registers import CampaignRegister
from dialer.site import Site
from dialer.store.database import SqlStore

T = TypeVar("T")

Tell = Callable[[int, float], None]
"""(rows read, share of the file read): for a progress bar."""

_KEPT = 1000
"""Errors that are kept for the screen; the report file has them all."""
_FIRST, _LEAST, _MOST = 1000, 100, 4000
"""Rows in a transaction."""
_LONG_S, _SHORT_S = 0.25, 0.1
"""A transaction that took longer is followed by smaller ones, a shorter by larger ones."""
_PAUSE_S = 0.11
"""On SQLite between two transactions: who waits for the lock looks for it every 100 ms. The next rows are
read meanwhile."""


class Pacer:
    """How many rows go into a transaction, and how long to wait before it, so that a daemon can write too."""

    def __init__(self, pause_s: float, clock: Callable[[], float] = perf_counter) -> None:
        self._pause_s, self._clock = pause_s, clock
        self.rows = _FIRST
        self._ended: float | None = None

    def wait_s(self) -> float:
        """Since the last transaction's end the lock was free; the rest of the pause."""
        return 0.0 if self._ended is None else max(0.0, self._ended + self._pause_s - self._clock())

    def took(self, seconds: float) -> None:
        self._ended = self._clock()
        if seconds > _LONG_S:
            self.rows = max(_LEAST, self.rows // 2)
        elif seconds < _SHORT_S:
            self.rows = min(_MOST, self.rows * 2)


@dataclass
class Tally(Generic[T]):
    """Rows read so far: what is wrong is written down, what is good is gathered."""

    reader: ListReader[T]
    report: ReportFile | None = None
    tell: Tell = lambda _rows, _share: None
    errors: list[RowError] = field(default_factory=list)
    """The first of them."""
    bad_rows: int = 0

    def batches(self, rows: Callable[[], int]) -> Iterator[list[tuple[int, T]]]:
        """Good rows with their numbers, as many at a time as ``rows`` says then."""
        batch: list[tuple[int, T]] = []
        last = 0
        for reading in self.reader:
            last = reading.row
            if reading.value is None:
                self.refuse(reading.errors)
            else:
                batch.append((reading.row, reading.value))
            if len(batch) >= rows():
                yield batch
                self.tell(last, self.reader.sheet.share)
                batch = []
        if batch:
            yield batch
        self.tell(last, 1.0)
        if self.report is not None:
            self.report.add((), self.reader.notices)

    def refuse(self, errors: Sequence[RowError]) -> None:
        """One bad row."""
        self.bad_rows += 1
        self.errors += errors[: max(0, _KEPT - len(self.errors))]
        if self.report is not None:
            self.report.add(errors)


@dataclass(frozen=True, slots=True)
class Options:
    """How an import is made."""

    dry_run: bool = False
    """Read and judge everything, store nothing."""
    report: Path | None = None
    """Where the bad rows are written to, as CSV."""
    tell: Tell = lambda _rows, _share: None


def pacer_for(site: Site) -> Pacer:
    return Pacer(0.0 if site.settings.store.url else _PAUSE_S)


def database_there(site: Site) -> bool:
    settings = site.settings
    return bool(settings.store.url or settings.site.database.exists())


@asynccontextmanager
async def database_of(site: Site, dry_run: bool) -> AsyncIterator[SqlStore | None]:
    """The installation's database, made where it is missing; a dry run makes none."""
    settings = site.settings
    if dry_run and not database_there(site):
        yield None
        return
    await asyncio.to_thread(site.home.mkdir, parents=True, exist_ok=True)
    store = await SqlStore.open(settings.site.database, settings.store)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def reporting(path: Path | None) -> AsyncIterator[ReportFile | None]:
    with ReportFile(path) if path is not None else nullcontext() as report:
        yield report


async def plan_of(site: Site, store: CampaignRegister | None, campaign: str) -> tuple[Plan | None, str]:
    """The campaign's plan, in force or else as its file is, and why it doesn't run."""
    versions = await store.campaign_versions(campaign) if store is not None else []
    counts = next(iter(heads(one.head for one in versions)), None)
    waiting = halted(campaign, counts) or ""
    if counts is not None and not counts.carried_over:
        version = next(one for one in versions if one.number == counts.number)
        return read_plan(version.plan_text, f"campaign {campaign} version {version.number}"), waiting
    file = site.campaign_folder / f"{campaign}.yaml"
    if file.is_file():
        return site.read_campaign(file).plan, waiting
    return None, waiting
