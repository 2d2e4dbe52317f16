"""What a plan means for the calling rules: narrower settings, deadlines, who is among its subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from dialer.campaigns.life import CampaignHead, CampaignState
from dialer.campaigns.plan import Plan
from dialer.errors import CampaignError
from dialer.model import Reason, Segment, Task
from dialer.policy.calendar import Calendar
from dialer.policy.duedates import due_of
from dialer.policy.settings import PolicySettings

_HALTED = {
    CampaignState.DRAFT: ("仍是草稿", "is a draft"),
    CampaignState.LINTED: ("尚未演练和审批", "isn't rehearsed and approved yet"),
    CampaignState.REHEARSED: ("尚未审批", "isn't approved yet"),
    CampaignState.APPROVED: ("已审批,尚未启动", "is approved but not started"),
    CampaignState.PAUSED: ("已暂停", "is paused"),
    CampaignState.FINISHED: ("已结束", "is finished"),
    CampaignState.SUPERSEDED: ("已被新版本取代", "was superseded by a later version"),
}


def halted(campaign: str, version: CampaignHead | None) -> Reason | None:
    """Why a campaign in this state isn't dialled (R49); None while it runs."""
    if version is None:
        return Reason(f"回访项目 {campaign} 没有经审批的版本", f"campaign {campaign} has no approved version")
    if version.state is CampaignState.RUNNING:
        return None
    zh, en = _HALTED[version.state]
    return Reason(
        f"回访项目 {campaign} 第 {version.number} 版{zh}",
        f"campaign {campaign} version {version.number} {en}",
    )


def out_of_time(plan: Plan, today: date) -> Reason | None:
    """Why the plan isn't dialled on that day of the customer."""
    starts, ends = plan.time.starts, plan.time.ends
    if plan.lies_ahead(today):
        return Reason(f"回访项目 {plan.id} 自 {starts} 起执行", f"campaign {plan.id} begins on {starts}")
    if plan.lies_behind(today):
        return Reason(f"回访项目 {plan.id} 已于 {ends} 截止", f"campaign {plan.id} ended on {ends}")
    return None


def settings_of(plan: Plan, base: PolicySettings) -> PolicySettings:
    """The installation's rules with what the plan narrows. Raises ValueError where a rule forbids it."""
    time, method = plan.time, plan.method
    changed: dict[str, Any] = {}
    if time.windows is not None:
        _only_narrows("time.windows", time.windows, base.windows, "R44")
        changed["windows"] = time.windows
        if time.government_windows is None:
            changed["government_windows"] = _government(plan, time.windows, base)
    if time.government_windows is not None:
        _only_narrows("time.government_windows", time.government_windows, base.government_windows, "R45")
        changed["government_windows"] = time.government_windows
    if time.appointments is not None:
        changed["appointment_outside_windows"] = time.appointments.outside_windows
        if time.appointments.hours is not None:
            changed["appointment_hours"] = time.appointments.hours
    if method.passes is not None:
        changed["max_passes"] = method.passes
    if method.attempts_per_pass is not None:
        changed["attempts_per_pass"] = method.attempts_per_pass
    return replace(base, **changed)


def _only_narrows(name: str, windows: tuple[Any, ...], base: tuple[Any, ...], rule: str) -> None:
    for window in windows:
        if not any(one.start <= window.start and window.end <= one.end for one in base):
            allowed = ", ".join(map(str, base))
            raise ValueError(f"{name}: {window} lies outside {allowed}: a campaign only narrows ({rule})")


def _government(plan: Plan, windows: tuple[Any, ...], base: PolicySettings) -> tuple[Any, ...]:
    """What is left of the government's windows inside the campaign's narrower ones."""
    segments = plan.subjects.segments
    if segments and Segment.GOVERNMENT not in segments:
        return windows
    inside = tuple(
        replace(one, start=max(one.start, window.start), end=min(one.end, window.end))
        for one in base.government_windows
        for window in windows
        if max(one.start, window.start) < min(one.end, window.end)
    )
    if not inside:
        allowed = ", ".join(map(str, base.government_windows))
        raise ValueError(
            f"time.windows: outside {allowed} no government customer could be called (R45): widen them, or"
            " write subjects.segments: [general]"
        )
    return inside


@dataclass(frozen=True, slots=True)
class Dated:
    """A deadline with what it was counted from."""

    day: date
    name: str
    provisional: bool


def earliest_due(plan: Plan, event: date, calendar: Calendar, settings: PolicySettings) -> Dated | None:
    """The first of the plan's deadlines but cooling-off, counted from ``event``; None: it names none.

    Raises CampaignError for a name that means nothing.
    """
    found = [dated(name, event, calendar, settings) for name in plan.deadline_types]
    return min(found, key=lambda due: due.day, default=None)


def dated(name: str, event: date, calendar: Calendar, settings: PolicySettings) -> Dated:
    """The deadline of that type, counted from ``event``. Raises CampaignError for an unknown one."""
    kind = settings.deadline_type(name)
    if kind is None:
        known = ", ".join(one.name for one in settings.deadline_types)
        raise CampaignError(f"unknown deadline type {name!r}; known: {known or 'none'}")
    due = due_of(kind, event, calendar)
    return Dated(due.day, name, due.provisional)


class NotAdmitted(ValueError):
    """A customer who isn't a subject of the campaign, or lacks what its deadlines are counted from."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


Admission = Callable[[Task], Task]
"""A row of a customer list -> the task as the campaign takes it. Raises NotAdmitted."""


def admission(plan: Plan, calendar: Calendar, settings: PolicySettings) -> Admission:
    """What the campaign makes of a customer list's row: checks its subject, dates its call-back.

    A list holds few days: what a day's deadline is, is counted once.
    """
    subjects = plan.subjects
    due_of_event = cache(lambda event: earliest_due(plan, event, calendar, settings))
    lists = (
        ("segment", subjects.segments, "客户类别"),
        ("branch", subjects.branches, "机构"),
        ("channel", subjects.channels, "渠道"),
        ("product", subjects.products, "产品"),
    )

    def admit(task: Task) -> Task:
        for field, allowed, name in lists:
            value = str(getattr(task, field))
            if allowed and value not in map(str, allowed):
                raise NotAdmitted(
                    field, f"isn't among the campaign's subjects ({name}: {', '.join(allowed)})"
                )
        return _dated(plan, task, due_of_event)

    return admit


def _dated(plan: Plan, task: Task, due_of_event: Callable[[date], Dated | None]) -> Task:
    if task.cooling_off_end is None and plan.has_cooling_off:
        raise NotAdmitted(
            "cooling_off_end", "is empty, and there is no 签收日期 to count the cooling-off period from"
        )
    if task.due is not None or not plan.deadline_types:
        return task
    if task.event is None:
        needed = ", ".join(plan.deadline_types)
        raise NotAdmitted("event", f"is empty: the campaign's deadlines ({needed}) count from this day")
    due = due_of_event(task.event)
    if due is None:
        return task
    return replace(task, due=due.day, deadline_type=due.name, due_provisional=due.provisional)
