"""One call as the house sees it: signalling and media events in one queue (ports.Leg)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from dialer.errors import MediaError, SdpError, TrunkError
from dialer.model import RtpStats
from dialer.ports import (
    Answered,
    Ended,
    Failed,
    LegEvent,
    MediaEvent,
    MediaFailed,
    MediaPlane,
    MediaStream,
    Progress,
    RemoteMedia,
    SpeechAudio,
)
from dialer.sip.sdp import SessionDescription, remote_media
from dialer.sip.signals import (
    CallAnswered,
    CallAnsweredLate,
    CallEnded,
    CallFailed,
    CallProgress,
    CallUpdated,
    IncomingCall,
)

if TYPE_CHECKING:
    from dialer.sip.endpoint import SipEndpoint

logger = logging.getLogger("dialer.sip")

CallSignal = CallProgress | CallAnswered | CallAnsweredLate | CallFailed | CallEnded | CallUpdated
_MAX_QUEUED = 4096
"""Events a leg holds for a reader that doesn't read; beyond it, speech audio is dropped."""


class LegEvents:
    """The queue of one leg. ``media`` is the sink that the media plane gets."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._last: Failed | Ended | None = None
        self._closed = False

    def media(self, event: MediaEvent) -> None:
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
        endpoint: SipEndpoint,
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
        self._inbox: asyncio.Queue[tuple[CallSignal, float]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
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

    def signal(self, event: CallSignal, now: float) -> None:
        """Take an event of the user agent; called from the event loop, never waits."""
        if isinstance(event, CallFailed | CallEnded):
            self._over = True
        if self._on_signal is not None:
            self._on_signal(event)
        self._inbox.put_nowait((event, now))

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
                    self._events.put(Progress(at, event.code, event.early_media))
                case CallAnswered():
                    failure = await self._connect(event.remote, self._incoming)
                    self._events.put(Answered(self._endpoint.now()))
                    self._report(failure)
                case CallAnsweredLate():
                    self._events.put(Answered(at))
                case CallUpdated():
                    self._report(await self._connect(event.remote, True))
                case CallFailed():
                    self._events.put(Failed(at, event.code, event.reason, event.ours, event.retry_after_s))
                    return
                case CallEnded():
                    self._events.put(Ended(at, event.by_remote, event.reason))
                    return

    async def _connect(self, remote: SessionDescription, we_answered: bool) -> str:
        """Send media there; why that failed, empty where it didn't."""
        try:
            wanted = remote_media(remote, we_answered=we_answered)
            # c=0.0.0.0 is hold as RFC 2543 had it: there is nowhere to send, so nothing changes.
            if wanted.host != "0.0.0.0":
                await self._connect_to(wanted)
        except (SdpError, MediaError) as error:
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
        self._endpoint.ring(self._call)

    async def answer(self) -> None:
        """Open a media stream and send 200; Answered follows with the ACK.

        Where the caller has gone meanwhile, Failed is what follows. Raises MediaError.
        """
        if self._over or self._stream is not None:
            return
        self._stream = await self._plane.open(self._events.media)
        remote = self._endpoint.answer(self._call, *self._stream.local)
        if remote is not None and remote.host != "0.0.0.0":
            await self._connect_to(remote)

    async def reject(self, code: int, reason: str = "", retry_after: int | None = None) -> None:
        """A final response 300-699; Failed follows."""
        self._endpoint.reject(self._call, code, reason, retry_after)
