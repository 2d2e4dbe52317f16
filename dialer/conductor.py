"""One call: leg <-> call <-> session <-> recogniser <-> archive. It only wires.

Everything that happens to a call goes through one inbox, in order: signalling and media events from
the leg, words from the recogniser, the end of a transfer, and time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.call import Call, Event, State
from dialer.closing import Closing, Ticketing, WishResolver, seal, store_record
from dialer.errors import DialerError, IllegalTransition, StoreError, TrunkError
from dialer.ivr import lexicon, moves
from dialer.ivr.session import Session
from dialer.listening import Hearing
from dialer.model import Attempt, Disposition, Heard, Task
from dialer.policy.verdict import Dial
from dialer.ports import (
    Answered,
    Archive,
    Claim,
    DialRequest,
    Ended,
    Failed,
    KeyPressed,
    Leg,
    LegEvent,
    ListenSpec,
    MediaFailed,
    MediaTimeout,
    Played,
    Progress,
    Recogniser,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    Store,
    Synthesiser,
    Trunk,
)
from dialer.transfer import WarmTransfer

log = logging.getLogger("dialer.conductor")

_PAUSE_S = 1.0
"""What may pass between the barrier's verdict and the INVITE."""
_ENDING_S = 10.0
"""How long the far end may take to confirm our BYE or CANCEL before the leg is freed anyway."""
_DAEMON_ENDED = "the daemon ended this call"


@dataclass(frozen=True, slots=True)
class _Words:
    """The recogniser's answer; None: it was lost."""

    heard: Heard | None
    start_offset_s: float
    end_offset_s: float


@dataclass(frozen=True, slots=True)
class _AgentAccepted:
    agent: str


@dataclass(frozen=True, slots=True)
class _TransferOver:
    bridged: bool


_Item = LegEvent | _Words | _AgentAccepted | _TransferOver


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
    caller_id: str = ""
    store_patience_s: float = 30.0
    """How long a finished call waits for a database that is away."""


class Conductor:
    def __init__(self, house: House) -> None:
        self._house = house

    async def conduct(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        """Place the call and see it through to its row. Cancelled: the call is hung up and recorded."""
        await _LiveCall(self._house, claim, attempt, dial).run()


class _LiveCall:
    def __init__(self, house: House, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        self._house, self._claim, self._attempt, self._dial = house, claim, attempt, dial
        self._task = claim.task
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue()
        self._call = Call(house.ring_s, house.no_progress_s)
        self._closing = Closing()
        self._hearing = Hearing(house.recogniser, self._deliver)
        self._session: Session | None = None
        self._listening: moves.Listen | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._transfer: asyncio.Task[None] | None = None
        self._ending_from: float | None = None

    # -- life of the call --------------------------------------------------------------------

    async def run(self) -> None:
        house, note = self._house, self._closing
        # Paused between barrier and INVITE: the longest ring must still fit into the window.
        longest = timedelta(seconds=house.ring_s + house.no_progress_s - _PAUSE_S)
        if house.clock() + longest > self._dial.window_end:
            note.close(Disposition.NOT_DIALLED, "the window closed before the INVITE")
            await self._store()
            return
        request = DialRequest(self._dial.number, house.caller_id, reference=str(self._attempt.id))
        try:
            leg = await house.trunk.dial(request)
        except TrunkError as error:
            note.close(Disposition.NOT_DIALLED, str(error))
            await self._store()
            return
        except asyncio.CancelledError:
            # The INVITE may have left: counted, never silently redialled.
            note.close(Disposition.UNKNOWN, _DAEMON_ENDED)
            await asyncio.shield(self._store())
            raise
        try:
            self._call.apply(Event.INVITED, self._now())
            self._pumping = asyncio.create_task(self._pump(leg))
            await self._loop(leg)
        finally:
            await asyncio.shield(self._wind_up(leg))

    async def _loop(self, leg: Leg) -> None:
        while self._call.state is not State.OVER:
            deadlines = (self._call.ring_deadline(), self._session_deadline(), self._ending_deadline())
            due = min((moment for moment in deadlines if moment is not None), default=None)
            item: _Item | None = None
            try:
                async with asyncio.timeout_at(due):
                    item = await self._inbox.get()
            except TimeoutError:
                if self._ending_deadline() == due:
                    log.warning("far end did not confirm the end", extra={"call_id": self._attempt.id})
                    return
            try:
                await (self._tick(leg) if item is None else self._handle(leg, item))
            except IllegalTransition as error:
                log.info("event ignored", extra={"call_id": self._attempt.id, "why": str(error)})
            except DialerError as error:
                await self._give_up(leg, str(error))

    async def _tick(self, leg: Leg) -> None:
        """A deadline passed: ring time (R41) or the session's own."""
        now = self._now()
        ring = self._call.ring_deadline()
        if ring is not None and now >= ring:
            self._call.apply(Event.CANCEL, now)
            self._closing.cancelled = True
            self._ending_from = now
            await leg.hang_up("ring time over")
        else:
            await self._feed(leg, moves.Timeout())

    async def _pump(self, leg: Leg) -> None:
        while True:
            event = await leg.next_event()
            self._inbox.put_nowait(event)
            if isinstance(event, Failed | Ended):
                return

    async def _wind_up(self, leg: Leg) -> None:
        """Whatever happened: no leg, port or open recording stays behind, and the row is written."""
        note, house = self._closing, self._house
        self._hearing.drop()
        if self._transfer is not None:
            self._transfer.cancel()
            await asyncio.gather(self._transfer, return_exceptions=True)
        if self._call.state is not State.OVER:
            note.hung_up_by = note.hung_up_by or "dialer"
            if self._ending_from is None:
                note.reason = note.reason or _DAEMON_ENDED
            await leg.hang_up(note.reason)
        if self._session is not None and not self._session.over:
            self._session.feed(
                moves.HungUp("network" if note.hung_up_by == "network" else "customer"), self._now()
            )
        note.session = self._session.result if self._session is not None else None
        if note.record_from is not None:
            note.recording = await seal(leg.media, house.archive, self._attempt.id, note.record_from)
        note.rtp = await leg.close()
        if self._pumping is not None:
            self._pumping.cancel()
        note.rang = self._call.rang_at is not None
        await self._store()

    async def _store(self) -> None:
        house = self._house
        record = self._closing.record(
            self._attempt.id, self._task, house.clock(), house.tickets, house.appointment
        )
        await store_record(house.store, self._claim, record, house.store_patience_s)

    # -- events ------------------------------------------------------------------------------

    async def _handle(self, leg: Leg, item: _Item) -> None:
        now, note, house = self._now(), self._closing, self._house
        match item:
            case Progress():
                self._call.apply(Event.PROGRESS, now)
                if note.ringing_at is None:
                    note.ringing_at = house.clock()
                    await self._note(house.store.note_ringing(self._attempt.id, note.ringing_at))
            case Answered():
                if self._call.apply(Event.ANSWERED, now) is State.TALKING:
                    await self._answered(leg)
                else:
                    note.reason = "answered while the call was being cancelled"
            case Failed():
                note.failure = item
                self._call.apply(Event.FAILED, now)
            case Ended():
                note.hung_up_by = note.hung_up_by or ("customer" if item.by_remote else "dialer")
                self._call.apply(Event.ENDED, now)
                await self._feed(leg, moves.HungUp("network" if note.hung_up_by == "network" else "customer"))
            case _AgentAccepted():
                note.agent = item.agent
                self._call.apply(Event.AGENT_ACCEPTED, now)
                await self._feed(leg, moves.TransferEnded("accepted"))
            case _TransferOver():
                self._call.apply(Event.TRANSFER_OVER, now)
                await self._feed(leg, moves.TransferEnded("agent_hung_up" if item.bridged else "no_agent"))
            case MediaTimeout():
                note.hung_up_by = "network"
                await self._give_up(leg, "no audio from the far end")
            case MediaFailed():
                await self._give_up(leg, item.reason)
            case _:
                await self._media_event(leg, item)

    async def _media_event(self, leg: Leg, item: _Item) -> None:
        match item:
            case Played():
                await self._feed(leg, moves.PlayedOut(item.play_id))
            case KeyPressed():
                await self._feed(leg, moves.Key(item.digit, item.offset_s))
            case SpeechStarted() if self._listening is not None:
                expected = (*lexicon.phrases(self._listening.kind), *self._listening.phrases)
                self._hearing.begin(expected)
                await self._feed(leg, moves.SpeechStarted(item.offset_s))
            case SpeechAudio():
                self._hearing.audio(item.pcm)
            case SpeechEnded():
                self._hearing.end(item)
            case _Words(heard=None):
                await self._feed(leg, moves.RecogniserLost())
            case _Words(heard=Heard() as heard):
                await self._feed(leg, moves.HeardWords(heard, item.start_offset_s, item.end_offset_s))
            case _:
                pass  # speech that nobody asked for

    async def _answered(self, leg: Leg) -> None:
        """The recording opens before the first prompt (R40, R75)."""
        house, note = self._house, self._closing
        note.answered_at = house.clock()
        await leg.media.record(house.archive.reserve(self._attempt.id, note.answered_at))
        note.record_from = note.answered_at
        self._session = house.session_for(self._task, bool(house.transfer.free_agents(self._task)))
        await self._act(leg, self._session.start(self._now()))
        await self._note(house.store.note_answered(self._attempt.id, note.answered_at))

    async def _feed(self, leg: Leg, event: moves.SessionEvent) -> None:
        if self._session is not None:
            await self._act(leg, self._session.feed(event, self._now()))

    async def _act(self, leg: Leg, actions: Sequence[moves.Action]) -> None:
        for action in actions:
            if self._call.state in (State.OVER, State.ENDING):
                return
            match action:
                case moves.Play():
                    clips = self._house.prompts.clips(action.say)
                    await leg.media.play(clips, action.play_id, loop=action.loop)
                case moves.StopPlay():
                    await leg.media.stop_playing()
                case moves.Listen():
                    self._listening = action
                    spec = dataclasses.replace(self._house.listen, end_silence_s=action.end_silence_s)
                    await leg.media.listen(spec)
                case moves.StopListen():
                    self._listening = None
                    await leg.media.listen(None)
                case moves.Transfer():
                    self._call.apply(Event.TRANSFER, self._now())
                    self._transfer = asyncio.create_task(self._run_transfer(leg))
                case moves.HangUp():
                    await self._hang_up(leg, action.reason)

    async def _run_transfer(self, leg: Leg) -> None:
        bridged = False

        def accepted(agent: str) -> None:
            nonlocal bridged
            bridged = True
            self._inbox.put_nowait(_AgentAccepted(agent))

        try:
            await self._house.transfer.run(leg, self._task, accepted)
        except DialerError as error:
            log.warning("transfer failed", extra={"call_id": self._attempt.id, "why": str(error)})
        self._inbox.put_nowait(_TransferOver(bridged))

    # -- small helpers -----------------------------------------------------------------------

    async def _hang_up(self, leg: Leg, reason: str) -> None:
        self._closing.hung_up_by = self._closing.hung_up_by or "dialer"
        self._call.apply(Event.HANG_UP, self._now())
        self._ending_from = self._now()
        await leg.hang_up(reason)

    async def _give_up(self, leg: Leg, reason: str) -> None:
        log.error("call given up", extra={"call_id": self._attempt.id, "why": reason})
        self._closing.reason = self._closing.reason or reason
        if self._call.state in (State.TALKING, State.TRANSFERRING, State.BRIDGED):
            await self._hang_up(leg, reason)

    async def _note(self, writing: Awaitable[None]) -> None:
        """Progress rows are convenience: a database that is away must not disturb a live call."""
        try:
            await writing
        except StoreError as error:
            log.warning("progress not stored", extra={"call_id": self._attempt.id, "why": str(error)})

    def _session_deadline(self) -> float | None:
        talking = self._call.state in (State.TALKING, State.TRANSFERRING, State.BRIDGED)
        return self._session.deadline() if self._session is not None and talking else None

    def _ending_deadline(self) -> float | None:
        return None if self._ending_from is None else self._ending_from + _ENDING_S

    def _deliver(self, heard: Heard | None, start: float, end: float) -> None:
        self._inbox.put_nowait(_Words(heard, start, end))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
