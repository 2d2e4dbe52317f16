"""Workdays of the published notices, override files, and the refusal to guess."""

from __future__ import annotations

import contextlib
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import CalendarError
from dialer.policy.calendar import Calendar, YearOverrides, calendar_from, official_years, parse_overrides

CALENDAR = calendar_from()
SHIPPED = Path(__file__).parents[3] / "config" / "calendar"

WHOLE_YEAR = """
year = 2031
notice = "国办发明电〔2030〕1号"
[holidays]
"元旦" = [2031-01-01]
"春节" = [2031-01-22, 2031-01-23, 2031-01-24, "2031-01-25"]
"劳动节" = [2031-05-01, 2031-05-02]
"国庆节" = [2031-10-01, 2031-10-02, 2031-10-03, 2031-10-06]
[workdays]
"国庆节" = [2031-10-11]
"""


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-01", False),
        ("2026-01-04", True),  # Sunday, make-up workday
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2026-09-20", True),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),
        ("2026-10-11", False),
        ("2026-11-21", False),
        ("2026-11-23", True),
    ],
)
def test_the_notice_for_2026(day: str, works: bool) -> None:
    assert CALENDAR.is_workday(date.fromisoformat(day)) is works


def test_counting_workdays_over_a_holiday() -> None:
    assert CALENDAR.next_workday(date(2026, 9, 30)) == date(2026, 10, 8)
    assert CALENDAR.add_workdays(date(2026, 9, 30), 3) == date(2026, 10, 10)
    assert CALENDAR.workday_from(date(2026, 10, 1)) == date(2026, 10, 8)
    assert CALENDAR.workday_from(date(2026, 10, 10)) == date(2026, 10, 10)
    with pytest.raises(ValueError, match="forward"):
        CALENDAR.add_workdays(date(2026, 10, 1), -1)


@given(st.dates(date(2025, 1, 1), date(2026, 11, 1)), st.integers(1, 20))
def test_the_nth_workday_has_n_workdays_up_to_it(day: date, n: int) -> None:
    end = CALENDAR.add_workdays(day, n)
    span = [date.fromordinal(o) for o in range(day.toordinal() + 1, end.toordinal() + 1)]
    assert sum(map(CALENDAR.is_workday, span)) == n
    assert CALENDAR.is_workday(end)


def test_a_year_without_data_is_an_error_that_names_the_file() -> None:
    unknown = max(official_years()) + 1
    with pytest.raises(CalendarError, match=f"config/calendar/CN-{unknown}.toml"):
        CALENDAR.is_workday(date(unknown, 1, 4))
    with pytest.raises(CalendarError):
        CALENDAR.add_workdays(date(unknown - 1, 12, 31), 1)


def test_a_moment_is_not_a_day() -> None:
    with pytest.raises(TypeError, match="local date"):
        CALENDAR.is_workday(datetime(2026, 11, 10, 10))


def test_the_warning_begins_in_november() -> None:
    last = max(official_years())
    assert CALENDAR.warning(date(last, 10, 31)) == ""
    assert f"CN-{last + 1}.toml" in CALENDAR.warning(date(last, 11, 1))
    assert f"CN-{last + 1}.toml" in CALENDAR.warning(date(last + 1, 1, 1))
    assert CALENDAR.warning(date(last - 1, 12, 1)) == ""


def test_a_file_opens_a_new_year() -> None:
    calendar = calendar_from([parse_overrides(WHOLE_YEAR, "CN-2031.toml")])
    assert not calendar.is_workday(date(2031, 10, 6))
    assert calendar.is_workday(date(2031, 10, 11))
    assert calendar.is_workday(date(2031, 10, 8))
    with pytest.raises(CalendarError):
        calendar.is_workday(date(2032, 1, 5))


def test_a_file_corrects_a_known_year() -> None:
    change = parse_overrides(
        "year = 2026\nnotice = 'n'\n[holidays]\nx = [2026-11-23]\n[workdays]\ny = [2026-10-07]\n"
    )
    calendar = calendar_from([change])
    assert not calendar.is_workday(date(2026, 11, 23))
    assert calendar.is_workday(date(2026, 10, 7))
    assert not calendar.is_workday(date(2026, 10, 6))


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("CN-*.toml")), ids=lambda path: path.name)
def test_the_shipped_files_are_read(file: Path) -> None:
    change = parse_overrides(file.read_text(encoding="utf-8"), str(file))
    assert file.name == f"CN-{change.year}.toml"
    assert calendar_from([change]).covers(change.year)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("year = 2027\nyaer = 1\n", 2, "yaer"),
        ("year = \n", 1, "Invalid"),
        ("year = 2027\n[holidays]\n'元旦' = [2027-01-01", 3, "Unclosed"),
        ("\n\nyear = 'soon'\n", 3, "year = 2027"),
        ("notice = 'x'\n", 1, "year = 2027"),
        ("year = 2027\nnotice = 7\n", 2, "quotes"),
        ("year = 2027\n[holidays]\na = [2027-01-01]\nb = [2026-01-02]\n", 4, "not in 2027"),
        ("year = 2027\n[workdays]\nb = [20270102]\n", 3, "not a date"),
        ("year = 2027\n[holidays]\nb = ['2027-02-30']\n", 3, "not a date"),
        ("year = 2027\n[holidays]\nb = 2027-01-01\n", 3, "list of dates"),
        ("year = 2027\nholidays = 1\n", 2, "\\[holidays\\]"),
        ("year = 2027\n[holidays]\na = [2027-01-03]\n[workdays]\na = [2027-01-03]\n", 5, "in \\[workdays\\]"),
    ],
)
def test_a_broken_file_names_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(CalendarError, match=words) as error:
        parse_overrides(text, "CN-2027.toml")
    assert (error.value.file, error.value.line) == ("CN-2027.toml", line)


@pytest.mark.parametrize(
    ("replace", "by", "words"),
    [
        ("notice", "# notice", "notice"),
        ("2031-10-03, ", "", "2031-10-03"),
        ('"春节"', '# "春节"', "11 or more"),
        ("2031-10-11", "2031-10-10", "2031-10-10, no Saturday"),
    ],
)
def test_an_unfinished_file_does_not_open_a_year(replace: str, by: str, words: str) -> None:
    with pytest.raises(CalendarError, match=words):
        calendar_from([parse_overrides(WHOLE_YEAR.replace(replace, by), "CN-2031.toml")])


def test_a_change_names_its_notice() -> None:
    with pytest.raises(CalendarError, match="notice"):
        calendar_from([parse_overrides("year = 2026\n[holidays]\nx = [2026-11-23]\n", "f")])


def test_the_shipped_notice_is_what_the_package_says() -> None:
    file = SHIPPED / "CN-2026.toml"
    change = parse_overrides(file.read_text(encoding="utf-8"), str(file))
    assert calendar_from([change]) == CALENDAR
    assert change.holidays == {day for day in CALENDAR.holidays if day.year == 2026}
    assert change.workdays == {day for day in CALENDAR.workdays if day.year == 2026}
    assert "国办发明电〔2025〕7号" in change.notice


LAST = max(official_years())
"""Its days are known, those of the year after it aren't."""
STATUTORY = {date(LAST + 1, 1, 1), date(LAST + 1, 5, 1), *(date(LAST + 1, 10, day) for day in (1, 2, 3))}


@given(
    day=st.dates(date(LAST, 12, 1), date(LAST + 1, 11, 1)),
    n=st.integers(1, 12),
    off=st.sets(st.dates(date(LAST + 1, 1, 1), date(LAST + 1, 12, 31)), max_size=40),
    worked=st.sets(st.dates(date(LAST + 1, 1, 1), date(LAST + 1, 12, 31)), max_size=40),
)
def test_a_count_without_a_notice_is_never_late(day: date, n: int, off: set[date], worked: set[date]) -> None:
    """Whatever the next year's notice will say."""
    early = CALENDAR.surely_by(day, n)
    off = off | STATUTORY
    notice = Calendar(
        CALENDAR.years | {LAST + 1, LAST + 2}, CALENDAR.holidays | off, CALENDAR.workdays | (worked - off)
    )
    official = notice.add_workdays(day, n)
    assert early <= official
    assert CALENDAR.provisional(early) or early == official


def test_a_count_needs_a_workday() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CALENDAR.surely_by(date(2026, 11, 10), 0)


def test_a_year_given_twice_is_an_error() -> None:
    change = YearOverrides(2026, "", frozenset(), frozenset(), "a.toml")
    with pytest.raises(CalendarError, match="twice"):
        calendar_from([change, change])


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(CalendarError):
        parse_overrides("year = 2027\n" + text, "f")
