"""Control side of one media process: starts it and speaks its protocol. An asyncio shell.

``at`` of every event is CLOCK_MONOTONIC, which both processes and ``loop.time()`` share on Linux.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dialer.errors import MediaError
from dialer.media import protocol as p
from dialer.media.config import MediaConfig
from dialer.model import RtpStats
from dialer.ports import (
    ListenSpec,
    MediaEvent,
    MediaFailed,
    MediaStream,
    RecordedAudio,
    RemoteMedia,
    Watch,
)

log = logging.getLogger("dialer.media")

Sink = Callable[[MediaEvent], None]
AUDIBLE_MS = 60.0
"""Three frames: what a far end's jitter buffer usually bridges."""
_SOON_S = 0.2
GONE = "the media process is gone: its calls must end; start() brings up another"


class _Inbox(asyncio.Protocol):
    """What the media process says, each message passed on as it comes."""

    def __init__(
        self, take: Callable[[p.AnyMessage], None], ended: Callable[[Exception | None], None]
    ) -> None:
        self._take, self._when_ended = take, ended
        self._splitter = p.Splitter()
        self.given_up = False
        """Nobody wants to hear of its end any more."""

    def data_received(self, data: bytes) -> None:
        # What is raised here ends the connection, and comes back by connection_lost.
        for body in self._splitter.feed(data):
            if not self.given_up:
                self._take(p.decode_message(body))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.given_up:
            self._when_ended(exc)


class MediaProcess:
    """A child process and its streams.

    ``start()`` before the first ``open()``, and again once ``alive`` is false. Where the process dies or
    hangs, every open stream's sink gets MediaFailed once and every request raises MediaError. Use from
    one event loop only.
    """

    def __init__(self, config: MediaConfig) -> None:
        self.config = config
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._inbox = _Inbox(self._take, self._ended)
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[int, asyncio.Future[p.Reply]] = {}
        self._streams: dict[int, ProcessMediaStream] = {}
        self._opening = 0
        self._last_id = 0
        self._last_word = 0.0
        self._pulse: p.Pulse | None = None

    @property
    def alive(self) -> bool:
        return self._writer is not None

    @property
    def pulse(self) -> p.Pulse | None:
        """Its last word on timing: for metrics."""
        return self._pulse

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Bring the media process up. Raises MediaError where it isn't ready in time."""
        if self.alive:
            return
        await self._reap()
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            try:
                # A session of its own keeps a terminal's Ctrl-C away: control ends the calls first.
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "dialer.media", str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                    env=_environment(),
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise MediaError(f"the media process can't be started: {error.strerror}") from error
        loop = asyncio.get_running_loop()
        self._inbox = _Inbox(self._take, self._ended)
        self._writer, _ = await loop.create_unix_connection(lambda: self._inbox, sock=ours)
        try:
            await self.request(p.Configure(self.next_id(), self.config), self.config.start_timeout_s)
        except MediaError as error:
            await self.close()
            raise MediaError(f"the media process didn't start: {error}") from error
        # Loading has its own limit; from its first word on, silence counts as hung.
        self._last_word = asyncio.get_running_loop().time()
        self._tasks.append(asyncio.create_task(self._watch()))

    @property
    def load(self) -> int:
        """Streams open, or being opened."""
        return len(self._streams) + self._opening

    async def open(self, sink: Sink) -> ProcessMediaStream:
        """A stream with a port of its own. Raises MediaError: no free port, or the process is gone."""
        self._opening += 1
        try:
            reply = await self.request(p.Open(self.next_id()))
        finally:
            self._opening -= 1
        if not isinstance(reply, p.Opened):
            raise MediaError(f"unexpected reply {type(reply).__name__} to Open")
        stream = ProcessMediaStream(self, reply.stream, (reply.host, reply.port), sink)
        self._streams[reply.stream] = stream
        return stream

    async def close(self) -> None:
        """End the media process. Recordings still open stay as ``.part``. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._fail("the media plane was closed")
        await self._reap()

    # --- used by the streams ---

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def request(self, command: p.AnyCommand, timeout_s: float | None = None) -> p.Reply:
        """Send and wait for the reply. Raises MediaError: refused, late, or the process is gone."""
        if self._writer is None:
            raise MediaError(GONE)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[p.Reply] = loop.create_future()
        self._waiting[command.id] = future
        self._writer.write(p.encode(command))
        # asyncio.wait_for would cost as much as the rest, and a call makes some ten requests.
        limit = loop.call_later(
            timeout_s or self.config.reply_timeout_s, _late, future, type(command).__name__
        )
        try:
            reply = await future
        finally:
            limit.cancel()
            self._waiting.pop(command.id, None)
        if isinstance(reply, p.Refused):
            raise MediaError(reply.reason)
        return reply

    def forget(self, stream: int) -> None:
        self._streams.pop(stream, None)

    # --- inside ---

    def _ended(self, error: Exception | None) -> None:
        """The connection is over. ``error``: a sink's, what the process said wrong, or the socket's."""
        if isinstance(error, p.ProtocolError):
            self._kill()
            self._fail(f"the media process sent what isn't a message: {error}")
        elif error is None or isinstance(error, OSError):
            self._tasks.append(asyncio.create_task(self._died()))
        else:
            # A sink that raises must not leave a plane that looks alive and hears nothing.
            log.error("an event sink failed", exc_info=error)
            self._kill()
            self._fail("an event sink failed")

    async def _died(self) -> None:
        """Say how it ended, where that is known soon."""
        code = ""
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                code = f" with exit code {await asyncio.wait_for(self._process.wait(), _SOON_S)}"
        self._fail(f"the media process died{code}")

    def _take(self, message: p.AnyMessage) -> None:
        self._last_word = asyncio.get_running_loop().time()
        if isinstance(message, p.Notice):
            stream = self._streams.get(message.stream)
            if stream is not None:
                stream.sink(p.event_of(message))
        elif isinstance(message, p.Pulse):
            self._pulse = message
            if message.skipped or message.worst_ms > AUDIBLE_MS:
                log.warning(
                    "media process late",
                    extra={"late": message.late, "skipped": message.skipped, "worst_ms": message.worst_ms},
                )
        else:
            future = self._waiting.get(message.id)
            if future is not None and not future.done():
                future.set_result(message)
            elif isinstance(message, p.Opened) and self._writer is not None:
                # Whoever asked has given up: don't leak the port.
                self._writer.write(p.encode(p.Close(self.next_id(), message.stream)))

    async def _watch(self) -> None:
        """Two looks in a row without a word: a blocked loop of ours alone can't trip it."""
        silent = 0
        while True:
            await asyncio.sleep(self.config.watchdog_s / 2)
            quiet_s = asyncio.get_running_loop().time() - self._last_word
            silent = silent + 1 if quiet_s >= self.config.watchdog_s / 2 else 0
            if silent >= 2:
                self._kill()
                self._fail("the media process hung and was killed")
                return

    def _fail(self, reason: str) -> None:
        if self._writer is None:
            return
        self._inbox.given_up = True
        self._writer.close()
        self._writer = None
        level = logging.ERROR if self._streams else logging.INFO
        log.log(level, "media process down", extra={"reason": reason})
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(MediaError(reason))
        streams, self._streams = self._streams, {}
        loop = asyncio.get_running_loop()
        failed = MediaFailed(loop.time(), reason)
        for stream in streams.values():
            # Each by itself: one that raises can't hide it from the rest.
            loop.call_soon(stream.sink, failed)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _reap(self) -> None:
        """Wait for the old process: EOF makes it go, a hung one is killed."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), self.config.reply_timeout_s)
        except TimeoutError:
            self._kill()
            await self._process.wait()
        self._process = None


class ProcessMediaStream:
    """The MediaStream port: each method is one command to the media process.

    play() and record() need connect() first (the codec). While bridged, a play() is heard instead of the
    other leg until it is over. send_keys() returns once the keys are queued. A recording that is open at
    close() is closed as stop_recording() would.
    """

    def __init__(self, process: MediaProcess, stream: int, local: tuple[str, int], sink: Sink) -> None:
        self.process = process
        self._id = stream
        self._local = local
        self._closing: asyncio.Task[RtpStats] | None = None
        self.sink = sink

    @property
    def local(self) -> tuple[str, int]:
        return self._local

    async def connect(self, remote: RemoteMedia) -> None:
        await self.process.request(p.Connect(self.process.next_id(), self._id, remote))

    async def play(self, clips: Sequence[Path], play_id: int, *, loop: bool = False) -> None:
        paths = [_absolute(clip) for clip in clips]
        await self.process.request(p.Play(self.process.next_id(), self._id, paths, play_id, loop))

    async def stop_playing(self) -> None:
        await self.process.request(p.StopPlaying(self.process.next_id(), self._id))

    async def listen(self, spec: ListenSpec | None) -> None:
        await self.process.request(p.Listen(self.process.next_id(), self._id, spec))

    async def watch(self, what: Watch | None) -> None:
        await self.process.request(p.SetWatch(self.process.next_id(), self._id, what))

    async def record(self, path: Path) -> None:
        command = p.Record(self.process.next_id(), self._id, _absolute(path))
        await self.process.request(command, self.process.config.disk_timeout_s)

    async def stop_recording(self) -> RecordedAudio:
        command = p.StopRecording(self.process.next_id(), self._id)
        reply = await self.process.request(command, self.process.config.disk_timeout_s)
        if not isinstance(reply, p.RecordingClosed):
            raise MediaError(f"unexpected reply {type(reply).__name__} to StopRecording")
        return RecordedAudio(Path(reply.path), reply.codec, reply.duration_s, reply.size)

    async def bridge(self, other: MediaStream) -> None:
        if not isinstance(other, ProcessMediaStream) or other.process is not self.process:
            raise MediaError(
                "only streams of one media process can be bridged: open the second beside the first"
            )
        await self.process.request(p.Bridge(self.process.next_id(), self._id, other._id))

    async def unbridge(self) -> None:
        await self.process.request(p.Unbridge(self.process.next_id(), self._id))

    async def send_keys(self, digits: str) -> None:
        await self.process.request(p.SendKeys(self.process.next_id(), self._id, digits))

    async def key_signalled(self, digit: str) -> None:
        if len(digit) != 1 or digit not in "0123456789*#":
            raise MediaError(f"{digit!r} is no key: 0-9, * or #")
        await self.process.request(p.KeySignalled(self.process.next_id(), self._id, digit))

    async def close(self) -> RtpStats:
        """The stream's counts; zeros where the media process died with them.

        Goes through even where the caller is cancelled: no port may leak.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        return await asyncio.shield(self._closing)

    async def _close(self) -> RtpStats:
        command = p.Close(self.process.next_id(), self._id)
        try:
            reply = await self.process.request(command, self.process.config.disk_timeout_s)
        except MediaError as error:
            log.info("stream closed without counts", extra={"reason": str(error)})
            return RtpStats()
        finally:
            self.process.forget(self._id)
        return reply.stats if isinstance(reply, p.Closed) else RtpStats()


def _late(future: asyncio.Future[p.Reply], command: str) -> None:
    if not future.done():
        future.set_exception(MediaError(f"the media process didn't answer {command} in time"))


def _absolute(path: Path) -> str:
    """The media process may have another working directory."""
    return str(path.absolute())


def _environment() -> dict[str, str]:
    """Ours, with this package importable whatever the working directory."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
