"""How long a recording must be kept: pure arithmetic on the call's own end, never on a customer's status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dialer.model import AnswerClass
from dialer.ports import CallView

MIN_YEARS = 3
CAMPAIGN = "campaign:"
KINDS = ("ticket", "major", "complaint", "transferred")


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """A kind of call that is kept longer, and how many years."""

    name: str
    """``ticket``: any problem was found; ``major``: a major anomaly (R56); ``complaint``; ``transferred``;
    or ``campaign:`` and its name."""
    years: int

    @classmethod
    def parse(cls, text: str) -> RetentionClass:
        """``major 10``. Raises ValueError."""
        name, _, years = text.strip().rpartition(" ")
        if not years.isdigit() or not MIN_YEARS <= int(years) <= 100:
            raise ValueError(f"{text!r}: write a kind and its years (3 to 100), e.g. 'major 10'")
        name = name.strip()
        if name not in KINDS and (not name.startswith(CAMPAIGN) or name == CAMPAIGN):
            raise ValueError(f"{text!r}: no such kind: {', '.join(KINDS)} or campaign:NAME")
        return cls(name, int(years))


def classes_of(view: CallView) -> frozenset[str]:
    """The kinds that a finished call belongs to, by its own data."""
    found = {CAMPAIGN + view.task.campaign}
    if view.record is not None:
        tickets = view.record.tickets
        found |= {"ticket"} if tickets else set()
        found |= {"major"} if any(one.major for one in tickets) else set()
        complained = any(one.answer_class is AnswerClass.COMPLAINT for one in view.record.answers)
        found |= {"complaint"} if complained else set()
        found |= {"transferred"} if view.record.transferred else set()
    return frozenset(found)


def longest(view: CallView, years: int, longer: Sequence[RetentionClass]) -> tuple[int, str]:
    """(years, the class that made it so or empty)"""
    mine = classes_of(view)
    best = max((one for one in longer if one.name in mine), key=lambda one: one.years, default=None)
    return (best.years, best.name) if best is not None and best.years > years else (years, "")


def retain_until(end: datetime, years: int = MIN_YEARS) -> date:
    """The last day on which the recording must still be there; from the day after it may go.

    Counted in calendar years from the call's end, in the local date of ``end``'s own zone.
    29 February rounds up to 1 March. Raises ValueError for a naive ``end``, fewer than 3 years
    or a day beyond the calendar.
    """
    if end.tzinfo is None:
        raise ValueError("the call's end needs a zone: its local date counts")
    if years < MIN_YEARS:
        raise ValueError(f"{years} years: at least {MIN_YEARS} must be kept")
    day = end.date()
    year = day.year + years
    try:
        return day.replace(year=year)
    except ValueError:
        if (day.month, day.day) != (2, 29):
            raise
        return date(year, 3, 1)
