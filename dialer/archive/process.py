"""The daemon's end of the archive's worker: asks it, and starts it again where it died. Nothing is lost:
what wasn't answered is asked again, for each request may be done twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass
from typing import Protocol

import msgspec

from dialer.archive import protocol as p
from dialer.archive.config import ArchiveConfig
from dialer.archive.sealing import Sealer
from dialer.archive.worker import answer
from dialer.errors import ArchiveError

log = logging.getLogger("dialer.archive")

_TRIES = 3
"""A request at which the worker died this often is given up."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0
_SILENT_S = 60.0
"""A worker that has work and says nothing for so long is killed: a disk may hang, but not for ever."""
_LINE_MAX = 1 << 24


class Asked(Protocol):
    """Who does what the protocol asks."""

    async def ask(self, request: p.Request) -> p.Reply:
        """Raises ArchiveError."""
        ...

    def next_id(self) -> int: ...


class InThread:
    """For commands and tests: the same work in a thread of this process."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._sealer = Sealer(config)
        self._last = 0

    def next_id(self) -> int:
        self._last += 1
        return self._last

    async def ask(self, request: p.Request) -> p.Reply:
        return _unless_failed((await asyncio.to_thread(answer, self._sealer, [request]))[0])


@dataclass(slots=True)
class _Waiting:
    request: p.Request
    done: asyncio.Future[p.Reply]
    tries: int = 0
    """How often a worker got it alone, after one had died."""


class WorkerProcess:
    """Use from one event loop; ``start`` before the first ``ask``."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._last = 0
        self._heard_at = 0.0
        self._died = False
        self._resending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Raises ArchiveError."""
        try:
            await self._spawn()
        except OSError as error:
            raise ArchiveError(f"the archive's worker can't be started: {error.strerror}") from error
        self._keeper = asyncio.create_task(self._keep())

    def next_id(self) -> int:
        self._last += 1
        return self._last

    async def ask(self, request: p.Request) -> p.Reply:
        if self._keeper is None or self._keeper.done():
            raise ArchiveError("the archive's worker isn't running")
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._heard_at = loop.time()
        waiting = _Waiting(request, loop.create_future())
        self._waiting[request.id] = waiting
        self._send(waiting)
        try:
            return _unless_failed(await waiting.done)
        finally:
            self._waiting.pop(request.id, None)

    async def close(self) -> None:
        """Once everything is answered: end of input, and the worker goes."""
        if open_ := [one.done for one in self._waiting.values()]:
            await asyncio.wait(open_, timeout=_SILENT_S)
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), _LONGEST_PAUSE_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
            self._process = None

    # --- inside ---

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dialer.archive",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_MAX,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(p.encode(p.Configure(self._config)))

    def _send(self, waiting: _Waiting) -> None:
        """A worker that is dead hears it after its restart."""
        if self._process is None or self._process.returncode is not None:
            return
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(p.encode(waiting.request))

    async def _keep(self) -> None:
        pause, alive = _PAUSE_S, True
        while True:
            if alive:
                if await self._hear():
                    pause = _PAUSE_S
                await self._bury()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            alive = await self._spawned()
            self._heard_at = asyncio.get_running_loop().time()

    async def _spawned(self) -> bool:
        try:
            await self._spawn()
        except OSError as error:
            log.error("the archive's worker can't be started", extra={"why": error.strerror})
            return False
        return True

    def _start_again(self) -> None:
        """The first worker was sent everything as it came; a later one gets what is left."""
        if self._died:
            self._resending = asyncio.create_task(self._again(list(self._waiting.values())))

    async def _again(self, left: list[_Waiting]) -> None:
        """One after the other: what kills the worker is found, and takes nothing else with it."""
        for waiting in left:
            if waiting.done.done():
                continue
            if waiting.tries >= _TRIES:
                why = f"the archive's worker died of it {_TRIES} times"
                waiting.done.set_result(p.Failed(waiting.request.id, why))
                continue
            waiting.tries += 1
            self._send(waiting)
            await asyncio.wait([waiting.done])

    async def _hear(self) -> bool:
        """Until it is gone or hangs. Returns whether it said anything."""
        assert self._process is not None
        assert self._process.stdout is not None
        loop, said = asyncio.get_running_loop(), False
        while True:
            try:
                async with asyncio.timeout(_SILENT_S):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                if self._waiting and loop.time() - self._heard_at >= _SILENT_S:
                    return said
                continue
            if not line.endswith(b"\n"):
                return said
            said, self._heard_at = True, loop.time()
            try:
                reply = p.reply(line)
            except msgspec.DecodeError as error:
                log.error("the archive's worker said what isn't a message", extra={"why": str(error)})
                return said
            if isinstance(reply, p.Ready):
                self._start_again()
                continue
            waiting = self._waiting.get(reply.id)
            if waiting is not None and not waiting.done.done():
                waiting.done.set_result(reply)

    async def _bury(self) -> None:
        assert self._process is not None
        self._died = True
        if self._resending is not None:
            self._resending.cancel()
            self._resending = None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        code = await self._process.wait()
        log.error("the archive's worker died", extra={"code": code, "asked_again": len(self._waiting)})


def _unless_failed(reply: p.Reply) -> p.Reply:
    if isinstance(reply, p.Failed):
        raise ArchiveError(reply.why)
    return reply
