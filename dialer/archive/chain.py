"""The log verified: its chain, its copy in the folder, and the signed roots of its days."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

import msgspec

from dialer import proof
from dialer.archive import daily
from dialer.archive.config import ArchiveConfig
from dialer.archive.finding import Finding, Progress
from dialer.archive.mirror import FOLDER, LogMirror, names_of
from dialer.archive.sealing import NEW
from dialer.model import CallId, DayRoot, LogEntry
from dialer.ports import ArchiveIndex

_PAGE = 5000


class Chain:
    def __init__(self, config: ArchiveConfig, index: ArchiveIndex, progress: Progress) -> None:
        self._config, self._index, self._progress = config, index, progress

    async def findings(self) -> AsyncIterator[Finding]:
        """Chain, mirror and roots."""
        files = await asyncio.to_thread(self._files)  # before the database, which only grows
        roots = await self._index.roots()
        signed = roots[-1].last if roots else 0
        """Up to there the file has every entry: the days were copied before they were signed."""
        mirror = LogMirror(self._config.root, self._index).bodies()
        there = await anext(mirror, None)
        seq, leaves = 0, list[str]()
        before: tuple[str, ...] = (proof.GENESIS,)
        """What the next entry may name: where row and file differ, it tells which one was changed."""
        while page := await self._index.log_page(seq, _PAGE):
            for one in page:
                while there is not None and there[0] <= seq:
                    yield _second_line(there[0])
                    there = await anext(mirror, None)
                while seq + 1 < one.seq:
                    seq += 1
                    body = ""
                    if there is not None and there[0] == seq:
                        body, there = there[1], await anext(mirror, None)
                    yield _missing_entry(seq, body)
                    before = (proof.leaf_hash(body),) if body else ()
                    leaves.append(before[0] if before else "")
                seq, copy = one.seq, None
                if there is not None and there[0] == seq:
                    copy, there = there[1], await anext(mirror, None)
                elif there is not None or seq <= signed:
                    yield _entry(one.call_id, seq, "在日志文件中缺失", "is missing from the log's file")
                for finding in _check_entry(one, before, copy):
                    yield finding
                if leaves and len(before) > 1:
                    leaves[-1] = next((hash_ for hash_ in before if hash_ in one.body), leaves[-1])
                before = tuple(dict.fromkeys(proof.leaf_hash(body) for body in (one.body, copy) if body))
                leaves.append(before[0])
        self._progress.entries = seq
        while there is not None:
            if there[0] > len(leaves):
                yield _missing_entry(there[0], there[1])
                leaves.append(proof.leaf_hash(there[1]))
            else:
                yield _second_line(there[0])
            there = await anext(mirror, None)
        for finding in self._check_roots(roots, leaves):
            yield finding
        for name in sorted(files - names_of(seq) - {daily.name(root.day) for root in roots}):
            yield Finding(None, "file", f"{name} 不在索引中", f"{name} was added: nothing names it")

    def _files(self) -> set[str]:
        """What lies with the log and the signed days."""
        return {
            f"{folder}/{file.name}"
            for folder in (FOLDER, daily.FOLDER)
            for file in (self._config.root / folder).glob("*")
            if file.suffix != NEW
        }

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


def _check_entry(one: LogEntry, before: Sequence[str], copy: str | None) -> Iterator[Finding]:
    if copy is not None and copy != one.body:
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


def _second_line(seq: int) -> Finding:
    """A file went on behind its end, or a line was put between others."""
    return _entry(None, seq, "在日志文件中多出一行", "has a line too many in the log's file")


def _entry(call: CallId | None, seq: int, zh: str, en: str) -> Finding:
    return Finding(call, "log", f"日志第 {seq} 条{zh}", f"entry {seq} of the log {en}")


def _root(day: str, zh: str, en: str) -> Finding:
    return Finding(None, "root", f"{day} 的签名根:{zh}", f"the signed root of {day}: {en}")
