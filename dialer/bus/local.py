"""The default bus: events go from the store's outbox to subscribers in this process, in order.

Delivery is at least once: a subscriber that raises DialerError sees the event again.
"""

from __future__ import annotations

import asyncio
import logging

from dialer.errors import DialerError, StoreError
from dialer.events import Event
from dialer.ports import EventSink, Store

log = logging.getLogger("dialer.bus")

_AT_ONCE = 200


class LogSink:
    """Writes each event as one log line: type and ids, nothing personal."""

    async def publish(self, event_id: int, event: Event) -> None:
        log.info("event", extra={"event_id": event_id, "event": type(event).__name__})


async def drain_once(store: Store, sinks: list[EventSink], limit: int = _AT_ONCE) -> int:
    """Publish what the outbox holds; an event is done when every sink took it. Returns how many."""
    done: list[int] = []
    for event_id, event in await store.outbox(limit):
        try:
            for sink in sinks:
                await sink.publish(event_id, event)
        except DialerError as error:
            log.warning("event not published", extra={"event_id": event_id, "why": str(error)})
            break
        done.append(event_id)
    if done:
        await store.outbox_done(done)
    return len(done)


async def run_bus(store: Store, sinks: list[EventSink], stop: asyncio.Event, every_s: float = 0.5) -> None:
    """Drain until ``stop``, then once more."""
    while True:
        last = stop.is_set()
        try:
            while await drain_once(store, sinks, _AT_ONCE) == _AT_ONCE:
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
