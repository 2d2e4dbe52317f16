"""One backup a day, and an alarm where the last is old."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer import backupcare
from dialer.backupcare import is_due, keep_backups, overdue
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


async def test_without_a_folder_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await keep_backups(tmp_path, BackupSettings(), ZONE, lambda: NOON, [])
    assert "no backups are made" in caplog.text
