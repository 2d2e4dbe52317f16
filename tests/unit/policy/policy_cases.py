"""Short ways to write tasks, attempts and moments; shared by the policy tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dialer.model import Attempt, CallId, Disposition, Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Resources, decide

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = calendar_from()
SETTINGS = PolicySettings()
FREE = Resources(lines_free=10)
FIRST, SECOND = PhoneNumber.parse("13812345678"), PhoneNumber.parse("13987654321")


def at(text: str) -> datetime:
    """``11-10 10:00`` is that minute of 2026 in Shanghai. 10 November 2026 is a Tuesday."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI)


def task(**changes: Any) -> Task:
    base = Task(
        id=TaskId(1),
        campaign="new-policy",
        policy_no="P1",
        holder=Policyholder("王芳", "女士"),
        phones=(Phone(FIRST),),
        product="福满人生",
        premium=Decimal(12000),
        pay_years=20,
        script="new-policy",
    )
    return replace(base, **changes)


def attempt(
    when: str,
    outcome: Disposition | None = Disposition.NO_ANSWER,
    slot: str = "",
    pass_no: int = 1,
    number: PhoneNumber = FIRST,
    task_id: int = 1,
) -> Attempt:
    """A past attempt; the slot's key follows from the hour unless given."""
    invited = at(when)
    return Attempt(
        id=CallId(int(invited.timestamp()) * 10 + task_id),
        task_id=TaskId(task_id),
        number=number,
        pass_no=pass_no,
        slot=slot or f"{invited:%Y-%m-%d}/{0 if invited.hour < 12 else 1}",
        invited_at=invited,
        ended_at=None if outcome is None else invited + timedelta(seconds=25),
        outcome=outcome,
    )


def verdict_on(
    now: str | datetime,
    *attempts: Attempt,
    others: tuple[Attempt, ...] = (),
    of: Task | None = None,
    settings: PolicySettings = SETTINGS,
    resources: Resources = FREE,
) -> Decision:
    moment = at(now) if isinstance(now, str) else now
    return decide(of or task(), attempts, others, moment, CALENDAR, settings, resources)
