"""Recordings as a folder that proves itself without this program (``dialer.archive.bundle``), with the record
form as ``index.xlsx`` and, where asked for, an MP3 beside each WAV.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from dialer.access.requests import AccessRequest
from dialer.archive.bundle import write_bundle
from dialer.archive.wav import HEADER_SIZE
from dialer.archiving import Archiving
from dialer.errors import ConfigError, DialerError
from dialer.locks import only_one
from dialer.media import g711
from dialer.model import ArchiveEvent, CallId, Detail, Disposition
from dialer.ports import CallView, Evidence
from dialer.reports.workbook import record_book
from dialer.threads import in_thread

Progress = Callable[[int], None]
"""Told how many calls are written; what it raises ends the work."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the index reads."""

    lang: str
    names: Mapping[Disposition, str]
    """Of the outcomes."""
    mp3: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    folder: Path
    calls: int
    size: int


async def pack_request(
    archive: Archiving,
    request: AccessRequest,
    folder: Path,
    form: Form,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Written:
    """The calls of a request that ``may_leave``. Raises ArchiveError, ConfigError, StoreError."""
    about = {"request": str(request.id), "requester": request.by, "approved_by": request.decided_by,
             "purpose": request.purpose, "use": request.use.value}  # fmt: skip
    if request.filing_no:
        about["filing_no"] = request.filing_no
    told: dict[str, Detail] = {"request": request.id, "use": request.use.value}
    views = await archive.index.calls_by_id(request.calls)
    return await pack(archive, views, folder, form, about, request.by, told, now, progress)


async def pack(
    archive: Archiving,
    views: Sequence[CallView],
    folder: Path,
    form: Form,
    about: Mapping[str, str],
    by: str,
    told: Mapping[str, Detail],
    now: datetime,
    progress: Progress = lambda _: None,
) -> Written:
    """All or nothing: the folder has its name once everything lies in it."""
    async with _unfinished(folder) as part:
        extra = {"index.xlsx": await asyncio.to_thread(record_book, views, form.lang, form.names)}
        calls = [view.attempt.id for view in views]
        for view in views if form.mp3 else ():
            extra[f"calls/{view.attempt.id:08d}.mp3"] = await _mp3(archive.room, view)
        for call in calls:
            progress(0)
            await archive.index.append(ArchiveEvent.EXPORTED, call, by, now, told)
        await write_bundle(
            archive.config,
            archive.index,
            archive.room,
            calls,
            part,
            now,
            about=about,
            extra=extra,
            progress=progress,
        )
        size = await in_thread(_finish, part, folder)
    return Written(folder, len(calls), size)


@asynccontextmanager
async def _unfinished(folder: Path) -> AsyncIterator[Path]:
    """Where it is written until it is whole, for its owner only and by one process; gone at the end.

    Raises ConfigError.
    """

    def taken(process: str) -> ConfigError:
        return ConfigError(f"is being written already (process {process}): name another folder", str(folder))

    part = folder.with_name(f".{folder.name}.part")
    await in_thread(_place, folder)
    with only_one(folder.with_name(f".{folder.name}.lock"), taken, remove=True):
        try:
            await in_thread(_begin, folder, part)
            yield part
        finally:
            await in_thread(shutil.rmtree, part, ignore_errors=True)


def _place(folder: Path) -> None:
    _new(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"can't be written: {error.strerror}", str(folder)) from None


def _begin(folder: Path, part: Path) -> None:
    """What an earlier try left there is gone."""
    _new(folder)  # another process may have finished it meanwhile
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"can't be written: {error.strerror}", str(folder)) from None


def _new(folder: Path) -> None:
    if folder.exists():
        raise ConfigError("is there already: name a new folder", str(folder))


def _finish(part: Path, folder: Path) -> int:
    """Bytes."""
    size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    part.rename(folder)
    return size


async def _mp3(room: Evidence, view: CallView) -> bytes:
    recording = view.record.recording if view.record else None
    reader = await room.open(CallId(view.attempt.id))
    try:
        sound = await reader.read(0, reader.size)
    finally:
        await reader.close()
    return await asyncio.to_thread(as_mp3, sound, recording.codec if recording else "PCMA")


def as_mp3(sound: bytes, codec: str) -> bytes:
    """For ears that have no player for G.711. Raises DialerError without soundfile."""
    try:
        import soundfile
    except ImportError:
        raise DialerError(
            "MP3 needs soundfile: install the extra with pip install 'huifang-dialer[mp3]'"
        ) from None
    whole = HEADER_SIZE + (len(sound) - HEADER_SIZE) // 2 * 2
    pcm = g711.decode(sound[HEADER_SIZE:whole], codec).reshape(-1, 2)
    out = BytesIO()
    soundfile.write(out, pcm, 8000, format="MP3", subtype="MPEG_LAYER_III")
    return out.getvalue()
