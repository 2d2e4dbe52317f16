"""Control side of the PJSIP process: starts it, speaks its protocol, notices that it died or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from dialer.errors import TrunkError
from dialer.sip.pjsua import protocol as p

logger = logging.getLogger("dialer.sip")

_START_S = 10.0
_LEAVE_S = 2.0
"""How long the process may take to end its calls and itself."""
_LOOK_S = 1.5
"""Two looks in a row without a word (it speaks each second): it hangs."""
_MAX_BACKLOG = 1 << 20


class PjsuaProcess:
    """One run of the process. ``on_event`` gets its words, ``on_gone`` once why it is gone (not at close)."""

    def __init__(
        self, python: str, on_event: Callable[[p.Event], None], on_gone: Callable[[str], None]
    ) -> None:
        """``python``: interpreter with PJSIP's bindings; empty: this program's own."""
        self._python, self._on_event, self._on_gone = python or sys.executable, on_event, on_gone
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = False

    @property
    def alive(self) -> bool:
        return self._writer is not None

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self, configure: p.Configure) -> p.Ready:
        """Raises TrunkError where it doesn't come up."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                # A session of its own keeps a terminal's Ctrl-C away: control ends the calls first.
                self._process = await asyncio.create_subprocess_exec(
                    self._python, "-m", "dialer.sip.pjsua", str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
                    env=_environment(),
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise TrunkError(
                    f"pjsua2_python: {self._python} can't be started: {error.strerror}"
                ) from error
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._writer.write(p.encode(configure))
        try:
            async with asyncio.timeout(_START_S):
                first = await _next(reader)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, p.ProtocolError) as error:
            await self.close()
            raise TrunkError(
                f"the PJSIP process doesn't start; its interpreter {self._python} needs msgspec and pjsua2"
            ) from error
        if not isinstance(first, p.Ready):
            await self.close()
            raise TrunkError(first.reason if isinstance(first, p.Unable) else "the PJSIP process is confused")
        self._tasks = [asyncio.create_task(self._read(reader)), asyncio.create_task(self._watch())]
        return first

    def send(self, command: p.Command) -> None:
        """Never waits. Raises TrunkError where the process is gone or doesn't read."""
        if self._writer is None:
            raise TrunkError("the PJSIP process is gone")
        if self._writer.transport.get_write_buffer_size() > _MAX_BACKLOG:
            self._lost("the PJSIP process doesn't take commands")
            raise TrunkError("the PJSIP process doesn't take commands")
        self._writer.write(p.encode(command))

    async def close(self) -> None:
        """End it: it hangs up what is left. Idempotent."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), _LEAVE_S)
        except TimeoutError:
            self._kill()
            await self._process.wait()
        self._process = None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                event = await _next(reader)
                self._heard = True
                if not isinstance(event, p.Pulse):
                    self._on_event(event)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._lost("the PJSIP process died")
        except p.ProtocolError as error:
            self._lost(f"the PJSIP process sent what isn't a message: {error}")

    async def _watch(self) -> None:
        silent = 0
        while silent < 2:
            self._heard = False
            await asyncio.sleep(_LOOK_S)
            silent = 0 if self._heard else silent + 1
        self._lost("the PJSIP process hung and was killed")

    def _lost(self, reason: str) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        self._kill()
        logger.error("pjsip process lost", extra={"why": reason})
        self._on_gone(reason)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def _next(reader: asyncio.StreamReader) -> p.Event:
    (length,) = p.LENGTH.unpack(await reader.readexactly(p.LENGTH.size))
    if length > p.MAX_MESSAGE:
        raise p.ProtocolError("message too long")
    return p.decode_event(await reader.readexactly(length))


def _environment() -> dict[str, str]:
    """Ours, with this package importable whatever the working directory and interpreter."""
    root = str(Path(__file__).resolve().parents[3])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
