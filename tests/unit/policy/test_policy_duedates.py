"""Deadlines by type: what each means, and what is no type."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CALENDAR, SETTINGS

from dialer.policy.calendar import YearOverrides, calendar_from
from dialer.policy.duedates import REGULATED, DeadlineType, cooling_off_end, due_of
from dialer.policy.settings import PolicySettings


def due(name: str, event: str) -> date:
    kind = SETTINGS.deadline_type(name)
    assert kind is not None
    return due_of(kind, date.fromisoformat(event), CALENDAR).day


@pytest.mark.parametrize(
    ("name", "event", "day"),
    [
        ("R30", "2026-11-10", "2026-11-17"),
        ("R30", "2026-09-29", "2026-10-12"),  # 30 September, 8-10 and 12 October
        ("R31", "2026-11-10", "2026-12-10"),
        ("R31", "2026-01-31", "2026-02-28"),
        ("R87", "2026-12-31", "2027-01-31"),
        ("R83", "2026-11-13", "2026-11-14"),
        ("R84", "2026-09-15", "2026-10-10"),
        ("R86", "2026-11-13", "2026-11-16"),
        ("R87-claim", "2026-11-13", "2026-11-20"),
    ],
)
def test_due_days(name: str, event: str, day: str) -> None:
    assert due(name, event) == date.fromisoformat(day)


NOTICE = YearOverrides(
    2027,
    "国办发明电〔2026〕9号",
    frozenset(
        date(2027, month, day)
        for month, day in (
            (1, 1), (1, 2), (1, 3), (2, 5), (2, 8), (2, 9), (4, 5), (5, 1), (10, 1), (10, 2), (10, 3),
        )
    ),
    frozenset(),
)  # fmt: skip


def test_without_a_notice_a_deadline_is_early_and_provisional_until_it_is_loaded() -> None:
    signed = date(2026, 12, 30)
    found = due_of(REGULATED["R30"], signed, CALENDAR)
    # 31 December is a workday, 1 January never is, then every day counts
    assert (found.day, found.provisional) == (date(2027, 1, 5), True)
    known = due_of(REGULATED["R30"], signed, calendar_from([NOTICE]))
    assert (known.day, known.provisional) == (date(2027, 1, 7), False)


def test_the_first_workdays_of_a_month_without_a_notice() -> None:
    found = due_of(REGULATED["R84"], date(2026, 12, 15), CALENDAR)
    assert (found.day, found.provisional) == (date(2027, 1, 4), True)


@given(st.integers(1, 250), st.dates(date(2026, 1, 1), date(2027, 6, 30)))
def test_a_provisional_deadline_is_never_later_than_the_final_one(count: int, event: date) -> None:
    kind = DeadlineType("x", count, "workday")
    known = calendar_from([NOTICE])
    assert due_of(kind, event, CALENDAR).day <= due_of(kind, event, known).day


@pytest.mark.parametrize("name", [name for name, kind in REGULATED.items() if kind.unit != "workday"])
def test_calendar_days_are_never_provisional(name: str) -> None:
    assert not due_of(REGULATED[name], date(2026, 12, 31), CALENDAR).provisional


def test_only_a_type_of_the_next_month_has_a_first_day() -> None:
    assert REGULATED["R84"].opens(date(2026, 12, 31)) == date(2027, 1, 1)
    assert [kind.opens(date(2026, 12, 31)) for name, kind in REGULATED.items() if name != "R84"] == [None] * 6


def test_the_cooling_off_period_counts_from_the_day_after_the_receipt() -> None:
    assert cooling_off_end(date(2026, 11, 10), 15) == date(2026, 11, 25)


@pytest.mark.parametrize(
    "text", ["R30: 5 workdays", "R84: 3 workdays of next month", "R83: 1 day", "x-1: 2 weeks"]
)
def test_types_are_read_as_written(text: str) -> None:
    assert str(DeadlineType.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("R30", "R30: 5 workdays"),
        ("R30: five workdays", "R30: 5 workdays"),
        ("R30: 0 days", "1 to 366 days"),
        ("R31: 13 months", "R32"),
        ("x: 2 months of next month", "only workdays"),
    ],
)
def test_what_is_no_type(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DeadlineType.parse(text)


@pytest.mark.parametrize(
    ("types", "says"),
    [
        (("R30: 6 workdays",), "later, or counted otherwise, than 'R30: 5 workdays'"),
        (("R30: 5 days",), "counted otherwise"),
        (("R84: 3 workdays",), "counted otherwise"),
        (("own: 2 days", "own: 3 days"), "given twice"),
    ],
)
def test_a_campaign_may_be_stricter_than_a_rule_and_never_laxer(types: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PolicySettings(deadline_types=tuple(map(DeadlineType.parse, types)))
    stricter = PolicySettings(deadline_types=(DeadlineType.parse("R30: 3 workdays"),))
    kind = stricter.deadline_type("R30")
    assert kind is not None
    assert due_of(kind, date(2026, 11, 10), CALENDAR).day == date(2026, 11, 13)
    assert stricter.deadline_type("R31") is None
