"""``LocalVault``: the Archive port on a local disk.

``YYYY/MM/DD/<call id, 8 digits>-<HHMMSS>.wav`` below the root; ``.part`` behind it while the call lives.
A file only gets its final name once it is on disk and hashed, and never one that is taken.

No call waits for the disk in the event loop: what is free is looked at by a thread (``watched``), a day's
folder is made by one, and the recorder itself refuses a name that is taken.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer import proof
from dialer.archive import protocol
from dialer.archive.config import ArchiveConfig
from dialer.archive.process import Asked, InThread
from dialer.archive.sealing import PART, Sealer, folder_of, make_folder
from dialer.errors import ArchiveError
from dialer.model import CallId, Reason, Recording, english
from dialer.ports import RecordedAudio

_LOOK_S = 0.5
"""How often a watched disk is looked at."""
_SILENT_S = 5.0
"""A disk that hasn't answered for so long takes no call (R75)."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look at the disk found."""

    room: tuple[bool, str]
    at: float
    """Loop time at which it was asked for."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a file is still what its index row says, and if not, in what it differs."""

    differs: tuple[str, ...] = ()
    """One line each: presence, size, SHA-256."""

    @property
    def ok(self) -> bool:
        return not self.differs


class LocalVault:
    """Implements ``dialer.ports.Archive``."""

    def __init__(self, config: ArchiveConfig, worker: Asked | None = None) -> None:
        """``worker``: the process that seals; without one, a thread of this process does."""
        self._config = config
        self._root = config.root
        self._worker = worker or InThread(config)
        self._day = ""
        """The folder that was made last."""
        self._seen: _Seen | None = None
        self._zone = ZoneInfo(config.zone)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Meanwhile ``has_room`` and ``reserve`` answer from what a thread saw last and touch no disk."""
        self._seen = await self._look()
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            self._seen = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._seen = await self._look()

    async def _look(self) -> _Seen:
        at, day = asyncio.get_running_loop().time(), self._day
        room, there = await asyncio.to_thread(lambda: (self._free(), bool(day) and os.path.isdir(day)))
        if not there and self._day == day:
            self._day = ""
        return _Seen(room, at)

    def has_room(self) -> tuple[bool, str]:
        """Watched: as a moment ago; a disk that no longer answers has none."""
        if self._seen is None:
            return self._free()
        silent_s = asyncio.get_running_loop().time() - self._seen.at
        if silent_s > _SILENT_S:
            return False, Reason(
                f"录音磁盘 {self._root} 已 {silent_s:.0f} 秒无响应",
                f"the disk of {self._root} hasn't answered for {silent_s:.0f} s",
            )
        return self._seen.room

    def _free(self) -> tuple[bool, str]:
        try:
            if not self._root.is_dir():
                make_folder(self._root, next(one for one in self._root.parents if one.is_dir()))
            place = os.statvfs(self._root)
            free = place.f_bavail * place.f_frsize
        except OSError as error:
            return False, Reason(
                f"录音目录 {self._root} 无法使用:{error.strerror}",
                f"the recordings folder {self._root} can't be used: {error.strerror}",
            )
        if not os.access(self._root, os.W_OK | os.X_OK):
            return False, Reason(
                f"当前用户不能写入录音目录 {self._root}",
                f"the recordings folder {self._root} isn't writable for this user",
            )
        if free < self._config.min_free_bytes:
            required = self._config.min_free_bytes / 1e6
            return False, Reason(
                f"{self._root} 所在磁盘剩余 {free / 1e6:.0f} MB,要求 {required:.0f} MB",
                f"the disk of {self._root} has {free / 1e6:.0f} MB free, {required:.0f} MB are required",
            )
        return True, ""

    async def reserve(self, call_id: CallId, at: datetime) -> Path:
        """``at`` names the day folder and the file. Raises ArchiveError: no room.

        A name that is taken is the recorder's to refuse, and ``seal``'s.
        """
        room, why = self.has_room()
        if not room:
            raise ArchiveError(english(why))
        folder = folder_of(self._root, self._zone, at)
        if str(folder) != self._day:
            try:
                await asyncio.to_thread(make_folder, folder, self._root)
            except OSError as error:
                raise ArchiveError(f"{folder}: can't be made: {error.strerror}") from error
            self._day = str(folder)
        return folder / f"{call_id:08d}-{at.astimezone(self._zone):%H%M%S}.wav{PART}"

    async def seal(
        self, call_id: CallId, audio: RecordedAudio, started_at: datetime, ended_at: datetime
    ) -> Recording:
        """Sealing a file twice returns the same row. Calls that end together are sealed together."""
        request = protocol.Seal(
            self._worker.next_id(), call_id, str(audio.path), audio.size, started_at, ended_at
        )
        reply = await self._worker.ask(request)
        assert isinstance(reply, protocol.Sealed)
        return reply.recording

    async def repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        """``started_at``: within a day of the time that ``reserve`` was given.

        A file whose header can't be read is set aside with ``.damaged`` behind its name. Raises
        ArchiveError where the disk fails.
        """
        try:
            return await asyncio.to_thread(Sealer(self._config).repair, call_id, started_at)
        except OSError as error:
            raise ArchiveError(f"call {call_id}: its recording can't be repaired: {error}") from error

    async def verify(self, recording: Recording) -> Verification:
        """Compare a file with its index row: presence, size, SHA-256. Raises ArchiveError (disk)."""
        path = (self._root / recording.path).resolve()
        if not path.is_relative_to(self._root.resolve()):
            return Verification(("its path leads out of the archive",))
        try:
            return await asyncio.to_thread(_compare, path, recording)
        except OSError as error:
            raise ArchiveError(f"{path}: can't be read: {error.strerror or error}") from error


def _compare(path: Path, recording: Recording) -> Verification:
    if not path.is_file():
        return Verification(("the file is missing",))
    size = path.stat().st_size
    if size != recording.size:
        return Verification((f"size: {size} bytes on disk, {recording.size} in the index",))
    digest = proof.file_sha256(path)
    if digest != recording.sha256:
        return Verification((f"SHA-256: {digest} on disk, {recording.sha256} in the index",))
    return Verification()
