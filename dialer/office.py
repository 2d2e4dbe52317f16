"""What the commands do with an installation while no daemon is needed: import, look up, explain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from dialer.archive.vault import LocalVault
from dialer.errors import ConfigError, DialerError
from dialer.intake import Dating, read_customers, write_report
from dialer.ivr.script import split_name
from dialer.model import ImportReport, TaskId
from dialer.policy.verdict import Resources
from dialer.policy.windows import slots_of
from dialer.policy.zones import find_zone
from dialer.ports import Candidate
from dialer.redating import date_anew
from dialer.scheduler import refusals
from dialer.sip.lines import probe_trunks
from dialer.sip.probe import Probed
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.story import Story
from dialer.tts.build import build, build_missing, build_tones, write_list
from dialer.tts.stock import stock_texts

T = TypeVar("T")

_ROWS_AT_ONCE = 1000
"""A transaction each, with a pause between: a running daemon must not wait for the whole list. An import
that broke off is made again; what it stored counts as duplicates then."""
_PAUSE_S = 0.11
"""SQLite looks for a free lock every 100 ms."""


async def with_store(home: Path, work: Callable[[SqlStore], Awaitable[T]]) -> T:
    """Open the installation's database, do ``work``, close. Raises StoreError, ConfigError."""
    site = Site(home)
    if not _has_database(site):
        raise DialerError(f"{home} has no database yet: import customers first, or check --home")
    store = await SqlStore.open(site.settings.site.database, site.settings.store)
    try:
        return await work(store)
    finally:
        await store.close()


def _has_database(site: Site) -> bool:
    return bool(site.settings.store.url) or site.settings.site.database.exists()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    report: ImportReport
    notices: tuple[str, ...]
    """Columns that weren't used."""

    def as_csv(self) -> str:
        return write_report(self.report.errors, self.notices)


async def import_customers(
    home: Path, data: bytes, filename: str, campaign: str, script: str, now: datetime, deadline: str = ""
) -> Imported:
    """Good rows in, bad rows reported, nothing twice. Raises ImportFileError, ConfigError, StoreError.

    ``deadline``: the deadline type of rows that name none and have no date of their own (R30, R31, ...).
    """
    site = Site(home)
    types = site.settings.calling.deadline_types
    if deadline and deadline not in [kind.name for kind in types]:
        raise ConfigError(f"no deadline type {deadline!r}; known: {', '.join(kind.name for kind in types)}")
    found = read_customers(
        data,
        filename,
        campaign=campaign,
        script=script,
        config=site.settings.intake,
        dating=Dating(types, site.calendar, deadline),
    )
    try:
        name, _ = split_name(script)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if name not in site.scripts:
        raise ConfigError(f"no script {script!r}; known: {', '.join(site.scripts)}")
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    store = await SqlStore.open(site.settings.site.database, site.settings.store)
    try:
        accepted = duplicates = 0
        for start in range(0, len(found.tasks), _ROWS_AT_ONCE):
            await asyncio.sleep(_PAUSE_S if start else 0)
            stored = await store.add_tasks(found.tasks[start : start + _ROWS_AT_ONCE], now)
            accepted, duplicates = accepted + stored.accepted, duplicates + stored.duplicates
    finally:
        await store.close()
    return Imported(ImportReport(accepted, duplicates, found.errors), found.notices)


async def explain(home: Path, task_id: TaskId, now: datetime, day: date | None = None) -> Story:
    """``day``: the one that is asked about, local to the customer; None: today.

    Raises DialerError where there is no such task, ConfigError.
    """
    site = Site(home)

    async def look(store: SqlStore) -> Story:
        candidate = await store.candidate(task_id)
        imported = await store.imported_at(task_id)
        if candidate is None or imported is None:
            raise DialerError(f"no task {task_id}: `dialer tasks` lists them")
        zone = find_zone(candidate.task.zone or site.settings.calling.zone) or ZoneInfo("UTC")
        asked = day or now.astimezone(zone).date()
        slots = slots_of(asked, candidate.task.segment, zone, site.settings.calling)
        return Story(
            candidate=candidate,
            zone=zone,
            now=now,
            imported_at=imported,
            decisions=tuple(await store.decisions(task_id)),
            calls=tuple(await store.calls(task_id)),
            due_changes=tuple(await store.due_changes(task_id)),
            slots=slots,
            calls_in_slots=await store.calls_in_slots([slot.key for slot in slots]),
            faults_in_slots={slot.key: await store.faults(slot.start, slot.end) for slot in slots},
            calendar=site.calendar,
            settings=site.settings.calling,
            resources=_resources(site, candidate),
        )

    return await with_store(home, look)


def _resources(site: Site, candidate: Candidate) -> Resources:
    """Trunk and lines are the daemon's to know: taken as up and free."""
    room, why_no_room = LocalVault(site.settings.archive).has_room()
    why_not_approved = site.approval(candidate.task)
    return Resources(
        lines_free=1,
        can_record=room,
        can_record_why=why_no_room,
        approved=not why_not_approved,
        approved_why=why_not_approved,
        trunk_up=True,
        trunk_why="",
        not_dialable=refusals(candidate.task, site.destination),
    )


async def date_deadlines_anew(home: Path, now: datetime) -> int:
    """Provisional deadlines by the installation's calendar as it is now. Returns how many changed."""
    site = Site(home)

    async def work(store: SqlStore) -> int:
        return len(await date_anew(store, site.calendar, site.settings.calling, now))

    return await with_store(home, work) if _has_database(site) else 0


async def ask_trunks(home: Path) -> list[Probed]:
    """Every trunk, asked just now. Raises ConfigError."""
    settings = Site(home).settings
    return await probe_trunks(settings.trunks, settings.sip)


def all_prompt_texts(site: Site) -> list[str]:
    """Everything that the scripts, the house and the values can say."""
    return list(dict.fromkeys([*site.prompt_texts(), *stock_texts()]))


def build_prompts(site: Site, everything: bool) -> int:
    """Fill what is missing in the installation's own folder. Raises MissingPrompt without espeak-ng."""
    return len(build_missing(all_prompt_texts(site), site.settings.prompts, anew=everything))


def build_shipped(site: Site, folder: Path, everything: bool) -> int:
    """The set that the project ships, below ``folder``, with the list for a recording studio."""
    config = site.settings.prompts
    texts = all_prompt_texts(site)
    made = build(
        texts,
        folder / "synthetic",
        config.espeak,
        voice=config.voice,
        words_per_minute=config.words_per_minute,
        anew=everything,
    )
    build_tones(folder / "synthetic")
    write_list(texts, folder / "prompts.tsv")
    return len(made)


def missing_prompts(site: Site) -> list[str]:
    return site.prompts.missing(all_prompt_texts(site))
