"""Customer lists into an installation's database: good rows in, bad rows reported, nothing twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from dialer.campaigns import Plan
from dialer.campaigns.rules import admission
from dialer.errors import ConfigError
from dialer.intake import CUSTOMERS, CustomerReader, Dating, Sheet, Source, write_report
from dialer.intaking import (
    Options,
    Pacer,
    Tally,
    database_of,
    database_there,
    pacer_for,
    plan_of,
    reporting,
)
from dialer.ivr.script import split_name
from dialer.model import ImportReport, Task
from dialer.site import Site
from dialer.store.database import SqlStore

_DEFAULT_SCRIPT = "new-policy"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of customers did, or would do."""

    report: ImportReport
    notices: tuple[str, ...]
    """Columns and sheets that weren't used."""
    bad_rows: int = 0
    waiting: str = ""
    """Why nobody of the list is called yet; empty where the campaign runs."""
    dry_run: bool = False

    def as_csv(self) -> str:
        return write_report(self.report.errors, self.notices)


async def import_customers(
    home: Path,
    source: Source,
    filename: str,
    campaign: str,
    script: str | None,
    now: datetime,
    options: Options | None = None,
    deadline: str = "",
) -> Imported:
    """Good rows in, bad rows reported, nothing twice. ``script``: only where the campaign has no file.

    ``deadline``: the deadline type of rows that name none and have no date of their own (R30, R31, ...),
    where the campaign names none itself. Raises ImportFileError, ConfigError, StoreError, OSError.
    """
    options = options or Options()
    site = Site(home)
    _known_deadline(site, deadline)
    sheet = Sheet(source, filename, CUSTOMERS, site.settings.intake)
    if not database_there(site):
        _script(site, (await plan_of(site, None, campaign))[0], campaign, script)  # before one is made
    async with reporting(options.report) as report, database_of(site, options.dry_run) as store:
        plan, waiting = await plan_of(site, store, campaign)
        if deadline and plan is not None and plan.deadline_types:
            raise ConfigError(f"campaign {campaign} names its deadlines itself: leave --deadline out")
        rules = site.settings.calling
        reader = CustomerReader(
            sheet,
            campaign=campaign,
            script=_script(site, plan, campaign, script),
            country=site.settings.intake.country,
            dating=Dating(rules.deadline_types, site.calendar, deadline),
            admit=None if plan is None else admission(plan, site.calendar, rules),
        )
        tally = Tally(reader, report, options.tell)
        stored = ImportReport()
        pacer = pacer_for(site)
        for batch in tally.batches(lambda: pacer.rows):
            tasks = [task for _, task in batch]
            done = await _store(store, tasks, pacer, now, campaign, options.dry_run)
            stored = ImportReport(stored.accepted + done.accepted, stored.duplicates + done.duplicates)
        found = ImportReport(stored.accepted, stored.duplicates, tuple(tally.errors))
        return Imported(found, reader.notices, tally.bad_rows, waiting, options.dry_run)


async def _store(
    store: SqlStore | None, tasks: list[Task], pacer: Pacer, now: datetime, campaign: str, dry_run: bool
) -> ImportReport:
    if dry_run:
        known = await store.known_policies(campaign, [task.policy_no for task in tasks]) if store else set()
        return ImportReport(len(tasks) - len(known), len(known))
    assert store is not None
    await asyncio.sleep(pacer.wait_s())
    began = perf_counter()
    done = await store.add_tasks(tasks, now)
    pacer.took(perf_counter() - began)
    return done


def _known_deadline(site: Site, name: str) -> None:
    """Raises ConfigError."""
    if name and site.settings.calling.deadline_type(name) is None:
        known = ", ".join(kind.name for kind in site.settings.calling.deadline_types)
        raise ConfigError(f"no deadline type {name!r}; known: {known or 'none'}")


def _script(site: Site, plan: Plan | None, campaign: str, asked: str | None) -> str:
    """Raises ConfigError."""
    if plan is not None:
        if asked not in (None, plan.content.script):
            raise ConfigError(
                f"campaign {campaign} asks {plan.content.script}, not {asked}: leave --script out"
            )
        return plan.content.script
    script = asked or _DEFAULT_SCRIPT
    try:
        name, _ = split_name(script)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if name not in site.scripts:
        raise ConfigError(f"no script {script!r}; known: {', '.join(site.scripts)}")
    return script
