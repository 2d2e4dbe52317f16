"""The bus: events go from the store's outbox to subscribers, in order.

Delivery is at least once: a subscriber that raises DialerError sees the event again, and the others don't
unless the daemon starts anew. An event leaves the outbox when every subscriber has it. One that waits holds
up no other: what is behind it is read on for those that have all before it. An event that a subscriber took
but didn't confirm, though it confirmed later ones, is overtaken: it comes again behind the new ones.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice

from dialer.errors import DialerError, StoreError
from dialer.events import Event
from dialer.ports import ConfirmingSink, EventSink, Store

log = logging.getLogger("dialer.bus")

_AT_ONCE = 200
_PAGES_ON = 10
"""How many pages are read on at one look: then who waits is asked again."""
_AGAIN = 50
"""How many overtaken events come again at a time: fewer than a broker may have unconfirmed."""
_MOST_STRETCHES = 20_000
"""What a subscriber has is remembered as so many stretches at most; then it waits with the others."""


class LogSink:
    """Writes each event as one log line: type and ids, nothing personal."""

    async def publish(self, event_id: int, event: Event) -> None:
        log.info("event", extra={"event_id": event_id, "event": type(event).__name__})


class Ids:
    """A set of ids as stretches without a gap: a million in a row take no more room than one."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __len__(self) -> int:
        """How many stretches."""
        return len(self._first)

    def __contains__(self, one: object) -> bool:
        assert isinstance(one, int)
        place = bisect_right(self._first, one) - 1
        return place >= 0 and one <= self._last[place]

    @property
    def highest(self) -> int:
        return self._last[-1] if self._last else 0

    def add(self, one: int) -> None:
        if one in self:
            return
        place = bisect_right(self._first, one)
        behind = place > 0 and self._last[place - 1] == one - 1
        before = place < len(self._first) and self._first[place] == one + 1
        if behind and before:
            self._last[place - 1] = self._last.pop(place)
            del self._first[place]
        elif behind:
            self._last[place - 1] = one
        elif before:
            self._first[place] = one
        else:
            self._first.insert(place, one)
            self._last.insert(place, one)

    def forget(self, before: int) -> None:
        """The stretches that end before this id."""
        gone = bisect_left(self._last, before)
        del self._first[:gone], self._last[:gone]


class _Subscriber:
    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self.has = Ids()
        """What it has of what the outbox still holds."""
        self._overtaken: dict[int, Event] = {}
        """What it didn't confirm, though it has later ones."""
        self._fault = ""

    def through(self, events: Sequence[tuple[int, Event]]) -> bool:
        """Whether those behind them may come."""
        return all(event_id in self.has or event_id in self._overtaken for event_id, _ in events)

    def forget(self, before: int) -> None:
        self.has.forget(before)
        self._overtaken = {one: event for one, event in self._overtaken.items() if one >= before}

    async def give(self, events: Sequence[tuple[int, Event]]) -> None:
        """As many of them as it takes now, the overtaken ones left out."""
        await self._give([one for one in events if one[0] not in self.has and one[0] not in self._overtaken])

    async def give_again(self) -> None:
        """Some of the overtaken ones, the longest untried first."""
        await self._give(list(islice(self._overtaken.items(), _AGAIN)))

    async def _give(self, new: Sequence[tuple[int, Event]]) -> None:
        if not new:
            return
        sent: list[int] = []
        fault = ""
        try:
            for event_id, event in new:
                await self._sink.publish(event_id, event)
                sent.append(event_id)
        except DialerError as error:
            fault = str(error)
        taken = set(sent)
        if isinstance(self._sink, ConfirmingSink):
            taken, why = await self._sink.confirmed()
            fault = why or fault
        self._note(new[: len(sent)], taken)
        if fault and fault != self._fault:
            log.warning("events not published", extra={"waiting": len(new) - len(taken), "why": fault})
        if fault or not self._overtaken:
            self._fault = fault

    def _note(self, sent: Sequence[tuple[int, Event]], taken: set[int]) -> None:
        latest = max(taken, default=0)
        for event_id, event in sent:
            again = self._overtaken.pop(event_id, None) is not None
            if event_id in taken:
                self.has.add(event_id)
            elif again or event_id < latest:
                self._overtaken[event_id] = event


class Bus:
    def __init__(self, store: Store, sinks: Sequence[EventSink]) -> None:
        self._store = store
        self._subscribers = [_Subscriber(sink) for sink in sinks]

    async def drain(self, limit: int = _AT_ONCE) -> int:
        """Publish the oldest events of the outbox, and what is behind them to who has these.

        Returns how many left it. Raises StoreError.
        """
        events = await self._store.outbox(limit)
        if not events:
            return 0
        for one in self._subscribers:
            one.forget(events[0][0])
            await one.give(events)
        done = [event_id for event_id, _ in events if all(event_id in one.has for one in self._subscribers)]
        if done:
            await self._store.outbox_done(done)
        for one in self._subscribers:
            if len(events) == limit and len(done) < limit and one.through(events):
                await self._read_on(one, events[-1][0], limit)
            await one.give_again()
        return len(done)

    async def _read_on(self, one: _Subscriber, after: int, limit: int) -> None:
        """Raises StoreError."""
        # Of two transactions that end together the later ids may be seen first: look back a little.
        after = max(after, one.has.highest - limit)
        for _ in range(_PAGES_ON):
            if len(one.has) > _MOST_STRETCHES:
                return
            page = await self._store.outbox(limit, after)
            await one.give(page)
            if len(page) < limit or not one.through(page):
                return
            after = page[-1][0]

    async def run(self, stop: asyncio.Event, every_s: float = 0.5) -> None:
        """Drain until ``stop``, then once more."""
        while True:
            last = stop.is_set()
            try:
                while await self.drain() == _AT_ONCE:
                    pass  # a hundred calls a second leave more than one look takes
            except StoreError as error:
                log.warning("outbox not readable", extra={"why": str(error)})
            if last:
                return
            try:
                async with asyncio.timeout(every_s):
                    await stop.wait()
            except TimeoutError:
                continue
