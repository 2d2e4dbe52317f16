"""Who is called first, and what the reader is told of a deadline (R10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from dialer.model import NOT_COUNTED, Attempt, Task
from dialer.policy.case import Case
from dialer.policy.ruling import Finding, Ruling, passed
from dialer.policy.tiers import TierTable
from dialer.policy.windows import NOON, day_label
from dialer.policy.zones import find_zone

FAR = date.max
_NO_TIER = 10_000
"""Days: more than any interval."""


def due_key(task: Task, tiers: TierTable | None = None) -> tuple[date, date, int]:
    """Sort key of the queue: end of cooling-off first, then the deadline, then how often the tier comes
    round."""
    every = tiers.of(task.tier) if tiers is not None and task.recurs else None
    return (task.cooling_off_end or FAR, task.due or FAR, _NO_TIER if every is None else every.about_days)


def call_order(
    task: Task, attempts: Sequence[Attempt], now: datetime, tiers: TierTable | None = None
) -> tuple[date, date, int, int, bool, int]:
    """``due_key``; among equals the fewest attempts first, so that nobody is called again before everybody
    was, then those whose present half-day hasn't been tried (R43), then the older task."""
    pass_no = task.pass_no
    made = [a.invited_at for a in attempts if a.pass_no == pass_no and a.outcome not in NOT_COUNTED]
    tried = False
    if made:
        zone = find_zone(task.zone)
        local = now.astimezone(zone) if zone else now
        morning = local.hour < NOON
        tried = morning in [(at.astimezone(local.tzinfo).hour < NOON) for at in made]
    return (*due_key(task, tiers), len(made), tried, int(task.id))


def deadline(case: Case) -> Ruling:
    """A passed deadline doesn't stop the call-back (R17: every policy), but the operator sees it."""
    task = case.task
    return _told(task.cooling_off_end, task.due, task.due_provisional, task.deadline_type, case.today)


@lru_cache(maxsize=4096)
def _told(
    cooling_off_end: date | None, due: date | None, due_provisional: bool, deadline_type: str, today: date
) -> Finding:
    """Many tasks have the same days."""
    zh, en = [], []
    for name, english, day, provisional in (
        ("犹豫期至", "cooling-off ends", cooling_off_end, False),
        ("回访期限", "due", due, due_provisional),
    ):
        if day is None:
            continue
        marks = (("(暂定)", " (provisional)", provisional), ("已过", " (passed)", day < today))
        zh.append(f"{name} {day_label(day)}" + "".join(mark for mark, _, holds in marks if holds))
        en.append(f"{english} {day}" + "".join(mark for _, mark, holds in marks if holds))
    if due is not None and deadline_type:
        zh.append(f"期限类型 {deadline_type}")
        en.append(f"deadline type {deadline_type}")
    return passed("R10", ",".join(zh) or "未设期限", ", ".join(en) or "no deadline set")
