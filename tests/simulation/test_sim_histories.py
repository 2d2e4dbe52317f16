"""The real scheduler on virtual time over random offices: customers, lines, calendars, outages, outcomes."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from test_sim_day import SHANGHAI, UNCOUNTED, World, invented

from dialer.model import Attempt, Disposition, Segment, Task, TaskId, TaskState
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.ports import Archive, Trunk, TrunkState
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.testing.virtual import run_virtual

MONDAY = datetime(2026, 11, 9, 8, 0, tzinfo=SHANGHAI)
"""No notice names a day of these weeks."""
DAYS = 8
SOME_DAYS = st.frozensets(st.integers(0, DAYS - 1), max_size=3)


@dataclass(frozen=True)
class Plan:
    """One random office."""

    seed: int
    customers: int
    lines: int
    off: frozenset[int]
    """Days after the Monday that a local order makes free."""
    worked: frozenset[int]
    outages: tuple[tuple[int, int], ...]
    """Minutes after the Monday's start, and how long the trunk is down then."""

    def works(self, day: date) -> bool:
        n = (day - MONDAY.date()).days
        return n not in self.off and (day.isoweekday() <= 5 or n in self.worked)


PLANS = st.builds(
    Plan,
    seed=st.integers(0, 2**32 - 1),
    customers=st.integers(1, 30),
    lines=st.integers(1, 4),
    off=SOME_DAYS,
    worked=SOME_DAYS,
    outages=st.lists(st.tuples(st.integers(0, DAYS * 1440), st.integers(1, 20)), max_size=3).map(tuple),
)


@dataclass
class Office(World):
    plan: Plan = field(kw_only=True)

    def state(self) -> TrunkState:
        minutes = (self.clock() - MONDAY).total_seconds() / 60
        down = any(start <= minutes < start + length for start, length in self.plan.outages)
        return TrunkState(not down, 0 if down else 100, "no registration" if down else "")


async def work(clock: Callable[[], datetime], plan: Plan) -> tuple[list[Attempt], list[Task], int]:
    office = Office(clock, plan.seed, plan=plan)
    tasks = [
        replace(one, due=MONDAY.date() + timedelta(days=office.rng.randrange(1, 30)))
        for one in invented(office.rng, plan.customers)
    ]
    await office.store.add_tasks(tasks, clock())
    off = {MONDAY.date() + timedelta(days=n) for n in plan.off}
    worked = {MONDAY.date() + timedelta(days=n) for n in plan.worked - plan.off}
    calendar = calendar_from()
    calendar = replace(
        calendar,
        holidays=(calendar.holidays - worked) | off,
        workdays=(calendar.workdays - off) | worked,
    )
    scheduler = Scheduler(
        office.store,
        cast(Trunk, office),
        cast(Archive, office),
        office.conduct,
        calendar,
        PolicySettings(),
        SchedulerConfig("sim", heartbeat_s=60, cps=2, lines=plan.lines, batch=50),
        clock,
        lambda task: "",
    )
    stop = asyncio.Event()
    job = asyncio.create_task(scheduler.run(stop))
    await asyncio.sleep(DAYS * 86_400)
    stop.set()
    await job
    calls = [view.attempt for view in await office.store.calls()]
    return calls, await office.store.tasks(), office.most_live


@settings(max_examples=15, deadline=None)
@given(PLANS)
def test_whatever_the_office_no_call_breaks_a_rule_and_nobody_starves(plan: Plan) -> None:
    calls, tasks, most_live = run_virtual(lambda clock: work(clock, plan), MONDAY)
    assert most_live <= plan.lines
    of: defaultdict[TaskId, list[Attempt]] = defaultdict(list)
    daily: Counter[tuple[str, date]] = Counter()
    segments = {task.id: task.segment for task in tasks}
    for call in calls:
        local = call.invited_at.astimezone(SHANGHAI)
        second = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        afternoon = 15 if segments[call.task_id] is Segment.GOVERNMENT else 14
        assert plan.works(local.date()), "rang on a day off"
        assert 36_000 <= second <= 39_575 or afternoon * 3600 <= second <= 57_575, "rang outside a window"
        if call.outcome not in UNCOUNTED:
            of[call.task_id].append(call)
            daily[call.number.e164, local.date()] += "/a" not in call.slot
    assert max(daily.values(), default=0) <= 2
    for made in of.values():
        assert len(made) <= 3, "a fourth attempt in a pass"
        assert len({call.slot for call in made}) == len(made), "two attempts in one slot"
        for one in made:
            after = [call for call in made if call.invited_at > one.invited_at]
            if one.outcome is Disposition.REJECTED:
                assert all(call.slot[:10] != one.slot[:10] for call in after), "called again on that day"
    nobody_starves(plan, tasks, of)


def nobody_starves(plan: Plan, tasks: list[Task], of: dict[TaskId, list[Attempt]]) -> None:
    """A line makes a dozen calls an hour and there are no more than 30 customers: two workdays are plenty."""
    workdays = [day for day in (MONDAY.date() + timedelta(days=n) for n in range(DAYS)) if plan.works(day)]
    if len(workdays) < 4:
        return
    for task in tasks:
        first = min((call.invited_at.astimezone(SHANGHAI).date() for call in of[task.id]), default=None)
        assert first is not None, "nobody called this customer"
        assert first <= workdays[1], "starved"
        if task.due is not None and task.due >= workdays[1]:
            assert first <= task.due, "the deadline passed before the first attempt"
        if task.state is TaskState.OPEN:
            assert task.appointment is not None or len(of[task.id]) < 3
