"""What the archive's commands do with an installation: verify, list, hold, expire, close days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from dialer.archive.coverage import Audit, audit
from dialer.archive.daily import sign_days
from dialer.archive.examine import Examiner
from dialer.archive.finding import Finding, Progress
from dialer.archiving import Archiving, open_archive
from dialer.errors import DialerError
from dialer.model import AUDIT_CATEGORY, CallId, DayRoot, KeptState, Ticket
from dialer.office import with_store
from dialer.site import Site
from dialer.store.database import SqlStore

T = TypeVar("T")


async def with_archive(home: Path, work: Callable[[Archiving], Awaitable[T]]) -> T:
    """Open the installation's archive, do ``work``, copy the log to its files. Raises DialerError."""
    site = Site(home)

    async def inside(store: SqlStore) -> T:
        async with open_archive(site.settings, store.archive, site.ticket_due) as archive:
            made = await work(archive)
            await archive.mirror.catch_up()
            return made

    return await with_store(home, inside)


@dataclass(frozen=True, slots=True)
class Verified:
    """``findings`` is empty where everything fits."""

    findings: tuple[Finding, ...]
    seen: Progress
    tickets: int
    """Issued for the calls that were named."""


async def verify(
    home: Path, now: datetime, *, day: date | None, calls: Sequence[CallId], issue: bool
) -> Verified:
    """The whole archive; or the log and a day's, or these calls'. Raises DialerError.

    ``issue``: a ticket for each call that is named, once (FAULTS: a changed recording is somebody's work).
    """

    async def work(archive: Archiving) -> Verified:
        examiner = Examiner(archive.config, archive.index, archive.room, now)
        found: AsyncIterator[Finding] = examiner.everything()
        if calls:
            found = examiner.calls(calls)
        elif day is not None:
            found = examiner.day(day)
        findings = tuple([one async for one in found])
        issued = await _tickets(archive, findings, now) if issue else 0
        return Verified(findings, examiner.progress, issued)

    return await with_archive(home, work)


async def _tickets(archive: Archiving, findings: Sequence[Finding], now: datetime) -> int:
    by_call: dict[CallId, list[str]] = {}
    for one in findings:
        if one.call is not None:
            by_call.setdefault(one.call, []).append(one.zh)
    views = await archive.index.calls_by_id(list(by_call))
    tickets = [
        Ticket(
            call_id=view.attempt.id, task_id=view.task.id, category=AUDIT_CATEGORY, departments=("质检部",),
            question="", words=";".join(by_call[view.attempt.id]), answer_offset_s=0.0, issued_at=now,
            due=archive.due(now), major=True,
        )
        for view in views
    ]  # fmt: skip
    return len(await archive.index.audit_tickets(tickets))


@dataclass(frozen=True, slots=True)
class Stock:
    """What lies in the archive."""

    state: KeptState
    place: str
    hold: bool
    calls: int
    stored_bytes: int


async def stock(home: Path) -> list[Stock]:
    async def work(archive: Archiving) -> list[Stock]:
        return [Stock(*one) for one in await archive.index.tally()]

    return await with_archive(home, work)


async def roots(home: Path, now: datetime) -> list[DayRoot]:
    """Sign what is due; all roots."""

    async def work(archive: Archiving) -> list[DayRoot]:
        await sign_days(archive.config, archive.index, now)
        return await archive.index.roots()

    return await with_archive(home, work)


async def audit_day(home: Path, day: date, now: datetime, by: str) -> Audit:
    """Raises DialerError for a day that isn't over."""

    async def work(archive: Archiving) -> Audit:
        return await audit(archive.config, archive.index, archive.room, day, now, archive.due, by)

    if day >= now.astimezone(Site(home).ticket_due(now).tzinfo).date():
        raise DialerError(f"{day} isn't over yet: audit it tomorrow")
    return await with_archive(home, work)
