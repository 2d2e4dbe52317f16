"""Verification: log, roots, rows and files against each other; each finding names what was changed.

The log is the judge: its entries are chained and mirrored, its days signed. Rows and files are compared with
what it says of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from dialer import proof
from dialer.archive import daily, sidecar
from dialer.archive.chain import Chain
from dialer.archive.cipher import SUFFIX
from dialer.archive.config import ArchiveConfig
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.finding import Finding, Progress
from dialer.archive.mirror import FOLDER as LOG_FOLDER
from dialer.archive.sealing import NEW, PART
from dialer.archive.shelf import LOCAL
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, Detail, Kept, KeptState, LogEntry
from dialer.ports import ArchiveIndex, CallView, Filed

_PAGE = 500
_AT_ONCE = 8
"""Files that are read at the same time."""
_GONE = (KeptState.EXPIRING, KeptState.EXPIRED)
_GRACE = timedelta(minutes=10)
"""How long after its end a call may wait for its evidence before that is a finding."""


class Examiner:
    def __init__(self, config: ArchiveConfig, index: ArchiveIndex, room: EvidenceRoom, now: datetime) -> None:
        self._config, self._index, self._room, self._now = config, index, room, now
        self.progress = Progress()

    async def everything(self) -> AsyncIterator[Finding]:
        """Raises StoreError; ArchiveError where a shelf can't be reached."""
        async for one in Chain(self._config, self._index, self.progress).findings():
            yield one
        known: set[str] = set()
        after = CallId(0)
        while page := await self._index.filed(after, _PAGE):
            async for one in self._page(page):
                yield one
            for filed in page:
                known.update(_names(filed))
            after = page[-1].call_id
        for finding in await asyncio.to_thread(lambda: list(self._added(known))):
            yield finding

    async def day(self, day: date) -> AsyncIterator[Finding]:
        """The whole log, and the calls that were recorded on that local day."""
        async for one in Chain(self._config, self._index, self.progress).findings():
            yield one
        after = CallId(0)
        while page := await self._index.filed(after, _PAGE):
            some = [one for one in page if _day_of(one) == f"{day:%Y/%m/%d}"]
            async for one in self._page(some):
                yield one
            after = page[-1].call_id

    async def calls(self, calls: Sequence[CallId]) -> AsyncIterator[Finding]:
        """The whole log, and these calls."""
        async for one in Chain(self._config, self._index, self.progress).findings():
            yield one
        filed = await self._index.filed_calls(calls)
        for call in sorted(set(calls) - {one.call_id for one in filed}):
            yield Finding(call, "index", "档案中没有这通电话", "the archive knows nothing of this call")
        async for one in self._page(filed):
            yield one

    # --- calls --------------------------------------------------------------------------------

    async def _page(self, page: Sequence[Filed]) -> AsyncIterator[Finding]:
        views = {
            view.attempt.id: view for view in await self._index.calls_by_id([one.call_id for one in page])
        }
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look(filed: Filed) -> list[Finding]:
            async with gate:
                return [one async for one in self._call(filed, views.get(filed.call_id))]

        for found in await asyncio.gather(*(look(one) for one in page)):
            for finding in found:
                yield finding
        self.progress.calls += len(page)

    async def _call(self, filed: Filed, view: CallView | None) -> AsyncIterator[Finding]:
        call, kept = filed.call_id, filed.kept
        sealed = next((one for one in filed.log if one.kind is ArchiveEvent.SEALED), None)
        if sealed is None:
            if kept is not None:
                yield Finding(call, "log", "日志中没有封存记录", "the log has no entry of its sealing")
            elif filed.recording is not None:
                async for one in self._unsealed(filed):
                    yield one
            return
        if filed.recording is None:
            yield Finding(call, "index", "录音索引行缺失", "its row in the index of recordings is missing")
        if kept is None:
            yield Finding(call, "index", "证据索引行缺失", "its row in the index of evidence is missing")
            return
        for one in _check_rows(filed, kept, sealed):
            yield one
        if kept.state in _GONE:
            async for one in self._gone(filed, kept):
                yield one
            return
        async for one in self._files(kept, sealed.details):
            yield one
        if view is not None and view.record is not None and view.record.recording is not None:
            async for one in self._facts(kept, view):
                yield one

    async def _unsealed(self, filed: Filed) -> AsyncIterator[Finding]:
        recording = filed.recording
        assert recording is not None
        there = await self._room.shelves[LOCAL].digest(recording.path, "")
        if there is None:
            yield Finding(filed.call_id, "audio", "录音文件缺失", f"{recording.path} is missing")
        elif there != (recording.sha256, recording.size):
            yield Finding(filed.call_id, "audio", "录音被改动", f"{recording.path} was changed")
        if self._now - recording.ended_at > _GRACE:
            yield Finding(filed.call_id, "log", "日志中没有封存记录", "the log has no entry of its sealing")

    async def _files(self, kept: Kept, sealed: dict[str, Detail] | object) -> AsyncIterator[Finding]:
        shelf = self._room.shelf(kept)
        for what, name, version, digest, size in (
            ("audio", kept.audio, kept.audio_version, "audio_sha256", "audio_size"),
            ("sidecar", kept.sidecar, kept.sidecar_version, "sidecar_stored_sha256", "sidecar_stored_size"),
        ):
            assert isinstance(sealed, dict)
            there = await shelf.digest(name, version)
            if there is None:
                yield Finding(kept.call_id, what, f"{name} 缺失", f"{name} is missing")
                continue
            self.progress.stored_bytes += there[1]
            if there != (sealed.get(digest), sealed.get(size)):
                yield Finding(
                    kept.call_id, what, f"{name} 被改动", f"{name} was changed: {there[0]}, {there[1]} bytes"
                )

    async def _facts(self, kept: Kept, view: CallView) -> AsyncIterator[Finding]:
        """What the rows say of the call, against what its sidecar said when it was sealed."""
        try:
            told = msgspec.json.decode(await self._room.sidecar_of(kept))
            facts = told["facts"]
        except (ArchiveError, msgspec.DecodeError, KeyError, TypeError):
            return  # it was changed: said already
        now = msgspec.json.decode(proof.canonical(sidecar.facts(view)))
        for place, row, file in sidecar.differences(now, facts):
            yield Finding(
                kept.call_id, "index", f"{place}: 数据库为 {row!r},封存时为 {file!r}",
                f"{place} is {row!r} in the database and was {file!r} when it was sealed",
            )  # fmt: skip

    async def _gone(self, filed: Filed, kept: Kept) -> AsyncIterator[Finding]:
        kinds = [one.kind for one in filed.log]
        if ArchiveEvent.EXPIRING not in kinds:
            yield Finding(
                kept.call_id, "log", "日志中没有到期删除记录", "the log doesn't know that it was to go"
            )
        if kept.state is KeptState.EXPIRED:
            if ArchiveEvent.EXPIRED not in kinds:
                yield Finding(
                    kept.call_id, "log", "日志中没有删除记录", "the log doesn't know that it is gone"
                )
            shelf = self._room.shelf(kept)
            for name, version in ((kept.audio, kept.audio_version), (kept.sidecar, kept.sidecar_version)):
                if await shelf.digest(name, version) is not None:
                    yield Finding(
                        kept.call_id, "file", f"{name} 已删除却仍在", f"{name} is there though it was deleted"
                    )

    def _added(self, known: set[str]) -> Iterator[Finding]:
        """Files that nothing names."""
        for folder, _, files in os.walk(self._config.root):
            place = Path(folder).relative_to(self._config.root).as_posix()
            if place.split("/", 1)[0] in (LOG_FOLDER, daily.FOLDER):
                continue
            for file in files:
                name = file if place == "." else f"{place}/{file}"
                if name in known or file.endswith((PART, NEW)) or name == "README.md":
                    continue
                yield Finding(None, "file", f"{name} 不在索引中", f"{name} was added: nothing names it")


def _names(filed: Filed) -> Iterator[str]:
    if filed.kept is not None:
        if filed.kept.place == LOCAL or filed.kept.state is KeptState.SEALED:
            yield from (filed.kept.audio, filed.kept.sidecar)
        if filed.kept.state is KeptState.SEALED:
            yield filed.kept.audio.removesuffix(SUFFIX)
    elif filed.recording is not None:
        # Evidence may have been made that the index doesn't know yet.
        text = filed.recording.path.removesuffix(".wav") + ".json"
        yield from (filed.recording.path, filed.recording.path + SUFFIX, text, text + SUFFIX)


def _day_of(filed: Filed) -> str:
    path = filed.recording.path if filed.recording else filed.kept.audio if filed.kept else ""
    return path.rsplit("/", 1)[0]


def _check_rows(filed: Filed, kept: Kept, sealed: LogEntry) -> Iterator[Finding]:
    """Both index rows against the log."""
    told = sealed.details
    now: dict[str, object] = {
        "audio": kept.audio, "audio_sha256": kept.audio_sha256, "audio_size": kept.audio_size,
        "sidecar": kept.sidecar, "sidecar_stored_sha256": kept.sidecar_sha256,
        "sidecar_stored_size": kept.sidecar_size, "retain_until": kept.retain_until.isoformat(),
        "retain_class": kept.retain_class,
    }  # fmt: skip
    one = filed.recording
    if one is not None:
        now |= {
            "path": one.path, "sha256": one.sha256, "size": one.size, "codec": one.codec,
            "duration_s": one.duration_s, "partial": one.partial,
            "started_at": one.started_at.astimezone(UTC).isoformat(),
            "ended_at": one.ended_at.astimezone(UTC).isoformat(),
        }  # fmt: skip
    stored = next((entry for entry in filed.log if entry.kind is ArchiveEvent.STORED), None)
    told_all = dict(told)
    if stored is not None or kept.place != LOCAL:
        now |= {
            "place": kept.place,
            "audio_version": kept.audio_version,
            "sidecar_version": kept.sidecar_version,
        }
        told_all |= dict(stored.details) if stored is not None else {"place": LOCAL}
    held = [entry.kind for entry in filed.log if entry.kind in (ArchiveEvent.HELD, ArchiveEvent.RELEASED)]
    now["hold"] = kept.hold
    told_all["hold"] = held[-1:] == [ArchiveEvent.HELD]
    for name, value in now.items():
        if value != told_all.get(name):
            yield Finding(
                kept.call_id, "index", f"{name}: 索引为 {value!r},日志为 {told_all.get(name)!r}",
                f"{name} is {value!r} in the index and {told_all.get(name)!r} in the log",
            )  # fmt: skip
