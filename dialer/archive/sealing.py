"""The disk's side of the archive, synchronous: close, hash, rename, encipher, remove.

Whatever is killed in the middle is done again: each step finds what the one before left.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer import proof
from dialer.archive import cipher, protocol, sidecar
from dialer.archive.config import ArchiveConfig
from dialer.archive.keys import Wrapping, wrapping
from dialer.archive.retention import retain_until
from dialer.archive.wav import FRAME_SIZE, HEADER_SIZE, WavHeader
from dialer.errors import ArchiveError
from dialer.model import CallId, Recording

log = logging.getLogger("dialer.archive")

PART = ".part"
DAMAGED = ".damaged"
NEW = ".new"
"""Behind the name of a file that is being written; what a crash left of it is written over."""
_BLOCK = 1 << 20
_AT_ONCE = 4
"""Files whose bytes are brought to the disk at the same time."""


@dataclass(frozen=True, slots=True)
class File:
    """A recording that is on the disk."""

    header: WavHeader
    size: int
    sha256: str

    @classmethod
    def read(cls, path: str) -> File:
        """Bring it to the disk, read it once. Raises OSError, ArchiveError where it isn't a recording.

        In few calls of the system: after each of them this thread waits for the GIL.
        """
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
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


class Sealer:
    """Does what the protocol asks, below one root."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config
        self._root = self.root = config.root
        self._zone = ZoneInfo(config.zone)
        self._known = ("", "")
        """The folder that was placed last, and where it lies from the root."""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_AT_ONCE, "archive")

    @cached_property
    def _wrapping(self) -> Wrapping | None:
        return wrapping(self._config)

    def keep(self, job: protocol.Keep) -> protocol.Files:
        """The evidence as it will stay, with its sidecar beside it, all on disk.

        Raises ArchiveError: the audio isn't what was recorded; OSError.
        """
        path = self._root / job.audio
        try:
            clear = path.read_bytes()
        except FileNotFoundError:
            raise ArchiveError(f"{job.audio}: the recording is missing") from None
        if hashlib.sha256(clear).hexdigest() != job.sha256:
            raise ArchiveError(f"{job.audio}: changed since it was recorded")
        told = sidecar.complete(job.sidecar, clear)
        text = job.audio.removesuffix(".wav") + ".json"
        if self._wrapping is None:
            audio = protocol.File(job.audio, job.sha256, len(clear))
        else:
            audio = self._write(job.audio + cipher.SUFFIX, job.call_id, clear)
            text += cipher.SUFFIX
        beside = self._write(text, job.call_id, told.encode())
        sync_folder(path.parent)
        return protocol.Files(job.id, audio, beside, proof.text_sha256(told))

    def drop(self, names: Sequence[str]) -> None:
        """Remove copies, see them gone. Raises OSError, ArchiveError. What is gone already is fine."""
        for name in names:
            path = self._root / name
            path.unlink(missing_ok=True)
            if os.path.lexists(path):
                raise ArchiveError(f"{name}: is still there after its removal")
        for folder in {(self._root / name).parent for name in names}:
            if folder.is_dir():
                sync_folder(folder)

    def _write(self, name: str, call: CallId, clear: bytes) -> protocol.File:
        """Enciphered where a key is set. Named only once it is on disk; what a crash left is replaced."""
        path = self._root / name
        parts = [clear]
        if self._wrapping is not None and name.endswith(cipher.SUFFIX):
            key, plain = os.urandom(cipher.KEY_SIZE), Path(name).name.removesuffix(cipher.SUFFIX)
            head = cipher.Head(call, plain, len(clear), self._wrapping.wrap(key, about(call, plain)))
            parts = list(cipher.encipher(clear, head, key))
        digest, size = hashlib.sha256(), 0
        new = f"{path}{NEW}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb") as out:
            for part in parts:
                digest.update(part)
                size += out.write(part)
            out.flush()
            os.fsync(out.fileno())
        os.rename(new, path)
        return protocol.File(name, digest.hexdigest(), size)

    def seal_all(self, jobs: Sequence[protocol.Seal]) -> list[Recording | OSError | ArchiveError]:
        """Each on its own, but their folders reach the disk once for all of them."""
        done = [self._tried(jobs[0])] if len(jobs) == 1 else list(self._threads.map(self._tried, jobs))
        failed: dict[str, OSError] = {}
        for folder in dict.fromkeys(os.path.dirname(job.path) for job in jobs):
            try:
                sync_folder(folder)
            except OSError as error:
                failed[folder] = error
        return [failed.get(os.path.dirname(job.path), one) for job, one in zip(jobs, done, strict=True)]

    def _tried(self, job: protocol.Seal) -> Recording | OSError | ArchiveError:
        try:
            return self._seal(job)
        except (OSError, ArchiveError) as error:
            return error

    def _seal(self, job: protocol.Seal) -> Recording:
        """All but the folder's own sync."""
        part, final = job.path, _final_name(job.path)
        place = self._place(final)
        try:
            file = File.read(part)
        except FileNotFoundError:
            if not os.path.exists(final):
                raise ArchiveError(f"{part}: the recording is missing") from None
            part = final
            file = File.read(part)
        header, size = file.header, file.size
        if size != job.size or header != WavHeader.closed(header.codec, size - HEADER_SIZE):
            raise ArchiveError(
                f"{part}: {size} bytes on disk, {job.size} were recorded,"
                f" the header speaks of {header.data_size + HEADER_SIZE}"
            )
        return self._index(job.call_id, part, place, file, job.started_at, job.ended_at, partial=False)

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

    def repair(self, call_id: CallId, started_at: datetime) -> Recording | None:
        found = self._find(call_id, started_at)
        if found is None:
            return None
        path, size = str(found), found.stat().st_size
        if size < HEADER_SIZE + FRAME_SIZE:
            found.unlink()
            log.info("recording without audio removed", extra={"call_id": call_id, "bytes": size})
            return None
        try:
            header = File.read(path).header
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
        place, file = self._place(final), File.read(path)
        recording = self._index(call_id, path, place, file, started_at, ended_at, partial=partial)
        sync_folder(os.path.dirname(final))
        return recording

    def _find(self, call_id: CallId, started_at: datetime) -> Path | None:
        """The call's file; a ``.part`` first. The neighbouring days too: a call may cross midnight."""
        for suffix in (f".wav{PART}", ".wav"):
            for days in (0, 1, -1):
                folder = folder_of(self._root, self._zone, started_at + timedelta(days=days))
                for path in sorted(folder.glob(f"{call_id:08d}-??????{suffix}")):
                    return path
        return None

    def _index(
        self,
        call_id: CallId,
        path: str,
        place: str,
        file: File,
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


def make_folder(folder: Path, root: Path) -> None:
    """With its parents below ``root``, each entry on disk before the next."""
    missing = [folder, *folder.parents]
    for one in reversed(missing[: missing.index(root)]):
        if not one.is_dir():
            one.mkdir(mode=0o750, exist_ok=True)
            sync_folder(one.parent)


def sync_folder(folder: Path | str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_of(root: Path, zone: ZoneInfo, at: datetime) -> Path:
    return root / f"{at.astimezone(zone):%Y/%m/%d}"


def about(call: int, name: str) -> bytes:
    """What a wrapped data key is bound to."""
    return f"huifang/{call}/{name}".encode()


def remove_stale(root: Path) -> int:
    """What a crash left half written: its source is still there. Returns how many."""
    found = 0
    for path in root.glob(f"????/??/??/*{NEW}"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            found += 1
    return found
