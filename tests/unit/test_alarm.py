"""Subscribers hear at once of a trunk that goes down or comes up."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from dialer.alarm import NOT_FROM_OUTBOX, TrunkAlarm, watch_calendar
from dialer.errors import DialerError
from dialer.events import Event, TrunkDown, TrunkUp
from dialer.policy.calendar import calendar_from
from dialer.ports import TrunkState

NOW = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


class Sink:
    def __init__(self, broken: bool = False) -> None:
        self.got: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self.broken = broken

    async def publish(self, event_id: int, event: Event) -> None:
        if self.broken:
            raise DialerError("the broker is away")
        self.got.put_nowait((event_id, event))


async def test_facts_reach_every_subscriber_in_order(caplog: pytest.LogCaptureFixture) -> None:
    broken, sink = Sink(broken=True), Sink()
    alarm = TrunkAlarm(lambda: NOW, [broken, sink])
    alarm.changed("unicom", TrunkState(False, 0, "503 Full: resting 30 s"))
    alarm.changed("unicom", TrunkState(True, 30))
    with caplog.at_level(logging.WARNING, "dialer.alarm"):
        async with asyncio.timeout(5):
            heard = [await sink.got.get(), await sink.got.get()]
    assert heard == [
        (NOT_FROM_OUTBOX, TrunkDown(NOW, "unicom", "503 Full: resting 30 s")),
        (NOT_FROM_OUTBOX, TrunkUp(NOW, "unicom")),
    ]
    assert [vars(record)["why"] for record in caplog.records] == ["the broker is away"] * 2
    await alarm.close()
    await alarm.close()


async def test_the_daemon_warns_each_day_from_november_on(caplog: pytest.LogCaptureFixture) -> None:
    calendar = calendar_from()
    last = max(calendar.years)
    looks = iter(
        datetime(last, month, day, hour, tzinfo=UTC)
        for month, day, hour in ((10, 31, 1), (11, 1, 1), (11, 1, 9), (11, 2, 1), (11, 2, 2))
    )
    seen = asyncio.Event()

    def clock() -> datetime:
        try:
            return next(looks)
        except StopIteration:
            seen.set()
            return datetime(last, 11, 2, 3, tzinfo=UTC)

    watch = asyncio.create_task(watch_calendar(calendar, UTC, clock, look_s=0.001))
    await asyncio.wait_for(seen.wait(), 5)
    watch.cancel()
    said = [record for record in caplog.records if record.message == "calendar incomplete"]
    assert len(said) == 2, "once on each of two days"
    assert f"CN-{last + 1}.toml" in said[0].__dict__["why"]
