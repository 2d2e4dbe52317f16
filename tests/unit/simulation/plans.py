"""A small simulated house."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.calendar import Calendar
from dialer.policy.settings import PolicySettings
from dialer.scheduler import SchedulerConfig
from dialer.simulation import Callees, Plan
from dialer.simulation.people import invent
from dialer.site import Site

MONDAY = date(2026, 11, 9)


@cache
def a_calendar() -> Calendar:
    return Site(Path("no-such-home")).calendar


def a_plan(count: int = 1, days: int = 5, seed: int = 1, **changes: Any) -> Plan:
    callees = changes.pop("callees", Callees())
    at_once = changes.pop("at_once", False)
    plan: dict[str, Any] = {
        "start": MONDAY,
        "days": days,
        "seed": seed,
        "mornings": invent(count, seed, callees.people, MONDAY, days, a_calendar(), at_once=at_once),
        "calendar": a_calendar(),
        "settings": PolicySettings(),
        "scheduler": SchedulerConfig(node="n", lines=4, cps=2.0),
        "callees": callees,
        "agents": 1,
    }
    return Plan(**plan | changes)


def a_task() -> Task:
    return Task(
        id=TaskId(1),
        campaign="c",
        policy_no="P1",
        holder=Policyholder("王芳"),
        phones=(Phone(PhoneNumber("+8613812345678")),),
        product="",
        premium=Decimal(1),
        pay_years=1,
        script="s",
        due=date(2026, 11, 30),
    )
