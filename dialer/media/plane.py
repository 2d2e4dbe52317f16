"""The media plane: one or several media processes, the calls shared out between them. An asyncio shell."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace

from dialer.errors import MediaError
from dialer.media import protocol as p
from dialer.media.config import MediaConfig
from dialer.media.process import GONE, MediaProcess, ProcessMediaStream, Sink
from dialer.ports import MediaStream

log = logging.getLogger("dialer.media")

CORES_EACH = 2
"""With ``processes`` 0 there is one for so many cores: the other processes want to run, too."""


class ProcessMediaPlane:
    """The MediaPlane port over child processes, each with its part of the ports.

    ``start()`` before the first ``open()``, and again while not ``whole``. Where a process dies or hangs,
    the sink of each of its streams gets MediaFailed once, and every request to it raises MediaError; the
    calls of the others go on. Use from one event loop only.
    """

    def __init__(self, config: MediaConfig) -> None:
        self.config = config
        self._processes = [MediaProcess(part) for part in split(config, os.cpu_count() or 1)]

    @property
    def alive(self) -> bool:
        """Calls can be placed: a process lives."""
        return any(process.alive for process in self._processes)

    @property
    def whole(self) -> bool:
        """Every process lives."""
        return all(process.alive for process in self._processes)

    @property
    def pids(self) -> list[int]:
        """Of the processes that run, in their order."""
        return [process.pid for process in self._processes if process.pid is not None]

    @property
    def pid(self) -> int | None:
        """The first one's."""
        return self._processes[0].pid

    @property
    def pulses(self) -> list[p.Pulse]:
        """Each one's last word on timing: for metrics."""
        return [process.pulse for process in self._processes if process.pulse is not None]

    async def start(self) -> None:
        """Bring up every process that doesn't live. Raises MediaError where one isn't ready in time."""
        ends = await asyncio.gather(*(one.start() for one in self._processes), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def open(self, sink: Sink, *, beside: MediaStream | None = None) -> MediaStream:
        """A stream with a port of its own, in the process with the fewest.

        ``beside``: in that stream's process. Raises MediaError: no free port, or the processes are gone.
        """
        if beside is not None:
            if not isinstance(beside, ProcessMediaStream) or beside.process not in self._processes:
                raise MediaError("only streams of one media plane can be bridged")
            return await beside.process.open(sink)
        refusal = MediaError(GONE)
        for process in sorted(self._processes, key=lambda one: one.load):
            if process.alive:
                try:
                    return await process.open(sink)
                except MediaError as error:
                    refusal = error
        raise refusal

    async def close(self) -> None:
        """End the media processes. Recordings still open stay as ``.part``. Idempotent."""
        await asyncio.gather(*(process.close() for process in self._processes))


def split(config: MediaConfig, cores: int) -> list[MediaConfig]:
    """One configuration for each process: the ports in parts of whole pairs, the last has what is over."""
    count = config.processes or max(1, cores // CORES_EACH)
    low = config.port_low + config.port_low % 2
    count = min(count, (config.port_high - low + 1) // 2)
    if count <= 1:
        return [replace(config, processes=1)]
    step = (config.port_high - low + 1) // 2 // count * 2
    lows = [low + number * step for number in range(count)]
    highs = [*(following - 1 for following in lows[1:]), config.port_high]
    return [
        replace(config, processes=1, port_low=first, port_high=last)
        for first, last in zip(lows, highs, strict=True)
    ]
