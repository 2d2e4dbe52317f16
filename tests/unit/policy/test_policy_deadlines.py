"""Deadlines by rule, and who is called first."""

from __future__ import annotations

from datetime import date

import pytest
from policy_cases import CALENDAR, at, attempt, task

from dialer.model import Disposition, TaskId
from dialer.policy.calendar import YearOverrides, calendar_from
from dialer.policy.deadlines import (
    DueRule,
    add_month,
    call_order,
    due_day,
    due_key,
    due_of,
    recompute,
)


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


def test_without_a_notice_a_deadline_is_early_and_provisional_until_it_is_loaded() -> None:
    signed = date(2026, 12, 30)
    found = due_of(DueRule.NEW_POLICY, signed, CALENDAR)
    # 31 December is a workday, 1 January never is, then every day counts
    assert (found.day, found.provisional) == (date(2027, 1, 5), True)
    assert recompute(found, CALENDAR) == found
    notice = YearOverrides(
        2027,
        "国办发明电〔2026〕9号",
        frozenset(
            date(2027, month, day)
            for month, day in (
                (1, 1),
                (1, 2),
                (1, 3),
                (2, 5),
                (2, 8),
                (2, 9),
                (4, 5),
                (5, 1),
                (10, 1),
                (10, 2),
                (10, 3),
            )
        ),
        frozenset(),
    )
    known = recompute(found, calendar_from([notice]))
    assert (known.day, known.provisional) == (date(2027, 1, 7), False)
    assert recompute(known, CALENDAR) == known, "a final deadline stays"


def test_the_first_workdays_of_a_month_without_a_notice() -> None:
    found = due_of(DueRule.MONTH_START, date(2026, 12, 15), CALENDAR)
    assert (found.day, found.provisional) == (date(2027, 1, 4), True)


@pytest.mark.parametrize(
    "rule", [rule for rule in DueRule if rule not in (DueRule.NEW_POLICY, DueRule.MONTH_START)]
)
def test_calendar_days_are_never_provisional(rule: DueRule) -> None:
    assert not due_of(rule, date(2026, 12, 31), CALENDAR).provisional


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
