"""The bus: events go from the store's outbox to subscribers, in order.

Delivery is at least once: a subscriber that raises DialerError sees the event again, and the others don't
unless the daemon starts anew. An event leaves the outbox when every subscriber has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from dialer.errors import DialerError, StoreError
from dialer.events import Event
from dialer.ports import ConfirmingSink, EventSink, Store

log = logging.getLogger("dialer.bus")

_AT_ONCE = 200


class LogSink:
    """Writes each event as one log line: type and ids, nothing personal."""

    async def publish(self, event_id: int, event: Event) -> None:
        log.info("event", extra={"event_id": event_id, "event": type(event).__name__})


class _Subscriber:
    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self.has: set[int] = set()
        """Ids that it has and the outbox still holds."""
        self._fault = ""

    async def give(self, events: Sequence[tuple[int, Event]]) -> None:
        """As many of them as it takes now."""
        self.has &= {event_id for event_id, _ in events}
        taken: list[int] = []
        fault = ""
        try:
            for event_id, event in events:
                if event_id not in self.has:
                    await self._sink.publish(event_id, event)
                    taken.append(event_id)
        except DialerError as error:
            fault = str(error)
        if isinstance(self._sink, ConfirmingSink):
            try:
                await self._sink.confirmed()
            except DialerError as error:
                taken, fault = [], str(error)
        self.has.update(taken)
        if fault and fault != self._fault:
            log.warning("events not published", extra={"waiting": len(events) - len(self.has), "why": fault})
        self._fault = fault


class Bus:
    def __init__(self, store: Store, sinks: Sequence[EventSink]) -> None:
        self._store = store
        self._subscribers = [_Subscriber(sink) for sink in sinks]

    async def drain(self, limit: int = _AT_ONCE) -> int:
        """Publish the oldest events of the outbox. Returns how many left it. Raises StoreError."""
        events = await self._store.outbox(limit)
        if not events:
            return 0
        for one in self._subscribers:
            await one.give(events)
        done = [event_id for event_id, _ in events if all(event_id in one.has for one in self._subscribers)]
        if done:
            await self._store.outbox_done(done)
        return len(done)

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
