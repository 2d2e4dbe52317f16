"""Subscribers hear at once of a trunk that goes down or comes up."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from dialer.alarm import NOT_FROM_OUTBOX, TrunkAlarm
from dialer.errors import DialerError
from dialer.events import Event, TrunkDown, TrunkUp
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
