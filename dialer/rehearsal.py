"""``dialer script rehearse``: a script is gone through before it is approved (R50), typed or by telephone.

Typed, the session gets what somebody writes as if it had been said. By telephone everything is the daemon's
own: INVITE, prompts, recogniser, recording. Only the customer is invented, and nothing of it reaches the
installation's database: no figure counts a rehearsal.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dialer import settings as reading
from dialer import tickets
from dialer.app import Clock, Telephony, open_telephony
from dialer.archive.vault import LocalVault
from dialer.conductor import Conductor
from dialer.conversation import House
from dialer.errors import ConfigError
from dialer.forms import written
from dialer.ivr.config import TurnSettings
from dialer.ivr.moves import (
    Action,
    HangUp,
    HeardWords,
    HungUp,
    Key,
    Play,
    PlayedOut,
    SessionEvent,
    SessionResult,
    SpeechStarted,
    Timeout,
    Transfer,
    TransferEnded,
)
from dialer.ivr.prompt import Facts
from dialer.ivr.script import Script
from dialer.ivr.session import Session
from dialer.model import AppointmentWish, Attempt, Heard, Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.appointments import resolve
from dialer.policy.verdict import Decision, Dial
from dialer.ports import CallView, Claim
from dialer.scripttext import SAMPLE
from dialer.site import Site
from dialer.testing.store import MemoryStore
from dialer.transfer import WarmTransfer

_REGISTER_S = 5.0
_LEASE_S = 3600.0
Ask = Callable[[], str | None]
"""What the rehearser says: words, a key, nothing (silence), or None: hangs up."""
Tell = Callable[[str], None]
HANG_UP = ("挂机", "挂断", "hang up")
_KEYS = frozenset("0123456789*#")
_SAID_S = 1.0
_LEVEL_DBOV = -20.0


class Rehearsal:
    """One call, typed. Time is counted, not waited for."""

    def __init__(self, script: Script, form: str, facts: Facts, turn: TurnSettings) -> None:
        """Raises ValueError for a form that the script doesn't have."""
        self._session = Session(script, form, facts, turn)
        self._now = 0.0
        self._shown = 0

    def run(self, ask: Ask, tell: Tell, agent: Callable[[], bool]) -> SessionResult:
        """To the end. ``agent``: whether the agent who is sought takes the call."""
        actions = self._session.start(self._now)
        while not self._session.over:
            actions = self._turn(actions, ask, tell, agent)
        return self._session.result

    def _turn(self, actions: list[Action], ask: Ask, tell: Tell, agent: Callable[[], bool]) -> list[Action]:
        play = next((one for one in reversed(actions) if isinstance(one, Play)), None)
        if play is not None:
            tell("".join(map(written, play.say)))
        if any(isinstance(one, Transfer) for one in actions):
            taken = agent()
            following = self._feed(TransferEnded("accepted" if taken else "no_agent"))
            return self._feed(TransferEnded("agent_hung_up")) if taken else following
        if any(isinstance(one, HangUp) for one in actions):
            return []
        after = [] if play is None else self._feed(PlayedOut(play.play_id), 2.0)
        if any(isinstance(one, Play | Transfer | HangUp) for one in after):
            return after
        said = ask()
        following = list(self._heard(said))
        self._explain(tell)
        return following

    def _heard(self, said: str | None) -> Iterator[Action]:
        if said is None or said in HANG_UP:
            yield from self._feed(HungUp())
        elif not said:
            self._now = max(self._now, self._session.deadline() or self._now)
            yield from self._feed(Timeout(), 0.0)
        elif said in _KEYS:
            yield from self._feed(Key(said, self._now + _SAID_S), _SAID_S)
        else:
            start = self._now + _SAID_S
            yield from self._feed(SpeechStarted(start), _SAID_S)
            heard = Heard(said, 1.0, 0.0, _SAID_S, _LEVEL_DBOV)
            yield from self._feed(HeardWords(heard, start, start + _SAID_S), _SAID_S)

    def _feed(self, event: SessionEvent, later: float = _SAID_S) -> list[Action]:
        self._now += later
        return self._session.feed(event, self._now)

    def _explain(self, tell: Tell) -> None:
        """What was made of the reply."""
        answers = self._session.result.answers
        for answer in answers[self._shown :]:
            why = f" ({answer.decided_by})" if answer.decided_by else ""
            tell(f"    [{answer.question}: {answer.answer_class.value}{why}]")
        self._shown = len(answers)


# --- by telephone --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal call came to, and where its recording lies."""

    call: CallView
    recording: Path | None


async def by_telephone(
    site: Site, script: Script, form: str, facts: Facts, number: PhoneNumber, clock: Clock
) -> Rehearsed:
    """Call a telephone of the house. Nothing reaches the database; the recording goes to ``rehearsals/``.

    Raises ConfigError where the number isn't listed, DialerError.
    """
    own = {PhoneNumber.parse(one).e164 for one in site.settings.site.rehearsal_numbers}
    if number.e164 not in own:
        raise ConfigError(
            f"{number.masked} isn't a telephone of the house: "
            "list it in dialer.toml, [site] rehearsal_numbers, or rehearse without --call"
        )
    site.require_clips(script.texts())
    folder = site.home / "rehearsals"
    archive = LocalVault(dataclasses.replace(site.settings.archive, root=folder))
    store = MemoryStore()
    async with open_telephony(site, clock, free_ports=True) as lines:
        with suppress(TimeoutError):
            await asyncio.wait_for(lines.trunk.registered(), _REGISTER_S)
        house = _house(site, script, form, facts, clock, lines, store, archive)
        claim, attempt, dial = await _due(store, number, script.label(form), clock())
        await Conductor(house).conduct(claim, attempt, dial)
    view = await store.call(attempt.id)
    assert view is not None
    recording = view.record.recording if view.record else None
    return Rehearsed(view, folder / recording.path if recording else None)


def _house(
    site: Site, script: Script, form: str, facts: Facts, clock: Clock, lines: Telephony,
    store: MemoryStore, archive: LocalVault,
) -> House:  # fmt: skip
    settings = site.settings

    def session(task: Task, agent_free: bool) -> Session:
        return Session(script, form, facts, reading.with_agents(settings.turns, agent_free))

    def appointment(wish: AppointmentWish, task: Task, now: datetime) -> datetime:
        return resolve(wish, now, site.calendar, settings.calling, task.zone, task.segment)

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
        progress=settings.progress.use,
    )


async def _due(
    store: MemoryStore, number: PhoneNumber, label: str, now: datetime
) -> tuple[Claim, Attempt, Dial]:
    """A task that is to be called this moment."""
    task = Task(
        id=TaskId(0), campaign="rehearsal", policy_no="REHEARSAL", holder=Policyholder("演练"),
        phones=(Phone(number),), product=SAMPLE.product, premium=SAMPLE.premium,
        pay_years=SAMPLE.pay_years, script=label,
    )  # fmt: skip
    await store.add_tasks([task], now)
    dial = Dial(number, "rehearsal/0", now + timedelta(hours=1))
    claim = await store.claim((await store.tasks())[0].id, "rehearsal", _LEASE_S, now)
    assert claim is not None
    _, attempt = await store.barrier(claim, lambda candidate: Decision(dial, ()), now)
    assert attempt is not None
    return claim, attempt, dial
