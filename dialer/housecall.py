"""A rehearsal by telephone (R50): a call to a telephone of the house, and a campaign's sign-off by it.

Everything is the daemon's own: INVITE, prompts, recogniser, recording. Only the customer is invented, and no
row of tasks or calls comes of it: no figure counts a rehearsal.
"""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dialer import settings as reading
from dialer import tickets
from dialer.app import Clock, Telephony, open_telephony
from dialer.archive.vault import LocalVault
from dialer.campaigning import Person, Shortfall, Steps, shortfall_of
from dialer.campaigns import CampaignHead, CampaignVersion, read_plan
from dialer.campaigns.rules import settings_of
from dialer.conductor import Conductor
from dialer.conversation import House
from dialer.errors import ArchiveError, CampaignError, ConfigError, TrunkError
from dialer.ivr.prompt import Facts
from dialer.ivr.reader import read_script
from dialer.ivr.script import Script, split_name
from dialer.ivr.session import Session
from dialer.listings import NumberUse
from dialer.model import (
    AppointmentWish,
    Attempt,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Reason,
    Task,
    TaskId,
    english,
)
from dialer.policy.appointments import resolve
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial
from dialer.policy.zones import find_zone
from dialer.ports import CallView, Claim
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import has_store, with_new_store, with_store
from dialer.testing.store import MemoryStore
from dialer.transfer import WarmTransfer
from dialer.views import EN, ZH, outcome_text

_REGISTER_S = 5.0
_LEASE_S = 3600.0
FOLDER = "rehearsals"
"""In the installation's folder: recordings of rehearsals. They aren't evidence of any customer's call."""
RULES = Reason(
    "不受可呼叫时段、次数和间隔的限制 (R43、R44、R45);仍须遵守:固定话术 (R9、R21)、主叫号码 (R36)、全程录音"
    " (R40、R75)、振铃不少于 20 秒 (R41)、客户先挂机 (R65)",
    "windows and attempts don't apply (R43, R44, R45); these do: the locked wording (R9, R21), the caller id"
    " (R36), the whole call recorded (R40, R75), 20 s of ringing (R41), the customer hangs up first (R65)",
)
"""What holds for a call to one's own telephone."""


@dataclass(frozen=True, slots=True)
class Staging:
    """What is rehearsed, to what customer, and how the call shows itself."""

    script: Script
    form: str
    facts: Facts
    calling: PolicySettings
    campaign: str = "rehearsal"
    caller: tuple[str, str] = ("", "")
    """Number and name that the telephone shows (R36); empty: the trunk's."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal call came to, and where its recording lies."""

    call: CallView
    recording: Path | None


async def by_telephone(site: Site, staging: Staging, number: PhoneNumber, clock: Clock) -> Rehearsed:
    """Call a telephone of the house; the recording goes to ``rehearsals/``.

    Raises ConfigError where the number isn't the house's own or no trunk may dial it, TrunkError where no
    INVITE left, DialerError.
    """
    await _require_own(site, number)
    site.require_clips(staging.script.texts())
    folder = site.home / FOLDER
    archive = LocalVault(dataclasses.replace(site.settings.archive, root=folder))
    room, why = archive.has_room()
    if not room:
        raise ArchiveError(f"a call that can't be recorded isn't made (R75): {english(why)}")
    store = MemoryStore(first_call=int(clock().timestamp() * 1000))  # no two recordings share a name
    async with open_telephony(site, clock, free_ports=True) as lines:
        with suppress(TimeoutError):
            await asyncio.wait_for(lines.trunk.registered(), _REGISTER_S)
        house = _house(site, staging, clock, lines, store, archive)
        claim, attempt, dial = await _due(store, number, staging, clock())
        await Conductor(house).conduct(claim, attempt, dial)
    view = await store.call(attempt.id)
    assert view is not None
    if view.attempt.outcome is Disposition.NOT_DIALLED:
        raise TrunkError(f"{number.masked} wasn't called: {view.attempt.reason} (see `dialer trunks`)")
    recording = view.record.recording if view.record else None
    return Rehearsed(view, folder / recording.path if recording else None)


async def _require_own(site: Site, number: PhoneNumber) -> None:
    """Nobody's telephone but the house's. Raises ConfigError, StoreError."""
    own = {PhoneNumber.parse(one).e164 for one in site.settings.site.rehearsal_numbers}
    if number.e164 not in own:
        raise ConfigError(
            f"{number.masked} isn't a telephone of the house: "
            "list it in dialer.toml, [site] rehearsal_numbers, or rehearse without a call"
        )
    use = NumberUse.FREE
    if has_store(site.settings):
        use = await with_store(site.home, lambda store: store.use_of(number))
    if use is NumberUse.CUSTOMER:
        raise ConfigError(
            f"{number.masked} is the number of a customer in a task: nothing is rehearsed on customers;"
            " take it out of [site] rehearsal_numbers"
        )
    if use is NumberUse.DO_NOT_CALL:
        raise ConfigError(f"{number.masked} is on the do-not-call list (R38): nobody dials it")
    if refusal := site.destination(number):
        raise ConfigError(f"{number.masked}: {english(refusal)} ([[trunks]] allow, deny)")


def _house(
    site: Site, staging: Staging, clock: Clock, lines: Telephony, store: MemoryStore, archive: LocalVault
) -> House:
    settings = site.settings
    weekday = clock().astimezone(find_zone(staging.calling.zone)).weekday()
    facts = dataclasses.replace(staging.facts, weekday=weekday)

    def session(task: Task, agent_free: bool) -> Session:
        return Session(staging.script, staging.form, facts, reading.with_agents(settings.turns, agent_free))

    def appointment(wish: AppointmentWish, task: Task, now: datetime) -> datetime:
        return resolve(wish, now, site.calendar, staging.calling, task.zone, task.segment)

    return House(
        trunk=lines.trunk,
        store=store,
        archive=archive,
        recogniser=lines.recogniser,
        prompts=site.prompts,
        transfer=WarmTransfer(lines.trunk, site.prompts, settings.transfer, lines.endpoint.lookup),
        session_for=session,
        tickets=lambda problems, task, call, now: tickets.issue(
            problems, task, call, now, site.calendar.add_workdays
        ),
        appointment=appointment,
        clock=clock,
        ring_s=settings.calling.ring_s,
        no_progress_s=settings.calling.no_18x_ring_after_s,
        listen=reading.listen_spec(settings),
        caller=lambda _task: staging.caller,
        progress=settings.progress.use,
    )


async def _due(
    store: MemoryStore, number: PhoneNumber, staging: Staging, now: datetime
) -> tuple[Claim, Attempt, Dial]:
    """A task that is to be called this moment."""
    facts = staging.facts
    task = Task(
        id=TaskId(0), campaign=staging.campaign, policy_no="REHEARSAL", holder=Policyholder("演练"),
        phones=(Phone(number),), product=facts.product, premium=facts.premium,
        pay_years=facts.pay_years, script=staging.script.label(staging.form),
    )  # fmt: skip
    await store.add_tasks([task], now)
    dial = Dial(number, "rehearsal/0", now + timedelta(hours=1))
    claim = await store.claim((await store.tasks())[0].id, "rehearsal", _LEASE_S, now)
    assert claim is not None
    _, attempt = await store.barrier(claim, lambda candidate: Decision(dial, ()), now)
    assert attempt is not None
    return claim, attempt, dial


# --- a campaign's ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Who rehearses a campaign, and says what of it."""

    name: str
    note: str = ""
    accept: str = ""
    """Why a call counts that was answered but ended before the script did; empty: it doesn't."""


@dataclass(frozen=True, slots=True)
class CampaignRehearsed:
    """The version after its rehearsal call, and what the call came to."""

    version: CampaignHead
    passed: bool
    """Whether it was signed off."""
    why: str
    """Why not; empty where it was."""
    call: CallView
    recording: Path | None


async def rehearse_campaign(
    site: Site, name: str, who: Rehearser, number: PhoneNumber, facts: Facts, clock: Clock
) -> CampaignRehearsed:
    """Call a telephone of the house as the campaign will call its customers: the script and form of the
    linted version, its caller id, its trunk. Where the script was asked to its end, the step is taken.

    Raises DialerError before anything is dialled, or where the step can't be taken; nothing has changed then.
    """

    def steps_at(now: datetime, store: SqlStore) -> Steps:
        return Steps(site, store, name, Person(who.name, now))

    version = await with_new_store(site.home, lambda store: steps_at(clock(), store).to_be_rehearsed())
    done = await by_telephone(site, staged(version, facts, site.settings.calling), number, clock)
    why = shortfall(done.call, accepted=bool(who.accept.strip()))
    if why:
        return CampaignRehearsed(version.head, False, why, done.call, done.recording)
    note = record_of(done.call, who)
    head = await with_new_store(
        site.home, lambda store: steps_at(clock(), store).sign_off(version.number, note)
    )
    return CampaignRehearsed(head, True, "", done.call, done.recording)


def staged(version: CampaignVersion, facts: Facts, calling: PolicySettings) -> Staging:
    """The version's own texts, whatever became of the files. Raises ConfigError."""
    where = f"campaign {version.campaign} version {version.number}"
    plan = read_plan(version.plan_text, where)
    script = read_script(version.script_text, f"script of {where}")
    _, form = split_name(plan.content.script)
    try:
        narrowed = settings_of(plan, calling)
    except ValueError as error:
        raise CampaignError(f"{error}: put it right and lint it again", where) from None
    caller = (plan.method.caller_id, plan.method.display_name)
    return Staging(script, form, facts, narrowed, plan.id, caller)


def shortfall(call: CallView, *, accepted: bool = False) -> str:
    """Why a call rehearsed nothing; empty where it did.

    ``accepted``: somebody says that an answered call counts though it ended before the script did.
    """
    number, (zh, en) = call.attempt.number.masked, _ending(call)
    match shortfall_of(call.record, accepted=accepted):
        case Shortfall.UNANSWERED:
            return Reason(
                f"{number} 未接听:{zh}。未作演练,项目状态不变",
                f"{number} wasn't answered: {en}. Nothing was rehearsed, the campaign is as it was",
            )
        case Shortfall.UNRECORDED:
            return Reason(
                f"{number} 的通话没有完整录音,不能作为演练 (R75)",
                f"the call to {number} wasn't recorded whole: it is no rehearsal (R75)",
            )
        case Shortfall.BROKEN_OFF:
            return Reason(
                f"{number} 的通话在话术问完之前结束:{zh}。请再演练一次,或用 --accept 写明仍予认可的理由",
                f"the call to {number} ended before the script did: {en}. Rehearse again, or say with"
                " --accept why it counts all the same",
            )
    return ""


def record_of(call: CallView, who: Rehearser) -> str:
    """What the step's record says of its call: number, wording, outcome, length, recording and its hash."""
    record = call.record
    assert record is not None
    assert record.recording is not None
    sound = record.recording
    parts = [
        call.attempt.number.masked,
        sound.started_at.isoformat(timespec="seconds"),
        record.script_version,
        record.outcome.value,
        f"{sound.duration_s:.0f} s",
        f"{FOLDER}/{sound.path}",
        f"SHA-256 {sound.sha256}",
        f"accepted: {who.accept}" if record.outcome is not Disposition.COMPLETED else "",
        who.note,
    ]
    return "; ".join(filter(None, parts))


def _ending(call: CallView) -> tuple[str, str]:
    """How the call ended, in Chinese and English."""
    outcome, reason = call.attempt.outcome, call.attempt.reason
    said = f" ({reason})" if reason else ""
    return outcome_text(outcome, ZH) + said, outcome_text(outcome, EN) + said
