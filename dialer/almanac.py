"""An installation's work calendars: what each year says, whether they are fit, and a notice put in place."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dialer.errors import CalendarError, ConfigError
from dialer.policy.calendar import (
    Calendar,
    YearOverrides,
    calendar_from,
    parse_overrides,
)
from dialer.site import Site


@dataclass(frozen=True, slots=True)
class YearFacts:
    """One year of the calendar in force."""

    year: int
    workdays: int
    days_off: tuple[date, ...]
    """Public holidays, weekends inside them too."""
    make_up: tuple[date, ...]
    """Weekend days that are worked (调休上班)."""
    notice: str
    file: str
    """Empty: by the package ``chinesecalendar`` only."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One year, or one file that can't be used."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Added:
    """A notice put in place."""

    file: Path
    facts: YearFacts
    changed: tuple[date, ...]
    """Days that are workdays now and weren't, or the other way round."""
    dated_anew: int = 0
    """Provisional deadlines that the notice changed or made sure."""


def year_facts(site: Site, year: int) -> YearFacts:
    """Raises CalendarError for a year without official data."""
    files = {change.year: change for change in map(_read, site.calendar_files())}
    return _facts(site.calendar, year, files.get(year))


def _facts(calendar: Calendar, year: int, change: YearOverrides | None) -> YearFacts:
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    return YearFacts(
        year,
        sum(map(calendar.is_workday, days)),
        tuple(day for day in days if day in calendar.holidays),
        tuple(day for day in days if day in calendar.workdays),
        change.notice if change else "",
        change.file if change else "",
    )


def check(site: Site, today: date) -> list[Checked]:
    """Every file by itself, then the years that count today."""
    found: list[Checked] = []
    changes: list[YearOverrides] = []
    for file in site.calendar_files():
        try:
            change = _read(file)
            calendar_from([*changes, change])
            changes.append(change)
        except ConfigError as error:
            found.append(Checked(str(file), False, str(error)))
    if found:
        return found
    calendar, by_year = calendar_from(changes), {change.year: change for change in changes}
    for year in sorted({*by_year, today.year, today.year + 1}):
        if calendar.covers(year):
            facts = _facts(calendar, year, by_year.get(year))
            source = facts.notice or facts.file or "chinesecalendar"
            detail = f"{facts.workdays} workdays, {len(facts.make_up)} make-up workdays; {source}"
            found.append(Checked(str(year), True, detail))
    if warning := calendar.warning(today):
        year = today.year if not calendar.covers(today.year) else today.year + 1
        found.append(Checked(str(year), False, warning))
    return found


def add(site: Site, source: Path, replace: bool = False) -> Added:
    """Check ``source`` with the other files, and put it below the installation's ``config/calendar``.

    An installation without that folder gets it with the shipped files. Nothing is changed where the file
    is wrong (CalendarError), or another one stands in its place and ``replace`` is false (ConfigError).
    """
    text = _text(source)
    change = parse_overrides(text, str(source))
    if not change.notice:
        raise CalendarError('name the official notice: notice = "国办发明电〔…〕…号"', str(source), 1)
    folder = site.home / "config" / "calendar"
    target = folder / f"CN-{change.year}.toml"
    others = [_read(file) for file in site.calendar_files() if file.name != target.name]
    before, after = site.calendar, calendar_from([*others, change])
    if target.exists() and not replace and _text(target) != text:
        raise ConfigError("is there already: give --replace to put the new one in its place", str(target))
    if not folder.is_dir():
        shipped = site.calendar_files()
        folder.mkdir(parents=True)
        for file in shipped:
            shutil.copyfile(file, folder / file.name)
    part = target.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, target)
    facts = _facts(after, change.year, change)
    return Added(target, facts, _changed(before, after, change.year))


def _changed(before: Calendar, after: Calendar, year: int) -> tuple[date, ...]:
    if not before.covers(year):
        return ()
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))
    return tuple(day for day in days if before.is_workday(day) != after.is_workday(day))


def _read(file: Path) -> YearOverrides:
    return parse_overrides(_text(file), str(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save it as UTF-8", str(file)) from None


def spans(days: tuple[date, ...]) -> list[tuple[date, date]]:
    """First and last of each run of consecutive days."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
