"""Which campaigns run by which rules and script, and why the others don't: looked up anew at each heartbeat.

What was approved is read from the database, where nobody's editor reaches it. The files in
``config/campaigns`` and ``config/scripts`` are only watched: a changed one is told in the log and waits for
its own approval, a broken one is told as an error, and what runs goes on (R9, R21).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.campaigns import CampaignHead, CampaignState, CampaignVersion, Plan, digest, read_plan
from dialer.campaigns.life import heads
from dialer.campaigns.rules import halted, out_of_time, settings_of
from dialer.errors import ConfigError
from dialer.ivr.reader import read_script
from dialer.ivr.script import Script, split_name
from dialer.model import Reason, Task
from dialer.policy.settings import PolicySettings
from dialer.policy.zones import find_zone
from dialer.registers import CampaignRegister
from dialer.site import Site

log = logging.getLogger("dialer.campaigns")

_DAY = timedelta(days=1)
_CALLED = frozenset({CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.FINISHED})
"""States of a campaign that customers were called for."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A campaign's approved version, ready for use."""

    plan: Plan
    script: Script
    form: str
    settings: PolicySettings


async def script_for(site: Site, register: CampaignRegister, task: Task) -> tuple[Script, str, Plan | None]:
    """The script and form that a task's campaign asks on paper, running or not, and its plan.

    Raises ConfigError, StoreError.
    """
    versions = await register.campaign_versions(task.campaign)
    counts = next(iter(heads(one.head for one in versions)), None)
    if counts is None or counts.carried_over:
        return *site.script_of(task), None
    version = next(one for one in versions if one.number == counts.number)
    name = f"campaign {version.campaign} version {version.number}"
    plan = read_plan(version.plan_text, name)
    return read_script(version.script_text, f"script of {name}"), split_name(plan.content.script)[1], plan


class CampaignBook:
    """Implements ``dialer.scheduler.Campaigns``. ``refresh`` before the first use."""

    def __init__(self, site: Site, register: CampaignRegister, clock: Callable[[], datetime]) -> None:
        self._site, self._register, self._clock = site, register, clock
        self._heads: Mapping[str, CampaignHead] = {}
        self._approved: dict[str, Approved] = {}
        """Those that run, and those that did: a call under way ends by the script that it began with."""
        self._faults: dict[str, Reason] = {}
        """Campaigns that are to run and can't."""
        self._files: tuple[tuple[str, int, int], ...] | None = None

    async def refresh(self) -> None:
        """Raises StoreError; then all is as it was."""
        found = {head.campaign: head for head in await self._register.campaign_heads()}
        changed = [head for name, head in found.items() if self._heads.get(name) != head]
        made: dict[str, Approved | Reason] = {}
        for head in changed:
            if head.state in _CALLED and not head.carried_over:
                made[head.campaign] = await self._build(head)
        for head in changed:
            self._put(head, made.get(head.campaign))
        self._heads = found
        self._watch_files()

    def _put(self, head: CampaignHead, made: Approved | Reason | None) -> None:
        name = head.campaign
        self._approved.pop(name, None)
        self._faults.pop(name, None)
        told = {"campaign": name, "version": head.number, "state": head.state.value}
        if isinstance(made, Reason) and head.state is CampaignState.RUNNING:
            self._faults[name] = made
            log.error("campaign can't run", extra={**told, "why": made.en})
            return
        if isinstance(made, Approved):
            self._approved[name] = made
        log.info("campaign", extra=told)

    async def _build(self, head: CampaignHead) -> Approved | Reason:
        versions = await self._register.campaign_versions(head.campaign)
        version = next(one for one in versions if one.number == head.number)
        try:
            return self._made(version)
        except (ConfigError, ValueError) as error:
            return Reason(
                f"回访项目 {head.campaign} 第 {head.number} 版无法执行:{error}",
                f"campaign {head.campaign} version {head.number} can't be carried out: {error}",
            )

    def _made(self, version: CampaignVersion) -> Approved:
        """Raises ConfigError, ValueError."""
        name = f"{version.campaign} version {version.number}"
        plan = read_plan(version.plan_text, f"campaign {name}")
        script = read_script(version.script_text, f"script of {name}")
        _, form = split_name(plan.content.script)
        return Approved(plan, script, form, settings_of(plan, self._site.settings.calling))

    @property
    def faults(self) -> tuple[Reason, ...]:
        """Why campaigns that are to run can't."""
        return tuple(self._faults.values())

    # -- what the scheduler and the conductor ask ------------------------------------------------

    def running(self) -> frozenset[str]:
        """Campaigns whose tasks may be looked at."""
        today = self._clock().astimezone(self._zone("")).date()
        return frozenset(
            name
            for name, head in self._heads.items()
            if head.state is CampaignState.RUNNING
            and name not in self._faults
            and not self._out_of_time(name, today)
        )

    def _out_of_time(self, name: str, today: date) -> bool:
        """Surely, whatever the customer's zone."""
        found = self._approved.get(name)
        return found is not None and (
            found.plan.lies_ahead(today + _DAY) or found.plan.lies_behind(today - _DAY)
        )

    def approval(self, task: Task) -> str:
        """Empty where the task's campaign runs and its script can be spoken, else why not (R9, R49)."""
        head = self._heads.get(task.campaign)
        why = halted(task.campaign, head) or self._faults.get(task.campaign)
        if why is not None:
            return why
        found = self._approved.get(task.campaign)
        if found is None:
            return self._site.approval(task)
        today = self._clock().astimezone(self._zone(task.zone)).date()
        return out_of_time(found.plan, today) or self._site.unspoken(found.script, found.form, task)

    def settings(self, campaign: str) -> PolicySettings:
        """The calling rules as the campaign narrows them."""
        found = self._approved.get(campaign)
        return self._site.settings.calling if found is None else found.settings

    def script_of(self, task: Task) -> tuple[Script, str]:
        """The approved script and its form. Raises ConfigError."""
        found = self._approved.get(task.campaign)
        return self._site.script_of(task) if found is None else (found.script, found.form)

    def caller(self, task: Task) -> tuple[str, str]:
        """Number and name that the customer sees; empty: the trunk's."""
        found = self._approved.get(task.campaign)
        return ("", "") if found is None else (found.plan.method.caller_id, found.plan.method.display_name)

    def _zone(self, name: str) -> ZoneInfo:
        return find_zone(name or self._site.settings.calling.zone) or ZoneInfo("Asia/Shanghai")

    # -- the files --------------------------------------------------------------------------------

    def _watch_files(self) -> None:
        now = self._site.changed_at()
        if now == self._files:
            return
        first, self._files = self._files is None, now
        for file in self._site.campaign_files():
            try:
                found = self._site.read_campaign(file)
                script = self._site.find_script(split_name(found.plan.content.script)[0])
            except (ConfigError, ValueError) as error:
                log.error("campaign file can't be used, what runs goes on", extra={"why": str(error)})
                continue
            head = self._heads.get(found.plan.id)
            text = digest(found.text, script.text if script else "")
            if head is not None and not head.carried_over and head.digest != text and not first:
                log.info(
                    "campaign file changed: another version, to be approved",
                    extra={"campaign": found.plan.id, "version": head.number},
                )
