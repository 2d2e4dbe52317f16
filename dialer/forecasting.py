"""An installation's plan for a simulation: its rules, lines and calendar, and whom it is to call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dialer.errors import ConfigError
from dialer.intake import Dating, read_customers
from dialer.model import RowError, Task
from dialer.policy.zones import find_zone
from dialer.simulation import Callees, Plan, read_callees
from dialer.simulation.people import Morning, invent, listed
from dialer.site import Site

_CALLEES = Path("config") / "callees.toml"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. None: as the installation has it."""

    start: date
    days: int
    seed: int
    count: int = 0
    """So many new policies; of no meaning with ``file``."""
    file: Path | None = None
    """A customer list."""
    deadline: str = ""
    """Deadline type of its rows that name none."""
    at_once: bool = False
    """The invented customers are all there on the first morning, instead of an equal number each workday."""
    lines: int | None = None
    cps: float | None = None
    agents: int | None = None
    callees: Path | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    plan: Plan
    errors: tuple[RowError, ...] = ()
    """Rows of the list that aren't simulated."""


def plan_for(site: Site, question: Question) -> Planned:
    """Raises ConfigError, ImportFileError, CalendarError, OSError."""
    settings = site.settings
    callees = read_callees(question.callees or _own_callees(site))
    try:
        scheduler = replace(
            settings.scheduler,
            lines=settings.scheduler.lines if question.lines is None else question.lines,
            cps=settings.scheduler.cps if question.cps is None else question.cps,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if find_zone(settings.calling.zone) is None:
        raise ConfigError(f"calling.zone: {settings.calling.zone!r} is not an IANA zone")
    mornings, errors = _customers(site, question, callees)
    plan = Plan(
        start=question.start,
        days=question.days,
        seed=question.seed,
        mornings=mornings,
        calendar=site.calendar,
        settings=settings.calling,
        scheduler=scheduler,
        callees=callees,
        agents=len(settings.transfer.agents) if question.agents is None else question.agents,
        destination=site.destination if question.file is not None else _anywhere,
    )
    return Planned(plan, errors)


def _anywhere(_number: object) -> str:
    """Invented customers have numbers that no trunk need know."""
    return ""


def _own_callees(site: Site) -> Path | None:
    file = site.home / _CALLEES
    return file if file.is_file() else None


def _customers(
    site: Site, question: Question, callees: Callees
) -> tuple[tuple[Morning, ...], tuple[RowError, ...]]:
    if question.file is None:
        return (
            invent(
                question.count,
                question.seed,
                callees.people,
                question.start,
                question.days,
                site.calendar,
                at_once=question.at_once,
            ),
            (),
        )
    found = read_customers(
        question.file.read_bytes(),
        question.file.name,
        campaign="simulated",
        script="simulated",
        config=site.settings.intake,
        dating=Dating(site.settings.calling.deadline_types, site.calendar, question.deadline),
    )
    return listed(_once(found.tasks), question.start), found.errors


def _once(tasks: tuple[Task, ...]) -> list[Task]:
    """As an import does: a policy that stands there twice is one task."""
    return list({task.policy_no: task for task in reversed(tasks)}.values())[::-1]
