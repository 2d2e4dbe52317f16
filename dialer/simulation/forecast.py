"""What a simulated span comes to: who is reached by when, and what it takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from dialer import kpi
from dialer.kpi import Tally
from dialer.model import Disposition, Task, TaskState
from dialer.simulation.oracle import Violation
from dialer.simulation.world import Ran

LOAD = 0.85
"""Share of the open time that a line can be busy with: it waits for the pace and for customers' ends."""
_SHOWN = 20
"""Violations that a report names; it counts them all."""


@dataclass(frozen=True, slots=True)
class Count:
    """Calls of one hour or one attempt: those that count, that a person took, that succeeded."""

    name: int
    calls: int
    reached: int
    done: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines in use while the windows were open."""

    given: int
    most: int
    mean: float
    p95: int
    """As many were enough for 95 % of the time with a call."""
    full: float
    """Share of the open time in which no line was free."""
    needed: int
    """To carry the busiest day's calls with each line busy for ``LOAD`` of the open time."""
    short: bool
    """More are needed than were given, and maybe still more: calls were put off to later days."""


@dataclass(frozen=True, slots=True)
class Agents:
    given: int
    asked: int
    missed: int
    """Customers who asked for a person when none was free."""
    talk_hours: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Shares are 0 to 1, None of nothing."""

    start: date
    days: int
    seed: int
    tasks: int
    states: dict[TaskState, int]
    """Where the tasks stand at the end."""
    due: int
    """Tasks whose deadline lay within the days; those with a waiver aren't due."""
    on_time: int
    """Of these, called back by then."""
    done_on_time: float | None
    success_a: float | None
    """R11. Tickets are taken as settled."""
    success_b: float | None
    """R12."""
    cooling_off_success: float | None
    """R13."""
    ticket_ratio: float | None
    """R14."""
    visits_and_letters: float | None
    """R8, of those called back or handed to a visit."""
    calls: int
    """Attempts that count."""
    calls_per_task: float | None
    """Per task that was called."""
    outcomes: dict[Disposition, int]
    by_attempt: tuple[Count, ...]
    by_hour: tuple[Count, ...]
    by_day: dict[date, int]
    lines: Lines
    agents: Agents
    refreshed: int
    """Numbers that came back from the business side."""
    drained: date | None
    """The first evening on which nobody was left to call; None: some still are."""
    checked: int
    """Calls that the oracle looked at."""
    broken: int
    """Rules that it found broken."""
    violations: tuple[Violation, ...]
    """The first of them."""


def forecast(ran: Ran) -> Forecast:
    plan = ran.plan
    tally, on_time = _tally(ran)
    states = Counter(one.state for one in ran.tasks)
    return Forecast(
        start=plan.start,
        days=plan.days,
        seed=plan.seed,
        tasks=len(ran.tasks),
        states={state: states[state] for state in TaskState if states[state]},
        due=tally.due,
        on_time=on_time,
        done_on_time=kpi.share(on_time, tally.due),
        success_a=kpi.success_a(tally),
        success_b=kpi.success_b(tally),
        cooling_off_success=kpi.cooling_off_success(tally),
        ticket_ratio=kpi.ticket_ratio(tally),
        visits_and_letters=kpi.visits_and_letters(tally),
        calls=tally.calls,
        calls_per_task=kpi.share(tally.calls, len(ran.calls_of)),
        outcomes={one: ran.outcomes[one] for one in Disposition if ran.outcomes[one]},
        by_attempt=_counts(ran.by_attempt.items()),
        by_hour=_counts(ran.by_hour.items()),
        by_day=dict(sorted(ran.by_day.items())),
        lines=_lines(ran),
        agents=Agents(plan.agents, ran.agents_asked, ran.agents_missed, ran.agent_s / 3600),
        refreshed=ran.refreshed,
        drained=ran.drained,
        checked=ran.checked,
        broken=len(ran.violations),
        violations=tuple(ran.violations[:_SHOWN]),
    )


def _counts(found: Iterable[tuple[int, dict[str, int]]]) -> tuple[Count, ...]:
    return tuple(Count(name, one["calls"], one["reached"], one["done"]) for name, one in sorted(found))


def last_day(task: Task) -> date | None:
    """The earlier of the cooling-off period's end and the due date."""
    return min((day for day in (task.cooling_off_end, task.due) if day is not None), default=None)


def _tally(ran: Ran) -> tuple[Tally, int]:
    """The regulator's counts, and how many of the due ones were called back by their deadline."""
    end = ran.plan.start + timedelta(days=ran.plan.days)
    due = refused = surrendered = successes = in_cooling_off = on_time = 0
    for task in ran.tasks:
        deadline = last_day(task)
        if (deadline is not None and deadline >= end) or (task.waiver and not task.missing_signatures):
            continue
        due += 1
        done = ran.done.get(task.id)
        if done is not None:
            successes += 1
            on_time += deadline is None or done <= deadline
            in_cooling_off += task.cooling_off_end is not None and done <= task.cooling_off_end
        elif task.state is TaskState.REFUSED:
            refused += 1
        elif task.surrendered:
            surrendered += 1
    return (
        Tally(
            due=due,
            refused=refused,
            surrendered=surrendered,
            successes=successes,
            in_cooling_off=in_cooling_off,
            by_phone=len(ran.calls_of)
            - (visits := _called(ran, TaskState.VISIT))
            - _called(ran, TaskState.LETTER),
            by_visit=visits,
            by_letter=_called(ran, TaskState.LETTER),
            calls=sum(ran.calls_of.values()),
            with_ticket=ran.with_ticket,
            tickets=ran.with_ticket,
            settled=ran.with_ticket,
        ),
        on_time,
    )


def _called(ran: Ran, state: TaskState) -> int:
    return sum(task.state is state and task.id in ran.calls_of for task in ran.tasks)


def _lines(ran: Ran) -> Lines:
    given, busy = ran.plan.scheduler.lines, sorted(ran.busy_s.items())
    talk_s, used_s = sum(n * seconds for n, seconds in busy), sum(seconds for _, seconds in busy)
    p95, passed = 0, 0.0
    for n, seconds in busy:
        if passed >= 0.95 * used_s:
            break
        p95, passed = n, passed + seconds
    full = ran.busy_s[given] / ran.open_s if ran.open_s else 0.0
    days = [ran.line_s[day] / open_s for day, open_s in ran.open_by_day.items() if open_s]
    needed = math.ceil(max(days, default=0.0) / LOAD)
    return Lines(
        given=given,
        most=max(ran.busy_s, default=0),
        mean=talk_s / ran.open_s if ran.open_s else 0.0,
        p95=p95,
        full=full,
        needed=needed,
        short=needed > given,
    )
