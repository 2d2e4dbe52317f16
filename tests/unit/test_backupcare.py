"""One backup a day, and an alarm where the last is old."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer import backupcare
from dialer.backupcare import is_due, keep_backups, overdue
from dialer.backups import Backup
from dialer.events import BackupOverdue, Event
from dialer.settings import BackupSettings

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 10, 12, 0, tzinfo=ZONE)


def test_at_and_max_age_hours_say_when() -> None:
    config = BackupSettings(at="11:00", max_age_hours=26)
    assert is_due(config, None, NOON, ZONE)
    assert is_due(config, NOON - timedelta(hours=2), NOON, ZONE)
    assert not is_due(config, NOON - timedelta(minutes=59), NOON, ZONE)
    assert not is_due(BackupSettings(at="12:01"), None, NOON, ZONE)
    assert not is_due(BackupSettings(at=""), None, NOON, ZONE)
    assert not overdue(config, NOON - timedelta(hours=26), NOON)
    assert "27 h old" in overdue(config, NOON - timedelta(hours=27), NOON)
    assert not overdue(BackupSettings(max_age_hours=30), NOON - timedelta(hours=27), NOON)
    assert overdue(config, None, NOON)


@pytest.mark.parametrize("wrong", [{"at": "noon"}, {"keep": 0}, {"max_age_hours": 0}])
def test_what_is_no_setting(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BackupSettings(**wrong)  # type: ignore[arg-type]


class Sink:
    def __init__(self) -> None:
        self.told: list[Event] = []

    async def publish(self, event_id: int, event: Event) -> None:
        self.told.append(event)


def whole(folder: Path, at: datetime) -> None:
    one = folder / f"{at:%Y%m%dT%H%M%SZ}-n1"
    one.mkdir(parents=True)
    content = {"kind": "sqlite", "revision": "1", "rows": {}, "entries": 0, "head": ""}
    told = {"format": "huifang-backup/1", "made_at": at.isoformat(), "node": "n1", "content": content,
            "files": []}  # fmt: skip
    (one / "manifest.json").write_text(json.dumps(told))


async def test_the_day_s_backup_is_made_once_and_an_old_one_is_told_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, now, tried, sink = tmp_path / "backups", NOON, [], Sink()
    works = False

    async def make(home: Path) -> None:
        tried.append(now)
        if works:
            whole(folder, now)

    monkeypatch.setattr(backupcare, "_make", make)
    config = BackupSettings(folder, "11:00")
    care = asyncio.create_task(keep_backups(tmp_path, config, ZONE, lambda: now, [sink], look_s=0.001))

    async def a_while() -> None:
        await asyncio.sleep(0.05)

    await a_while()
    assert tried == [NOON], "a failure isn't tried again at once"
    assert sink.told == [BackupOverdue(NOON, None)]
    works, now = True, NOON + timedelta(hours=1)
    await a_while()
    assert tried == [NOON, now]
    works, now = False, NOON + timedelta(days=2)
    await a_while()
    assert sink.told[1:] == [BackupOverdue(now, NOON + timedelta(hours=1))]
    care.cancel()


async def test_a_backup_that_fails_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The process is the real one: this folder has no settings that it could go by."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dialer.toml").write_text("[backup]\nkeep = 0\n")
    with caplog.at_level(logging.ERROR):
        await backupcare._make(tmp_path)
    assert "keep" in caplog.records[0].why  # type: ignore[attr-defined]


async def test_a_disk_that_is_gone_is_told_and_its_last_backup_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, now, sink, looks = tmp_path / "backups", NOON, Sink(), []
    whole(folder, NOON)
    real, gone = backupcare.backups_in, False

    def looked(at: Path) -> list[Backup]:
        looks.append(now)
        if gone:
            raise OSError(errno.ESTALE, "Stale file handle", str(at))
        return real(at)

    async def fails(home: Path) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(backupcare, "backups_in", looked)
    monkeypatch.setattr(backupcare, "_make", fails)
    config = BackupSettings(folder, "12:30", max_age_hours=26)
    care = asyncio.create_task(keep_backups(tmp_path, config, ZONE, lambda: now, [sink], look_s=0.001))

    async def looked_again() -> None:
        seen = len(looks)
        for _ in range(2000):
            if len(looks) > seen + 2:
                return
            assert not care.done(), care
            await asyncio.sleep(0.005)
        raise AssertionError("it looks no more")

    await looked_again()
    gone = True
    await looked_again()
    assert sink.told == []
    now = NOON + timedelta(hours=27)
    await looked_again()
    assert sink.told == [BackupOverdue(now, NOON)], "by what was known last"
    now, gone = NOON + timedelta(hours=51), False  # the disk is back, but no process can be started
    await looked_again()
    assert sink.told[1:] == [BackupOverdue(now, NOON)]
    care.cancel()
    why = [one.why for one in caplog.records if "can't be made" in one.message]  # type: ignore[attr-defined]
    assert ["Stale" in one for one in why] == [True, False], "each fault once"


async def test_a_disk_that_hangs_is_told_and_its_last_backup_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, now, sink, looks = tmp_path / "backups", NOON, Sink(), []
    whole(folder, NOON)
    real, hangs, hung, back = backupcare.backups_in, False, threading.Event(), threading.Event()

    def looked(at: Path) -> list[Backup]:
        looks.append(now)
        if hangs:
            hung.set()
            assert back.wait(20)
        return real(at)

    monkeypatch.setattr(backupcare, "backups_in", looked)
    monkeypatch.setattr(backupcare, "_ANSWER_S", 0.01)
    config = BackupSettings(folder, "", max_age_hours=26)
    care = asyncio.create_task(keep_backups(tmp_path, config, ZONE, lambda: now, [sink], look_s=0.001))

    async def until(there: Callable[[], object]) -> None:
        for _ in range(2000):
            if there():
                return
            assert not care.done(), care
            await asyncio.sleep(0.005)
        raise AssertionError("in vain")

    try:
        await until(lambda: looks)
        hangs = True
        await until(hung.is_set)
        await until(lambda: any("hasn't answered" in one.why for one in caplog.records))  # type: ignore[attr-defined]
        seen, now = len(looks), NOON + timedelta(hours=27)
        await until(lambda: sink.told)
        assert sink.told == [BackupOverdue(now, NOON)], "by what was known last"
        assert len(looks) == seen, "no thread more for a disk that hangs"
        hangs = False
        back.set()
        await until(lambda: len(looks) > seen + 2)
    finally:
        back.set()
        care.cancel()
        await asyncio.wait([care])


async def test_one_that_is_being_made_has_an_hour_before_the_last_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, sink, made = NOON, Sink(), asyncio.Event()
    began = asyncio.Event()

    async def make(home: Path) -> None:
        began.set()
        await made.wait()

    monkeypatch.setattr(backupcare, "_make", make)
    monkeypatch.setattr(backupcare, "_ANSWER_S", 0.5)
    config = BackupSettings(tmp_path / "backups", "11:00")
    care = asyncio.create_task(keep_backups(tmp_path, config, ZONE, lambda: now, [sink], look_s=0.001))
    await began.wait()
    await asyncio.sleep(0.8)
    assert sink.told == []
    now = NOON + timedelta(hours=1)
    for _ in range(2000):
        if sink.told:
            break
        await asyncio.sleep(0.005)
    assert sink.told == [BackupOverdue(now, None)], "one that hangs is told, too"
    care.cancel()
    await asyncio.wait([care])


def child(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(("import os, signal, sys, time", *lines))]


async def ended(made: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """The care is cancelled while that child is at work."""
    monkeypatch.setattr(backupcare, "_command", lambda home: command)
    work = asyncio.create_task(backupcare._make(made.parent))
    for _ in range(2000):
        if await asyncio.to_thread(made.exists):
            break
        await asyncio.sleep(0.005)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_a_backup_clears_up_when_the_daemon_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    await ended(copy, monkeypatch, child(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit())", "try:", f"    open({str(copy)!r}, 'w')",
        "    time.sleep(60)", "finally:", f"    os.remove({str(copy)!r})",
    ))  # fmt: skip
    assert not copy.exists()


async def test_one_that_hears_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backupcare, "_END_S", 0.2)
    number = tmp_path / "number"
    await ended(number, monkeypatch, child(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)", f"name = {str(number)!r}",
        "open(name + '.new', 'w').write(str(os.getpid()))", "os.rename(name + '.new', name)",
        "time.sleep(60)",
    ))  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


async def test_without_a_folder_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await keep_backups(tmp_path, BackupSettings(), ZONE, lambda: NOON, [])
    assert "no backups are made" in caplog.text
