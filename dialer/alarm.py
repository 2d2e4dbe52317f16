"""Trunks that go down or come up, told to the subscribers at once; a calendar that will be missing; the share
of visits and letters.

The trunks' facts don't go through the store's outbox: a trunk can be down because everything is, and nobody
needs an old alarm. Their event id is 0; one that can't be published is in the log all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo

from dialer.errors import DialerError, StoreError
from dialer.events import NOT_FROM_OUTBOX as NOT_FROM_OUTBOX
from dialer.events import Event, TrunkDown, TrunkUp
from dialer.kpi import Month
from dialer.policy.calendar import Calendar
from dialer.ports import EventSink, TrunkState
from dialer.registers import HandoverRegister

log = logging.getLogger("dialer.alarm")

CALENDAR_LOOK_S = 3600.0
METER_LOOK_S = 600.0


async def watch_calendar(
    calendar: Calendar, zone: tzinfo, clock: Callable[[], datetime], look_s: float = CALENDAR_LOOK_S
) -> None:
    """Until cancelled: a warning a day from November on while next year has no official calendar (R44)."""
    told: date | None = None
    while True:
        today = clock().astimezone(zone).date()
        if today != told and (why := calendar.warning(today)):
            log.warning("calendar incomplete", extra={"why": why})
        told = today
        await asyncio.sleep(look_s)


async def watch_meter(
    register: HandoverRegister,
    cap: float,
    zone: tzinfo,
    clock: Callable[[], datetime],
    look_s: float = METER_LOOK_S,
) -> None:
    """Until cancelled: an event in the month in which visits and letters pass their share (R8).

    Nothing is held back for it: customers whom nobody reaches by telephone are still visited.
    """
    while True:
        now = clock()
        month = Month(now.astimezone(zone).date().replace(day=1))
        try:
            found = await register.meter(month, zone)
            if found.over(cap) and await register.tell_meter(month, found, now):
                log.warning(
                    "visits and letters above their share of call-backs (R8)",
                    extra={
                        "month": str(month),
                        "visits": found.visits,
                        "letters": found.letters,
                        "called_back": found.called_back,
                    },
                )
        except StoreError as error:
            log.warning("meter not read", extra={"why": str(error)})
        await asyncio.sleep(look_s)


class TrunkAlarm:
    """``changed`` is the trunks' ``on_change``. Facts are published in order, one after the other."""

    def __init__(self, clock: Callable[[], datetime], sinks: Sequence[EventSink]) -> None:
        self._clock, self._sinks = clock, tuple(sinks)
        self._facts: asyncio.Queue[Event] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None

    def changed(self, trunk: str, state: TrunkState) -> None:
        now = self._clock()
        self._facts.put_nowait(TrunkUp(now, trunk) if state.up else TrunkDown(now, trunk, state.reason))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._publish())

    async def close(self) -> None:
        """What is still to be told is told no more."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    async def _publish(self) -> None:
        while True:
            event = await self._facts.get()
            for sink in self._sinks:
                try:
                    await sink.publish(NOT_FROM_OUTBOX, event)
                except DialerError as error:
                    log.warning("event not published", extra={"why": str(error)})
