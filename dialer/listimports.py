"""The smaller lists into an installation's database: do-not-call, waivers, surrenders, confirmed numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from dialer.campaigns.rules import settings_of
from dialer.intake import ListReader, Source, contact_list, do_not_call_list, surrender_list, waiver_list
from dialer.intake.lists import ContactRow
from dialer.intaking import Options, Tally, database_of, pacer_for, plan_of, reporting
from dialer.listings import ContactFound, ContactResult, DoNotCall, Exemption, ListReport
from dialer.model import RowError
from dialer.policy.zones import find_zone
from dialer.registers import CampaignRegister
from dialer.site import Site
from dialer.store.database import SqlStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """What an import of one of the smaller lists did, or would do."""

    report: ListReport
    errors: tuple[RowError, ...]
    notices: tuple[str, ...]
    bad_rows: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class By:
    """Who hands a list in, and when."""

    name: str
    now: datetime


Add = Callable[[SqlStore, list[tuple[int, T]], "Tally[T]"], Awaitable[ListReport]]
"""Stores good rows, refuses those that the database says no to."""


async def _import_list(site: Site, reader: ListReader[T], options: Options, add: Add[T]) -> Listed:
    async with reporting(options.report) as report, database_of(site, options.dry_run) as store:
        tally = Tally(reader, report, options.tell)
        total = ListReport()
        pacer = pacer_for(site)
        for batch in tally.batches(lambda: pacer.rows):
            if options.dry_run or store is None:
                done = ListReport(added=len(batch))
            else:
                await asyncio.sleep(pacer.wait_s())
                began = perf_counter()
                done = await add(store, batch, tally)
                pacer.took(perf_counter() - began)
            total = ListReport(total.added + done.added, total.known + done.known, total.tasks + done.tasks)
        return Listed(total, tuple(tally.errors), reader.notices, tally.bad_rows, options.dry_run)


async def import_do_not_call(
    home: Path, source: Source, filename: str, by: By, options: Options | None = None
) -> Listed:
    """Numbers that nobody dials from now on (R38)."""
    site = Site(home)

    async def add(
        store: SqlStore, batch: list[tuple[int, tuple[DoNotCall, ...]]], _: Tally[tuple[DoNotCall, ...]]
    ) -> ListReport:
        return await store.add_do_not_call([one for _, some in batch for one in some], by.name, by.now)

    reader = do_not_call_list(source, filename, site.settings.intake)
    return await _import_list(site, reader, options or Options(), add)


async def import_waivers(
    home: Path, source: Source, filename: str, campaign: str, by: By, options: Options | None = None
) -> Listed:
    """R19: only waivers with all three signatures, filed; other rows are refused."""
    site = Site(home)
    zone = find_zone(site.settings.calling.zone)
    reader = waiver_list(source, filename, site.settings.intake, campaign, by.now.astimezone(zone).date())
    return await _import_list(site, reader, options or Options(), _exemptions(by))


async def import_surrenders(
    home: Path, source: Source, filename: str, campaign: str, by: By, options: Options | None = None
) -> Listed:
    """R11: policies that were surrendered or withdrawn. ``campaign`` empty: in every campaign."""
    site = Site(home)
    reader = surrender_list(source, filename, site.settings.intake, campaign)
    return await _import_list(site, reader, options or Options(), _exemptions(by))


def _exemptions(by: By) -> Add[Exemption]:
    async def add(store: SqlStore, batch: list[tuple[int, Exemption]], _: Tally[Exemption]) -> ListReport:
        return await store.add_exemptions([one for _, one in batch], by.name, by.now)

    return add


_REFUSED = {
    ContactResult.NO_TASK: "has no task in this campaign",
    ContactResult.NOT_WAITING: "isn't waiting for a number: it is called, or over, or with a visit",
    ContactResult.DO_NOT_CALL: "the number is on the do-not-call list",
}


async def import_contacts(
    home: Path, source: Source, filename: str, campaign: str, by: By, options: Options | None = None
) -> Listed:
    """R24: confirmed numbers; their tasks begin the next pass. A row without an answer changes nothing."""
    site = Site(home)
    passes: dict[str, int] = {}
    unanswered = 0

    async def add(
        store: SqlStore, batch: list[tuple[int, ContactRow]], tally: Tally[ContactRow]
    ) -> ListReport:
        nonlocal unanswered
        answered = [(row, one) for row, one in batch if one.phones or one.old_confirmed]
        unanswered += len(batch) - len(answered)
        for name in {one.campaign for _, one in answered} - passes.keys():
            passes[name] = await _max_passes(site, store, name)
        found = [
            ContactFound(one.campaign, one.policy_no, one.phones, passes[one.campaign], one.old_confirmed)
            for _, one in answered
        ]
        results = await store.refresh_contacts(found, by.now)
        for (row, one), result in zip(answered, results, strict=True):
            if result in _REFUSED:
                tally.refuse([RowError(row, "policy_no", f"{one.policy_no} {_REFUSED[result]}")])
        refreshed = results.count(ContactResult.REFRESHED)
        return ListReport(refreshed, results.count(ContactResult.KNOWN), refreshed)

    reader = contact_list(source, filename, site.settings.intake, campaign)
    done = await _import_list(site, reader, options or Options(), add)
    if unanswered:
        done = replace(done, notices=(*done.notices, f"{unanswered} rows without an answer: they wait on"))
    return done


async def _max_passes(site: Site, store: CampaignRegister, campaign: str) -> int:
    plan, _ = await plan_of(site, store, campaign)
    base = site.settings.calling
    return (base if plan is None else settings_of(plan, base)).max_passes
