"""How long a recording must be kept: pure arithmetic on the call's own end, never on a customer's status."""

from __future__ import annotations

from datetime import date, datetime

MIN_YEARS = 3


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
