"""The service's end of one worker process: start it, talk to it, notice that it died or hangs, restart it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable

from dialer.asr.config import AsrConfig
from dialer.asr.protocol import (
    Failed,
    Frames,
    Opened,
    ProtocolError,
    Ready,
    Reply,
    Request,
    Words,
    encode,
    reply,
)
from dialer.errors import MissingModel, RecogniserError

log = logging.getLogger("dialer.asr")

_CRASHES = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE)
"""How native code ends that can't read its files: Kaldi aborts."""
BACKLOG_MAX = 1 << 20
"""Bytes that may wait for a worker (a minute of speech). More: it hangs."""
EXIT_GRACE_S = 2.0
REAP_S = 0.5
"""A process that has died or was killed is reported within this; only then is it killed (again)."""


class Worker:
    """One worker process over its restarts. ``changed`` is called whenever ``ready`` may have changed."""

    def __init__(self, config: AsrConfig, number: int, changed: Callable[[], None]) -> None:
        self._config, self._number, self._changed = config, number, changed
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._failures = 0
        self.ready = False
        self.pid = 0
        """Of the process now running, 0 while there is none."""
        self.generation = 0
        """Counts starts: a stream belongs to one of them."""
        self.heard_at = 0.0
        """Loop time of the last word from the process."""

    async def start(self) -> None:
        """First start. Raises MissingModel or RecogniserError; the process is gone then."""
        frames = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(frames), name=f"asr-worker-{self._number}")

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._end(EXIT_GRACE_S)

    def send(self, message: Request) -> None:
        """Never waits. Raises RecogniserError where the worker is down or has stopped reading."""
        if self._writer is None or not self.ready:
            raise RecogniserError("the recogniser worker is down")
        if self._writer.transport.get_write_buffer_size() > BACKLOG_MAX:
            self.kill()
            raise RecogniserError("the recogniser worker doesn't take speech any more")
        self._writer.write(encode(message))

    async def ask(self, stream: int, message: Request) -> Reply:
        """Send and wait for the stream's reply. Raises RecogniserError: dead, hung or late."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        answer: asyncio.Future[Reply] = loop.create_future()
        self._waiting[stream] = answer
        try:
            self.send(message)
            async with asyncio.timeout(self._config.deadline_s):
                return await answer
        except TimeoutError:
            if self.heard_at < asked_at:
                # Not a word for a whole deadline: it hangs. A busy one would have answered others.
                self.kill()
            raise RecogniserError("the recogniser worker missed its deadline") from None
        finally:
            self._waiting.pop(stream, None)

    def kill(self) -> None:
        """End the process now; the keeper starts another."""
        self._set_ready(False)
        if self._process is not None and self._process.returncode is None:
            log.warning("recogniser worker killed", extra={"worker": self._number, "worker_pid": self.pid})
            self._process.kill()

    async def _keep(self, frames: Frames) -> None:
        """Read replies; when the process is gone, start it again, later each time."""
        while True:
            await self._read(frames)
            await self._end(REAP_S)
            started = False
            while not started:
                delay = self._config.restart_delay_s * 2 ** min(self._failures, 16)
                self._failures += 1
                await asyncio.sleep(min(delay, self._config.restart_delay_max_s))
                try:
                    frames = await self._spawn()
                    started = True
                except (MissingModel, RecogniserError, OSError) as error:
                    log.error(
                        "recogniser worker doesn't start", extra={"worker": self._number, "why": str(error)}
                    )

    async def _spawn(self) -> Frames:
        """Start the process and wait for its Ready."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "dialer.asr",
                "--fd", str(theirs.fileno()),
                "--engine", self._config.engine.value, "--model", str(self._config.model_dir),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        frames = Frames()
        try:
            async with asyncio.timeout(self._config.start_deadline_s):
                first = await self._first(frames)
        except (TimeoutError, ProtocolError, ConnectionError) as error:
            status = await self._end(REAP_S)
            if status in _CRASHES:
                raise MissingModel(
                    f"{self._config.model_dir}: the engine died of this model: unpack it again, "
                    "a file is broken"
                ) from error
            limit_s = self._config.start_deadline_s
            why = str(error) or f"not ready within recogniser.start_deadline_s = {limit_s:g}"
            raise RecogniserError(f"the recogniser worker doesn't come up: {why}") from error
        except asyncio.CancelledError:
            await self._end(REAP_S)
            raise
        if first.trouble:
            await self._end(EXIT_GRACE_S)
            raise MissingModel(first.trouble)
        self.generation += 1
        self._set_ready(True)
        log.info("recogniser worker ready", extra={"worker": self._number, "worker_pid": self.pid})
        return frames

    async def _first(self, frames: Frames) -> Ready:
        while True:
            data = await self._reader.read(1 << 16)
            if not data:
                raise ProtocolError("the worker ended before it was ready")
            for body in frames.feed(data):
                message = reply(body)
                if isinstance(message, Ready):
                    return message
                raise ProtocolError("the worker spoke before it was ready")

    async def _read(self, frames: Frames) -> None:
        """Hand replies to who waits for them, until the worker ends or talks nonsense."""
        loop = asyncio.get_running_loop()
        try:
            while data := await self._reader.read(1 << 16):
                self.heard_at = loop.time()
                for body in frames.feed(data):
                    self._answer(reply(body))
        except (ProtocolError, ConnectionError) as error:
            log.warning("recogniser worker broke off", extra={"worker": self._number, "why": str(error)})

    def _answer(self, message: Reply) -> None:
        if isinstance(message, Opened | Words | Failed):
            waiting = self._waiting.get(message.stream)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            if isinstance(message, Words):
                self._failures = 0

    async def _end(self, grace_s: float) -> int:
        """Close the link, wait so long for the process, then kill it; fail all that still waits.

        Returns the exit status: minus the signal where one ended it.
        """
        self._set_ready(False)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(RecogniserError("the recogniser worker died"))
        if self._process is None:
            return 0
        if self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
        status = await self._process.wait()
        log.info("recogniser worker ended", extra={"worker": self._number, "status": status})
        self._process = None
        self.pid = 0
        return status

    def _set_ready(self, ready: bool) -> None:
        if ready != self.ready:
            self.ready = ready
            self._changed()
