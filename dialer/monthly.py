"""The month's report of an installation: counted in its database, judged by its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dialer.errors import ConfigError
from dialer.kpi import ANSWERED, Month, sample_positions
from dialer.office import with_store
from dialer.policy.zones import find_zone
from dialer.ports import CallView
from dialer.reports import MonthReport, Workbook, month_report
from dialer.site import Site
from dialer.store.database import SqlStore

_CALLS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report."""

    home: Path
    month: Month
    campaign: str = ""
    """Empty: all."""


async def report(asked: Asked, now: datetime) -> MonthReport:
    """R28. Raises StoreError, ConfigError."""
    settings = Site(asked.home).settings
    zone = find_zone(settings.calling.zone)
    if zone is None:
        raise ConfigError(f"calling.zone: {settings.calling.zone!r} is not an IANA zone")

    async def look(store: SqlStore) -> MonthReport:
        count = await store.month_count(
            asked.month,
            zone,
            campaign=asked.campaign,
            open_is_success=settings.reports.open_ticket_is_success,
        )
        roots = [one for one in await store.archive.roots() if f"{one.day:%Y-%m}" == str(asked.month)]
        return replace(month_report(count, settings.reports, now), roots=tuple(roots))

    return await with_store(asked.home, look)


async def fill(asked: Asked, made: MonthReport, book: Workbook) -> None:
    """The month's calls and tickets, a page at a time; marks the conversations that are to be checked.

    Raises StoreError, ConfigError.
    """

    async def look(store: SqlStore) -> None:
        calls = await store.month_calls(asked.month, asked.campaign)
        checked = set(sample_positions(made.tally.answered, made.sample))
        conversations = 0
        for start in range(0, len(calls), _CALLS_AT_ONCE):
            marked: list[tuple[CallView, bool]] = []
            for view in await store.calls_by_id(calls[start : start + _CALLS_AT_ONCE]):
                talked = view.attempt.outcome in ANSWERED
                marked.append((view, talked and conversations in checked))
                conversations += talked
            book.add_calls(marked)

    await with_store(asked.home, look)
