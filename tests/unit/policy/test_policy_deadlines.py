"""Who is called first, and what is said of a deadline."""

from __future__ import annotations

from datetime import date

from policy_cases import SETTINGS, at, attempt, task, verdict_on

from dialer.model import Disposition, Task, TaskId
from dialer.policy.deadlines import call_order


def order(*queue: Task) -> list[int]:
    now = at("11-10 10:00")
    return [int(one.id) for one in sorted(queue, key=lambda one: call_order(one, (), now, SETTINGS.tiers))]


def test_behind_the_deadlines_the_tier_that_comes_round_most_often_goes_first() -> None:
    queue = [
        task(id=TaskId(1)),
        task(id=TaskId(2), tier="C"),
        task(id=TaskId(3), tier="A"),
        task(id=TaskId(4), tier="B"),
        task(id=TaskId(5), tier="C", due=date(2026, 12, 31)),
        task(id=TaskId(6), tier="D"),
    ]
    assert order(*queue) == [5, 3, 4, 2, 1, 6]


def test_a_provisional_deadline_is_called_so() -> None:
    dated = task(due=date(2027, 1, 5), deadline_type="R30", due_provisional=True)
    said = next(f for f in verdict_on("11-10 10:00", of=dated).findings if "期限" in f.why)
    assert said.why == "回访期限 1月5日(暂定),期限类型 R30"
    assert said.en == "due 2027-01-05 (provisional), deadline type R30"


def test_cooling_off_comes_before_deadline_before_age() -> None:
    early, late = date(2026, 11, 12), date(2026, 11, 20)
    queue = [
        task(id=TaskId(1)),
        task(id=TaskId(2), due=early),
        task(id=TaskId(3), cooling_off_end=late),
        task(id=TaskId(4), cooling_off_end=early, due=late),
        task(id=TaskId(5), due=early),
    ]
    assert order(*queue) == [4, 3, 2, 5, 1]


def test_among_equals_the_half_day_not_tried_yet_comes_first() -> None:
    now = at("11-11 10:00")
    morning, afternoon = attempt("11-10 10:00"), attempt("11-10 14:00")
    fault = attempt("11-10 10:05", Disposition.TRUNK_FAILURE)
    assert call_order(task(), (afternoon,), now) < call_order(task(), (morning,), now)
    assert call_order(task(), (fault,), now) == call_order(task(), (), now)
    urgent = task(cooling_off_end=date(2026, 11, 12))
    assert call_order(urgent, (morning,), now) < call_order(task(), (), now)
