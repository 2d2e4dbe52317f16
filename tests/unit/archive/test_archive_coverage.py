from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dialer.archive.coverage import Audit, audit, faults
from dialer.model import AUDIT_CATEGORY, AnswerSource, ArchiveEvent, Disposition, RtpStats
from dialer.ports import CallView
from dialer.testing.archives import ANSWER, SECONDS, TUESDAY, House, house

SOUND = {"prompt_s": 3.0, "customer_s": 2.0}


async def a_day(one: House) -> Audit:
    return await audit(
        one.config, one.index, one.room, TUESDAY.date(), one.now, lambda at: at + timedelta(days=7), "n1"
    )


async def test_a_whole_day_is_covered_and_gaps_become_tickets_once(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.call()
        lost = await one.call(recorded=False)
        short = await one.call(ended_at=one.now + timedelta(seconds=60))
        unanswered = await one.call(recorded=False, answered_at=None, outcome=Disposition.NO_ANSWER)
        await one.settle()
        one.now += timedelta(days=1)
        found = await a_day(one)
        assert (found.answered, found.tickets) == (3, 2)
        assert {gap.call: gap.why[0].en for gap in found.gaps} == {
            lost: "no recording", short: "6.0 s are recorded of 55.0 s",
        }  # fmt: skip
        assert unanswered not in [gap.call for gap in found.gaps]
        tickets = await one.store.tickets()
        assert [(ticket.call_id, ticket.category) for ticket in tickets] == [
            (lost, AUDIT_CATEGORY), (short, AUDIT_CATEGORY),
        ]  # fmt: skip
        assert "没有录音" in tickets[0].words
        assert (await a_day(one)).tickets == 0, "each gap is one ticket"
        entry = await one.index.last_entry(ArchiveEvent.AUDITED)
        assert entry is not None
        assert dict(entry.details) == {"day": "2026-11-10", "answered": 3, "gaps": 2, "tickets": 0}
        assert await one.verify() == [], "tickets of later are no change of the call"


async def test_a_sidecar_that_cannot_be_read_is_no_proof(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        call = await one.call()
        await one.settle()
        (await one.path(call, sidecar=True)).write_text("{}")
        one.now += timedelta(days=1)
        assert [gap.why[0].en for gap in (await a_day(one)).gaps] == ["no evidence can be read"]


@pytest.fixture
async def view(tmp_path: Path) -> CallView:
    async with house(tmp_path) as one:
        await one.call()
        return (await one.store.calls())[0]


def changed(view: CallView, **more: object) -> CallView:
    assert view.record is not None
    return replace(view, record=replace(view.record, **more))


def said(view: CallView, sound: dict[str, float] | None = SOUND) -> list[str]:
    return [why.en for why in faults(view, sound, 2.0)]


async def test_each_fault_by_itself(view: CallView) -> None:
    assert said(view) == []
    record = view.record
    assert record is not None
    assert record.recording is not None
    assert record.answered_at is not None
    assert said(changed(view, recording=replace(record.recording, partial=True))) == [
        "the recording was cut by a crash"
    ]
    assert said(changed(view, rtp=RtpStats(sent=9))) == ["no audio came from the customer's side"]
    assert said(changed(view, rtp=RtpStats(received=70, lost=30))) == [
        "30% of the customer's packets are lost"
    ]
    assert said(changed(view, rtp=RtpStats(received=81, lost=19))) == []
    assert said(view, None) == ["no evidence can be read"]
    assert said(view, SOUND | {"prompt_s": 0.0}) == ["the prompt side is silent"]
    assert said(view, SOUND | {"customer_s": 0.0}) == ["the customer spoke, and the recording is silent"]
    keys = replace(ANSWER, source=AnswerSource.DTMF)
    assert said(changed(view, answers=(keys,)), SOUND | {"customer_s": 0.0}) == [], (
        "keys make no sound of hers"
    )

    def until(seconds: float) -> datetime:
        assert record.answered_at is not None
        return record.answered_at + timedelta(seconds=SECONDS + seconds)

    assert said(changed(view, ended_at=until(1.9))) == []
    assert said(changed(view, ended_at=until(2.1))) == ["6.0 s are recorded of 8.1 s"]
    with_agent = changed(view, ended_at=until(30), transferred=True, agent="A1")
    assert said(with_agent) == ["6.0 s are recorded of 36.0 s (the part after the transfer is missing)"]
