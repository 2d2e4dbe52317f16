from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from dialer.archive.daily import sign_days
from dialer.archive.retention import RetentionClass
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, KeptState, Ticket
from dialer.testing.archives import CHINA, TUESDAY, House, house

AFTER = datetime(2029, 11, 11, 9, 0, tzinfo=CHINA)
"""The day after the last day on which a call of TUESDAY must be there."""


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        for _ in range(3):
            await made.call()
        await made.settle()
        made.now = AFTER
        yield made


async def state(one: House, call: int) -> KeptState:
    kept = await one.index.kept(CallId(call))
    assert kept is not None
    return kept.state


async def expire(one: House) -> tuple[CallId, ...]:
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    swept = await one.sweeper.sweep(one.now, "lin")
    assert swept.waiting == ()
    return swept.expired


async def test_two_steps_two_persons_and_a_tombstone(one: House) -> None:
    listed = await one.sweeper.list_due(one.now, "lin")
    assert [kept.call_id for kept in listed] == [1, 2, 3]
    assert (await one.sweeper.sweep(one.now, "lin")).expired == (), "listed alone deletes nothing"
    with pytest.raises(ArchiveError, match="second person"):
        await one.sweeper.approve(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    assert (await one.sweeper.sweep(one.now, "lin")).expired == (1, 2, 3)
    for call in (1, 2, 3):
        assert not (await one.path(CallId(call))).exists()
        assert not (await one.path(CallId(call), sidecar=True)).exists()
        with pytest.raises(ArchiveError, match="deleted when its retention was over"):
            await one.room.open(CallId(call))
    kinds = [entry.kind for entry in await one.index.log_of(CallId(2))]
    assert kinds == [
        ArchiveEvent.SEALED, ArchiveEvent.LISTED, ArchiveEvent.APPROVED, ArchiveEvent.EXPIRING,
        ArchiveEvent.EXPIRED,
    ]  # fmt: skip
    assert await one.verify() == []
    assert len(await one.store.recordings()) == 3, "the rows stay"


async def test_the_last_day_counts_in_whole(one: House) -> None:
    one.now = datetime(2029, 11, 10, 23, 59, tzinfo=CHINA)
    assert await one.sweeper.list_due(one.now, "lin") == []


async def test_what_was_listed_goes_by_itself_only_where_that_is_set(one: House, tmp_path: Path) -> None:
    await one.sweeper.list_due(one.now, "lin")
    one.now += timedelta(days=30)
    assert (await one.sweeper.sweep(one.now, "n1")).expired == ()
    async with house(tmp_path, expire_after_days=30) as set_so:
        assert (await set_so.sweeper.sweep(one.now - timedelta(seconds=1), "n1")).expired == ()
        assert (await set_so.sweeper.sweep(one.now, "n1")).expired == (1, 2, 3)


async def test_a_legal_hold_wins_at_every_step(one: House) -> None:
    await one.sweeper.hold([CallId(1)], one.now, "lin", "court")
    assert [kept.call_id for kept in await one.sweeper.list_due(one.now, "lin")] == [2, 3]
    await one.sweeper.hold([CallId(2)], one.now, "lin", "court")
    assert await state(one, 2) is KeptState.KEPT, "taken off the list"
    await one.sweeper.approve(one.now, "zhao")
    await one.sweeper.hold([CallId(3)], one.now, "lin", "court")
    assert (await one.sweeper.sweep(one.now, "lin")).expired == ()
    assert await one.verify() == []
    assert [recording.legal_hold for recording in await one.store.recordings()] == [True] * 3
    await one.sweeper.release([CallId(3)], one.now, "lin", "over")
    assert await expire(one) == (3,)
    with pytest.raises(ArchiveError, match="deleted already"):
        await one.sweeper.hold([CallId(3)], one.now, "lin", "too late")


async def test_nothing_goes_where_the_clock_went_back(one: House) -> None:
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    one.now -= timedelta(minutes=1)
    for step in (one.sweeper.list_due, one.sweeper.approve, one.sweeper.sweep):
        with pytest.raises(ArchiveError, match="the clock went back"):
            await step(one.now, "ma")


async def test_a_batch_over_the_cap_is_refused_whole(one: House, tmp_path: Path) -> None:
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    async with house(tmp_path, expire_cap=2) as capped:
        with pytest.raises(ArchiveError, match=r"more than archive\.expire_cap"):
            await capped.sweeper.sweep(one.now, "lin")
        assert await state(capped, 1) is KeptState.APPROVED


async def test_nothing_goes_where_verification_fails(one: House) -> None:
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    path = await one.path(CallId(2))
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ArchiveError, match=r"verification fails, nothing expires: call 2"):
        await one.sweeper.sweep(one.now, "lin")
    assert (await one.path(CallId(1))).exists()


async def test_a_file_that_does_not_go_is_not_marked(one: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    swept = await one.sweeper.sweep(one.now, "lin")
    assert swept.expired == ()
    assert [why for _, why in swept.waiting if "still there" in why] == [why for _, why in swept.waiting]
    assert await state(one, 1) is KeptState.APPROVED


async def test_longer_by_class(tmp_path: Path) -> None:
    longer = (RetentionClass.parse("ticket 5"), RetentionClass.parse("campaign:new-policy 4"))
    async with house(tmp_path, longer=longer) as one:
        plain = await one.call()
        ticket = Ticket(CallId(2), 2, "误导", ("客服",), "q", "没有", 1.0, one.now, one.now)  # type: ignore[arg-type]
        problem = await one.call(tickets=(ticket,))
        await one.settle()
        kept = [await one.index.kept(call) for call in (plain, problem)]
        assert [(k.retain_until, k.retain_class) for k in kept if k] == [
            (date(2030, 11, 10), "campaign:new-policy"), (date(2031, 11, 10), "ticket"),
        ]  # fmt: skip


@pytest.mark.parametrize("text", ["major", "major x", "major 2", "minor 5", "campaign: 5", "5"])
def test_a_wrong_class_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a kind|no such kind"):
        RetentionClass.parse(text)


async def test_days_are_signed_once_they_are_over(one: House) -> None:
    assert TUESDAY.date() < one.now.date()
    signed = await sign_days(one.config, one.index, one.now)
    assert [(root.day, root.first, root.last) for root in signed] == [(TUESDAY.date(), 1, 3)]
    await one.sweeper.hold([CallId(1)], one.now, "lin", "court")
    assert await sign_days(one.config, one.index, one.now) == [], "today isn't over"
    one.now += timedelta(days=1)
    again = await sign_days(one.config, one.index, one.now)
    assert [(root.day, root.first, root.last) for root in again] == [(AFTER.date(), 4, 4)]
    assert await one.verify() == []
    events = [type(event).__name__ for _, event in await one.store.outbox(99)]
    assert events.count("ArchiveRootSigned") == 2
