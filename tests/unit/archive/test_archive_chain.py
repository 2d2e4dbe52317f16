"""Whatever is done to the log's files: every entry lies in them or is named, and copying comes to an end."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer import proof
from dialer.archive import mirror
from dialer.archive.chain import Chain
from dialer.archive.config import ArchiveConfig
from dialer.archive.finding import Progress
from dialer.archive.mirror import LogMirror
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, DayRoot, LogEntry
from dialer.ports import ArchiveIndex

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)


class Log:
    """The database's log; nothing of it is signed yet."""

    def __init__(self, count: int) -> None:
        self.entries: list[LogEntry] = []
        self.asked = 0
        self.grow(count)

    def grow(self, count: int, by: str = "n1") -> None:
        for seq in range(len(self.entries) + 1, len(self.entries) + count + 1):
            prev = self.entries[-1].hash if self.entries else proof.GENESIS
            body = proof.entry_body(seq, NOW.isoformat(), "sealed", seq, by, {}, prev)
            hash_ = proof.leaf_hash(body)
            self.entries.append(LogEntry(seq, NOW, ArchiveEvent.SEALED, CallId(seq), by, {}, body, hash_))

    async def log_page(self, after: int, limit: int) -> list[LogEntry]:
        self.asked += 1
        assert self.asked < 1000, "it doesn't end"
        return self.entries[after : after + limit]

    async def roots(self) -> list[DayRoot]:
        return []


def index(log: Log) -> ArchiveIndex:
    return cast(ArchiveIndex, log)


async def copy(root: Path, log: Log) -> None:
    await LogMirror(root, index(log)).catch_up()


async def named(root: Path, log: Log) -> list[str]:
    chain = Chain(ArchiveConfig(root=root), index(log), Progress())
    return [finding.en async for finding in chain.findings()]


def differs(*numbers: int) -> list[str]:
    return [f"entry {number} of the log differs from its line in the log's file" for number in numbers]


def change(root: Path, lines: list[str], name: str = "0000000001.jsonl") -> None:
    (root / "log" / name).write_bytes("".join(f"{line}\n" for line in lines).encode())


@pytest.fixture
def five_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "PER_FILE", 5)


@pytest.mark.parametrize("line", ["", "junk", "\r", '{"seq":7}'])
@pytest.mark.parametrize("forged", [False, True])
async def test_no_entry_is_forged_behind_lines_that_were_added(
    tmp_path: Path, line: str, forged: bool
) -> None:
    """Such lines keep as many entries out of the file: also where the database is made anew from there on,
    before its day is signed, each is named."""
    log = Log(5)
    await copy(tmp_path, log)
    change(tmp_path, [*(one.body for one in log.entries), line, line, line])
    for _ in range(3):
        log.grow(1)
        await copy(tmp_path, log)
    if forged:
        del log.entries[5:]
        log.grow(3, by="mallory")
    assert await named(tmp_path, log) == differs(6, 7, 8)


async def test_what_is_forged_in_the_database_differs_from_the_file(tmp_path: Path) -> None:
    log = Log(8)
    await copy(tmp_path, log)
    del log.entries[5:]
    log.grow(3, by="mallory")
    assert await named(tmp_path, log) == differs(6, 7, 8)


async def test_lines_put_between_do_not_move_what_follows(tmp_path: Path) -> None:
    log = Log(9)
    await copy(tmp_path, log)
    bodies = [one.body for one in log.entries]
    change(tmp_path, [*bodies[:2], "x", "y", *bodies[2:]])
    many = [f"entry {number} of the log has a line too many in the log's file" for number in (3, 4)]
    assert await named(tmp_path, log) == differs(3, 4) + many
    log.grow(4)
    await copy(tmp_path, log)
    assert await named(tmp_path, log) == differs(3, 4) + many


async def test_numbers_far_ahead_do_not_move_what_follows(tmp_path: Path) -> None:
    log = Log(5)
    await copy(tmp_path, log)
    change(tmp_path, [*(one.body for one in log.entries), '{"seq":100}', '{"seq":101}', '{"seq":102}'])
    log.grow(5)
    await copy(tmp_path, log)
    assert await named(tmp_path, log) == differs(6, 7, 8)


async def test_copied_lines_are_named_and_move_nothing(tmp_path: Path) -> None:
    log = Log(5)
    await copy(tmp_path, log)
    bodies = [one.body for one in log.entries]
    change(tmp_path, [*bodies, *bodies[1:3]])
    log.grow(5)
    await copy(tmp_path, log)
    many = [f"entry {number} of the log has a line too many in the log's file" for number in (2, 3, 4, 5)]
    assert await named(tmp_path, log) == many


async def test_lines_behind_a_full_file_are_named_and_keep_none_out(
    tmp_path: Path, five_a_file: None
) -> None:
    log = Log(5)
    await copy(tmp_path, log)
    change(tmp_path, [*(one.body for one in log.entries), "junk"])
    for _ in range(3):
        log.grow(1)
        await copy(tmp_path, log)
    assert await named(tmp_path, log) == ["entry 5 of the log has a line too many in the log's file"]


async def test_true_lines_of_another_file_are_places_of_this_one(tmp_path: Path, five_a_file: None) -> None:
    log = Log(6)
    await copy(tmp_path, log)
    bodies = [one.body for one in log.entries]
    change(tmp_path, ["", *bodies[:2]], "0000000006.jsonl")
    log.grow(2)
    await copy(tmp_path, log)
    assert await named(tmp_path, log) == differs(6, 7, 8)


async def test_a_copy_is_one_place_also_at_the_end_of_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_PAGE", 2)
    log = Log(6)
    await copy(tmp_path, log)
    bodies = [one.body for one in log.entries]
    change(tmp_path, [bodies[0], bodies[4], *bodies[2:]])
    assert await named(tmp_path, log) == differs(2)


async def test_an_untouched_log_is_read_once(tmp_path: Path) -> None:
    log = Log(9)
    await copy(tmp_path, log)
    log.asked = 0
    assert await named(tmp_path, log) == []
    assert log.asked == 2  # its page, and that nothing follows


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from([3, 5, 100_000]), st.sampled_from([1, 2, 2000]), st.integers(1, 9))
async def test_any_lines_may_be_changed_added_or_removed(
    data: st.DataObject, per_file: int, page: int, there: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror, "PER_FILE", per_file)
        patch.setattr(mirror, "_PAGE", page)
        root, log = Path(folder), Log(there)
        await copy(root, log)
        others = st.sampled_from(["", "junk", "\r", '{"seq":3}', '{"seq":11}', '{"seq":900}'])
        names = sorted(file.name for file in (root / "log").iterdir())
        for name in data.draw(st.lists(st.sampled_from([*names, "0000000043.jsonl"]), unique=True)):
            file = root / "log" / name
            lines = file.read_text().splitlines() if file.exists() else []
            for _ in range(data.draw(st.integers(1, 4))):
                at = data.draw(st.integers(0, len(lines)))
                true = st.sampled_from([one.body for one in log.entries])
                lines[at : at + data.draw(st.integers(0, 2))] = data.draw(st.lists(true | others, max_size=2))
            change(root, lines, name)
        for _ in range(data.draw(st.integers(1, 3))):
            log.grow(data.draw(st.integers(0, 3)))
            log.asked = 0
            try:
                await copy(root, log)
            except ArchiveError:
                await copy(root, log)
        log.asked = 0
        found = await named(root, log)
        files = {f"log/{file.name}": file.read_bytes().decode() for file in (root / "log").iterdir()}
        whole = dict.fromkeys(mirror.names_of(len(log.entries)), "")
        for one in log.entries:
            its = sorted(whole)[(one.seq - 1) // per_file]
            whole[its] += f"{one.body}\n"
            lies = one.body in files.get(its, "").split("\n")
            assert lies or any(text.startswith(f"entry {one.seq} ") for text in found)
        assert (found == []) == (files == whole)
