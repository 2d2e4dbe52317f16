"""A running daemon and its campaigns: paused, broken, superseded, without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from daemon import CLOCK, Home, wait_for
from far_end import FarEnd, MakeFarEnd

from dialer.campaigning import Person, Rehearsal, Steps
from dialer.campaigns import CampaignStep
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store
from dialer.testing.personas import Press, Refuse, Talk

pytestmark = [pytest.mark.slow]

LOOKS_S = 1.5
"""Five heartbeats of the test's daemon."""
ANSWERS_ONCE = Talk((Press("1"),))
"""Confirms the identity by key and hangs up at the next question."""


async def steps(home: Home, work: Callable[[Steps, Steps], Awaitable[object]]) -> None:
    """By the author and by somebody else, in another process than the daemon's: this one."""
    site, now = Site(home.path), datetime.fromisoformat(CLOCK)

    async def do(store: SqlStore) -> None:
        await work(*(Steps(site, store, "new-policy", Person(name, now)) for name in ("演示", "李四")))

    await with_store(home.path, do)


async def next_version(author: Steps, other: Steps) -> None:
    assert (await author.lint()).passed
    await author.rehearse(Rehearsal(None, "x"))
    await other.approve("")
    await other.start("")


async def called(far_end: FarEnd, home: Home, number: int, seconds: float = 20.0) -> None:
    await home.until(
        f"SELECT count(*) >= {number} FROM attempts WHERE ended_at IS NOT NULL", "not called", seconds
    )
    assert far_end.invites.total() == number


async def test_what_people_do_with_a_campaign_is_seen_at_once(make_far_end: MakeFarEnd) -> None:
    far_end, home = await make_far_end(ANSWERS_ONCE, Refuse(486, "Busy Here"), ANSWERS_ONCE)
    first, second, third = far_end.customers
    file = home.path / "config" / "campaigns" / "new-policy.yaml"
    approved = file.read_text(encoding="utf-8")
    await steps(home, lambda _, other: other.move(CampaignStep.PAUSE, ""))
    daemon = home.start()
    await daemon.running()
    await asyncio.sleep(LOOKS_S)
    assert far_end.invites.total() == 0, "paused before it started"
    assert (await home.cli("why", "1"))["now"]["verdict"]["rule"] == "R49"

    await steps(home, lambda _, other: other.move(CampaignStep.RESUME, ""))
    await called(far_end, home, 3)
    file.write_text("id: [", encoding="utf-8")
    await asyncio.sleep(LOOKS_S)
    assert daemon.log().count("campaign file can't be used") == 1

    file.write_text(approved.replace("new-policy/short", "new-policy"), encoding="utf-8")
    await wait_for(lambda: "another version, to be approved" in daemon.log(), "not seen", 10, home.log)
    await steps(home, next_version)
    await asyncio.sleep(LOOKS_S)
    asked = {
        policy_no: [view["record"]["script_version"] for view in views]
        for policy_no, views in (await home.calls()).items()
    }
    assert asked[first.policy_no] == ["new-policy/short@1"]
    assert asked[third.policy_no] == ["new-policy/short@1"]
    assert second.policy_no in asked

    await home.cli("import", str(_one_more(home, first.number)))
    await called(far_end, home, 4)
    (view,) = (await home.calls())["NEW"]
    assert view["record"]["script_version"] == "new-policy@1"
    in_force = home.rows("SELECT number FROM campaign_versions WHERE state = 'running'")
    assert in_force == [(2,)]


def _one_more(home: Home, number: str) -> object:
    file = home.path / "more.csv"
    file.write_text(
        "保单号,投保人,性别,电话,产品,保费,缴费年限,犹豫期止\n"
        f"NEW,王建国,男,{number},安心相伴终身寿险,12000,10,2026-11-24\n",
        encoding="utf-8",
    )
    return file
