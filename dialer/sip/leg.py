"""One call as the house sees it: signalling and media events in one queue (ports.Leg)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from dialer.errors import MediaError, TrunkError
from dialer.model import RtpStats
from dialer.ports import (
    Answered,
    Ended,
    Failed,
    Held,
    KeyPressed,
    LegEvent,
    MediaEvent,
    MediaFailed,
    MediaPlane,
    MediaStream,
    Progress,
    RemoteMedia,
    SpeechAudio,
)
from dialer.sip.info import KeyGuard
from dialer.sip.sdp import nowhere
from dialer.sip.signals import (
    CallAnswered,
    CallAnsweredLate,
    CallEnded,
    CallFailed,
    CallModified,
    CallProgress,
    CallUpdated,
    IncomingCall,
    KeySignalled,
    KeysSent,
    TransferEnded,
)
from dialer.sip.trunkconfig import KeySending

if TYPE_CHECKING:
    from dialer.sip.endpoint import SipEndpoint
    from dialer.sip.stack import SipStack

logger = logging.getLogger("dialer.sip")

CallSignal = (
    CallProgress | CallAnswered | CallAnsweredLate | CallFailed | CallEnded | CallUpdated
    | CallModified | KeySignalled | KeysSent
)  # fmt: skip
_MAX_QUEUED = 4096
"""Events a leg holds for a reader that doesn't read; beyond it, speech audio is dropped."""


class LegEvents:
    """The queue of one leg. ``media`` is the sink that the media plane gets."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._last: Failed | Ended | None = None
        self._closed = False
        self.keys = KeyGuard()
        """Far ends that send each key by RFC 4733 and by INFO are heard once."""

    def media(self, event: MediaEvent) -> None:
        if isinstance(event, KeyPressed) and not self.keys.heard(event.digit, event.at):
            return
        if not (isinstance(event, SpeechAudio) and self._queue.qsize() >= _MAX_QUEUED):
            self.put(event)

    def put(self, event: LegEvent) -> None:
        if self._closed:
            return
        self._closed = isinstance(event, Failed | Ended)
        self._queue.put_nowait(event)

    async def get(self) -> LegEvent:
        """The next event; the last one again for a reader that asks beyond it."""
        if self._last is not None:
            return self._last
        event = await self._queue.get()
        if isinstance(event, Failed | Ended):
            self._last = event
        return event


class SipLeg:
    """ports.Leg over one call of the endpoint's user agent."""

    def __init__(
        self,
        endpoint: SipStack,
        events: LegEvents,
        stream: MediaStream | None,
        on_signal: Callable[[CallSignal], None] | None = None,
    ) -> None:
        """``on_signal`` hears of every event of the call's signalling as it comes."""
        self._endpoint = endpoint
        self._events = events
        self._stream = stream
        self._on_signal = on_signal
        self._call = 0
        self._incoming = False
        self._connected: RemoteMedia | None = None
        self._connecting = asyncio.Lock()
        self._held = False
        self._inbox: asyncio.Queue[tuple[CallSignal, float]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._change: asyncio.Future[None] | None = None
        self._keys_sent: asyncio.Future[KeysSent] | None = None
        self.key_sending = KeySending.AUTO
        """How our keys are sent: the trunk's setting."""
        self._over = False
        self._stats: RtpStats | None = None

    @property
    def media(self) -> MediaStream:
        """Raises TrunkError on an incoming leg that isn't answered yet."""
        if self._stream is None:
            raise TrunkError("this leg has no media yet: answer it first")
        return self._stream

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    async def hang_up(self, reason: str = "") -> None:
        if not self._over:
            self._endpoint.hang_up(self._call, reason)

    async def hold(self, on: bool = True) -> None:
        """Ask the far end to send nothing, or ``on`` false: to send again; ours may go on (music).

        Returns once it has agreed. Raises TrunkError where it refuses or the call isn't there.
        """
        if self._over or self._change is not None:
            raise TrunkError("the call can't be held: it is over, or a change is under way")
        self._change = asyncio.get_running_loop().create_future()
        try:
            self._endpoint.hold(self._call, on)
            await self._change
        finally:
            self._change = None

    async def send_keys(self, digits: str) -> None:
        """DTMF keys (0-9 * #) to the far end: RFC 4733 where it takes that, else SIP INFO.

        INFO waits for each key's response. Raises TrunkError where the keys couldn't be sent,
        MediaError where the media plane is gone.
        """
        takes_events = self._connected is not None and self._connected.dtmf_payload_type is not None
        if self.key_sending is KeySending.RFC4733 or (self.key_sending is KeySending.AUTO and takes_events):
            if not takes_events:
                raise TrunkError("keys can't be sent: the far end takes no telephone-event")
            await self.media.send_keys(digits)
            return
        if self._over or self._worker is None or self._keys_sent is not None:
            raise TrunkError("keys can't be sent: the call is over, or others are on their way")
        self._keys_sent = asyncio.get_running_loop().create_future()
        try:
            self._endpoint.send_keys(self._call, digits)
            sent = await self._keys_sent
        finally:
            self._keys_sent = None
        if sent.problem:
            raise TrunkError(f"only {sent.sent} of {len(digits)} keys were taken by INFO: {sent.problem}")

    async def refer(
        self, target: str = "", *, replaces: SipLeg | None = None, wait_s: float = 60.0
    ) -> TransferEnded:
        """Ask the far end to call ``target`` (a SIP URI) itself: a blind transfer. With ``replaces``
        it takes that leg's place there, an attended one, and ``target`` is that leg's far end by default.

        Returns its outcome: accepted, refused with a code, or timed out after ``wait_s``. This leg stays
        as it is until its far end hangs up. Raises TrunkError where there is nothing to transfer.
        """
        if not target and replaces is None:
            raise TrunkError("a transfer needs a target or a leg to replace")
        if self._over or self._worker is None:
            raise TrunkError("the call can't be transferred: it is over")
        other = None if replaces is None else replaces._call
        return await self._endpoint.transfer(self._call, target, wait_s, other)

    async def close(self) -> RtpStats:
        """Hangs up where the call isn't over."""
        await self.hang_up("closed")
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        if not self._over:
            self._events.put(Ended(self._endpoint.now(), by_remote=False, reason="closed"))
        if self._stats is None:
            self._stats = RtpStats()
            if self._stream is not None:
                self._stats = await self._stream.close()
        return self._stats

    # --- from the endpoint

    def begin(self, call: int) -> None:
        """The user agent has given the call its number."""
        self._call = call
        self._worker = asyncio.get_running_loop().create_task(self._run())
        self._worker.add_done_callback(self._worker_done)

    @property
    def has_media(self) -> bool:
        return self._stream is not None

    def moved(self, call: int) -> None:
        """The leg's dialog is another one now; its owner notices nothing but the far end."""
        self._call = call

    def signal(self, event: CallSignal, now: float) -> None:
        """Take an event of the user agent; called from the event loop, never waits."""
        if isinstance(event, CallFailed | CallEnded):
            self._over = True
        if isinstance(event, KeysSent):
            if self._keys_sent is not None and not self._keys_sent.done():
                self._keys_sent.set_result(event)
            return
        if isinstance(event, CallModified | CallFailed | CallEnded):
            self._settle_change(event)
        if isinstance(event, CallModified):
            return
        if self._on_signal is not None:
            self._on_signal(event)
        self._inbox.put_nowait((event, now))

    def _settle_change(self, event: CallModified | CallFailed | CallEnded) -> None:
        if self._change is None or self._change.done():
            return
        if isinstance(event, CallModified) and event.code < 300:
            self._change.set_result(None)
        else:
            said = f"{event.code} {event.reason}" if isinstance(event, CallModified) else "the call is over"
            self._change.set_exception(TrunkError(f"the far end didn't take the change: {said}"))

    def _worker_done(self, worker: asyncio.Task[None]) -> None:
        """An error that nobody foresaw ends this call, not the daemon."""
        if worker.cancelled() or (error := worker.exception()) is None:
            return
        logger.error("sip leg failed", exc_info=error)
        self._endpoint.hang_up(self._call, "internal error")
        self._events.put(Ended(self._endpoint.now(), by_remote=False, reason="internal error"))

    async def _run(self) -> None:
        """Signals one after the other: Answered only once the media stream is connected."""
        while True:
            event, at = await self._inbox.get()
            match event:
                case CallProgress():
                    failure = "" if event.remote is None else await self._connect(event.remote)
                    self._events.put(Progress(at, event.code, event.early_media))
                    self._report(failure)
                case CallAnswered():
                    failure = await self._connect(event.remote)
                    self._events.put(Answered(self._endpoint.now()))
                    self._report(failure)
                case CallAnsweredLate():
                    self._events.put(Answered(at))
                case CallUpdated():
                    failure = await self._connect(event.remote)
                    if self._held == event.remote.sending:
                        self._held = not event.remote.sending
                        self._events.put(Held(at, self._held))
                    self._report(failure)
                case KeySignalled():
                    if self._events.keys.signalled(event.key, at) and self._stream is not None:
                        try:
                            await self._stream.key_signalled(event.key)
                        except MediaError as error:
                            self._report(str(error) or "media failed")
                case CallFailed():
                    self._events.put(
                        Failed(at, event.code, event.reason, event.ours, event.retry_after_s, event.cause)
                    )
                    return
                case CallEnded():
                    self._events.put(Ended(at, event.by_remote, event.reason))
                    return

    async def _connect(self, remote: RemoteMedia) -> str:
        """Send media there; why that failed, empty where it didn't."""
        try:
            # c=0.0.0.0 before any other address: there is nowhere to send yet.
            if not nowhere(remote):
                await self._connect_to(remote)
        except MediaError as error:
            return str(error) or "media failed"
        return ""

    async def _connect_to(self, wanted: RemoteMedia) -> None:
        async with self._connecting:
            if wanted != self._connected:
                await self.media.connect(wanted)
                self._connected = wanted

    def _report(self, failure: str) -> None:
        if failure:
            self._events.put(MediaFailed(self._endpoint.now(), failure))
            self._endpoint.hang_up(self._call, "media failed")


class IncomingLeg(SipLeg):
    """A call that came to us: ``ring``, then ``answer`` or ``reject``; then as any leg."""

    def __init__(self, endpoint: SipEndpoint, call: IncomingCall, plane: MediaPlane) -> None:
        super().__init__(endpoint, LegEvents(), None)
        self._agent = endpoint
        self._incoming = True
        self._plane = plane
        self._headers = call.headers
        self.caller = call.caller
        """User part of From, empty for none."""
        self.called = call.called
        """User part of the Request-URI, empty for none."""
        self.source = call.source
        """Where the INVITE came from."""
        self.begin(call.call)

    def header(self, name: str) -> str | None:
        """The first value of one of the INVITE's headers."""
        return next((value for key, value in self._headers if key.lower() == name.lower()), None)

    async def ring(self) -> None:
        """180. Nothing happens where the call isn't waiting any more."""
        self._agent.ring(self._call)

    async def answer(self) -> None:
        """Open a media stream and send 200; Answered follows with the ACK.

        Where the caller has gone meanwhile, Failed is what follows. Raises MediaError.
        """
        if self._over or self._stream is not None:
            return
        self._stream = await self._plane.open(self._events.media)
        remote = self._agent.answer(self._call, *self._stream.local)
        if remote is not None and not nowhere(remote):
            await self._connect_to(remote)

    async def reject(self, code: int, reason: str = "", retry_after: int | None = None) -> None:
        """A final response 300-699; Failed follows."""
        self._agent.reject(self._call, code, reason, retry_after)
