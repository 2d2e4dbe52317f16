"""Deadlines by rule, and who is called first."""

from __future__ import annotations

from datetime import date

import pytest
from policy_cases import CALENDAR, at, attempt, task

from dialer.model import Disposition, TaskId
from dialer.policy.deadlines import DueRule, add_month, call_order, due_day, due_key


@pytest.mark.parametrize(
    ("rule", "event", "due"),
    [
        (DueRule.NEW_POLICY, "2026-11-10", "2026-11-17"),
        (DueRule.NEW_POLICY, "2026-09-29", "2026-10-12"),  # 30 September, 8-10 and 12 October
        (DueRule.SIGNED_MONTH, "2026-11-10", "2026-12-10"),
        (DueRule.SIGNED_MONTH, "2026-01-31", "2026-02-28"),
        (DueRule.ISSUED_MONTH, "2026-12-31", "2027-01-31"),
        (DueRule.VISIT, "2026-11-13", "2026-11-14"),
        (DueRule.MONTH_START, "2026-09-15", "2026-10-10"),
        (DueRule.CLAIM, "2026-11-13", "2026-11-16"),
        (DueRule.CLAIM_WEEK, "2026-11-13", "2026-11-20"),
    ],
)
def test_due_days(rule: DueRule, event: str, due: str) -> None:
    assert due_day(rule, date.fromisoformat(event), CALENDAR) == date.fromisoformat(due)


def test_a_month_ends_with_the_month() -> None:
    assert add_month(date(2028, 1, 30)) == date(2028, 2, 29)
    assert add_month(date(2026, 12, 15)) == date(2027, 1, 15)


def test_cooling_off_comes_before_deadline_before_age() -> None:
    early, late = date(2026, 11, 12), date(2026, 11, 20)
    queue = [
        task(id=TaskId(1)),
        task(id=TaskId(2), due=early),
        task(id=TaskId(3), cooling_off_end=late),
        task(id=TaskId(4), cooling_off_end=early, due=late),
        task(id=TaskId(5), due=early),
    ]
    assert [int(t.id) for t in sorted(queue, key=due_key)] == [4, 3, 2, 5, 1]


def test_among_equals_the_half_day_not_tried_yet_comes_first() -> None:
    now = at("11-11 10:00")
    morning, afternoon = attempt("11-10 10:00"), attempt("11-10 14:00")
    fault = attempt("11-10 10:05", Disposition.TRUNK_FAILURE)
    assert call_order(task(), (afternoon,), now) < call_order(task(), (morning,), now)
    assert call_order(task(), (fault,), now) == call_order(task(), (), now)
    urgent = task(cooling_off_end=date(2026, 11, 12))
    assert call_order(urgent, (morning,), now) < call_order(task(), (), now)
