"""Composition root: the only importer of adapters. Builds the daemon and runs it until told to stop."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvloop

from dialer import logs, tickets
from dialer import settings as reading
from dialer.alarm import TrunkAlarm, watch_calendar, watch_meter
from dialer.archive.process import WorkerProcess
from dialer.archive.vault import LocalVault
from dialer.archiving import open_archive, run_archive
from dialer.asr import make_recogniser
from dialer.asr.directory import check_directory
from dialer.backupcare import keep_backups
from dialer.bus.local import Bus, LogSink
from dialer.bus.mqtt import open_mqtt
from dialer.campaignbook import CampaignBook
from dialer.conductor import Conductor
from dialer.conversation import House
from dialer.errors import ConfigError, DialerError, MediaError
from dialer.media.plane import ProcessMediaPlane
from dialer.model import AppointmentWish, CallId, Problem, Task, Ticket
from dialer.policy.appointments import resolve
from dialer.policy.settings import PolicySettings
from dialer.policy.zones import find_zone
from dialer.ports import EventSink, Recogniser
from dialer.recovery import recover
from dialer.redating import date_anew
from dialer.scheduler import Scheduler
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.lines import open_trunks
from dialer.sip.trunkgroup import TrunkGroup
from dialer.site import Site, node_lock
from dialer.store.database import SqlStore
from dialer.testing.clock import MovableClock
from dialer.threads import beside
from dialer.transfer import WarmTransfer

log = logging.getLogger("dialer.app")

Clock = Callable[[], datetime]
_COLLECT_AFTER = (20_000, 20, 20)
_MEDIA_LOOK_S = 1.0
_REGISTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A built daemon; nothing is dialled before ``run``."""

    site: Site
    store: SqlStore
    scheduler: Scheduler
    media: ProcessMediaPlane
    trunk: TrunkGroup
    sinks: Sequence[EventSink]
    clock: Clock
    archiving: Callable[[asyncio.Event], Coroutine[Any, Any, object]] = asyncio.Event.wait
    """Brings what ends into the archive, until its event is set and nothing is left."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then live calls may end by themselves for ``site.drain_s``."""
        await self._registered()
        keep_what_is_there()
        bus_stop = asyncio.Event()
        bus = asyncio.create_task(Bus(self.store, self.sinks).run(bus_stop))
        media = beside(_keep_media(self.media), log, "media processes aren't looked after any more")
        archive_stop = asyncio.Event()
        archiving = asyncio.create_task(self.archiving(archive_stop))
        zone = find_zone(self.site.settings.calling.zone) or UTC
        calendar = beside(
            watch_calendar(self.site.calendar, zone, self.clock), log, "the calendar isn't watched any more"
        )
        cap = self.site.settings.reports.visit_letter_cap
        meter = beside(
            watch_meter(self.store, cap, zone, self.clock), log, "visits and letters aren't counted any more"
        )
        work = asyncio.create_task(self.scheduler.run(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if await self.scheduler.drain(self.site.settings.site.drain_s):
                await self.scheduler.abort()
            await work
        finally:
            stopping.cancel()
            media.cancel()
            calendar.cancel()
            meter.cancel()
            archive_stop.set()
            await archiving
            bus_stop.set()
            await bus

    async def _registered(self) -> None:
        """A trunk that registers gets a moment for it, or the first look at the queue finds it down."""
        try:
            await asyncio.wait_for(self.trunk.registered(), _REGISTER_S)
        except TimeoutError:
            log.warning("trunk not up yet", extra={"why": self.trunk.state().reason})


@dataclass(frozen=True, slots=True)
class Telephony:
    """What calls and understands speech."""

    media: ProcessMediaPlane
    recogniser: Recogniser
    endpoint: SipEndpoint
    trunk: TrunkGroup


@asynccontextmanager
async def open_telephony(
    site: Site, clock: Clock, sinks: Sequence[EventSink] = (), *, free_ports: bool = False
) -> AsyncIterator[Telephony]:
    """Media process, recogniser, SIP endpoint and trunks, started. Raises DialerError.

    ``free_ports``: on any free SIP port, because a daemon may hold the installation's.
    """
    settings, sip, trunks = site.settings, site.settings.sip, site.settings.trunks
    if free_ports:
        sip = dataclasses.replace(sip, bind_port=0, tls_port=0)
        trunks = tuple(dataclasses.replace(trunk, bind_port=0) for trunk in trunks)
    async with AsyncExitStack() as stack:
        media = ProcessMediaPlane(settings.media)
        await media.start()
        stack.push_async_callback(media.close)
        recogniser = await _recogniser(site, stack)
        registrar = settings.registrar if settings.registrar.users else None
        endpoint = SipEndpoint(sip, registrar=registrar)
        await endpoint.start()
        stack.push_async_callback(endpoint.close)
        alarm = TrunkAlarm(clock, (LogSink(), *sinks))
        stack.push_async_callback(alarm.close)
        ring_after_s = settings.calling.no_18x_ring_after_s
        trunk = await stack.enter_async_context(
            open_trunks(trunks, sip, media, endpoint, ring_after_s, alarm.changed)
        )
        yield Telephony(media, recogniser, endpoint, trunk)


@asynccontextmanager
async def open_daemon(site: Site, clock: Clock, sinks: Sequence[EventSink] = ()) -> AsyncIterator[Daemon]:
    """Check, recover, start every part. Raises DialerError: then no call is placed."""
    settings = site.settings
    async with AsyncExitStack() as stack:
        stack.enter_context(node_lock(site.home))
        _require_files(site)
        worker = WorkerProcess(settings.archive)
        await worker.start()
        stack.push_async_callback(worker.close)
        archive = LocalVault(settings.archive, worker)
        await stack.enter_async_context(archive.watched())
        store = await SqlStore.open(settings.site.database, settings.store)
        stack.push_async_callback(store.close)
        records = await stack.enter_async_context(open_archive(settings, store.archive, site.ticket_due))
        broker = open_mqtt(settings.mqtt, settings.site.node, store.archive.roots, clock)
        sinks = (*sinks, *await stack.enter_async_context(broker))
        found = await recover(store, archive, settings.site.node, clock)
        log.info(
            "recovered", extra={"unknown": found.unknown, "repaired": found.repaired, "claims": found.claims}
        )
        await date_anew(store, site.calendar, settings.calling, clock())
        lines = await stack.enter_async_context(open_telephony(site, clock, sinks))
        media, recogniser, endpoint, trunk = lines.media, lines.recogniser, lines.endpoint, lines.trunk
        book = CampaignBook(site, store, clock)
        await book.refresh()
        if not book.running():
            log.warning("no campaign is running: nobody is called (dialer campaign list)")
        transfer = WarmTransfer(trunk, site.prompts, settings.transfer, endpoint.lookup)
        house = House(
            trunk=trunk,
            store=store,
            archive=archive,
            recogniser=recogniser,
            prompts=site.prompts,
            transfer=transfer,
            session_for=lambda task, agent_free: site.session_by(
                *book.script_of(task), task, agent_free, clock()
            ),
            tickets=lambda problems, task, call_id, now: _issue(site, problems, task, call_id, now),
            appointment=lambda wish, task, now: _resolve(site, book.settings(task.campaign), wish, task, now),
            caller=book.caller,
            clock=clock,
            ring_s=settings.calling.ring_s,
            no_progress_s=settings.calling.no_18x_ring_after_s,
            listen=reading.listen_spec(settings),
            progress=settings.progress.use,
        )
        scheduler = Scheduler(
            store,
            trunk,
            archive,
            Conductor(house).conduct,
            site.calendar,
            settings.calling,
            settings.scheduler,
            clock,
            book.approval,
            trunk.refusal,
            transfer.staff,
            book,
        )
        yield Daemon(
            site, store, scheduler, media, trunk, (LogSink(), *sinks), clock,
            lambda done: run_archive(records, worker, clock, done, site.caller_shown),
        )  # fmt: skip


async def run_daemon(home: Path, clock_at: datetime | None = None) -> None:
    """``dialer run``: until SIGTERM or SIGINT, then drain. Raises DialerError."""
    site = Site(home)
    logs.configure(site.settings.site.log_level)
    clock: Clock = system_clock
    if clock_at is not None:
        clock = MovableClock(rehearsal_time(site, clock_at))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_daemon(site, clock) as daemon:
        log.info("running", extra={"node": site.settings.site.node})
        care = beside(
            _care_for_backups(site, daemon.sinks, clock_at), log, "backups aren't looked after any more"
        )
        try:
            await daemon.run(stop)
        finally:
            care.cancel()
            await asyncio.wait([care])  # a backup that is being made clears up
    log.info("stopped")


async def _care_for_backups(site: Site, sinks: Sequence[EventSink], clock_at: datetime | None) -> None:
    """Not in a rehearsal, whose clock isn't that of the files."""
    if clock_at is None:
        zone = find_zone(site.settings.calling.zone) or UTC
        await keep_backups(site.home, site.settings.backup, zone, system_clock, sinks)


def system_clock() -> datetime:
    return datetime.now(UTC)


def rehearsal_time(site: Site, moment: datetime) -> datetime:
    """Legal time may be set only where nobody outside this machine can be called. Raises ConfigError."""
    hops = [peer for trunk in site.settings.trunks for peer in (trunk.host, trunk.outbound_proxy) if peer]
    if not all(_is_loopback(peer) for peer in hops):
        raise ConfigError("--clock works only with a trunk on a loopback address: real calls keep real time")
    return moment if moment.tzinfo else moment.astimezone()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def use_fast_loop() -> None:
    """uvloop for the control process, and a collector that looks for cycles seldom."""
    uvloop.install()
    collect_seldom()


def collect_seldom() -> None:
    """A call or a list's row makes objects that reference counts free; looking through all of them every 700
    took a tenth of the daemon and a quarter of an import.
    """
    gc.set_threshold(*_COLLECT_AFTER)


def keep_what_is_there() -> None:
    """What was loaded to start with stays: the collector needn't look at it again and again."""
    gc.collect()
    gc.freeze()


def _require_files(site: Site) -> None:
    """What a person must have put in place. Raises MissingPrompt, MissingModel, ConfigError."""
    site.require_prompts()
    check_directory(site.settings.recogniser)
    _ = site.calendar


async def _recogniser(site: Site, stack: AsyncExitStack) -> Recogniser:
    recogniser = make_recogniser(site.settings.recogniser)
    await recogniser.start()
    stack.push_async_callback(recogniser.close)
    return recogniser


async def _keep_media(media: ProcessMediaPlane) -> None:
    """Start a media process again where it died; while none lives every dial fails closed."""
    while True:
        await asyncio.sleep(_MEDIA_LOOK_S)
        if not media.whole:
            try:
                await media.start()
                log.warning("media process started again")
            except MediaError as error:
                log.error("media process does not start", extra={"why": str(error)})


def _issue(
    site: Site, problems: Sequence[Problem], task: Task, call_id: CallId, now: datetime
) -> tuple[Ticket, ...]:
    return tickets.issue(problems, task, call_id, now, site.calendar.add_workdays)


def _resolve(
    site: Site, settings: PolicySettings, wish: AppointmentWish, task: Task, now: datetime
) -> datetime:
    return resolve(wish, now, site.calendar, settings, task.zone, task.segment)


__all__ = ["Daemon", "DialerError", "open_daemon", "run_daemon", "use_fast_loop"]
