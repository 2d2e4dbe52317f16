"""Recordings that leave the house: sealed exports of an approved request (R62, R63), burn sets (R33).

Each is a folder that proves itself without this program (``dialer.archive.bundle``), with the record form as
``index.xlsx`` and, where asked for, an MP3 beside each WAV. A burn set is one such folder a disc.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.access.accounts import Right
from dialer.access.discs import share_out
from dialer.access.requests import AccessRequest, Use
from dialer.access.search import MAX_LIMIT, CallQuery
from dialer.archive.bundle import write_bundle
from dialer.archive.wav import HEADER_SIZE
from dialer.archiving import Archiving, open_archive
from dialer.errors import AccessRefused, ConfigError, DialerError
from dialer.media import g711
from dialer.model import ArchiveEvent, CallId, Detail, Disposition, Reason
from dialer.office import with_store
from dialer.ports import CallView, Evidence
from dialer.reports.workbook import record_book
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.web.identity import proven


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


async def requester(home: Path, request_id: int) -> str:
    """Whose request it is. Raises AccessRefused: there is none."""

    async def work(store: SqlStore) -> str:
        return _known(await store.access.request(request_id)).by

    return await with_store(home, work)


async def export(
    home: Path, request_id: int, folder: Path, form: Form, password: str, now: datetime
) -> Written:
    """The calls of an approved request to take away. ``password``: the requester's, who acts here.

    Raises AccessRefused where it is wrong or there is no such grant now; ArchiveError, ConfigError,
    StoreError.
    """
    site = Site(home)

    async def work(store: SqlStore) -> Written:
        request = _may_leave(await store.access.request(request_id), now)
        await proven(store.access, request.by, password, now, site.settings.access)
        about = {"request": str(request.id), "requester": request.by, "approved_by": request.decided_by,
                 "purpose": request.purpose, "use": request.use.value}  # fmt: skip
        if request.filing_no:
            about["filing_no"] = request.filing_no
        told: dict[str, Detail] = {"request": request.id, "use": request.use.value}
        async with open_archive(site.settings, store.archive, site.ticket_due) as archive:
            views = await store.calls_by_id(request.calls)
            made = await _write(archive, views, folder, form, about, request.by, told, now)
            await archive.mirror.catch_up()
            return made

    return await with_store(home, work)


def _known(request: AccessRequest | None) -> AccessRequest:
    if request is None:
        raise AccessRefused(Reason("没有这份申请", "there is no such request"))
    return request


def _may_leave(found: AccessRequest | None, now: datetime) -> AccessRequest:
    request = _known(found)
    if request.use not in (Use.DOWNLOAD, Use.REGULATOR):
        raise AccessRefused(Reason("该申请只允许在线收听", "this request is for listening only"))
    if not request.in_force(now):
        raise AccessRefused(
            Reason("该申请未批准、已撤销或已过期", "this request isn't approved, was revoked, or is over")
        )
    return request


async def burn(
    home: Path, first: date, last: date, folder: Path, form: Form, by: str, password: str, now: datetime
) -> list[Written]:
    """R33: the recordings of these local days as ``disc-001``, ``disc-002``, ... below ``folder``.

    ``by``: account of a records manager, who proves it by his password. Raises AccessRefused, ConfigError,
    ArchiveError, StoreError.
    """
    site = Site(home)
    settings = site.settings

    async def work(store: SqlStore) -> list[Written]:
        account = await proven(store.access, by, password, now, settings.access)
        if not account.may(Right.APPROVE):
            raise AccessRefused(
                Reason(f"{by} 不是资料管理负责人", f"{by} isn't an account of a records manager")
            )
        views = await _recorded(store, first, last, ZoneInfo(settings.archive.zone))
        try:
            discs = share_out([(view.attempt.id, _size(view)) for view in views], settings.access.disc_bytes)
        except ValueError as error:
            raise ConfigError(f"access.disc_bytes: {error}") from None
        by_call = {view.attempt.id: view for view in views}
        written: list[Written] = []
        async with open_archive(settings, store.archive, site.ticket_due) as archive:
            for number, disc in enumerate(discs, 1):
                own = [by_call[call] for call in disc.calls]
                about = {"days": f"{first}/{last}", "by": by, "disc": f"{number}/{len(discs)}"}
                told: dict[str, Detail] = {"use": "burn", "disc": number, "discs": len(discs)}
                place = folder / f"disc-{number:03d}"
                written.append(await _write(archive, own, place, form, about, by, told, now))
            await archive.mirror.catch_up()
        return written

    return await with_store(home, work)


def _size(view: CallView) -> int:
    recording = view.record.recording if view.record else None
    return recording.size if recording else 0


async def _recorded(store: SqlStore, first: date, last: date, zone: ZoneInfo) -> list[CallView]:
    """Oldest first."""
    query = CallQuery(
        start=datetime.combine(first, time(), zone),
        end=datetime.combine(last + timedelta(days=1), time(), zone),
        limit=MAX_LIMIT,
    )
    views: list[CallView] = []
    while True:
        found = await store.search(query)
        views += [view for view in (await store.calls_by_id(found.calls))[::-1] if _size(view)]
        if not found.more:
            return views[::-1]
        query = CallQuery(start=query.start, end=query.end, limit=MAX_LIMIT, before=found.calls[-1])


async def _write(
    archive: Archiving,
    views: Sequence[CallView],
    folder: Path,
    form: Form,
    about: Mapping[str, str],
    by: str,
    told: Mapping[str, Detail],
    now: datetime,
) -> Written:
    """All or nothing: the folder has its name once everything lies in it."""
    part = await asyncio.to_thread(_unfinished, folder)
    extra = {"index.xlsx": record_book(views, form.lang, form.names)}
    calls = [view.attempt.id for view in views]
    for view in views if form.mp3 else ():
        extra[f"calls/{view.attempt.id:08d}.mp3"] = await _mp3(archive.room, view)
    for call in calls:
        await archive.index.append(ArchiveEvent.EXPORTED, call, by, now, told)
    try:
        await write_bundle(
            archive.config, archive.index, archive.room, calls, part, now, about=about, extra=extra
        )
        size = await asyncio.to_thread(_finish, part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Written(folder, len(calls), size)


def _unfinished(folder: Path) -> Path:
    """Where it is written until it is whole; what an earlier try left there is gone. Raises ConfigError."""
    if folder.exists():
        raise ConfigError("is there already: name a new folder", str(folder))
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    return part


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
    return as_mp3(sound, recording.codec if recording else "PCMA")


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
