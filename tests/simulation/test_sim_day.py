"""Days of calling in seconds: the real scheduler and verdict, invented customers, virtual time.

The eleven days cross a free Saturday, a worked Sunday, a dead trunk and the Mid-autumn holiday.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from dialer.model import (
    Attempt,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Segment,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Dial
from dialer.ports import Archive, Claim, Trunk, TrunkState
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.testing.store import MemoryStore
from dialer.testing.virtual import run_virtual

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 9, 18, 9, 0, tzinfo=SHANGHAI)
"""A Friday; Sunday the 20th is worked, the 25th to the 27th are off."""
WORKED = {date(2026, 9, day) for day in (18, 20, 21, 22, 23, 24, 28)}
LINES, CPS = 8, 1.0
MIX = {
    Disposition.COMPLETED: 30,
    Disposition.NO_ANSWER: 30,
    Disposition.BUSY: 10,
    Disposition.REJECTED: 5,
    Disposition.UNREACHABLE: 5,
    Disposition.APPOINTMENT: 6,
    Disposition.REFUSED: 3,
    Disposition.UNALLOCATED: 3,
    Disposition.TRUNK_FAILURE: 4,
    Disposition.ANSWERED_INCOMPLETE: 4,
}
UNCOUNTED = (Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED)


def invented(rng: random.Random, count: int) -> list[Task]:
    """Every fifth customer has two policies; every seventh works for the government."""
    return [
        Task(
            id=TaskId(0),
            campaign="sim",
            policy_no=f"P{n}",
            holder=Policyholder("王芳"),
            phones=(Phone(PhoneNumber.parse(f"138{n - (n % 5 == 4):08d}")),),
            product="福满人生",
            premium=Decimal(1000),
            pay_years=10,
            script="new-policy",
            segment=Segment.GOVERNMENT if n % 7 == 0 else Segment.GENERAL,
            due=date(2026, 9, 18) + timedelta(days=rng.randrange(3, 30)),
        )
        for n in range(count)
    ]


@dataclass
class World:
    """The customers' side, and what went wrong."""

    clock: Callable[[], datetime]
    seed: int
    store: MemoryStore = field(default_factory=MemoryStore)
    live: Counter[str] = field(default_factory=Counter)
    most_live: int = 0
    starts: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def state(self) -> TrunkState:
        """The trunk is down for two hours on Monday afternoon."""
        now = self.clock()
        down = now.date() == date(2026, 9, 21) and 14 <= now.hour < 16
        return TrunkState(not down, 0 if down else 100, "no registration" if down else "")

    def has_room(self) -> tuple[bool, str]:
        return True, ""

    async def conduct(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        number = attempt.number.e164
        self.live[number] += 1
        self.most_live = max(self.most_live, self.live.total())
        assert self.live[number] == 1, "two live calls to one customer"
        assert self.state().up, "dialled on a dead trunk"
        self.starts.append(self.clock())
        outcome = self.rng.choices(list(MIX), list(MIX.values()))[0]
        talks = outcome in (Disposition.COMPLETED, Disposition.APPOINTMENT, Disposition.REFUSED)
        await asyncio.sleep(self.rng.uniform(60, 300) if talks else self.rng.uniform(1, 25))
        wished = dial.window_end + timedelta(hours=3) if outcome is Disposition.APPOINTMENT else None
        record = CallRecord(
            attempt.id, claim.task.id, outcome, self.clock(), reason="simulated", appointment=wished
        )
        self.live[number] -= 1
        await self.store.finish(claim, record)


async def eleven_days(clock: Callable[[], datetime], seed: int, customers: int) -> World:
    world = World(clock, seed)
    await world.store.add_tasks(invented(world.rng, customers), clock())
    scheduler = Scheduler(
        world.store,
        cast(Trunk, world),
        cast(Archive, world),
        world.conduct,
        calendar_from(),
        PolicySettings(),
        SchedulerConfig("sim", heartbeat_s=30, cps=CPS, lines=LINES, batch=50),
        clock,
        lambda task: "",
    )
    stop = asyncio.Event()
    job = asyncio.create_task(scheduler.run(stop))
    await asyncio.sleep(11 * 86_400)
    stop.set()
    await job
    return world


@pytest.mark.parametrize("seed", [1, 2])
def test_eleven_days_of_calling(seed: int) -> None:
    async def run(clock: Callable[[], datetime]) -> None:
        world = await eleven_days(clock, seed, 120)
        calls = [view.attempt for view in await world.store.calls()]
        segments = {task.id: task.segment for task in await world.store.tasks()}
        check_hours(calls, segments)
        check_attempts(calls)
        assert world.most_live <= LINES
        gaps = [b - a for a, b in pairwise(world.starts)]
        assert min(gaps) >= timedelta(seconds=1 / CPS - 1e-3)
        states = Counter(task.state for task in await world.store.tasks())
        assert states[TaskState.OPEN] == 0, f"left over: {states}"
        assert states[TaskState.DONE] > 60
        for task in await world.store.tasks():
            assert await world.store.decisions(task.id), "every customer's file says why"

    run_virtual(run, START)


def check_hours(calls: list[Attempt], segments: dict[TaskId, Segment]) -> None:
    assert {call.invited_at.date() for call in calls} <= WORKED
    assert date(2026, 9, 20) in {call.invited_at.date() for call in calls}, "the make-up Sunday is a workday"
    for call in calls:
        local = call.invited_at.astimezone(SHANGHAI)
        minute = local.hour * 60 + local.minute + local.second / 60
        afternoon = 15 * 60 if segments[call.task_id] is Segment.GOVERNMENT else 14 * 60
        ring = 25 / 60
        assert 600 <= minute <= 660 - ring or afternoon <= minute <= 960 - ring, local


def check_attempts(calls: list[Attempt]) -> None:
    of_task: defaultdict[TaskId, list[Attempt]] = defaultdict(list)
    of_day: Counter[tuple[str, date]] = Counter()
    for call in calls:
        if call.outcome not in UNCOUNTED:
            of_task[call.task_id].append(call)
            if "/a" not in call.slot:
                of_day[call.number.e164, call.invited_at.date()] += 1
    for made in of_task.values():
        assert len(made) <= 3
        assert len({call.slot for call in made}) == len(made)
    assert max(of_day.values()) <= 2
