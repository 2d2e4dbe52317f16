"""The simulated house: lines, agents, customers and the business side around the real scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import cast
from zoneinfo import ZoneInfo

from dialer.kpi import ANSWERED
from dialer.model import Attempt, CallRecord, Disposition, PhoneNumber, Task, TaskId
from dialer.policy.appointments import resolve
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.verdict import Dial
from dialer.policy.zones import find_zone
from dialer.ports import Archive, Claim, Trunk, TrunkState
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.simulation.callees import Behaviour, Callees
from dialer.simulation.chance import Chance
from dialer.simulation.oracle import Figures, Violation
from dialer.simulation.people import Morning, confirmed, seldom_collected, workdays
from dialer.simulation.watch import Watch
from dialer.testing.store import MemoryStore
from dialer.testing.virtual import run_virtual

_MORNING = time(8)
"""When lists come in and numbers come back."""
_HEARTBEAT_S = 60.0
_NEVER_S = 1e6
"""The scheduler's own heartbeat: the house wakes it by the minute while anybody may be called."""
_LEASE_S = 86_400.0
"""No node dies here: one renewal a day is enough."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. Lines and pace are the installation's, unless the question is: what if."""

    start: date
    days: int
    seed: int
    mornings: tuple[Morning, ...]
    calendar: Calendar
    settings: PolicySettings
    scheduler: SchedulerConfig
    callees: Callees
    agents: int = 0
    destination: Callable[[PhoneNumber], str] = lambda _number: ""

    @property
    def zone(self) -> ZoneInfo:
        zone = find_zone(self.settings.zone)
        if zone is None:
            raise ValueError(f"zone: {self.settings.zone!r} is not an IANA zone")
        return zone


@dataclass(repr=False)
class Ran:
    """What happened. Without a text of it all, which asyncio would make of a job's result."""

    plan: Plan
    tasks: list[Task] = field(default_factory=list)
    """As they stand at the end."""
    arrived: dict[TaskId, date] = field(default_factory=dict)
    done: dict[TaskId, date] = field(default_factory=dict)
    calls_of: Counter[TaskId] = field(default_factory=Counter)
    """Calls that count."""
    outcomes: Counter[Disposition] = field(default_factory=Counter)
    by_attempt: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By the number of the task's attempt: ``calls``, ``reached``, ``done``."""
    by_hour: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_day: Counter[date] = field(default_factory=Counter)
    busy_s: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds with so many calls at once."""
    line_s: dict[date, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of line by day, those of all lines together."""
    open_by_day: dict[date, float] = field(default_factory=dict)
    """Seconds in which the general windows were open, of each workday."""
    with_ticket: int = 0
    agent_s: float = 0.0
    agents_asked: int = 0
    agents_missed: int = 0
    """No agent was free."""
    refreshed: int = 0
    """Numbers that came back confirmed."""
    drained: date | None = None
    """The first evening on which nobody was left to call."""
    violations: list[Violation] = field(default_factory=list)
    checked: int = 0

    @property
    def open_s(self) -> float:
        return sum(self.open_by_day.values())


def simulate(plan: Plan, tell: Callable[[int, int], None] = lambda _day, _done: None) -> Ran:
    """``tell(days, done)`` after each day."""
    start = datetime.combine(plan.start, time(), plan.zone)
    with seldom_collected(), _errors_only(), Watch(figures_of(plan)) as watch:
        ran = run_virtual(lambda clock: _simulated(plan, clock, tell, watch), start)
        found = watch.found()
    ran.checked, ran.violations = found.checked, found.violations
    return ran


async def _simulated(
    plan: Plan, clock: Callable[[], datetime], tell: Callable[[int, int], None], watch: Watch
) -> Ran:
    return await _World(plan, clock, tell, watch).run()


@contextmanager
def _errors_only() -> Iterator[None]:
    log = logging.getLogger("dialer.scheduler")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def figures_of(plan: Plan) -> Figures:
    settings, calendar = plan.settings, plan.calendar

    def plain(windows: tuple[Window, ...]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{one.start:%H:%M}", f"{one.end:%H:%M}") for one in windows)

    return Figures(
        windows=plain(settings.windows),
        government_windows=plain(settings.government_windows),
        zone=settings.zone,
        holidays=calendar.holidays,
        workdays=calendar.workdays,
        years=calendar.years,
        ring_s=settings.ring_s,
        no_18x_ring_after_s=settings.no_18x_ring_after_s,
        attempts_per_pass=settings.attempts_per_pass,
        max_passes=settings.max_passes,
        daily_cap=settings.daily_cap,
        appointment_outside_windows=settings.appointment_outside_windows,
        appointment_hours=plain((settings.appointment_hours,))[0],
        appointment_tolerance_s=settings.appointment_tolerance_s,
        appointment_extra_attempt=settings.appointment_extra_attempt,
        tiers={one.tier: (one.count, one.unit) for one in settings.tiers.every},
        next_month_types=frozenset(one.name for one in settings.deadline_types if one.next_month),
        lines=plan.scheduler.lines,
        cps=plan.scheduler.cps,
    )


class _World:
    """Trunk, archive and conductor of the scheduler, and the office around it."""

    def __init__(
        self, plan: Plan, clock: Callable[[], datetime], tell: Callable[[int, int], None], watch: Watch
    ) -> None:
        self._plan, self._clock, self._tell = plan, clock, tell
        self._seconds = asyncio.get_running_loop().time
        self._store = MemoryStore(clock=self._seconds, remember=False)
        self._watch = watch
        self._ran = Ran(plan)
        self._live = 0
        self._changed_at = 0.0
        """Loop time at which the number of live calls last changed."""
        self._talking = 0
        """Agents at a call."""
        self._calls: Counter[TaskId] = Counter()
        self._back: dict[date, list[Task]] = defaultdict(list)
        """Contacts by the morning on which they come back."""
        self._asked: set[tuple[TaskId, int]] = set()
        self._zones: dict[str, ZoneInfo] = {}
        names = {task.zone for morning in plan.mornings for task in morning.tasks}
        self._zones_called = {zone for name in names if name and (zone := find_zone(name)) is not None}
        self._wake: Callable[[], None] = lambda: None

    # --- what the scheduler sees -----------------------------------------------------------------

    def state(self) -> TrunkState:
        return _up(self._plan.scheduler.lines - self._live)

    def has_room(self) -> tuple[bool, str]:
        return True, ""

    def staff(self) -> tuple[int, int]:
        return self._plan.agents - self._talking, self._talking

    async def conduct(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        """One call, as the customer's behaviour and the ring time let it go."""
        task, begun = claim.task, self._clock()
        self._count(1)
        self._watch.begins(task, attempt.id, attempt.number, begun)
        self._calls[task.id] += 1
        local = begun.astimezone(self._zone(task))
        behaviour = self._plan.callees.behave(
            self._plan.seed, task.id, int(attempt.number.e164), self._calls[task.id], local
        )
        cancel_s = (
            self._plan.settings.no_18x_ring_after_s
            if behaviour.rings_after_s is None
            else behaviour.rings_after_s
        ) + self._plan.settings.ring_s
        ends_s = behaviour.ends_after_s
        ours = _rings_too_long(behaviour, cancel_s)
        await asyncio.sleep(cancel_s if ours or ends_s is None else ends_s)
        outcome = Disposition.NO_ANSWER if ours else behaviour.outcome
        if outcome is Disposition.TRANSFERRED:
            outcome = await self._with_agent(behaviour.agent_s)
        rang_at = (
            None if behaviour.rings_after_s is None else begun + timedelta(seconds=behaviour.rings_after_s)
        )
        self._count(-1)
        now = self._clock()
        self._ran.line_s[local.date()] += (now - begun).total_seconds()
        self._watch.ends(task, attempt.id, outcome, now, rang_at, ours)
        agreed = None
        if outcome is Disposition.APPOINTMENT and behaviour.wish is not None:
            agreed = resolve(
                behaviour.wish, now, self._plan.calendar, self._plan.settings, task.zone, task.segment
            )
        self._note(task, outcome, local, behaviour.problem)
        await self._store.finish(
            claim, CallRecord(attempt.id, task.id, outcome, now, ringing_at=rang_at, appointment=agreed)
        )

    async def _with_agent(self, seconds: float) -> Disposition:
        self._ran.agents_asked += 1
        if self._talking >= self._plan.agents:
            self._ran.agents_missed += 1
            return Disposition.ANSWERED_INCOMPLETE
        self._talking += 1
        await asyncio.sleep(seconds)
        self._talking -= 1
        self._ran.agent_s += seconds
        return Disposition.TRANSFERRED

    # --- counting ----------------------------------------------------------------------------------

    def _count(self, change: int) -> None:
        now = self._seconds()
        if self._live:
            self._ran.busy_s[self._live] += now - self._changed_at
        self._live, self._changed_at = self._live + change, now

    def _note(self, task: Task, outcome: Disposition, local: datetime, problem: bool) -> None:
        ran = self._ran
        ran.outcomes[outcome] += 1
        if not outcome.counts_as_attempt:
            return
        ran.calls_of[task.id] += 1
        ran.by_day[local.date()] += 1
        for counts in (ran.by_attempt[ran.calls_of[task.id]], ran.by_hour[local.hour]):
            counts["calls"] += 1
            counts["reached"] += outcome in ANSWERED
            counts["done"] += outcome is Disposition.COMPLETED
        ran.with_ticket += problem
        if outcome is Disposition.COMPLETED:
            ran.done.setdefault(task.id, local.date())

    def _zone(self, task: Task) -> ZoneInfo:
        if task.zone not in self._zones:
            self._zones[task.zone] = find_zone(task.zone) or self._plan.zone
        return self._zones[task.zone]

    # --- the days ------------------------------------------------------------------------------------

    async def run(self) -> Ran:
        plan = self._plan
        config = replace(plan.scheduler, heartbeat_s=_NEVER_S, lease_s=_LEASE_S)
        scheduler = Scheduler(
            self._store,
            cast(Trunk, self),
            cast(Archive, self),
            self.conduct,
            plan.calendar,
            plan.settings,
            config,
            self._clock,
            lambda _task: "",
            plan.destination,
            self.staff,
        )
        self._wake = scheduler.wake
        stop = asyncio.Event()
        job = asyncio.create_task(scheduler.run(stop))
        for n in range(plan.days):
            await self._day(plan.start + timedelta(days=n))
            self._tell(n + 1, len(self._ran.done))
        stop.set()
        await job
        ran = self._ran
        ran.tasks = await self._store.tasks()
        windows = sum(window.seconds for window in plan.settings.windows)
        ran.open_by_day = dict.fromkeys(workdays(plan.start, plan.days, plan.calendar), windows)
        return ran

    async def _day(self, day: date) -> None:
        await self._until(datetime.combine(day, _MORNING, self._plan.zone))
        for morning in self._plan.mornings:
            if morning.day == day:
                before = self._store.size
                await self._store.add_tasks(morning.tasks, self._clock())
                self._ran.arrived |= dict.fromkeys(map(TaskId, range(before + 1, self._store.size + 1)), day)
        self._refresh(day)
        for begin, end in self._hours(day):
            await self._until(begin)
            while self._clock() < end:
                self._wake()
                await asyncio.sleep(_HEARTBEAT_S)
        await self._until(datetime.combine(day + timedelta(days=1), time(), self._plan.zone))
        if self._drained(day):
            self._ran.drained = self._ran.drained or day
        else:
            self._ran.drained = None

    def _hours(self, day: date) -> list[tuple[datetime, datetime]]:
        """Spans of the day in which somebody may be called, in order, whatever the customers' zones."""
        settings, calendar = self._plan.settings, self._plan.calendar
        if calendar.covers(day.year) and not calendar.is_workday(day):
            return []
        windows = [*settings.windows, *settings.government_windows]
        if settings.appointment_outside_windows:
            windows.append(settings.appointment_hours)
        zones = {self._plan.zone, *self._zones_called}
        spans = sorted(
            (datetime.combine(day, one.start, zone), datetime.combine(day, one.end, zone))
            for zone in zones
            for one in windows
        )
        found: list[tuple[datetime, datetime]] = []
        for begin, end in spans:
            if found and begin <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((begin, end))
        return found

    async def _until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self._clock()).total_seconds()))

    def _refresh(self, day: date) -> None:
        """Contacts that come back today, and those that the business side is given now (R22, R24)."""
        for task in self._back.pop(day, ()):
            chance = Chance(self._plan.seed, task.id, task.pass_no, -2)
            phones = confirmed(task, chance, self._plan.callees.contacts.new_number_share)
            self._store.confirm_contact(task.id, phones)
            self._ran.refreshed += 1
        contacts = self._plan.callees.contacts
        coming = workdays(day, 60, self._plan.calendar)
        for task in self._store.at_contact_refresh():
            key = (task.id, task.pass_no)
            if key in self._asked:
                continue
            self._asked.add(key)
            found = Chance(self._plan.seed, task.id, task.pass_no, -3).happens(contacts.confirmed_share)
            if found and contacts.workdays < len(coming):
                self._back[coming[contacts.workdays]].append(task)

    def _drained(self, day: date) -> bool:
        more = any(morning.day > day for morning in self._plan.mornings)
        return not more and not self._back and not self._store.has_open()


@cache
def _up(lines_free: int) -> TrunkState:
    return TrunkState(True, lines_free)


def _rings_too_long(behaviour: Behaviour, cancel_s: float) -> bool:
    """Whether our CANCEL comes first: nobody took the call, nor did the far end end it."""
    if behaviour.answered_after_s is not None:
        return behaviour.answered_after_s >= cancel_s
    return behaviour.ends_after_s is None or behaviour.ends_after_s > cancel_s
