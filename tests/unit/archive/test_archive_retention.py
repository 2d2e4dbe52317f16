from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.archive.retention import retain_until

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no wrong result."""

CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (datetime(2026, 11, 10, 10, 5, tzinfo=CHINA), date(2029, 11, 10)),
        (datetime(2024, 2, 29, 15, 59, tzinfo=CHINA), date(2027, 3, 1)),
        (datetime(2025, 2, 28, 15, 59, tzinfo=CHINA), date(2028, 2, 28)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=CHINA), date(2029, 12, 31)),
    ],
)
def test_three_calendar_years_and_29_february_rounds_up(end: datetime, kept: date) -> None:
    assert retain_until(end) == kept


def test_29_february_stays_where_the_target_year_has_one() -> None:
    assert retain_until(datetime(2024, 2, 29, 12, tzinfo=CHINA), 4) == date(2028, 2, 29)


def test_the_local_date_counts() -> None:
    late = datetime(2026, 11, 10, 0, 30, tzinfo=CHINA)
    assert retain_until(late) == date(2029, 11, 10)
    assert retain_until(late.astimezone(UTC)) == date(2029, 11, 9)


@UNHURRIED
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(CHINA)),
    st.integers(3, 30),
)
def test_never_shorter_than_promised(end: datetime, years: int) -> None:
    kept = retain_until(end, years)
    # Through the whole of that day: the first moment at which it may go is the next midnight.
    goes = datetime(kept.year, kept.month, kept.day, tzinfo=CHINA) + timedelta(days=1)
    assert (goes.year, goes.month, goes.day) > (end.year + years, end.month, end.day)
    assert goes - end < timedelta(days=366 * years + 3)


def test_what_would_shorten_it_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        retain_until(datetime(2026, 1, 1, tzinfo=CHINA), 2)
    with pytest.raises(ValueError, match="zone"):
        retain_until(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="year"):
        retain_until(datetime(9998, 1, 1, tzinfo=CHINA))
