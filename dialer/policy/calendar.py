"""Workdays of the official calendar: weekends, public holidays and make-up workdays (调休).

``chinese_calendar`` holds the years that the State Council's notices cover; a file
``config/calendar/CN-<year>.toml`` adds a year or corrects one. A year without either raises
CalendarError: nobody is called on a guessed workday (R44).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chinese_calendar import constants as official

from dialer.errors import CalendarError

_FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))
"""Statutory days of every year on fixed dates: a file that opens a new year must have them."""
_FEWEST_HOLIDAYS = 11
"""Statutory holidays of any year since 2008 (13 since 2025): fewer means the file is unfinished."""
_WARN_FROM_MONTH = 11
"""The State Council publishes the next year's notice about then."""
_TOML_PLACE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class YearOverrides:
    """One calendar file: what it changes in, or all it says about, ``year``."""

    year: int
    notice: str
    """Number of the official notice, e.g. 国办发明电〔2025〕7号."""
    holidays: frozenset[date]
    workdays: frozenset[date]
    """Weekend days that are worked (调休上班)."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are workdays, for the years it covers."""

    years: frozenset[int]
    holidays: frozenset[date]
    workdays: frozenset[date]

    def covers(self, year: int) -> bool:
        return year in self.years

    def is_workday(self, day: date) -> bool:
        """Raises CalendarError for a year without official data."""
        if isinstance(day, datetime):
            raise TypeError("give the local date, not a moment")
        if day.year not in self.years:
            raise CalendarError(
                f"no official calendar for {day.year}: add this file from the State Council's notice",
                file=calendar_file(day.year),
            )
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def next_workday(self, day: date) -> date:
        """The first workday after ``day``. Raises CalendarError."""
        return self.add_workdays(day, 1)

    def workday_from(self, day: date) -> date:
        """``day`` itself where it is a workday, else the next one. Raises CalendarError."""
        return self.add_workdays(day, 0)

    def add_workdays(self, day: date, n: int) -> date:
        """The ``n``-th workday after ``day``; for 0, ``day`` or the next workday. Raises CalendarError."""
        if n < 0:
            raise ValueError("workdays are counted forward")
        if n == 0 and self.is_workday(day):
            return day
        left = max(n, 1)
        while left:
            day += timedelta(days=1)
            left -= self.is_workday(day)
        return day

    def surely_by(self, day: date, n: int) -> date:
        """The ``n``-th workday after ``day``, or a day before it: never later than the notice will say.

        In a year without official data every day counts as a workday but the statutory holidays on
        fixed dates. ``provisional`` tells whether that was so.
        """
        if n < 1:
            raise ValueError("at least one workday")
        while n:
            day += timedelta(days=1)
            if day.year in self.years:
                n -= self.is_workday(day)
            else:
                n -= (day.month, day.day) not in _FIXED_HOLIDAYS
        return day

    def provisional(self, day: date) -> bool:
        """Whether a count of workdays that ends on ``day`` went by no official data."""
        return day.year not in self.years

    def warning(self, today: date) -> str:
        """From November: which file next year needs, or empty."""
        if today.year not in self.years:
            return (
                f"{today.year} has no official calendar, no call is placed; add {calendar_file(today.year)}"
            )
        if today.month >= _WARN_FROM_MONTH and today.year + 1 not in self.years:
            year = today.year + 1
            return f"{year} has no official calendar yet: add {calendar_file(year)} before 1 January"
        return ""


def calendar_file(year: int) -> str:
    return f"config/calendar/CN-{year}.toml"


def official_years() -> frozenset[int]:
    """The years that the installed ``chinese_calendar`` covers from New Year to National Day."""
    days = official.holidays.keys()
    return frozenset(d.year for d in days if (d.month, d.day) == (1, 1) and date(d.year, 10, 1) in days)


def calendar_from(overrides: Iterable[YearOverrides] = ()) -> Calendar:
    """The official calendar with the files' changes. Raises CalendarError for an unfinished new year."""
    years = official_years()
    holidays = {day for day in official.holidays if day.year in years}
    workdays = {day for day in official.workdays if day.year in years}
    seen: dict[int, str] = {}
    for change in overrides:
        if change.year in seen:
            raise CalendarError(f"{change.year} is given twice: also in {seen[change.year]}", change.file)
        seen[change.year] = change.file
        if not change.notice and (change.holidays or change.workdays):
            raise CalendarError(
                'name the official notice or order: notice = "国办发明电〔…〕…号"', change.file, 1
            )
        if change.year not in years:
            _check_whole_year(change)
            years |= {change.year}
        holidays = (holidays - change.workdays) | change.holidays
        workdays = (workdays - change.holidays) | change.workdays
    return Calendar(years, frozenset(holidays), frozenset(workdays))


def _check_whole_year(change: YearOverrides) -> None:
    """A file for a year that the package lacks opens that year, so it must be complete."""
    if not change.notice:
        raise CalendarError('name the official notice: notice = "国办发明电〔…〕…号"', change.file, 1)
    weekdays = sorted(day for day in change.workdays if day.weekday() < 5)
    if weekdays:
        raise CalendarError(
            f"[workdays] has {weekdays[0]}, no Saturday or Sunday: give the weekend days that are worked",
            change.file,
            1,
        )
    fixed = {date(change.year, month, day) for month, day in _FIXED_HOLIDAYS}
    missing = sorted(fixed - change.holidays)
    if missing:
        days = ", ".join(day.isoformat() for day in missing)
        raise CalendarError(f"[holidays] lacks {days}: give all public holidays of the year", change.file, 1)
    if len(change.holidays) < _FEWEST_HOLIDAYS:
        raise CalendarError(
            f"[holidays] has {len(change.holidays)} days, a year has {_FEWEST_HOLIDAYS} or more:"
            " give all of the notice's days",
            change.file,
            1,
        )


def parse_overrides(text: str, file: str = "") -> YearOverrides:
    """Read one calendar file. Raises CalendarError with the line.

    Keys of ``[holidays]`` and ``[workdays]`` are free names, their values lists of dates.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.match(str(error))
        line = int(found["line"]) if found and found["line"] else text.count("\n") + 1
        raise CalendarError(found["what"] if found else str(error), file, line) from error
    for key in data:
        if key not in ("year", "notice", "holidays", "workdays"):
            raise CalendarError(
                f"unknown key {key!r}: use year, notice, [holidays], [workdays]", file, _line(text, "", key)
            )
    year = data.get("year")
    if not isinstance(year, int) or isinstance(year, bool) or not 2000 <= year <= 2999:
        raise CalendarError("give the year, e.g. year = 2027", file, _line(text, "", "year"))
    notice = data.get("notice", "")
    if not isinstance(notice, str):
        raise CalendarError("notice is text: put it in quotes", file, _line(text, "", "notice"))
    holidays = _days(data.get("holidays", {}), "holidays", year, text, file)
    workdays = _days(data.get("workdays", {}), "workdays", year, text, file)
    both = sorted(holidays.keys() & workdays.keys())
    if both:
        raise CalendarError(f"{both[0]} is in [holidays] and in [workdays]", file, workdays[both[0]])
    return YearOverrides(year, notice, frozenset(holidays), frozenset(workdays), file)


def _days(table: object, name: str, year: int, text: str, file: str) -> dict[date, int]:
    """The dates of one table, each with its key's line."""
    if not isinstance(table, dict):
        raise CalendarError(f"write [{name}] with lists of dates under it", file, _line(text, "", name))
    days: dict[date, int] = {}
    for key, values in table.items():
        line = _line(text, name, str(key))
        if not isinstance(values, list):
            raise CalendarError(f"{key}: give a list of dates, e.g. [2027-01-01]", file, line)
        for value in values:
            day = _day(value)
            if day is None:
                raise CalendarError(f"{key}: {value!r} is not a date: write 2027-01-01", file, line)
            if day.year != year:
                raise CalendarError(f"{key}: {day} is not in {year}", file, line)
            days[day] = line
    return days


def _day(value: object) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return None


def _line(text: str, table: str, key: str) -> int:
    """The line that sets ``key`` in ``table`` (or opens the table of that name); 1 where not found."""
    current = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        header = re.match(r"^\[\s*([^\]]+?)\s*\]", line)
        if header:
            current = header[1].strip("\"'")
            if not table and current == key:
                return number
        found = re.match(r"""^(?:"([^"]+)"|'([^']+)'|([\w\-]+))\s*=""", line)
        if found and current == table and key in found.groups():
            return number
    return 1
