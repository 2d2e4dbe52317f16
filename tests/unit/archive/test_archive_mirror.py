"""The log's second copy takes whatever comes, also behind lines that were changed, and reads only its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer import proof
from dialer.archive import mirror
from dialer.archive.mirror import LogMirror
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, LogEntry
from dialer.ports import ArchiveIndex

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)


class Log:
    """The database's log."""

    def __init__(self, count: int = 0) -> None:
        self.bodies: dict[int, str] = {}
        self.grow(count)

    def grow(self, count: int) -> None:
        for _ in range(count):
            seq = max(self.bodies, default=0) + 1
            self.bodies[seq] = f'{{"call":{seq},"seq":{seq}}}'

    async def log_page(self, after: int, limit: int) -> list[LogEntry]:
        return [
            LogEntry(seq, NOW, ArchiveEvent.SEALED, CallId(seq), "n1", {}, body, proof.leaf_hash(body))
            for seq, body in sorted(self.bodies.items())
            if seq > after
        ][:limit]


def mirror_of(root: Path, log: Log) -> LogMirror:
    return LogMirror(root, cast(ArchiveIndex, log))


def lines(root: Path) -> list[str]:
    return [line for file in sorted((root / "log").iterdir()) for line in file.read_text().splitlines()]


@pytest.fixture
def three_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "PER_FILE", 3)


async def test_every_entry_lies_in_the_file_that_is_named_by_it(tmp_path: Path, three_a_file: None) -> None:
    log = Log(4)
    one = mirror_of(tmp_path, log)
    assert await one.catch_up() == 4
    log.grow(4)
    assert await mirror_of(tmp_path, log).catch_up() == 4
    assert await one.catch_up() == 0
    assert [file.name for file in sorted((tmp_path / "log").iterdir())] == [
        "0000000001.jsonl", "0000000004.jsonl", "0000000007.jsonl",
    ]  # fmt: skip
    assert [line async for line in one.bodies()] == list(log.bodies.items())


@pytest.mark.parametrize("left", ["", '{"call":4,"s', '{"call":4,"seq":4}'])
async def test_a_torn_line_is_written_anew(tmp_path: Path, three_a_file: None, left: str) -> None:
    log = Log(4)
    await mirror_of(tmp_path, log).catch_up()
    (tmp_path / "log/0000000004.jsonl").write_text(left)
    log.grow(1)
    assert await mirror_of(tmp_path, log).catch_up() == 2
    assert lines(tmp_path) == list(log.bodies.values())


@pytest.mark.parametrize("number", [0, 4, 7, 100_003, 10**18 - 1])
@pytest.mark.parametrize("there", [3, 4])
async def test_a_changed_last_line_keeps_none_out(
    tmp_path: Path, three_a_file: None, there: int, number: int
) -> None:
    """Also where it is the only one of its file, and where the database has an entry of its new number."""
    log = Log(there)
    await mirror_of(tmp_path, log).catch_up()
    last = sorted((tmp_path / "log").iterdir())[-1]
    last.write_text(last.read_text().replace(f'"seq":{there}}}', f'"seq":{number}}}'))
    log.grow(4)
    assert await mirror_of(tmp_path, log).catch_up() == 4
    assert lines(tmp_path)[there:] == list(log.bodies.values())[there:]


async def test_a_file_that_others_made_keeps_none_out(tmp_path: Path) -> None:
    log = Log(3)
    await mirror_of(tmp_path, log).catch_up()
    (tmp_path / "log/9000000001.jsonl").write_text('{"seq":9000000001}\n' * 3)
    (tmp_path / "log/notes.jsonl").write_text("not of ours\n")
    log.grow(2)
    one = mirror_of(tmp_path, log)
    assert await one.catch_up() == 2
    assert [line async for line in one.bodies()][:5] == list(log.bodies.items())


async def test_what_a_restored_database_does_not_know_stays(tmp_path: Path, three_a_file: None) -> None:
    """It goes on behind what lies there already: the verifier names what differs."""
    log = Log(8)
    await mirror_of(tmp_path, log).catch_up()
    before = lines(tmp_path)
    log.bodies = {seq: body for seq, body in log.bodies.items() if seq < 3}
    assert await mirror_of(tmp_path, log).catch_up() == 0
    for seq in range(3, 11):
        log.bodies[seq] = f'{{"call":{-seq},"seq":{seq}}}'
    assert await mirror_of(tmp_path, log).catch_up() == 2
    assert lines(tmp_path) == [*before, log.bodies[9], log.bodies[10]]


async def test_a_gap_in_the_database_is_where_the_files_end(tmp_path: Path) -> None:
    log = Log(3)
    await mirror_of(tmp_path, log).catch_up()
    log.grow(3)
    del log.bodies[5]
    assert await mirror_of(tmp_path, log).catch_up() == 1
    assert await mirror_of(tmp_path, log).catch_up() == 0
    assert lines(tmp_path) == list(log.bodies.values())[:4]


async def test_a_true_line_in_a_wrong_file_ends_and_keeps_none_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a line was taken for the end, and what follows it appended again and again."""
    monkeypatch.setattr(mirror, "PER_FILE", 30)
    monkeypatch.setattr(mirror, "_PAGE", 5)
    log = Log(40)
    await mirror_of(tmp_path, log).catch_up()
    newest = tmp_path / "log/0000000031.jsonl"
    newest.write_text("".join(f"{line}\n" for line in [*newest.read_text().splitlines()[:-1], log.bodies[3]]))
    log.grow(1)
    assert await mirror_of(tmp_path, log).catch_up() == 1
    assert lines(tmp_path)[-2:] == [log.bodies[3], log.bodies[41]]


async def test_a_copied_file_ends_and_keeps_none_out(tmp_path: Path) -> None:
    log = Log(5)
    await mirror_of(tmp_path, log).catch_up()
    file = tmp_path / "log/0000000001.jsonl"
    (tmp_path / "log/0000100001.jsonl").write_text(file.read_text())
    log.grow(1)
    assert await mirror_of(tmp_path, log).catch_up() == 1
    assert file.read_text().splitlines() == list(log.bodies.values())


async def test_a_file_that_others_began_in_the_middle_keeps_none_out(tmp_path: Path) -> None:
    log = Log(42)
    await mirror_of(tmp_path, log).catch_up()
    (tmp_path / "log/0000000043.jsonl").write_text("junk\n" * 1000)
    log.grow(30)
    assert await mirror_of(tmp_path, log).catch_up() == 30


@pytest.mark.parametrize("change", [lambda them: [*them[:-1], them[0]], lambda them: [*them, them[0]]])
async def test_a_copied_line_at_the_end_is_one_place(
    tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    log = Log(5)
    await mirror_of(tmp_path, log).catch_up()
    file = tmp_path / "log/0000000001.jsonl"
    changed = change(file.read_text().splitlines())
    file.write_text("".join(f"{line}\n" for line in changed))
    log.grow(4)
    await mirror_of(tmp_path, log).catch_up()
    assert file.read_text().splitlines() == [*changed, *list(log.bodies.values())[len(changed) :]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(1, 9), st.data())
async def test_any_lines_may_be_changed_at_the_end(
    tmp_path_factory: pytest.TempPathFactory, there: int, data: st.DataObject
) -> None:
    root, log = tmp_path_factory.mktemp("log"), Log(there)
    await mirror_of(root, log).catch_up()
    file = root / "log/0000000001.jsonl"
    changed = file.read_text().splitlines()
    number = st.integers(0, 10**18 - 1) | st.integers(0, 12)
    for place in range(data.draw(st.integers(0, there)), there):
        changed[place] = f'{{"call":"x","seq":{data.draw(number)}}}'
    file.write_text("".join(f"{line}\n" for line in changed))
    log.grow(3)
    assert await mirror_of(root, log).catch_up() == 3
    assert lines(root) == [*changed, *list(log.bodies.values())[there:]]


async def test_of_a_long_file_only_the_end_is_read(tmp_path: Path) -> None:
    log = Log(7)
    file = tmp_path / "log/0000000001.jsonl"
    file.parent.mkdir()
    with file.open("wb") as out:
        out.truncate(1 << 38)  # more than any memory: a hole
        out.seek(0, 2)
        out.write(f"\n{log.bodies[5]}\n{log.bodies[6]}\n".encode())
    assert await mirror_of(tmp_path, log).catch_up() == 1
    with file.open("rb") as read:
        read.seek(1 << 38)
        assert read.read().decode().splitlines()[1:] == [log.bodies[n] for n in (5, 6, 7)]


async def test_two_processes_write_each_entry_once(tmp_path: Path) -> None:
    """Of two that saw the same end the later one looks again."""

    class Slow(Log):
        async def log_page(self, after: int, limit: int) -> list[LogEntry]:
            page = await super().log_page(after, limit)
            if page and page[0].seq == after + 1 and not self.told:
                self.told = True
                assert await mirror_of(tmp_path, log).catch_up() == 3
            return page

        told = False

    log = Log(3)
    assert await mirror_of(tmp_path, Slow(3)).catch_up() == 0
    assert lines(tmp_path) == list(log.bodies.values())


@pytest.mark.parametrize("entry", ["log", "log/0000000001.jsonl"])
async def test_a_place_that_cannot_be_used_is_told(tmp_path: Path, entry: str) -> None:
    place = tmp_path / entry
    place.parent.mkdir(exist_ok=True)
    place.mkdir() if place.suffix else place.write_text("")
    with pytest.raises(ArchiveError, match=r"log: can't be read or written: (Is a directory|File exists)"):
        await mirror_of(tmp_path, Log(1)).catch_up()
