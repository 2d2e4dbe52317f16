"""What the commands do with an installation while no daemon is needed: look up, explain, build prompts."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.archive.vault import LocalVault
from dialer.campaignbook import CampaignBook
from dialer.errors import DialerError
from dialer.imports import import_customers
from dialer.intaking import database_there
from dialer.means import refusals
from dialer.model import TaskId
from dialer.policy.verdict import Resources
from dialer.policy.windows import slots_of
from dialer.policy.zones import find_zone
from dialer.ports import Candidate
from dialer.redating import date_anew
from dialer.sip.lines import probe_trunks
from dialer.sip.probe import Probed
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store
from dialer.story import Story
from dialer.tts.build import build, build_missing, build_tones, write_list
from dialer.tts.stock import stock_texts


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
        book = CampaignBook(site, store, lambda: now)
        await book.refresh()
        zone = find_zone(candidate.task.zone or site.settings.calling.zone) or ZoneInfo("UTC")
        asked = day or now.astimezone(zone).date()
        slots = slots_of(asked, candidate.task.segment, zone, book.settings(candidate.task.campaign))
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
            settings=book.settings(candidate.task.campaign),
            resources=_resources(site, book, candidate),
            campaign=tuple(await store.campaign_history(candidate.task.campaign)),
        )

    return await with_store(home, look)


def _resources(site: Site, book: CampaignBook, candidate: Candidate) -> Resources:
    """Trunk and lines are the daemon's to know: taken as up and free."""
    room, why_no_room = LocalVault(site.settings.archive).has_room()
    why_not_approved = book.approval(candidate.task)
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

    return await with_store(home, work) if database_there(site) else 0


async def ask_trunks(home: Path) -> list[Probed]:
    """Every trunk, asked just now. Raises ConfigError."""
    settings = Site(home).settings
    return await probe_trunks(settings.trunks, settings.sip)


def all_prompt_texts(site: Site) -> list[str]:
    """Everything that the scripts, the house and the values can say."""
    return list(dict.fromkeys([*site.prompt_texts(), *stock_texts()]))


def build_prompts(site: Site, everything: bool) -> int:
    """Fill what is missing in the installation's own folder. Raises MissingPrompt, MissingModel."""
    return len(build_missing(all_prompt_texts(site), site.settings.prompts, anew=everything))


def build_shipped(site: Site, folder: Path, everything: bool) -> int:
    """The set that the project ships, below ``folder``, with the list for a recording studio."""
    texts = all_prompt_texts(site)
    made = build(texts, folder / "synthetic", site.settings.prompts, anew=everything)
    build_tones(folder / "synthetic")
    write_list(texts, folder / "prompts.tsv")
    return len(made)


def missing_prompts(site: Site) -> list[str]:
    return site.prompts.missing(all_prompt_texts(site))


__all__ = [
    "all_prompt_texts",
    "ask_trunks",
    "build_prompts",
    "build_shipped",
    "date_deadlines_anew",
    "explain",
    "import_customers",
    "missing_prompts",
    "with_store",
]
