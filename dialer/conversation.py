"""The answered part of a call: the session's actions carried out, the customer's replies brought back.

It runs inside the call's one inbox: what happens elsewhere (recogniser, transfer) comes back through
``post`` and is handed to ``take`` by the conductor.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dialer.call import answered_by
from dialer.closing import Ticketing, WishResolver
from dialer.errors import DialerError
from dialer.ivr import lexicon, moves
from dialer.ivr.session import Session
from dialer.listening import Hearing
from dialer.model import CallId, Heard, Task
from dialer.ports import (
    Answerer,
    AnswererJudged,
    Archive,
    KeyPressed,
    Leg,
    LegEvent,
    ListenSpec,
    Played,
    Recogniser,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    Store,
    Synthesiser,
    Trunk,
    Watch,
)
from dialer.transfer import Attendance, WarmTransfer

log = logging.getLogger("dialer.conversation")


@dataclass(frozen=True, slots=True)
class Words:
    """The recogniser's answer; None: it was lost."""

    heard: Heard | None
    start_offset_s: float
    end_offset_s: float


@dataclass(frozen=True, slots=True)
class AgentAccepted:
    agent: str


@dataclass(frozen=True, slots=True)
class TransferOver:
    bridged: bool


Item = LegEvent | Words | AgentAccepted | TransferOver
"""What a call's inbox holds."""


@dataclass(frozen=True, slots=True)
class House:
    """What a call needs; built once by the composition root."""

    trunk: Trunk
    store: Store
    archive: Archive
    recogniser: Recogniser
    prompts: Synthesiser
    transfer: WarmTransfer
    session_for: Callable[[Task, bool], Session]
    """(task, is an agent free) -> the approved script's session for this customer. Raises ConfigError."""
    tickets: Ticketing
    appointment: WishResolver
    clock: Callable[[], datetime]
    """Legal time."""
    ring_s: float = 20.0
    no_progress_s: float = 5.0
    listen: ListenSpec = field(default_factory=ListenSpec)
    caller: Callable[[Task], tuple[str, str]] = lambda _task: ("", "")
    """(task) -> number and name that its customer sees (R36); empty: the trunk's."""
    progress: str = "act"
    """``act``, ``note`` or ``off``: what call progress detection is for."""
    store_patience_s: float = 3600.0
    """How long a finished call waits for a database that is away."""


class CallControl(Protocol):
    """What a conversation may do to its call."""

    def may_act(self) -> bool:
        """False once the call is ending."""
        ...

    def begin_transfer(self) -> None: ...

    async def hang_up(self, reason: str) -> None: ...

    def post(self, item: Item) -> None:
        """Put into the call's inbox."""
        ...


class Conversation:
    """From the answer to the end of a call. Every coroutine may raise DialerError: the call must end."""

    def __init__(self, house: House, task: Task, call_id: CallId, leg: Leg, control: CallControl) -> None:
        self._house, self._task, self._call_id = house, task, call_id
        self._leg, self._control = leg, control
        free = bool(house.transfer.free_agents(task))
        self._session: Session = house.session_for(task, free)
        self._hearing = Hearing(house.recogniser, lambda *words: control.post(Words(*words)))
        self._listening: moves.Listen | None = None
        self._transfer: asyncio.Task[None] | None = None
        self._began = 0.0
        """Loop time of the recording's start."""
        self.attendance = Attendance(lambda: self._now() - self._began)
        self.machine = ""
        """Why it seems to be a machine, where the call wasn't ended for that."""

    @property
    def result(self) -> moves.SessionResult:
        return self._session.result

    def deadline(self) -> float | None:
        """Loop time at which ``feed(Timeout())`` is due."""
        return self._session.deadline()

    async def start(self, offset_s: float = 0.0) -> None:
        """``offset_s``: how far the recording has come."""
        self._began = self._now() - offset_s
        if self._house.progress != "off":
            await self._leg.media.watch(Watch.ANSWERER)
        await self._act(self._session.start(self._now(), offset_s))

    async def feed(self, event: moves.SessionEvent) -> None:
        await self._act(self._session.feed(event, self._now()))

    async def take(self, item: Item) -> None:
        """A media event or the recogniser's words."""
        match item:
            case Played():
                await self.feed(moves.PlayedOut(item.play_id))
            case KeyPressed():
                await self.feed(moves.Key(item.digit, item.offset_s))
            case SpeechStarted() if self._listening is not None:
                expected = (*lexicon.grammar(self._listening.kind), *self._listening.phrases)
                self._hearing.begin(expected)
                await self.feed(moves.SpeechStarted(item.offset_s))
            case SpeechAudio():
                self._hearing.audio(item.pcm)
            case SpeechEnded():
                self._hearing.end(item)
            case AnswererJudged():
                await self._judged(item)
            case Words(heard=None):
                await self.feed(moves.RecogniserLost())
            case Words(heard=Heard() as heard):
                await self.feed(moves.HeardWords(heard, item.start_offset_s, item.end_offset_s))
            case _:
                pass  # speech that nobody asked for

    async def _judged(self, item: AnswererJudged) -> None:
        """A machine is said goodbye to; whoever has said or pressed who he is, is none."""
        log.info(
            "answerer judged",
            extra={"call_id": self._call_id, "answerer": item.answerer.value, "why": item.why},
        )
        if item.answerer is not Answerer.MACHINE:
            return
        before = self._session.result.reason
        if self._house.progress == "act":
            await self.feed(moves.NobodyThere(answered_by(item.tone), f"a machine answered: {item.why}"))
        if self._session.result.reason == before:
            self.machine = f"may be a machine: {item.why}"

    async def close(self, by_network: bool) -> moves.SessionResult:
        """The line is gone: no agent's telephone rings on, no utterance is waited for."""
        self._hearing.drop()
        if self._transfer is not None:
            self._transfer.cancel()
            await asyncio.gather(self._transfer, return_exceptions=True)
        if not self._session.over:
            self._session.feed(moves.HungUp("network" if by_network else "customer"), self._now())
        return self._session.result

    async def _act(self, actions: Sequence[moves.Action]) -> None:
        media = self._leg.media
        for action in actions:
            if not self._control.may_act():
                return
            match action:
                case moves.Play():
                    if self._transfer is not None:
                        # The session has waited long enough: no agent may take the call any more.
                        self._transfer.cancel()
                    clips = self._house.prompts.clips(action.say, slow=action.slow)
                    await media.play(clips, action.play_id, loop=action.loop)
                case moves.StopPlay():
                    await media.stop_playing()
                case moves.Listen():
                    self._listening = action
                    await media.listen(self._spec(action))
                case moves.StopListen():
                    self._listening = None
                    await media.listen(None)
                case moves.Transfer():
                    self._control.begin_transfer()
                    self._transfer = asyncio.create_task(self._run_transfer())
                case moves.HangUp():
                    await self._control.hang_up(action.reason)

    def _spec(self, listen: moves.Listen) -> ListenSpec:
        """Free speech may be longer than an answer."""
        usual = self._house.listen
        longest = listen.max_speech_s or usual.max_speech_s
        return dataclasses.replace(usual, end_silence_s=listen.end_silence_s, max_speech_s=longest)

    async def _run_transfer(self) -> None:
        bridged = False

        def accepted(agent: str) -> None:
            nonlocal bridged
            bridged = True
            self._control.post(AgentAccepted(agent))

        try:
            await self._house.transfer.run(self._leg, self._task, accepted, self.attendance)
        except DialerError as error:
            log.warning("transfer failed", extra={"call_id": self._call_id, "why": str(error)})
        finally:
            self._control.post(TransferOver(bridged))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
