"""``LocalVault``: the Archive port on a local disk.

``YYYY/MM/DD/<call id, 8 digits>-<HHMMSS>.wav`` below the root; ``.part`` behind it while the call lives.
A file only gets its final name once it is on disk and hashed, and never one that is taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.archive.config import ArchiveConfig
from dialer.archive.retention import retain_until
from dialer.archive.wav import FRAME_SIZE, HEADER_SIZE, WavHeader
from dialer.errors import ArchiveError
from dialer.model import CallId, Reason, Recording, english
from dialer.ports import RecordedAudio

log = logging.getLogger("dialer.archive")

PART = ".part"
DAMAGED = ".damaged"
_BLOCK = 1 << 20
_SYNCS = 4
"""Files brought to the disk at a time: together they share the file system's commits."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a file is still what its index row says, and if not, in what it differs."""

    differs: tuple[str, ...] = ()
    """One line each: presence, size, SHA-256."""

    @property
    def ok(self) -> bool:
        return not self.differs


@dataclass(frozen=True, slots=True)
class _Job:
    """A file to be sealed, and who waits for it."""

    call_id: CallId
    audio: RecordedAudio
    started_at: datetime
    ended_at: datetime
    sealed: asyncio.Future[Recording]


@dataclass(frozen=True, slots=True)
class _File:
    """A recording that is on the disk."""

    header: WavHeader
    size: int
    sha256: str

    @classmethod
    def read(cls, path: str) -> _File:
        """Read it once. Raises OSError, ArchiveError where it isn't a recording.

        In few calls of the system: after each of them this thread waits for the GIL.
        """
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            block = os.read(handle, _BLOCK)
            raw, size, digest = block[:HEADER_SIZE], len(block), hashlib.sha256(block)
            while len(block) == _BLOCK:
                block = os.read(handle, _BLOCK)
                size += len(block)
                digest.update(block)
        finally:
            os.close(handle)
        try:
            return cls(WavHeader.parse(raw), size, digest.hexdigest())
        except ValueError as error:
            raise ArchiveError(f"{path}: {error}") from error


class LocalVault:
    """Implements ``dialer.ports.Archive``."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config
        self._root = config.root
        self._day = ""
        """The folder that was there last."""
        self._jobs: list[_Job] = []
        self._syncing = ThreadPoolExecutor(_SYNCS, thread_name_prefix="sync")
        self._sealing: asyncio.Task[None] | None = None
        self._known = ("", "")
        """The folder that was placed last, and where it lies from the root."""
        self._zone = ZoneInfo(config.zone)

    def has_room(self) -> tuple[bool, str]:
        try:
            if not self._root.is_dir():
                self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
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

    def reserve(self, call_id: CallId, at: datetime) -> Path:
        """``at`` names the day folder and the file. Raises ArchiveError: no room, or the name is taken."""
        room, why = self.has_room()
        if not room:
            raise ArchiveError(english(why))
        folder = self._folder(at)
        if str(folder) != self._day or not folder.is_dir():
            try:
                _make_folder(folder, self._root)
            except OSError as error:
                raise ArchiveError(f"{folder}: can't be made: {error.strerror}") from error
            self._day = str(folder)
        final = f"{folder}/{call_id:08d}-{at.astimezone(self._zone):%H%M%S}.wav"
        part = final + PART
        if os.path.lexists(final) or os.path.lexists(part):
            raise ArchiveError(f"{final}: call {call_id} has a recording already; it isn't overwritten")
        return Path(part)

    async def seal(
        self, call_id: CallId, audio: RecordedAudio, started_at: datetime, ended_at: datetime
    ) -> Recording:
        """Sealing a file twice returns the same row. Calls that end together are sealed together."""
        job = _Job(call_id, audio, started_at, ended_at, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._sealing is None or self._sealing.done():
            self._sealing = asyncio.create_task(self._seal_waiting())
        try:
            return await job.sealed
        except OSError as error:
            raise ArchiveError(f"{audio.path}: can't be sealed: {error.strerror or error}") from error

    async def _seal_waiting(self) -> None:
        """One thread hashes for all: each thread more would make the event loop wait for the GIL."""
        while self._jobs:
            jobs, self._jobs = self._jobs, []
            for job, result in zip(jobs, await asyncio.to_thread(self._seal_all, jobs), strict=True):
                if job.sealed.done():
                    continue  # Nobody waits any more; its file is sealed all the same.
                if isinstance(result, Recording):
                    job.sealed.set_result(result)
                else:
                    job.sealed.set_exception(result)

    async def repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        """``started_at``: within a day of the time that ``reserve`` was given.

        A file whose header can't be read is set aside with ``.damaged`` behind its name. Raises
        ArchiveError where the disk fails.
        """
        try:
            return await asyncio.to_thread(self._repair, call_id, started_at)
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

    # --- inside, in a thread --------------------------------------------------------------------

    def _folder(self, at: datetime) -> Path:
        return self._root / f"{at.astimezone(self._zone):%Y/%m/%d}"

    def _seal_all(self, jobs: Sequence[_Job]) -> list[Recording | OSError | ArchiveError]:
        """Each on its own, but they reach the disk together, and their folders once for all of them."""
        done: list[Recording | OSError | ArchiveError] = []
        for job, unsynced in zip(
            jobs, self._syncing.map(_sync, [str(job.audio.path) for job in jobs]), strict=True
        ):
            if unsynced is not None:
                done.append(unsynced)
                continue
            try:
                done.append(self._seal(job.call_id, job.audio, job.started_at, job.ended_at))
            except (OSError, ArchiveError) as error:
                done.append(error)
        failed: dict[str, OSError] = {}
        for folder in dict.fromkeys(os.path.dirname(job.audio.path) for job in jobs):
            try:
                _sync_folder(folder)
            except OSError as error:
                failed[folder] = error
        return [failed.get(os.path.dirname(job.audio.path), one) for job, one in zip(jobs, done, strict=True)]

    def _seal(
        self, call_id: CallId, audio: RecordedAudio, started_at: datetime, ended_at: datetime
    ) -> Recording:
        """All but the syncs of the file and its folder."""
        part, final = str(audio.path), _final_name(str(audio.path))
        place = self._place(final)
        try:
            file = _File.read(part)
        except FileNotFoundError:
            if not os.path.exists(final):
                raise ArchiveError(f"{part}: the recording is missing") from None
            part = final
            file = _File.read(part)
        header, size = file.header, file.size
        if size != audio.size or header != WavHeader.closed(header.codec, size - HEADER_SIZE):
            raise ArchiveError(
                f"{part}: {size} bytes on disk, {audio.size} were recorded,"
                f" the header speaks of {header.data_size + HEADER_SIZE}"
            )
        return self._index(call_id, part, place, file, started_at, ended_at, partial=False)

    def _place(self, final: str) -> str:
        """Where a file lies, from the archive's root. Raises ArchiveError where it doesn't."""
        folder, _, name = final.rpartition("/")
        known, below = self._known
        if folder != known:
            below = os.path.relpath(os.path.realpath(folder), os.path.realpath(self._root))
            if below.split("/", 1)[0] == "..":
                raise ArchiveError(f"{final}: lies outside the archive {self._root}")
            self._known = folder, below
        return name if below == "." else f"{below}/{name}"

    def _repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        found = self._find(call_id, started_at)
        if found is None:
            return None
        path, size = str(found), found.stat().st_size
        if size < HEADER_SIZE + FRAME_SIZE:
            found.unlink()
            log.info("recording without audio removed", extra={"call_id": call_id, "bytes": size})
            return None
        try:
            header = _File.read(path).header
        except ArchiveError:
            found.rename(Path(_final_name(path)).with_suffix(f".wav{DAMAGED}"))
            log.error("recording with a broken header set aside", extra={"call_id": call_id, "bytes": size})
            return None
        whole = (size - HEADER_SIZE) // FRAME_SIZE * FRAME_SIZE
        closed = WavHeader.closed(header.codec, whole)
        partial = header != closed or size != HEADER_SIZE + whole
        if partial:
            with found.open("r+b") as mended:
                mended.truncate(HEADER_SIZE + whole)
                mended.write(bytes(closed))
        ended_at = started_at + timedelta(seconds=closed.duration_s)
        final = _final_name(path)
        _fsync(path)
        place, file = self._place(final), _File.read(path)
        recording = self._index(call_id, path, place, file, started_at, ended_at, partial=partial)
        _sync_folder(os.path.dirname(final))
        return recording

    def _find(self, call_id: CallId, started_at: datetime) -> Path | None:
        """The call's file; a ``.part`` first. The neighbouring days too: a call may cross midnight."""
        for suffix in (f".wav{PART}", ".wav"):
            for days in (0, 1, -1):
                folder = self._folder(started_at + timedelta(days=days))
                for path in sorted(folder.glob(f"{call_id:08d}-??????{suffix}")):
                    return path
        return None

    def _index(
        self,
        call_id: CallId,
        path: str,
        place: str,
        file: _File,
        started_at: datetime,
        ended_at: datetime,
        *,
        partial: bool,
    ) -> Recording:
        """Its name comes after its bytes and their hash, or a crash could leave the one without the others.

        The folder is the caller's to bring to the disk.
        """
        final, header = _final_name(path), file.header
        if path != final:
            if os.path.lexists(final):
                raise ArchiveError(f"{final}: exists already; it isn't overwritten")
            os.rename(path, final)
        return Recording(
            call_id=call_id,
            path=place,
            sha256=file.sha256,
            size=HEADER_SIZE + header.data_size,
            duration_s=header.duration_s,
            codec=header.codec,
            started_at=started_at,
            ended_at=ended_at,
            retain_until=retain_until(ended_at.astimezone(self._zone), self._config.retain_years),
            partial=partial,
        )


def _final_name(path: str) -> str:
    return path.removesuffix(PART)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _compare(path: Path, recording: Recording) -> Verification:
    if not path.is_file():
        return Verification(("the file is missing",))
    size = path.stat().st_size
    if size != recording.size:
        return Verification((f"size: {size} bytes on disk, {recording.size} in the index",))
    digest = _sha256(path)
    if digest != recording.sha256:
        return Verification((f"SHA-256: {digest} on disk, {recording.sha256} in the index",))
    return Verification()


def _make_folder(folder: Path, root: Path) -> None:
    """With its parents below ``root``, each entry on disk before the next."""
    missing = [folder, *folder.parents]
    for one in reversed(missing[: missing.index(root)]):
        if not one.is_dir():
            one.mkdir(mode=0o750, exist_ok=True)
            _sync_folder(one.parent)


def _sync(part: str) -> OSError | None:
    """Of a recording; where it has its final name already, that one. Missing: for who reads it to say."""
    try:
        _fsync(part if os.path.exists(part) else _final_name(part))
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    return None


def _sync_folder(folder: Path | str) -> None:
    _fsync(folder, os.O_DIRECTORY)


def _fsync(path: Path | str, flags: int = 0) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
