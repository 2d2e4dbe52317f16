"""What customers say about a later call, and when it is then made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CALENDAR, SETTINGS, SHANGHAI, at, task, verdict_on

from dialer.model import AppointmentWish as Wish
from dialer.model import Segment
from dialer.policy.appointments import resolve
from dialer.policy.verdict import Dial

ALLOWED = replace(SETTINGS, appointment_outside_windows=True)


def when(wish: Wish, now: str = "11-10 10:10", segment: Segment = Segment.GENERAL) -> str:
    return f"{resolve(wish, at(now), CALENDAR, SETTINGS, 'Asia/Shanghai', segment):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("wish", "now", "expected"),
    [
        (Wish(), "11-10 10:10", "11-10 14:00"),  # "later"
        (Wish(), "11-10 14:10", "11-11 10:00"),
        (Wish(days=1, half="pm"), "11-10 10:10", "11-11 14:00"),
        (Wish(days=1, half="am"), "11-10 10:10", "11-11 10:00"),
        (Wish(days=1), "11-10 14:10", "11-11 10:00"),
        (Wish(half="pm"), "11-10 10:10", "11-10 14:00"),
        (Wish(half="am"), "11-10 14:10", "11-11 10:00"),
        (Wish(days=0, half="pm"), "11-10 14:10", "11-10 14:40"),  # half an hour later at the soonest
        (Wish(days=0, half="am"), "11-10 14:10", "11-11 10:00"),
        (Wish(days=1, half="pm"), "11-13 10:10", "11-16 14:00"),  # Friday: tomorrow is Saturday
        (Wish(days=1, half="pm"), "09-30 10:10", "10-08 14:00"),
        (Wish(days=1, hour=15, minute=30), "11-10 10:10", "11-11 15:30"),
        (Wish(days=1, hour=3, half="pm"), "11-10 10:10", "11-11 15:00"),
        (Wish(days=1, hour=3), "11-10 10:10", "11-11 15:00"),  # 三点 is in the afternoon
        (Wish(hour=15), "11-10 10:10", "11-10 15:00"),
        (Wish(hour=10), "11-10 14:10", "11-11 10:00"),
        (Wish(days=0, hour=10), "11-10 14:10", "11-11 10:00"),
        (Wish(hour=14, minute=20), "11-10 14:10", "11-10 14:40"),
        (Wish(hour=17), "11-10 15:45", "11-11 15:50"),
        (Wish(days=1, hour=9), "11-10 10:10", "11-11 10:00"),
        (Wish(days=1, hour=12), "11-10 10:10", "11-11 10:50"),
        (Wish(days=1, hour=13), "11-10 10:10", "11-11 14:00"),
        (Wish(days=1, hour=19, half="pm"), "11-10 10:10", "11-11 15:50"),
        (Wish(days=1, hour=77), "11-10 10:10", "11-11 10:00"),  # not an hour: not said
        (Wish(days=400), "01-05 10:10", "04-07 10:00"),
    ],
)
def test_wishes(wish: Wish, now: str, expected: str) -> None:
    assert when(wish, now) == expected


def test_a_government_afternoon_begins_at_three() -> None:
    assert when(Wish(days=1, half="pm"), segment=Segment.GOVERNMENT) == "11-11 15:00"


def test_an_hour_outside_the_windows_is_kept_where_the_campaign_allows_it() -> None:
    noon = Wish(days=1, hour=12, minute=15)
    assert resolve(noon, at("11-10 10:10"), CALENDAR, ALLOWED, "Asia/Shanghai") == at("11-11 12:15")
    late = resolve(Wish(days=1, hour=22), at("11-10 10:10"), CALENDAR, ALLOWED, "Asia/Shanghai")
    assert late == at("11-11 15:50")


def test_a_wish_over_new_year_is_kept_before_the_calendar_is_out() -> None:
    wished = resolve(Wish(days=1, half="pm"), at("12-31 10:10"), CALENDAR, SETTINGS, "Asia/Shanghai")
    assert wished == datetime(2027, 1, 1, 14, tzinfo=SHANGHAI)


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="Mars"):
        resolve(Wish(), at("11-10 10:10"), CALENDAR, SETTINGS, "Mars/Phobos")


@given(
    st.builds(
        Wish,
        days=st.none() | st.integers(-3, 40),
        half=st.sampled_from(["", "am", "pm"]),
        hour=st.none() | st.integers(-1, 30),
        minute=st.integers(0, 59),
    ),
    st.datetimes(datetime(2026, 1, 5), datetime(2026, 10, 20)),
    st.sampled_from(list(Segment)),
    st.sampled_from([SETTINGS, ALLOWED]),
)
def test_the_agreed_time_can_be_kept(wish: Wish, now: datetime, segment: Segment, settings: object) -> None:
    """Whatever is wished: the time lies ahead, and a call may leave then."""
    moment = now.replace(tzinfo=UTC)
    agreed = resolve(wish, moment, CALENDAR, settings, "Asia/Shanghai", segment)  # type: ignore[arg-type]
    assert agreed - moment >= timedelta(minutes=30)
    assert agreed.astimezone(SHANGHAI).date() > date(2026, 1, 1)
    asked = task(appointment=agreed, segment=segment)
    decision = verdict_on(agreed, of=asked, settings=settings)  # type: ignore[arg-type]
    assert isinstance(decision.verdict, Dial)
    assert decision.verdict.rule == "R79"
