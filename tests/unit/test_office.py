"""Import, look-up and classification behind the commands."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from office_home import AT, HEADER, LIST, ROWS

from dialer.campaigning import demonstrate
from dialer.errors import ConfigError, DialerError, MissingPrompt
from dialer.model import ImportReport, TaskId
from dialer.office import (
    all_prompt_texts,
    build_prompts,
    explain,
    import_customers,
    missing_prompts,
    with_store,
)
from dialer.policy.verdict import Dial, Wait
from dialer.site import Site

SHIPPED = Path(__file__).parents[2] / "config" / "dialer.toml"


async def test_good_rows_are_stored_whatever_the_others_are(tmp_path: Path) -> None:
    data = f"{HEADER}\n{ROWS[0]}\nP8,,男,1,,x,\n".encode()
    found = await import_customers(tmp_path, data, "list.csv", "c", "new-policy", AT)
    assert found.report.accepted == 1
    assert {error.row for error in found.report.errors} == {3}
    assert "3" in found.as_csv()
    tasks = await with_store(tmp_path, lambda store: store.tasks())
    assert [task.policy_no for task in tasks] == ["P1"]


async def test_a_long_list_lets_the_daemon_write_between(tmp_path: Path) -> None:
    text = "\n".join((HEADER, *(f"P{n},王芳,女,13812345678,安心相伴终身寿险,12000,10" for n in range(2500))))
    found = await import_customers(tmp_path, LIST.encode(), "l.csv", "c", "new-policy", AT)
    importing = asyncio.create_task(import_customers(tmp_path, text.encode(), "l.csv", "c", "new-policy", AT))
    with closing(
        sqlite3.connect(tmp_path / "dialer.sqlite", timeout=30, isolation_level=None, check_same_thread=False)
    ) as other:
        counts = set()
        while not importing.done():
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            counts.add(other.execute("SELECT count(*) FROM tasks").fetchone()[0])
            other.execute("ROLLBACK")
            await asyncio.sleep(0.01)
    found = (await importing).report
    assert (found.accepted, found.duplicates) == (2498, 2)
    assert counts & set(range(3, 2500)), "nobody else could write before the end"
    assert (await import_customers(tmp_path, text.encode(), "l.csv", "c", "new-policy", AT)).report == (
        ImportReport(0, 2500, ())
    )


async def test_the_same_policy_in_another_campaign_is_another_task(tmp_path: Path) -> None:
    for campaign, accepted in (("a", 2), ("a", 0), ("b", 2)):
        found = await import_customers(tmp_path, LIST.encode(), "l.csv", campaign, "new-policy/short", AT)
        assert found.report.accepted == accepted


async def test_a_task_that_nobody_has_looked_at_is_judged_as_things_stand(tmp_path: Path) -> None:
    await demonstrate(tmp_path, "c", "new-policy", AT)
    await import_customers(tmp_path, LIST.encode(), "l.csv", "c", None, AT)
    story = await explain(tmp_path, TaskId(1), AT)
    assert (str(story.zone), story.decisions, story.imported_at) == ("Asia/Shanghai", (), AT)
    assert isinstance(story.plan()[0].decision.verdict, Dial)
    later = (await explain(tmp_path, TaskId(1), AT.replace(hour=12))).plan()[0].decision.verdict
    assert isinstance(later, Wait)
    assert later.until == AT.replace(hour=14)
    on_sunday = await explain(tmp_path, TaskId(1), AT, date(2026, 11, 15))
    assert [slot.key for slot in on_sunday.slots] == ["2026-11-15/0", "2026-11-15/1"]
    assert on_sunday.calls_in_slots == {"2026-11-15/0": 0, "2026-11-15/1": 0}
    with pytest.raises(DialerError, match="no task 9"):
        await explain(tmp_path, TaskId(9), AT)


async def test_a_broken_configuration_stops_an_import_before_the_database(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dialer.toml").write_text("[site\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"dialer.toml:1"):
        await import_customers(tmp_path, LIST.encode(), "l.csv", "c", "new-policy", AT)
    assert not (tmp_path / "dialer.sqlite").exists()


def test_nothing_is_missing_in_what_is_shipped(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert missing_prompts(site) == []
    assert len(all_prompt_texts(site)) == len(set(all_prompt_texts(site))) > 200
    assert build_prompts(site, False) == 0


def test_building_without_the_speech_program_says_how_to_get_it(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace('espeak = "espeak-ng"', 'espeak = "no-such-program"')
    text = text.replace('# synthetic = "config/prompts/synthetic"', 'synthetic = "nowhere"')
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    with pytest.raises(MissingPrompt, match="no-such-program"):
        build_prompts(Site(tmp_path), False)
