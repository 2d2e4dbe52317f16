"""What is changed, missing or added is named, and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.archive.daily import sign_days
from dialer.archive.finding import Finding
from dialer.model import CallId
from dialer.testing.archives import TUESDAY, House, copy, house

KEY = "ab" * 32


@dataclass(frozen=True)
class Scene:
    """Where an attacker is let in: three calls, kept; the second one is the victim."""

    folder: Path
    audio: Path
    sidecar: Path
    other_audio: Path
    log: Path

    def files(self) -> tuple[Path, ...]:
        return self.audio, self.sidecar, self.other_audio, self.log

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.folder / "dialer.sqlite") as database:
            for statement in ("DROP TRIGGER archive_log_no_UPDATE", "DROP TRIGGER archive_log_no_DELETE"):
                database.execute(statement)
            for statement in statements:
                database.execute(statement)
        database.close()


def flip(path: Path, at: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def flip_line(scene: Scene) -> None:
    lines = scene.log.read_text().splitlines()
    lines[1] = lines[1].replace('"size":', '"siZe":')
    scene.log.write_text("\n".join(lines) + "\n")


def cut_lines(scene: Scene, *numbers: int) -> None:
    lines = scene.log.read_text().splitlines(keepends=True)
    scene.log.write_text("".join(line for number, line in enumerate(lines, 1) if number not in numbers))


def renumber(scene: Scene, number: int, to: int) -> None:
    lines = scene.log.read_text().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(f'"seq":{number}}}', f'"seq":{to}}}')
    scene.log.write_text("".join(lines))


def change_line(scene: Scene, number: int, to: str) -> None:
    lines = scene.log.read_text().splitlines()
    lines[number - 1] = to
    scene.log.write_text("".join(f"{line}\n" for line in lines))


def copy_line(scene: Scene) -> None:
    change_line(scene, 3, scene.log.read_text().splitlines()[0])


def swap_lines(scene: Scene) -> None:
    first, second, third = scene.log.read_text().splitlines(keepends=True)
    scene.log.write_text(first + third + second)


def insert_line(scene: Scene, place: int, line: str) -> None:
    lines = scene.log.read_text().splitlines()
    scene.log.write_text("".join(f"{one}\n" for one in [*lines[:place], line, *lines[place:]]))


ATTACKS: dict[str, tuple[Callable[[Scene], None], str, set[int | None]]] = {
    "a bit of the audio": (lambda s: flip(s.audio), "audio", {2}),
    "a bit of the audio's head": (lambda s: flip(s.audio, 20), "audio", {2}),
    "a bit of the sidecar": (lambda s: flip(s.sidecar), "sidecar", {2}),
    "the audio removed": (lambda s: s.audio.unlink(), "audio", {2}),
    "the sidecar removed": (lambda s: s.sidecar.unlink(), "sidecar", {2}),
    "a swapped pair": (lambda s: swap(s.audio, s.other_audio), "audio", {2, 3}),
    "a file added": (lambda s: (s.audio.parent / "x.wav").write_bytes(b"x"), "file", {None}),
    "a recording's row": (
        lambda s: s.sql("UPDATE recordings SET size = size + 1 WHERE call_id = 2"), "index", {2},
    ),
    "a recording's date": (
        lambda s: s.sql("UPDATE recordings SET ended_at = '2025-01-01 00:00:00.000000' WHERE call_id = 2"),
        "index",
        {2},
    ),
    "evidence's hash": (
        lambda s: s.sql("UPDATE evidence SET audio_sha256 = 'x' WHERE call_id = 2"), "index", {2},
    ),
    "evidence's retention": (
        lambda s: s.sql("UPDATE evidence SET retain_until = '2027-01-01' WHERE call_id = 2"), "index", {2},
    ),
    "a hold": (lambda s: s.sql("UPDATE evidence SET hold = 1 WHERE call_id = 2"), "index", {2}),
    "an answer": (lambda s: s.sql("UPDATE answers SET answer_class = 'N' WHERE call_id = 2"), "index", {2}),
    "an attempt": (lambda s: s.sql("UPDATE attempts SET hung_up_by = 'dialer' WHERE id = 2"), "index", {2}),
    "a recording's row removed": (lambda s: s.sql("DELETE FROM recordings WHERE call_id = 2"), "index", {2}),
    "evidence removed": (lambda s: s.sql("DELETE FROM evidence WHERE call_id = 2"), "index", {2}),
    "a row pretending expiry": (
        lambda s: s.sql("UPDATE evidence SET state = 'expired' WHERE call_id = 2"), "log", {2},
    ),
    "a log entry": (
        lambda s: s.sql("UPDATE archive_log SET body = replace(body, '\"n1\"', '\"n2\"') WHERE seq = 2"),
        "log",
        {2},
    ),
    "a log entry's column": (
        lambda s: s.sql("UPDATE archive_log SET kind = 'held' WHERE seq = 2"), "log", {2},
    ),
    "a log entry removed": (lambda s: s.sql("DELETE FROM archive_log WHERE seq = 2"), "log", {2}),
    "the last log entry removed": (lambda s: s.sql("DELETE FROM archive_log WHERE seq = 3"), "log", {3}),
    "a line of the log's file": (flip_line, "log", {2}),
    "a line of the log's file removed": (lambda s: cut_lines(s, 2), "log", {2}),
    "the first line of the log's file removed": (lambda s: cut_lines(s, 1), "log", {1}),
    "the last line of the log's file removed": (lambda s: cut_lines(s, 3), "log", {3}),
    "two lines of the log's file removed": (lambda s: cut_lines(s, 1, 2), "log", {1, 2}),
    "all lines of the log's file removed": (lambda s: cut_lines(s, 1, 2, 3), "log", {1, 2, 3}),
    "the log's file removed": (lambda s: s.log.unlink(), "log", {1, 2, 3}),
    "a line's number in the log's file": (lambda s: renumber(s, 2, 3_000_000), "log", {2}),
    "the last line's number in the log's file": (lambda s: renumber(s, 3, 10**18 - 1), "log", {3}),
    "an emptied line of the log's file": (lambda s: change_line(s, 2, ""), "log", {2}),
    "the last line of the log's file emptied": (lambda s: change_line(s, 3, ""), "log", {3}),
    "the last line of the log's file a copy": (copy_line, "log", {3}),
    "a swapped pair of lines": (swap_lines, "log", {2, 3}),
    "a line put between those of the log's file": (lambda s: insert_line(s, 1, "x"), "log", {2}),
    "a line put before those of the log's file": (lambda s: insert_line(s, 0, ""), "log", {1}),
    "the end of a line": (
        lambda s: s.log.write_bytes(s.log.read_bytes().replace(b"\n", b"\r\n", 1)), "log", {1},
    ),
    "a file added to the log": (lambda s: s.log.with_name("notes.jsonl").touch(), "file", {None}),
    "a file of the log to come": (lambda s: s.log.with_name("0000100001.jsonl").touch(), "file", {None}),
    "a file of the log that begins in the middle": (
        lambda s: s.log.with_name("0000000004.jsonl").touch(), "file", {None},
    ),
    "a day added": (
        lambda s: (s.folder / "recordings/roots/2026-12-24.json").touch(), "file", {None},
    ),
    "a root": (lambda s: s.sql("UPDATE archive_roots SET root = 'x'"), "root", {None}),
    "a root's signature": (lambda s: s.sql("UPDATE archive_roots SET signature = '00'"), "root", {None}),
    "a published root": (lambda s: flip(next((s.folder / "recordings/roots").iterdir())), "root", {None}),
}  # fmt: skip


async def scene(one: House, folder: Path) -> Scene:
    for _ in range(3):
        await one.call()
    await one.settle()
    one.now += timedelta(days=1)
    await sign_days(one.config, one.index, one.now)
    return Scene(
        folder, await one.path(2), await one.path(2, sidecar=True), await one.path(3),
        folder / "recordings/log/0000000001.jsonl",
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scene]:
    folder = tmp_path_factory.mktemp("built")

    async def build() -> Scene:
        async with house(folder) as one:
            return await scene(one, folder)

    return folder, asyncio.run(build())


@pytest.mark.parametrize("enciphered", [False, True])
async def test_an_untouched_archive_fits(tmp_path: Path, enciphered: bool) -> None:
    (tmp_path / "key").write_text(KEY)
    async with house(tmp_path, key_file=tmp_path / "key" if enciphered else None) as one:
        made = await scene(one, tmp_path)
        assert await one.verify() == []
        assert (made.audio.suffix == ".sealed") is enciphered


@pytest.mark.parametrize("name", ATTACKS)
async def test_what_was_changed_is_named(built: tuple[Path, Scene], tmp_path: Path, name: str) -> None:
    attack, what, calls = ATTACKS[name]
    folder = copy(built[0], tmp_path / "copy")
    attack(Scene(folder, *(folder / path.relative_to(built[0]) for path in built[1].files())))
    async with house(folder) as one:
        one.now = TUESDAY + timedelta(days=1)
        found = await one.verify()
    assert {(finding.what, finding.call) for finding in found} >= {(what, call) for call in calls}, found
    assert {finding.call for finding in found} - {None} == calls - {None}, found


@pytest.mark.parametrize("to", [3_000_000, 10**18 - 1, 4])
async def test_a_last_line_whose_number_was_changed_holds_up_no_other(tmp_path: Path, to: int) -> None:
    """What comes later lies in the files before its day is signed; just the changed line is named."""
    async with house(tmp_path) as one:
        made = await scene(one, tmp_path)
        renumber(made, 3, to)
        for _ in range(2):
            await one.call()
            await one.settle()
            one.now += timedelta(days=1)
            await sign_days(one.config, one.index, one.now)
        entries = await one.index.log_page(0, 99)
        assert made.log.read_text().splitlines()[3:] == [entry.body for entry in entries[3:]]
        assert len(entries) > 4
        found = await one.verify()
    assert [(finding.what, finding.en) for finding in found] == [
        ("log", "entry 3 of the log differs from its line in the log's file")
    ]


@pytest.mark.parametrize("line", ["", "junk"])
async def test_lines_that_others_added_are_named(tmp_path: Path, line: str) -> None:
    async with house(tmp_path) as one:
        made = await scene(one, tmp_path)
        made.log.write_text(made.log.read_text() + f"{line}\n" * 2)
        await one.call()
        await one.settle()
        one.now += timedelta(days=1)
        await sign_days(one.config, one.index, one.now)
        found = await one.verify()
    assert [finding.en for finding in found if finding.what == "log"] == [
        "entry 4 of the log differs from its line in the log's file",
        "entry 5 of the log is missing",
    ]


async def test_a_restored_database_goes_on_in_new_files(tmp_path: Path) -> None:
    """Once those that outlived it are moved away, just the recordings that it lost are named."""

    async def a_day(one: House) -> None:
        await one.call()
        await one.settle()
        one.now += timedelta(days=1)
        await sign_days(one.config, one.index, one.now)

    database, backup = tmp_path / "dialer.sqlite", tmp_path / "backup.sqlite"
    async with house(tmp_path) as one:
        made = await scene(one, tmp_path)
    shutil.copyfile(database, backup)
    async with house(tmp_path) as one:
        one.made, one.now = [CallId(n) for n in (1, 2, 3)], TUESDAY + timedelta(days=1)
        await a_day(one)
        lost = await one.path(4)
    shutil.copyfile(backup, database)
    for folder in ("log", "roots"):
        (tmp_path / "recordings" / folder).rename(tmp_path / folder)
    async with house(tmp_path) as one:
        one.made, one.now = [CallId(n) for n in (1, 2, 3)], TUESDAY + timedelta(days=1, hours=1)
        await a_day(one)
        entries = await one.index.log_page(0, 99)
        found = await one.verify()
    assert made.log.read_text().splitlines() == [entry.body for entry in entries]
    assert sorted(path.name for path in (tmp_path / "recordings/roots").iterdir()) == [
        "2026-11-10.json", "2026-11-11.json",
    ]  # fmt: skip
    assert {finding.what for finding in found} == {"file"}
    assert any(lost.name in finding.en for finding in found)


async def test_one_call_or_one_day_can_be_asked_for(tmp_path: Path) -> None:
    from dialer.archive.examine import Examiner

    async with house(tmp_path) as one:
        made = await scene(one, tmp_path)
        flip(made.audio)

        def examiner() -> Examiner:
            return Examiner(one.config, one.index, one.room, one.now)

        async def said(findings: object) -> list[Finding]:
            return [finding async for finding in findings]  # type: ignore[attr-defined]

        assert await said(examiner().calls([1, 3])) == []
        assert [finding.call for finding in await said(examiner().calls([2]))] == [2]
        assert [finding.call for finding in await said(examiner().calls([9]))] == [9]
        assert [finding.call for finding in await said(examiner().day(one.now.date()))] == []
        day = one.now.date() - timedelta(days=1)
        assert [finding.call for finding in await said(examiner().day(day))] == [2]


async def test_the_database_itself_refuses_to_change_the_log(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await scene(one, tmp_path)
    with sqlite3.connect(tmp_path / "dialer.sqlite") as database:
        for statement in ("UPDATE archive_log SET kind = 'x'", "DELETE FROM archive_log"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                database.execute(statement)
    database.close()
