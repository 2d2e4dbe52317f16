"""One call: leg <-> call <-> session <-> recogniser <-> archive. It only wires.

Everything that happens to a call goes through one inbox, in order: signalling and media events from
the leg, words from the recogniser, the end of a transfer, and time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from dialer.call import Call, Event, State
from dialer.closing import Closing, seal, store_record
from dialer.conversation import AgentAccepted, Conversation, House, Item, TransferOver
from dialer.errors import DialerError, IllegalTransition, MediaError, StoreError, TrunkError
from dialer.ivr import moves
from dialer.model import Attempt, Disposition
from dialer.policy.verdict import Dial
from dialer.ports import (
    Answered,
    Claim,
    DialRequest,
    Ended,
    Failed,
    Leg,
    MediaFailed,
    MediaTimeout,
    Progress,
    ToneHeard,
    Watch,
)

log = logging.getLogger("dialer.conductor")

_LATE_S = 30.0
"""A verdict older than this is acted on no more: no INVITE leaves."""
_TALKING = (State.TALKING, State.TRANSFERRING, State.BRIDGED)
_ENDING_S = 10.0
"""How long the far end may take to confirm our BYE or CANCEL before the leg is freed anyway."""
_DAEMON_ENDED = "the daemon ended this call"


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
        self.inbox: asyncio.Queue[Item] = asyncio.Queue()
        self.call = Call(house.ring_s, house.no_progress_s)
        self._closing = Closing(trust_tones=house.progress == "act")
        self._watching = False
        self._conversation: Conversation | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._ending_from: float | None = None
        self._window_closes = float("inf")
        self._notes: list[asyncio.Task[None]] = []

    # -- life of the call --------------------------------------------------------------------

    async def run(self) -> None:
        house, note = self._house, self._closing
        # Paused between barrier and INVITE: the longest ring must still fit into the window.
        left_s = (self._dial.window_end - house.clock()).total_seconds()
        spare_s = left_s - house.ring_s - house.no_progress_s
        fresh_s = _LATE_S - (house.clock() - self._attempt.invited_at).total_seconds()
        if spare_s < 0 or fresh_s < 0:
            why = "the window closed before the INVITE" if spare_s < 0 else "too late after the verdict"
            note.close(Disposition.NOT_DIALLED, why)
            await self._store()
            return
        self._window_closes = self._now() + left_s
        caller_id, display_name = house.caller(self._task)
        request = DialRequest(
            self._dial.number,
            caller_id,
            reference=str(self._attempt.id),
            not_after=self._now() + min(spare_s, fresh_s),
            display_name=display_name,
            campaign=self._task.campaign,
        )
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
            self.call.apply(Event.INVITED, self._now())
            self._pumping = asyncio.create_task(self._pump(leg))
            await self._loop(leg)
        finally:
            await asyncio.shield(self._wind_up(leg))

    async def _loop(self, leg: Leg) -> None:
        while self.call.state is not State.OVER:
            deadlines = (self._ring_deadline(), self._session_deadline(), self._ending_deadline())
            due = min((moment for moment in deadlines if moment is not None), default=None)
            item: Item | None = None
            try:
                async with asyncio.timeout_at(due):
                    item = await self.inbox.get()
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
        """A deadline passed: ring time (R41), the window's end (R44) or the session's own."""
        now = self._now()
        ring = self._ring_deadline()
        if ring is not None and now >= ring:
            if now >= self._window_closes:
                log.warning("window closed while ringing", extra={"call_id": self._attempt.id})
                self._closing.reason = "the window closed while the phone rang"
            self.call.apply(Event.CANCEL, now)
            self._closing.cancelled = True
            self._ending_from = now
            await leg.hang_up("ring time over")
        elif self._conversation is not None:
            await self._conversation.feed(moves.Timeout())

    async def _pump(self, leg: Leg) -> None:
        while True:
            event = await leg.next_event()
            self.inbox.put_nowait(event)
            if isinstance(event, Failed | Ended):
                return

    async def _wind_up(self, leg: Leg) -> None:
        """Whatever happened: no leg, port or open recording stays behind, and the row is written."""
        note, house = self._closing, self._house
        ended_at = house.clock()
        if self.call.state is not State.OVER:
            note.hung_up_by = note.hung_up_by or "dialer"
            if self._ending_from is None:
                note.reason = note.reason or _DAEMON_ENDED
            await leg.hang_up(note.reason)
        if self._conversation is not None:
            note.session = await self._conversation.close(note.hung_up_by == "network")
            note.answerer = self._conversation.machine
            note.agent_legs = self._conversation.attendance.legs
        if note.record_from is not None:
            note.recording = await seal(leg.media, house.archive, self._attempt.id, note.record_from)
        note.rtp = await leg.close()
        if self._pumping is not None:
            self._pumping.cancel()
        note.rang = self.call.rang_at is not None
        if self._notes:
            await asyncio.wait(self._notes)
        await self._store(ended_at)

    async def _store(self, ended_at: datetime | None = None) -> None:
        house = self._house
        record = self._closing.record(
            self._attempt.id, self._task, ended_at or house.clock(), house.tickets, house.appointment
        )
        await store_record(house.store, self._claim, record, house.store_patience_s)

    # -- events ------------------------------------------------------------------------------

    async def _handle(self, leg: Leg, item: Item) -> None:
        now, note, house = self._now(), self._closing, self._house
        match item:
            case Progress():
                self.call.apply(Event.PROGRESS, now)
                if item.code == 180:
                    self.call.alerting(now)
                if item.early_media:
                    await self._watch_early(leg)
                if note.ringing_at is None:
                    note.ringing_at = house.clock()
                    self._note(house.store.note_ringing(self._attempt.id, note.ringing_at))
            case Answered():
                if self.call.apply(Event.ANSWERED, now) is State.TALKING:
                    await self._answered(leg)
                else:
                    note.reason = "answered while the call was being cancelled"
            case Failed():
                note.failure = item
                self.call.apply(Event.FAILED, now)
            case Ended():
                note.hung_up_by = note.hung_up_by or ("customer" if item.by_remote else "dialer")
                self.call.apply(Event.ENDED, now)
            case AgentAccepted():
                note.agent = item.agent
                self.call.apply(Event.AGENT_ACCEPTED, now)
                await self._feed(moves.TransferEnded("accepted"))
            case TransferOver():
                self.call.apply(Event.TRANSFER_OVER, now)
                await self._feed(moves.TransferEnded("agent_hung_up" if item.bridged else "no_agent"))
            case ToneHeard() if self._conversation is None:
                note.tones.append(item.tone)
            case MediaTimeout():
                note.hung_up_by = "network"
                await self._give_up(leg, "no audio from the far end")
            case MediaFailed():
                await self._give_up(leg, item.reason)
            case _:
                if self._conversation is not None:
                    await self._conversation.take(item)

    async def _watch_early(self, leg: Leg) -> None:
        """What the network sounds before the answer tells one failure from another; no call depends on it."""
        if self._watching or self._house.progress == "off":
            return
        self._watching = True
        try:
            await leg.media.watch(Watch.EARLY)
        except MediaError as error:
            log.warning("early media not listened to", extra={"call_id": self._attempt.id, "why": str(error)})

    async def _answered(self, leg: Leg) -> None:
        """The recording opens before the first prompt (R40, R75)."""
        house, note = self._house, self._closing
        note.answered_at = house.clock()
        path = await house.archive.reserve(self._attempt.id, note.answered_at)
        began = self._now()
        await leg.media.record(path)
        note.record_from = note.answered_at
        self._note(house.store.note_answered(self._attempt.id, note.answered_at))
        self._conversation = Conversation(house, self._task, self._attempt.id, leg, _Control(self, leg))
        await self._conversation.start(self._now() - began)

    async def _feed(self, event: moves.SessionEvent) -> None:
        if self._conversation is not None:
            await self._conversation.feed(event)

    # -- small helpers -----------------------------------------------------------------------

    async def hang_up(self, leg: Leg, reason: str) -> None:
        self._closing.hung_up_by = self._closing.hung_up_by or "dialer"
        self.call.apply(Event.HANG_UP, self._now())
        self._ending_from = self._now()
        await leg.hang_up(reason)

    async def _give_up(self, leg: Leg, reason: str) -> None:
        log.error("call given up", extra={"call_id": self._attempt.id, "why": reason})
        self._closing.reason = self._closing.reason or reason
        if self.call.state in _TALKING:
            await self.hang_up(leg, reason)

    def _note(self, writing: Coroutine[Any, Any, None]) -> None:
        """Progress rows are convenience: a slow or lost database must not hold up a live call."""
        self._notes.append(asyncio.create_task(self._write(writing)))

    async def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            await writing
        except StoreError as error:
            log.warning("progress not stored", extra={"call_id": self._attempt.id, "why": str(error)})

    def _ring_deadline(self) -> float | None:
        """When to CANCEL: ring time over (R41), but never later than the window's end (R44)."""
        ring = self.call.ring_deadline()
        return None if ring is None else min(ring, self._window_closes)

    def _session_deadline(self) -> float | None:
        if self._conversation is None or self.call.state not in _TALKING:
            return None
        return self._conversation.deadline()

    def _ending_deadline(self) -> float | None:
        return None if self._ending_from is None else self._ending_from + _ENDING_S

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _Control:
    """What the conversation may do to its call."""

    def __init__(self, live: _LiveCall, leg: Leg) -> None:
        self._live, self._leg = live, leg

    def may_act(self) -> bool:
        return self._live.call.state not in (State.OVER, State.ENDING)

    def begin_transfer(self) -> None:
        self._live.call.apply(Event.TRANSFER, asyncio.get_running_loop().time())

    async def hang_up(self, reason: str) -> None:
        await self._live.hang_up(self._leg, reason)

    def post(self, item: Item) -> None:
        self._live.inbox.put_nowait(item)
