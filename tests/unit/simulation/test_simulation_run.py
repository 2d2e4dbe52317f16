"""Simulated days: the same by the same seed, moved by every setting, and never believed blindly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import pytest

from dialer.model import Disposition, TaskId, TaskState
from dialer.policy.case import Case
from dialer.scheduler import SchedulerConfig
from dialer.simulation import Callees, Forecast, Ran, forecast, simulate
from dialer.simulation.callees import (
    Contacts,
    People,
    Reach,
    Seconds,
    Taken,
    Unanswered,
    Wishes,
)
from dialer.simulation.people import Morning
from tests.unit.simulation.plans import MONDAY, a_plan, a_task

PARTS: tuple[Any, ...] = (Reach, Unanswered, Taken, Seconds, Wishes, Contacts, People)
FIELDS = [(part, field.name) for part in PARTS for field in dataclasses.fields(part)]


def days(callees: Callees) -> Ran:
    return usual() if callees == Callees() else simulate(a_plan(100, days=9, at_once=True, callees=callees))


@cache
def usual() -> Ran:
    return simulate(a_plan(100, days=9, at_once=True))


def outcome(ran: Ran) -> object:
    """All that the customers' behaviour may move."""
    return dataclasses.replace(forecast(ran), seed=0), [
        (one.phones, one.branch, one.seller) for one in ran.tasks
    ]


def test_the_same_seed_gives_the_same_days() -> None:
    assert outcome(simulate(a_plan(100, days=9, at_once=True))) == outcome(usual())
    assert outcome(simulate(a_plan(100, days=9, at_once=True, seed=2))) != outcome(usual())


def test_these_days_stay_as_they_were() -> None:
    """Whatever makes the simulation faster: the same calls, at the same moments."""
    found = forecast(usual())
    assert {one.value: n for one, n in found.outcomes.items()} == {
        "completed": 66,
        "answered_incomplete": 5,
        "wrong_person": 6,
        "refused": 1,
        "appointment": 6,
        "no_answer": 77,
        "busy": 17,
        "rejected": 8,
        "unallocated": 1,
        "unreachable": 31,
        "trunk_failure": 1,
        "machine": 2,
        "transferred": 2,
    }
    assert list(found.by_day.values()) == [138, 47, 5, 1, 2, 20, 9]
    assert found.lines.mean == pytest.approx(0.1934688616569964, abs=1e-12)
    assert found.agents.talk_hours == pytest.approx(0.11229329400802465, abs=1e-12)


def test_every_call_is_checked_and_lawful() -> None:
    found = forecast(usual())
    assert found.broken == 0
    assert found.checked == sum(found.outcomes.values()) > 200
    assert found.calls == sum(found.by_day.values()) == sum(one.calls for one in found.by_attempt)


def test_a_rule_that_fails_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle shares no code with the rules: break one of theirs, and it speaks."""
    monkeypatch.setattr(Case, "used", lambda self, slot: False)
    found = forecast(simulate(a_plan(60, days=3, at_once=True)))
    assert found.broken > 0
    assert "R43" in {one.rule for one in found.violations}


def changed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: one / 4 for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(one / 3 for one in value)
    if isinstance(value, int):
        return value * 8 + 3
    return 0.9 if value < 0.5 else value / 4


@pytest.mark.parametrize(("part", "name"), FIELDS, ids=lambda one: getattr(one, "__name__", one))
def test_every_setting_of_the_callees_moves_the_forecast(part: Any, name: str) -> None:
    values = Reach(by_hour={}) if name == "otherwise" else part()
    before = dataclasses.replace(Callees(), **{part.__name__.lower(): values})
    other = dataclasses.replace(values, **{name: changed(getattr(values, name))})
    callees = dataclasses.replace(Callees(), **{part.__name__.lower(): other})
    assert outcome(days(callees)) != outcome(days(before))


def test_few_lines_are_named_as_too_few() -> None:
    def lines(count: int) -> Forecast:
        config = SchedulerConfig(node="n", lines=count, cps=5.0)
        return forecast(simulate(a_plan(900, days=3, at_once=True, scheduler=config)))

    one, many = lines(1), lines(60)
    assert one.lines.short
    assert one.lines.needed > 1
    assert one.lines.full > 0.8
    assert not many.lines.short
    assert many.lines.needed < 60
    assert many.calls > one.calls
    assert one.broken == many.broken == 0


def test_agents_are_asked_for_and_missed() -> None:
    wants = dataclasses.replace(Callees(), taken=Taken(wants_agent=60))
    none = forecast(simulate(a_plan(80, days=2, at_once=True, callees=wants, agents=0)))
    some = forecast(simulate(a_plan(80, days=2, at_once=True, callees=wants, agents=50)))
    assert none.agents.missed == none.agents.asked > 0
    assert none.agents.talk_hours == 0
    assert some.agents.missed == 0
    assert some.agents.talk_hours > 0
    assert some.states[TaskState.WITH_AGENT] == some.agents.asked


def test_the_figures_by_hand() -> None:
    """Four are due: one in time, one in cooling-off but late, one declined, one not reached."""
    due, off = date(2026, 11, 10), date(2026, 11, 12)
    base = dataclasses.replace(a_task(), due=due, cooling_off_end=off)
    states = [TaskState.DONE, TaskState.DONE, TaskState.REFUSED, TaskState.OPEN, TaskState.OPEN]
    tasks = [dataclasses.replace(base, id=TaskId(n), state=one) for n, one in enumerate(states, 1)]
    tasks[4] = dataclasses.replace(tasks[4], due=date(2027, 1, 1), cooling_off_end=None)
    plan = a_plan()
    ran = Ran(plan, tasks=tasks, done={TaskId(1): due, TaskId(2): off})
    for n in range(1, 5):
        ran.calls_of[TaskId(n)] = 2
    found = forecast(ran)
    assert (found.tasks, found.due, found.on_time) == (5, 4, 1)
    assert found.done_on_time == 0.25
    assert found.success_a == pytest.approx(2 / 3)
    assert found.success_b == found.cooling_off_success == 0.5
    assert found.calls_per_task == 2.0


def test_who_must_not_be_called_is_not() -> None:
    kinds = [
        {"opted_out": True},
        {"surrendered": True},
        {"do_not_call": True},
        {"zone": "Nowhere/City"},
    ]
    tasks = tuple(
        dataclasses.replace(a_task(), policy_no=f"P{n}", **one)  # type: ignore[arg-type]
        for n, one in enumerate(kinds)
    )
    ran = simulate(a_plan(days=3, mornings=(Morning(MONDAY, tasks),)))
    assert ran.checked == 0
    assert not ran.outcomes


def test_contacts_come_back_and_the_second_pass_is_made() -> None:
    dead = dataclasses.replace(Callees(), unanswered=Unanswered(dead_share=0.6))
    ran = simulate(a_plan(60, days=14, at_once=True, callees=dead))
    assert ran.outcomes[Disposition.UNALLOCATED] > 10
    assert ran.refreshed > 5
    assert {one.pass_no for one in ran.tasks} >= {1, 2}
    assert ran.violations == []
