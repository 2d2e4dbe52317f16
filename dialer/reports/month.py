"""A month's counts as its report: every figure of R28, judged by the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer import kpi
from dialer.kpi import Dimension, Method, MonthCount, Tally
from dialer.model import DayRoot, Disposition
from dialer.reports.config import ReportConfig


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a split: its counts and figures."""

    name: str
    """Empty where the list of customers named none."""
    tally: Tally
    figures: dict[str, float | None]
    ticket_share: float | None
    """Its tickets among all of the month: R28 asks it of each branch."""


@dataclass(frozen=True, slots=True)
class CauseLine:
    """R28: 问题件分类、占比及原因."""

    category: str
    question: str
    tickets: int
    share: float | None
    unsettled: int
    major: int


@dataclass(frozen=True, slots=True)
class SlotLine:
    """Calls of one window of the day; ``slot`` is its index, or ``a`` for agreed times (R79)."""

    slot: str
    calls: int
    answered: int


@dataclass(frozen=True, slots=True)
class MonthReport:
    """Shares are 0 to 1, None where there is nothing to take a share of."""

    month: str
    campaign: str
    """Empty: all."""
    made_at: datetime
    """When success was looked at."""
    tally: Tally
    called_back: int
    figures: dict[str, float | None]
    methods: dict[Method, float | None]
    goal_reached: bool | None
    """R11."""
    over_cap: bool
    """R8: too many visits and letters."""
    causes: tuple[CauseLine, ...]
    outcomes: dict[Disposition, int]
    slots: tuple[SlotLine, ...]
    recordings: int
    talk_s: float
    sample: int
    """How many conversations are to be checked."""
    by: dict[Dimension, tuple[Line, ...]]
    roots: tuple[DayRoot, ...] = ()
    """Signed roots of the archive's log of the month's days: whoever keeps the report can prove a change."""


def month_report(count: MonthCount, config: ReportConfig, made_at: datetime) -> MonthReport:
    tally = count.tally
    figures = _figures(tally)
    success, seldom = figures["success_a"], figures["visits_and_letters"]
    return MonthReport(
        month=str(count.month),
        campaign=count.campaign,
        made_at=made_at,
        tally=tally,
        called_back=tally.called_back,
        figures=figures,
        methods={method: kpi.method_share(tally, method) for method in Method},
        goal_reached=None if success is None else success >= config.success_goal,
        over_cap=seldom is not None and seldom > config.visit_letter_cap,
        causes=tuple(
            CauseLine(
                one.category,
                one.question,
                one.tickets,
                kpi.share(one.tickets, tally.tickets),
                one.tickets - one.settled,
                one.major,
            )
            for one in count.causes
        ),
        outcomes=kpi.outcomes(count.calls),
        slots=_slots(count),
        recordings=count.recordings,
        talk_s=count.talk_s,
        sample=kpi.sample_size(tally.answered, config.sample_rate, config.sample_floor),
        by={
            dimension: tuple(
                Line(name, part, _figures(part), kpi.share(part.tickets, tally.tickets))
                for name, part in kpi.split(count.slices, dimension).items()
            )
            for dimension in Dimension
        },
    )


def _figures(tally: Tally) -> dict[str, float | None]:
    return {name: figure(tally) for name, figure in kpi.FIGURES.items()}


def _slots(count: MonthCount) -> tuple[SlotLine, ...]:
    found: dict[str, list[int]] = {}
    for one in count.calls:
        if one.outcome not in kpi.UNCOUNTED:
            window = one.slot.partition("/")[2]
            line = found.setdefault("a" if window.startswith("a") else window, [0, 0])
            line[0] += one.calls
            line[1] += one.calls if one.outcome in kpi.ANSWERED else 0
    return tuple(SlotLine(window, *found[window]) for window in sorted(found))
