"""Events from the outbox to subscribers: in order, at least once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.bus import local
from dialer.bus.local import Bus, LogSink
from dialer.errors import DialerError, StoreError
from dialer.events import CallDialled, Event
from dialer.model import CallId, TaskId
from dialer.testing.store import MemoryStore

NOW = datetime(2026, 11, 10, tzinfo=UTC)


class Outbox(MemoryStore):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.events: list[tuple[int, Event]] = [
            (n, CallDialled(NOW, CallId(n), TaskId(n))) for n in range(1, count + 1)
        ]
        self.failures = 0

    async def outbox(self, limit: int, after: int = 0) -> list[tuple[int, Event]]:
        if self.failures:
            self.failures -= 1
            raise StoreError("away")
        return [item for item in self.events if item[0] > after][:limit]

    async def outbox_done(self, ids: Sequence[int]) -> None:
        self.events = [item for item in self.events if item[0] not in ids]


class Away:
    """A subscriber that takes nothing until it is back."""

    def __init__(self) -> None:
        self.back, self.got = False, list[int]()

    async def publish(self, event_id: int, event: Event) -> None:
        if not self.back:
            raise DialerError("away")
        self.got.append(event_id)


class Sink:
    def __init__(self, refuses: int = 0) -> None:
        self.refuses, self.got = refuses, list[int]()

    async def publish(self, event_id: int, event: Event) -> None:
        if event_id == self.refuses:
            self.refuses = 0
            raise DialerError("not now")
        self.got.append(event_id)


class Confirming:
    """Takes all and confirms what isn't in ``never``; from ``deaf`` on nothing."""

    def __init__(self, never: set[int], deaf: int = 10_000) -> None:
        self.never, self.deaf, self.got, self._last = never, deaf, list[int](), list[int]()

    async def publish(self, event_id: int, event: Event) -> None:
        self._last.append(event_id)

    async def confirmed(self) -> tuple[set[int], str]:
        sent, self._last = self._last, []
        taken = [one for one in sent if one not in self.never and one < self.deaf]
        self.got += taken
        return set(taken), "" if taken == sent else "not confirmed"


async def test_every_sink_gets_every_event_once_and_in_order() -> None:
    store, one, two = Outbox(5), Sink(), Sink()
    bus = Bus(store, [one, two])
    assert await bus.drain(limit=3) == 3
    assert await bus.drain(limit=3) == 2
    assert await bus.drain() == 0
    assert one.got == two.got == [1, 2, 3, 4, 5]


async def test_a_refused_event_comes_again_before_the_later_ones_and_only_to_who_refused_it() -> None:
    store, one, two = Outbox(3), Sink(), Sink(refuses=2)
    bus = Bus(store, [one, two])
    assert await bus.drain() == 1
    assert await bus.drain() == 2
    assert two.got == [1, 2, 3]
    assert one.got == [1, 2, 3]


async def test_who_is_away_holds_up_no_other_however_much_waits() -> None:
    store, log, away = Outbox(1000), Sink(), Away()
    bus = Bus(store, [log, away])
    for _ in range(3):
        assert await bus.drain() == 0
    assert log.got == list(range(1, 1001))
    store.events += [(n, CallDialled(NOW, CallId(n), TaskId(n))) for n in range(1001, 1500)]
    assert await bus.drain() == 0
    assert log.got == list(range(1, 1500)), "each once, in order, and what came meanwhile"
    away.back = True
    while await bus.drain():
        pass
    assert away.got == list(range(1, 1500))
    assert log.got == list(range(1, 1500)), "none again"
    assert store.events == []


async def test_nobody_hears_of_an_event_before_those_that_it_refused() -> None:
    store, ahead, away = Outbox(600), Sink(refuses=450), Away()
    bus = Bus(store, [ahead, away])
    await bus.drain()
    assert ahead.got == list(range(1, 450))
    await bus.drain()
    assert ahead.got == list(range(1, 601))


async def test_only_what_was_not_confirmed_comes_again_and_behind_the_others() -> None:
    store, one, away = Outbox(900), Confirming(set(range(100, 200))), Away()
    bus = Bus(store, [one, away])
    await bus.drain()
    assert one.got == [*range(1, 100), *range(200, 901)], "read on behind them, though another is away"
    one.never, away.back = set(), True
    while await bus.drain():
        pass
    assert sorted(one.got) == away.got == list(range(1, 901)), "none twice, none lost"


async def test_order_is_kept_where_nothing_later_was_confirmed() -> None:
    store, one = Outbox(500), Confirming(set(), deaf=150)
    bus = Bus(store, [one])
    for _ in range(3):
        await bus.drain()
    assert one.got == list(range(1, 150)), "nothing behind what may still come in order"
    one.deaf = 10_000
    while await bus.drain():
        pass
    assert one.got == list(range(1, 501))
    assert store.events == []


async def test_an_id_that_is_seen_late_is_told_all_the_same() -> None:
    store, log = Outbox(500), Sink()
    late = store.events.pop(449)
    bus = Bus(store, [log, Away()])
    await bus.drain()
    store.events.insert(449, late)
    await bus.drain()
    assert sorted(log.got) == list(range(1, 501))


async def test_what_is_remembered_of_a_long_outbox_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_MOST_STRETCHES", 300)
    store, log, away = Outbox(1200), Sink(), Away()
    store.events = store.events[::2]  # no id follows another: nothing is remembered together
    bus = Bus(store, [log, away])
    for _ in range(4):
        await bus.drain()
    assert len(log.got) == 400
    away.back = True
    while await bus.drain():
        pass
    assert log.got == away.got == list(range(1, 1201, 2))


@given(st.lists(st.integers(1, 60)), st.integers(1, 60))
def test_ids_are_a_set(ids: list[int], gone: int) -> None:
    found = local.Ids()
    for one in ids:
        found.add(one)
    assert {n for n in range(1, 61) if n in found} == set(ids)
    assert len(found) == len({n for n in ids if n - 1 not in ids})
    assert found.highest == max(ids, default=0)
    found.forget(gone)
    assert {n for n in range(gone, 61) if n in found} == {n for n in ids if n >= gone}


async def test_it_outlives_a_database_that_is_away_and_drains_before_it_stops() -> None:
    store, sink, stop = Outbox(4), Sink(), asyncio.Event()
    store.failures = 2
    bus = asyncio.create_task(Bus(store, [sink]).run(stop, every_s=0.01))
    async with asyncio.timeout(5):
        while store.events:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.005)
    store.events = [(9, CallDialled(NOW, CallId(9), TaskId(9)))]
    stop.set()
    async with asyncio.timeout(5):
        await bus
    assert sink.got == [1, 2, 3, 4, 9]


async def test_the_log_has_ids_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await LogSink().publish(7, CallDialled(NOW, CallId(1), TaskId(2)))
    (line,) = caplog.records
    assert (line.message, vars(line)["event_id"], vars(line)["event"]) == ("event", 7, "CallDialled")


async def test_a_full_outbox_is_emptied_at_once() -> None:
    store, sink, stop = Outbox(1000), Sink(), asyncio.Event()
    job = asyncio.create_task(Bus(store, [sink]).run(stop, every_s=3600))
    async with asyncio.timeout(10):
        while store.events:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    stop.set()
    await job
    assert sink.got == list(range(1, 1001))
