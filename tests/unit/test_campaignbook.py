"""Campaigns as a running daemon sees them: looked up anew, by what was approved, whatever the files say."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from call_house import TUESDAY, task

from dialer.campaignbook import CampaignBook
from dialer.campaigning import Person, Rehearsal, Steps, demonstrate
from dialer.campaigns import CampaignStep
from dialer.errors import StoreError
from dialer.model import Policyholder, Task
from dialer.policy.settings import Window
from dialer.site import Site
from dialer.store.database import SqlStore

SHIPPED = Path(__file__).parents[2] / "config" / "scripts" / "new-policy.yaml"
KNOWN = replace(task(), campaign="autumn", holder=Policyholder("王芳", "女士"), product="安心相伴终身寿险")


@dataclass
class House:
    """One installation, with the daemon's book and another process's hands on it."""

    site: Site
    store: SqlStore
    book: CampaignBook
    now: datetime = TUESDAY

    @property
    def file(self) -> Path:
        return self.site.campaign_folder / "autumn.yaml"

    def rewrite(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def steps(self, by: str) -> Steps:
        return Steps(self.site, self.store, "autumn", Person(by, self.now))

    async def approve(self) -> None:
        linted = await self.steps("演示").lint()
        assert linted.passed, linted.findings
        await self.steps("演示").rehearse(Rehearsal(None, "done"))
        await self.steps("李四").approve("")

    async def why(self, one: Task = KNOWN) -> str:
        await self.book.refresh()
        return self.book.approval(one)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    home = tmp_path / "home"
    (home / "config" / "scripts").mkdir(parents=True)
    (home / "config" / "scripts" / "new-policy.yaml").write_bytes(SHIPPED.read_bytes())
    await demonstrate(home, "autumn", "new-policy/short", TUESDAY)
    site = Site(home)
    store = await SqlStore.open(site.settings.site.database)
    made = House(site, store, CampaignBook(site, store, lambda: made.now))
    yield made
    await store.close()


async def test_a_running_campaign_is_dialled_and_no_other(house: House) -> None:
    assert await house.why() == ""
    assert house.book.running() == {"autumn"}
    assert "没有经审批的版本" in await house.why(replace(KNOWN, campaign="winter"))


async def test_a_pause_is_seen_at_the_next_look(house: House) -> None:
    assert await house.why() == ""
    await house.steps("李四").move(CampaignStep.PAUSE, "")
    why = await house.why()
    assert why == "回访项目 autumn 第 1 版已暂停"
    assert getattr(why, "en", "") == "campaign autumn version 1 is paused"
    assert house.book.running() == frozenset()
    await house.steps("李四").move(CampaignStep.RESUME, "")
    assert await house.why() == ""
    await house.steps("李四").move(CampaignStep.FINISH, "")
    assert "已结束" in await house.why()


@pytest.mark.parametrize("step", [CampaignStep.PAUSE, CampaignStep.FINISH])
async def test_a_call_under_way_ends_as_it_was_approved(house: House, step: CampaignStep) -> None:
    """Whatever happens to the campaign and to its script meanwhile (R9)."""
    house.rewrite("method:", 'time: {windows: ["15:00-16:00"]}\nmethod:')
    await house.approve()
    await house.steps("李四").start("")
    await house.book.refresh()
    approved = house.book.script_of(KNOWN)
    (house.site.home / "config" / "scripts" / "new-policy.yaml").unlink()
    await house.steps("李四").move(step, "")
    assert await house.why() != ""
    assert house.book.script_of(KNOWN) == approved
    assert house.book.settings("autumn").windows == (Window.parse("15:00-16:00"),)
    assert house.book.faults == ()


async def test_a_changed_file_waits_for_its_own_approval(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dialer.campaigns")
    await house.book.refresh()
    house.rewrite("method:", 'time: {windows: ["15:00-16:00"]}\nmethod:')
    assert await house.why() == ""
    assert house.book.settings("autumn").windows == house.site.settings.calling.windows, "the approved ones"
    assert "another version" in caplog.text
    await house.approve()
    assert await house.why() == ""
    assert house.book.settings("autumn").windows == house.site.settings.calling.windows
    await house.steps("李四").start("")
    assert await house.why() == ""
    assert house.book.settings("autumn").windows == (Window.parse("15:00-16:00"),)


async def test_the_approved_wording_goes_on_whatever_becomes_of_the_script(house: House) -> None:
    await house.book.refresh()
    script = house.site.home / "config" / "scripts" / "new-policy.yaml"
    approved = house.book.script_of(KNOWN)[0]
    script.write_text(
        script.read_text(encoding="utf-8").replace("您好，这里是", "喂，这里是"), encoding="utf-8"
    )
    assert await house.why() == ""
    assert house.book.script_of(KNOWN)[0].prompts.greeting == approved.prompts.greeting
    fresh = CampaignBook(Site(house.site.home), house.store, lambda: TUESDAY)
    await fresh.refresh()
    assert fresh.script_of(KNOWN)[0] == approved, "also after a restart"
    script.unlink()
    assert await house.why() == ""


@pytest.mark.parametrize("text", ["id: [", "id: autumn\n", "", "id: other\n"])
async def test_a_broken_file_changes_nothing_and_is_told_once(
    house: House, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    await house.book.refresh()
    house.file.write_text(text, encoding="utf-8")
    caplog.clear()
    for _ in range(3):
        assert await house.why() == ""
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "autumn.yaml" in str(getattr(record, "why", ""))
    house.file.unlink()
    assert await house.why() == ""


async def test_what_cannot_be_carried_out_is_halted_with_its_reason(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Approved under wider windows than the installation has now."""
    house.rewrite("method:", 'time: {windows: ["10:00-11:00"]}\nmethod:')
    await house.approve()
    await house.steps("李四").start("")
    narrowed = house.site.home / "config" / "dialer.toml"
    narrowed.write_text(
        '[calling]\nwindows = ["14:00-16:00"]\ngovernment_windows = ["15:00-16:00"]\n', encoding="utf-8"
    )
    book = CampaignBook(Site(house.site.home), house.store, lambda: TUESDAY)
    await book.refresh()
    assert book.running() == frozenset()
    assert "无法执行" in book.approval(KNOWN)
    assert "campaign can't run" in caplog.text


async def test_a_campaign_has_its_days(house: House) -> None:
    house.rewrite("method:", "time: {starts: 2026-11-11, ends: 2026-11-12}\nmethod:")
    await house.approve()
    await house.steps("李四").start("")
    said = {}
    for day in range(9, 15):
        house.now = TUESDAY.replace(day=day)
        said[day] = (await house.why() == "", "autumn" in house.book.running())
    assert said == {
        9: (False, False),
        10: (False, True),  # elsewhere it may be the 11th
        11: (True, True),
        12: (True, True),
        13: (False, True),
        14: (False, False),
    }
    house.now = TUESDAY.replace(hour=23)
    assert await house.why(replace(KNOWN, zone="Pacific/Auckland")) == "", "its own day counts"


async def test_who_calls_is_the_campaigns(house: House) -> None:
    assert (await house.why(), house.book.caller(KNOWN)) == ("", ("", ""))
    house.rewrite('method: {verification: ""}', "method: {caller_id: '4008001234', display_name: 禾安}")
    await house.approve()
    await house.steps("李四").start("")
    await house.book.refresh()
    assert house.book.caller(KNOWN) == ("4008001234", "禾安")
    assert house.book.caller(replace(KNOWN, campaign="other")) == ("", "")


async def test_a_lost_database_leaves_all_as_it_was(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.book.refresh()

    async def lost() -> None:
        raise StoreError("away")

    monkeypatch.setattr(house.store, "campaign_heads", lost)
    with pytest.raises(StoreError):
        await house.book.refresh()
    assert house.book.running() == {"autumn"}
    assert house.book.approval(KNOWN) == ""


async def test_a_carried_over_campaign_goes_by_its_tasks_scripts(tmp_path: Path) -> None:
    site = Site(tmp_path)
    store = await SqlStore.open(site.settings.site.database)
    try:
        await _carry_over(store)
        book = CampaignBook(site, store, lambda: TUESDAY)
        await book.refresh()
        assert book.running() == {"old"}
        old = replace(KNOWN, campaign="old")
        assert book.approval(old) == ""
        assert book.script_of(replace(old, script="new-policy"))[1] == "full"
        assert "未审批" in book.approval(replace(old, script="gone"))
        assert book.settings(old.campaign) == site.settings.calling
    finally:
        await store.close()


async def _carry_over(store: SqlStore) -> None:
    """As the migration does."""
    from sqlalchemy import insert

    from dialer.store.tables import VERSIONS

    row = {
        "campaign": "old", "number": 0, "state": "running", "author": "", "created_at": TUESDAY, "digest": "",
        "plan_text": "", "script_text": "",
    }  # fmt: skip
    await store._write(lambda connection: connection.execute(insert(VERSIONS).values(**row)) and None)
