"""What people do with campaigns: lint, rehearse, approve, notify, start, pause, resume, finish.

Each step is stored with who, when and a note. Approval is for a content, file and script: where one of them
changed since it was linted, it must be linted again.
"""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from dialer.campaigndrafts import draft, findings_of
from dialer.campaigns import (
    IN_FORCE,
    CampaignHead,
    CampaignState,
    CampaignStep,
    CampaignVersion,
    Plan,
    StepTaken,
    advance,
    read_plan,
)
from dialer.campaigns.lint import CampaignFinding
from dialer.campaigns.reader import line_of_place
from dialer.errors import CampaignError, ConfigError, DialerError, IllegalTransition
from dialer.exports import Column, write_table
from dialer.ivr.reader import read_script
from dialer.ivr.script import split_name
from dialer.model import CallId, CallRecord, Disposition, Task, TaskId, TaskState
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_new_store

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """Who takes a step, and when."""

    name: str
    now: datetime

    def step(self, step: CampaignStep, note: str = "") -> StepTaken:
        return StepTaken(step, self.name, self.now, note, account())


def account() -> str:
    """The operating system's name of who runs the command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


@dataclass(frozen=True, slots=True)
class Linted:
    """What lint found; the version where nothing hinders it."""

    plan: Plan
    findings: tuple[CampaignFinding, ...]
    lines: tuple[int, ...]
    """Where each of them stands in the campaign file; 0: in the script."""
    version: CampaignHead | None

    @property
    def passed(self) -> bool:
        return self.version is not None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """R50: a call of the campaign's script to one's own number, or what was done instead."""

    call: CallId | None
    note: str


class Shortfall(Enum):
    """What a call lacks to be a rehearsal (R50)."""

    UNANSWERED = "unanswered"
    UNRECORDED = "unrecorded"
    BROKEN_OFF = "broken off"


def shortfall_of(record: CallRecord | None, *, accepted: bool) -> Shortfall | None:
    """None: it rehearsed its script. ``accepted``: somebody says why it counts, though it ended early."""
    if record is None or record.answered_at is None:
        return Shortfall.UNANSWERED
    if record.recording is None or record.recording.partial:
        return Shortfall.UNRECORDED
    if record.outcome is not Disposition.COMPLETED and not accepted:
        return Shortfall.BROKEN_OFF
    return None


class Steps:
    """The steps of one campaign. Each raises ConfigError, DialerError, IllegalTransition or StoreError."""

    def __init__(self, site: Site, store: SqlStore, name: str, person: Person) -> None:
        self._site, self._store, self._name, self._person = site, store, name, person

    async def lint(self) -> Linted:
        """Check the file; where nothing hinders it, its content becomes a linted version."""
        found = draft(self._site, self._name)
        findings = await findings_of(self._site, self._store, found)
        text = found.file.text
        lines = tuple(0 if one.place == "script" else line_of_place(text, one.place) for one in findings)
        if any(one.blocks for one in findings):
            return Linted(found.file.plan, findings, lines, None)
        version = await self._store.register_campaign(found.content, self._person.name, self._person.now)
        head = version.head
        if version.state in (CampaignState.DRAFT, CampaignState.LINTED):
            head = await self._take(version, CampaignStep.LINT, "")
        return Linted(found.file.plan, findings, lines, head)

    async def to_be_rehearsed(self) -> CampaignVersion:
        """The linted version, before anything is dialled for it. Nothing changes."""
        version = await self._current()
        advance(version, self._person.step(CampaignStep.REHEARSE))
        return version

    async def sign_off(self, number: int, note: str) -> CampaignHead:
        """The rehearsal of that version, by what ``note`` tells of it."""
        taken = self._person.step(CampaignStep.REHEARSE, note)
        return (await self._store.take_campaign_step(self._name, number, taken)).head

    async def rehearse(self, rehearsal: Rehearsal) -> CampaignHead:
        """Sign off by a call that the daemon made, or by what was done instead."""
        version = await self._current()
        note = rehearsal.note.strip()
        if rehearsal.call is not None:
            await self._check_call(rehearsal.call, version, accepted=bool(note))
            note = f"call {rehearsal.call}" + (f": {note}" if note else "")
        if not note:
            raise DialerError(
                "say which telephone is called now (--number), which call rehearsed it (--call), or what was"
                " done instead (--note)"
            )
        return await self._take(version, CampaignStep.REHEARSE, note)

    async def _check_call(self, call_id: CallId, version: CampaignVersion, *, accepted: bool) -> None:
        """The call asked this script in this version, and rehearsed it."""
        view = await self._store.call(call_id)
        if view is None or view.record is None:
            raise DialerError(f"no finished call {call_id}: `dialer calls` lists them")
        script = read_script(version.script_text, "")
        _, form = split_name(read_plan(version.plan_text, "").content.script)
        label, asked = script.label(form), view.record.script_version or "nothing"
        match shortfall_of(view.record, accepted=accepted):
            case Shortfall.UNANSWERED:
                raise DialerError(f"call {call_id} wasn't answered: nothing was rehearsed")
            case Shortfall.UNRECORDED:
                raise DialerError(f"call {call_id} wasn't recorded whole: it is no rehearsal (R75)")
            case Shortfall.BROKEN_OFF:
                raise DialerError(
                    f"call {call_id} ended before the script did ({view.record.outcome.value}): name another,"
                    " or say with --note why it counts all the same"
                )
        if asked != label:
            raise DialerError(f"call {call_id} asked {asked}, the campaign asks {label}")

    async def approve(self, note: str) -> CampaignHead:
        """R48, R49: by somebody other than the author."""
        version = await self._current()
        findings = await findings_of(self._site, self._store, draft(self._site, self._name))
        blocking = [one for one in findings if one.blocks]
        if blocking:
            what = f"{blocking[0].rule} at {blocking[0].place}: {blocking[0].message.en}"
            file = self._site.campaign_folder / f"{self._name}.yaml"
            raise CampaignError(f"{what}: put it right and lint it again", str(file))
        return await self._take(version, CampaignStep.APPROVE, note)

    async def notify(self, file: Path, note: str) -> int:
        """R80: write the list of customers to be told, and that they are. Returns how many."""
        versions = await self._store.campaign_versions(self._name)
        version = (
            _newest(versions, CampaignState.APPROVED) or _in_force(versions) or _last(versions, self._name)
        )
        plan = None if version.carried_over else read_plan(version.plan_text, "")
        notice = plan.time.pre_notice if plan else None
        if notice is None:
            raise DialerError(f"campaign {self._name} has no time.pre_notice: nobody needs to be told")
        tasks = await self._open_tasks()
        columns: tuple[Column[Task], ...] = (
            Column("保单号", lambda task: task.policy_no),
            Column("投保人", lambda task: task.holder.name),
            Column("称谓", lambda task: task.holder.honorific),
            Column("电话", lambda task: task.phones[0].number.national),
            Column("邮箱", lambda task: task.email),
            Column("方式", lambda _: notice.channel.value),
            Column("内容", lambda _: notice.text),
        )
        write_table(file, columns, tasks)
        await self._take(version, CampaignStep.NOTIFY, note or f"{len(tasks)} customers, {file.name}")
        return len(tasks)

    async def _open_tasks(self) -> list[Task]:
        found: list[Task] = []
        after = TaskId(0)
        while page := await self._store.task_page(after, _PAGE, self._name):
            after = page[-1].id
            found += [task for task in page if task.state is TaskState.OPEN]
        return found

    async def start(self, note: str) -> CampaignHead:
        """Its newest approved version runs from now on; what ran before is superseded."""
        versions = await self._store.campaign_versions(self._name)
        version = _newest(versions, CampaignState.APPROVED)
        if version is not None:
            await self._check_notice(version)
        return await self._take(version or _last(versions, self._name), CampaignStep.START, note)

    async def _check_notice(self, version: CampaignVersion) -> None:
        """R80: customers were told in the days before."""
        notice = read_plan(version.plan_text, "").time.pre_notice
        if notice is None:
            return
        told = [
            line.taken.at
            for line in await self._store.campaign_history(version.campaign)
            if (line.number, line.taken.step) == (version.number, CampaignStep.NOTIFY)
        ]
        if not told or self._person.now - told[-1] > timedelta(days=notice.days):
            raise IllegalTransition(
                f"campaign {version.campaign}: customers must be told within {notice.days} days before (R80):"
                " `dialer campaign notify` first"
            )

    async def move(self, step: CampaignStep, note: str) -> CampaignHead:
        """Pause, resume or finish what is in force."""
        versions = await self._store.campaign_versions(self._name)
        return await self._take(_in_force(versions) or _last(versions, self._name), step, note)

    async def _current(self) -> CampaignVersion:
        """The latest version, if it is the file's content."""
        found = draft(self._site, self._name)
        versions = await self._store.campaign_versions(self._name)
        if not versions or versions[-1].carried_over:
            raise IllegalTransition(f"campaign {self._name} is a draft: lint it first")
        latest = versions[-1]
        if latest.digest != found.digest:
            changed = f"the file or script of campaign {self._name} changed since version {latest.number}"
            raise IllegalTransition(f"{changed} was linted: lint it again")
        return latest

    async def _take(self, version: CampaignVersion, step: CampaignStep, note: str) -> CampaignHead:
        taken = self._person.step(step, note)
        return (await self._store.take_campaign_step(version.campaign, version.number, taken)).head


def _newest(versions: list[CampaignVersion], state: CampaignState) -> CampaignVersion | None:
    return next((one for one in reversed(versions) if one.state is state), None)


def _in_force(versions: list[CampaignVersion]) -> CampaignVersion | None:
    return next((one for one in versions if one.state in IN_FORCE), None)


def _last(versions: list[CampaignVersion], name: str) -> CampaignVersion:
    if not versions:
        raise IllegalTransition(f"there is no campaign {name}: `dialer campaign list`")
    return versions[-1]


_DEMONSTRATION = """\
id: {name}
title: 演示
author: 演示
content:
  script: {script}
  version: {version}
  filing: {{not_required: 演示}}
method: {{verification: ""}}
subjects: {{description: 演示客户}}
people: {{responsible: 演示, department: 客户服务部}}
"""


async def demonstrate(home: Path, name: str, script: str, now: datetime) -> CampaignHead:
    """A campaign for a demonstration or a test, with every step recorded as such. Raises DialerError."""
    site = Site(home)
    script_name, _ = split_name(script)
    found = site.find_script(script_name)
    if found is None:
        raise ConfigError(f"no script {script_name!r}")
    site.campaign_folder.mkdir(parents=True, exist_ok=True)
    text = _DEMONSTRATION.format(name=name, script=script, version=json.dumps(found.script.version))
    (site.campaign_folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    async def work(store: SqlStore) -> CampaignHead:
        author = Steps(site, store, name, Person("演示", now))
        approver = Steps(site, store, name, Person("演示审批", now))
        linted = await author.lint()
        if not linted.passed:
            why = next(one.message.en for one in linted.findings if one.blocks)
            raise CampaignError(f"the demonstration's campaign isn't fit: {why}")
        await author.rehearse(Rehearsal(None, "demonstration"))
        await approver.approve("demonstration")
        return await approver.start("demonstration")

    return await with_new_store(home, work)
