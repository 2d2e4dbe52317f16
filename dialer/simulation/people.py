"""Whom a simulation calls: customers by chance, or those of a list; and on which morning they come in."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dialer.errors import CalendarError
from dialer.model import ALL_SIGNATURES, Phone, PhoneNumber, Policyholder, Segment, Task, TaskId
from dialer.policy.calendar import Calendar
from dialer.simulation.callees import People
from dialer.simulation.chance import Chance

COOLING_OFF_DAYS = 15
_DUE_WORKDAYS = 5
"""R30: within five workdays of signing."""
_PREMIUM = Decimal(12000)
_CHANNELS = ("个代", "银代", "经代", "电销", "网销")


_COLLECT_AFTER = (200_000, 50, 1000)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """A million objects that live to the end: looking through them for cycles takes longer than the calls."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(frozen=True, slots=True)
class Morning:
    """The list that came in on one day (R20), before the first window."""

    day: date
    tasks: tuple[Task, ...]


def workdays(first: date, days: int, calendar: Calendar) -> list[date]:
    """Of so many days from ``first`` on; those of a year without a calendar are left out."""
    found = []
    for n in range(days):
        day = first + timedelta(days=n)
        if calendar.covers(day.year) and calendar.is_workday(day):
            found.append(day)
    return found


def invent(
    count: int, seed: int, people: People, first: date, days: int, calendar: Calendar, *, at_once: bool
) -> tuple[Morning, ...]:
    """New policies, an equal number each workday, or all ``at_once`` on the first one.

    Raises CalendarError where no day of them is a workday of a known year.
    """
    mornings = workdays(first, days, calendar)
    if not mornings:
        raise CalendarError(f"no workday within {days} days from {first}")
    if at_once:
        mornings = mornings[:1]
    return _mornings(count, seed, people, mornings, calendar)


def _mornings(
    count: int, seed: int, people: People, mornings: Sequence[date], calendar: Calendar
) -> tuple[Morning, ...]:
    bounds = [count * n // len(mornings) for n in range(len(mornings) + 1)]
    found = []
    for k, day in enumerate(mornings):
        due = _due(day - timedelta(days=1), calendar)
        tasks = [_task(n, seed, people, day, due) for n in range(bounds[k], bounds[k + 1])]
        found.append(Morning(day, tuple(tasks)))
    return tuple(found)


def _task(n: int, seed: int, people: People, day: date, due: date) -> Task:
    chance = Chance(seed, n, -1)
    same_customer = n > 0 and chance.happens(people.second_policy)
    phones = [Phone(_number(n - same_customer))]
    if chance.happens(people.second_number):
        phones.append(Phone(_number(n, second=True)))
    signed = day - timedelta(days=1)
    waiver = chance.happens(people.waiver)
    seller = n * 7919 % max(1, people.sellers)
    return Task(
        id=TaskId(n + 1),
        campaign="simulated",
        policy_no=f"S{n:07d}",
        holder=Policyholder("客户"),
        phones=tuple(phones),
        product=f"产品{n % 7 + 1}",
        premium=_PREMIUM,
        pay_years=20,
        script="simulated",
        cooling_off_days=COOLING_OFF_DAYS,
        cooling_off_end=signed + timedelta(days=COOLING_OFF_DAYS),
        due=due,
        branch=f"第{seller % max(1, people.branches) + 1}中心支公司",
        channel=_CHANNELS[seller % len(_CHANNELS)],
        seller=f"S{seller}",
        segment=Segment.GOVERNMENT if chance.happens(people.government) else Segment.GENERAL,
        waiver=waiver,
        waiver_signatures=ALL_SIGNATURES if waiver else (),
        opted_out=chance.happens(people.opted_out),
        surrendered=chance.happens(people.surrendered),
        do_not_call=chance.happens(people.do_not_call),
    )


def _due(signed: date, calendar: Calendar) -> date:
    try:
        return calendar.add_workdays(signed, _DUE_WORKDAYS)
    except CalendarError:
        return calendar.surely_by(signed, _DUE_WORKDAYS)


def _number(n: int, *, second: bool = False) -> PhoneNumber:
    return PhoneNumber(f"+861{'5' if second else '3'}{n % 1_000_000_000:09d}")


def confirmed(task: Task, chance: Chance, new_number_share: float) -> tuple[Phone, ...]:
    """What the business side gives back: another number first, or the old ones confirmed."""
    if not chance.happens(new_number_share):
        return tuple(Phone(phone.number) for phone in task.phones)
    fresh = PhoneNumber(f"+8619{(int(task.id) * 10 + task.pass_no) % 1_000_000_000:09d}")
    return (Phone(fresh), *(Phone(phone.number, verified=False) for phone in task.phones))


def listed(tasks: Sequence[Task], first: date) -> tuple[Morning, ...]:
    """A list of customers, all there on the first morning."""
    return (Morning(first, tuple(tasks)),)
