"""The archive's worker process: reads requests, answers them, goes when nobody asks any more.

What waits is taken together: the folders of many sealed files reach the disk once. Sealing goes before
keeping, for a call's row waits for it.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Sequence
from typing import assert_never

from dialer.archive import protocol as p
from dialer.archive.sealing import Sealer, remove_stale
from dialer.errors import ArchiveError
from dialer.model import Recording

_READ = 1 << 20


def answer(sealer: Sealer, requests: Sequence[p.Request]) -> list[p.Reply]:
    """In any order."""
    seals = [one for one in requests if isinstance(one, p.Seal)]
    replies: list[p.Reply] = []
    for job, made in zip(seals, sealer.seal_all(seals) if seals else (), strict=True):
        if isinstance(made, Recording):
            replies.append(p.Sealed(job.id, made))
        else:
            replies.append(p.Failed(job.id, _why(made, f"{job.path}: can't be sealed")))
    for one in requests:
        try:
            match one:
                case p.Seal():
                    pass
                case p.Keep():
                    replies.append(sealer.keep(one))
                case p.Drop():
                    sealer.drop(one.names)
                    replies.append(p.Dropped(one.id))
                case _:
                    assert_never(one)
        except (OSError, ArchiveError) as error:
            replies.append(p.Failed(one.id, _why(error, "the archive's folder")))
    return replies


def _why(error: OSError | ArchiveError, about: str) -> str:
    return f"{about}: {error.strerror or error}" if isinstance(error, OSError) else str(error)


def serve(read_fd: int, write_fd: int) -> None:
    """Until the other end closes."""
    lines = _Lines(read_fd)
    sealer = Sealer(p.configuration(lines.next()))
    remove_stale(sealer.root)
    _write_all(write_fd, p.encode(p.Ready()))
    while waiting := lines.waiting():
        seals = [one for one in waiting if isinstance(one, p.Seal)]
        some: Sequence[p.Request] = seals or [waiting[0]]
        for one in some:
            waiting.remove(one)
        for said in answer(sealer, some):
            _write_all(write_fd, p.encode(said))


class _Lines:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = b""
        self._waiting: deque[p.Request] = deque()

    def next(self) -> bytes:
        while b"\n" not in self._buffer:
            data = os.read(self._fd, _READ)
            if not data:
                raise EOFError("the daemon is gone")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def waiting(self) -> deque[p.Request]:
        """What was asked up to now; waits where there is nothing. Empty at the end."""
        try:
            if not self._waiting:
                self._waiting.append(p.request(self.next()))
            while b"\n" in self._buffer or select.select([self._fd], [], [], 0)[0]:
                self._waiting.append(p.request(self.next()))
        except EOFError:
            pass
        return self._waiting


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
