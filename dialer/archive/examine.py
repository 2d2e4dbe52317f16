"""Verification: log, roots, rows and files against each other; each finding names what was changed.

The log is the judge: its entries are chained and mirrored, its days signed. Rows and files are compared with
what it says of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from dialer import proof
from dialer.archive import daily, sidecar
from dialer.archive.cipher import SUFFIX
from dialer.archive.config import ArchiveConfig
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.mirror import FOLDER as LOG_FOLDER
from dialer.archive.mirror import LogMirror
from dialer.archive.sealing import NEW, PART
from dialer.archive.shelf import LOCAL
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, DayRoot, Detail, Kept, KeptState, LogEntry
from dialer.ports import ArchiveIndex, CallView, Filed

_PAGE = 500
_AT_ONCE = 8
"""Files that are read at the same time."""
_GONE = (KeptState.EXPIRING, KeptState.EXPIRED)
_GRACE = timedelta(minutes=10)
"""How long after its end a call may wait for its evidence before that is a finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that doesn't fit. ``call``: None where it isn't about one call."""

    call: CallId | None
    what: str
    """``log``, ``root``, ``index``, ``audio``, ``sidecar`` or ``file``."""
    zh: str
    en: str


@dataclass(slots=True)
class Progress:
    """What was looked at."""

    calls: int = 0
    entries: int = 0
    stored_bytes: int = 0


class Examiner:
    def __init__(self, config: ArchiveConfig, index: ArchiveIndex, room: EvidenceRoom, now: datetime) -> None:
        self._config, self._index, self._room, self._now = config, index, room, now
        self.progress = Progress()

    async def everything(self) -> AsyncIterator[Finding]:
        """Raises StoreError; ArchiveError where a shelf can't be reached."""
        async for one in self.log():
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
        async for one in self.log():
            yield one
        after = CallId(0)
        while page := await self._index.filed(after, _PAGE):
            some = [one for one in page if _day_of(one) == f"{day:%Y/%m/%d}"]
            async for one in self._page(some):
                yield one
            after = page[-1].call_id

    async def calls(self, calls: Sequence[CallId]) -> AsyncIterator[Finding]:
        """The whole log, and these calls."""
        async for one in self.log():
            yield one
        filed = await self._index.filed_calls(calls)
        for call in sorted(set(calls) - {one.call_id for one in filed}):
            yield Finding(call, "index", "档案中没有这通电话", "the archive knows nothing of this call")
        async for one in self._page(filed):
            yield one

    # --- the log ------------------------------------------------------------------------------

    async def log(self) -> AsyncIterator[Finding]:
        """Chain, mirror and roots."""
        roots = await self._index.roots()
        signed = roots[-1].last if roots else 0
        """Up to there the file has every entry: the days were copied before they were signed."""
        mirror = LogMirror(self._config.root, self._index).bodies()
        there = next(mirror, None)
        seq, leaves = 0, list[str]()
        before: tuple[str, ...] = (proof.GENESIS,)
        """What the next entry may name: where row and file differ, it tells which one was changed."""
        while page := await self._index.log_page(seq, 5000):
            for one in page:
                while seq + 1 < one.seq:
                    seq += 1
                    body = ""
                    if there is not None and there[0] == seq:
                        body, there = there[1], next(mirror, None)
                    yield _missing_entry(seq, body)
                    before = (proof.leaf_hash(body),) if body else ()
                    leaves.append(before[0] if before else "")
                seq, copy = one.seq, ""
                if there is not None and there[0] == seq:
                    copy, there = there[1], next(mirror, None)
                elif there is not None or seq <= signed:
                    yield _entry(one.call_id, seq, "在日志文件中缺失", "is missing from the log's file")
                for finding in _check_entry(one, before, copy):
                    yield finding
                if leaves and len(before) > 1:
                    leaves[-1] = next((hash_ for hash_ in before if hash_ in one.body), leaves[-1])
                before = tuple(dict.fromkeys(proof.leaf_hash(body) for body in (one.body, copy) if body))
                leaves.append(before[0])
        self.progress.entries = seq
        while there is not None:
            yield _missing_entry(there[0], there[1])
            leaves.append(proof.leaf_hash(there[1]))
            there = next(mirror, None)
        for finding in self._check_roots(roots, leaves):
            yield finding

    def _check_roots(self, roots: Sequence[DayRoot], leaves: list[str]) -> Iterator[Finding]:
        before, last = proof.GENESIS, 0
        for root in roots:
            day = root.day.isoformat()
            if not proof.signature_fits(root.text, root.signature, root.public_key):
                yield _root(day, "签名不符", "changed, its signature doesn't fit")
            told = msgspec.json.decode(root.text)
            if (told["day"], told["first"], told["last"], told["root"]) != (
                day, root.first, root.last, root.root,
            ) or told["before"] != before or root.first != last + 1:  # fmt: skip
                yield _root(
                    day, "与签名内容不一致", "its row isn't what was signed, or a day before it is missing"
                )
            if proof.merkle_root(leaves[root.first - 1 : root.last]) != told["root"]:
                yield _root(
                    day, "日志与根不符", "the log's entries of that day aren't those that were signed"
                )
            path = self._config.root / daily.name(root.day)
            if not path.exists() or path.read_bytes() != daily.as_file(root):
                yield _root(day, "公布的文件缺失或被改动", f"{path.name} is missing or was changed")
            before, last = proof.text_sha256(root.text), root.last

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


def _check_entry(one: LogEntry, before: Sequence[str], copy: str) -> Iterator[Finding]:
    if copy and copy != one.body:
        yield _entry(one.call_id, one.seq, "与日志文件不一致", "differs from its line in the log's file")
        return
    try:
        body = msgspec.json.decode(one.body)
        columns = (body["seq"], datetime.fromisoformat(body["at"]), body["call"], body["kind"])
        named = body["prev"]
    except (msgspec.DecodeError, KeyError, ValueError, TypeError):
        yield _entry(one.call_id, one.seq, "无法读取", "can't be read")
        return
    if proof.leaf_hash(one.body) != one.hash or columns != (one.seq, one.at, one.call_id, one.kind.value):
        yield _entry(one.call_id, one.seq, "被改动", "was changed: its hash or its columns don't fit")
    if before and named not in before:
        yield _entry(
            one.call_id, one.seq, "与前一条不衔接", "doesn't follow the entry before, which was changed"
        )


def _missing_entry(seq: int, body: str) -> Finding:
    call = None
    with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
        call = msgspec.json.decode(body)["call"] if body else None
    return _entry(call, seq, "缺失", "is missing")


def _entry(call: CallId | None, seq: int, zh: str, en: str) -> Finding:
    return Finding(call, "log", f"日志第 {seq} 条{zh}", f"entry {seq} of the log {en}")


def _root(day: str, zh: str, en: str) -> Finding:
    return Finding(None, "root", f"{day} 的签名根:{zh}", f"the signed root of {day}: {en}")


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
