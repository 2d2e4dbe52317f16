"""Campaigns for the eye: the list of all of them, one with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.campaigndrafts import draft
from dialer.campaigns import CampaignHead, CampaignVersion, Plan, StepRecord, read_plan
from dialer.campaigns.life import heads
from dialer.errors import ConfigError, DialerError
from dialer.model import TaskState
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_new_store


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One campaign in the list."""

    name: str
    title: str
    head: CampaignHead | None
    """None: nothing but a file."""
    file: str
    """``same``, ``changed``, ``draft``, ``broken`` or ``missing``."""
    fault: str
    tasks: Mapping[TaskState, int]


async def overview(home: Path) -> list[CampaignLine]:
    """Every campaign that has a file, a version or a task. Raises StoreError."""
    site = Site(home)

    async def work(store: SqlStore) -> list[CampaignLine]:
        tasks = await store.campaign_tasks()
        versions = await store.campaign_versions()
        counting = {head.campaign: head for head in heads(one.head for one in versions)}
        files = {file.stem for file in site.campaign_files()}
        lines = []
        for name in sorted({*tasks, *counting, *files}):
            mine = [one for one in versions if one.campaign == name]
            state, fault, plan = _file_state(site, name, mine) if name in files else ("missing", "", None)
            if plan is None and mine and not mine[-1].carried_over:
                plan = read_plan(mine[-1].plan_text, name)
            title = plan.title if plan else ""
            lines.append(CampaignLine(name, title, counting.get(name), state, fault, tasks.get(name, {})))
        return lines

    return await with_new_store(home, work)


def _file_state(site: Site, name: str, versions: Sequence[CampaignVersion]) -> tuple[str, str, Plan | None]:
    try:
        found = draft(site, name)
    except ConfigError as error:
        return "broken", str(error), None
    if found.script_fault:
        return "broken", found.script_fault, found.file.plan
    if not versions or versions[-1].carried_over:
        return "draft", "", found.file.plan
    return "same" if versions[-1].digest == found.digest else "changed", "", found.file.plan


@dataclass(frozen=True, slots=True)
class Shown:
    """One version of a campaign with its history."""

    version: CampaignVersion | None
    """None: a file that was never linted."""
    plan: Plan | None
    """None: carried over."""
    file: str
    history: tuple[StepRecord, ...]


async def show(home: Path, name: str, number: int | None = None) -> Shown:
    """The version that counts, or version ``number``. Raises DialerError."""
    site = Site(home)

    async def work(store: SqlStore) -> Shown:
        versions = await store.campaign_versions(name)
        history = tuple(await store.campaign_history(name))
        path = site.campaign_folder / f"{name}.yaml"
        state = _file_state(site, name, versions)[0] if path.is_file() else "missing"
        if not versions:
            if not path.is_file():
                raise DialerError(f"there is no campaign {name}: `dialer campaign list`")
            return Shown(None, site.read_campaign(path).plan, state, history)
        wanted = number if number is not None else heads(one.head for one in versions)[0].number
        version = next((one for one in versions if one.number == wanted), None)
        if version is None:
            raise DialerError(f"campaign {name} has no version {wanted}")
        plan = None if version.carried_over else read_plan(version.plan_text, f"campaign {name}")
        return Shown(version, plan, state, history)

    return await with_new_store(home, work)
