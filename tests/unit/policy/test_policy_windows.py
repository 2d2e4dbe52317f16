"""Slots on the clock: local days, the last moment to start, clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CALENDAR, SETTINGS, SHANGHAI, at

from dialer.model import Segment
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.windows import slots_after, slots_of, start_of_next_day
from dialer.policy.zones import at_least, find_zone


def test_a_ring_of_25_seconds_fits_before_the_end() -> None:
    slot = slots_of(date(2026, 11, 10), Segment.GENERAL, SHANGHAI, SETTINGS)[0]
    assert (slot.key, slot.label) == ("2026-11-10/0", "11月10日 10:00-11:00")
    assert slot.may_start(at("11-10 10:59:35"))
    assert not slot.may_start(at("11-10 10:59:36"))
    assert slot.holds(at("11-10 10:59:59"))
    assert not slot.holds(at("11-10 11:00"))
    assert not slot.may_start(at("11-10 09:59:59"))


def test_slots_come_in_order_and_only_on_workdays() -> None:
    found = slots_after(at("09-30 14:30"), Segment.GOVERNMENT, SHANGHAI, CALENDAR, SETTINGS)
    first = [next(found) for _ in range(4)]
    assert [f"{start:%m-%d %H:%M}" for start, _ in first] == [
        "09-30 15:00",
        "10-08 10:00",
        "10-08 15:00",
        "10-09 10:00",
    ]


def test_the_present_slot_starts_now() -> None:
    start, slot = next(slots_after(at("11-10 10:20"), Segment.GENERAL, SHANGHAI, CALENDAR, SETTINGS))
    assert (start, slot.key) == (at("11-10 10:20"), "2026-11-10/0")


def test_a_window_in_a_gap_of_the_clock_has_its_real_length() -> None:
    """In New York 2026-03-08 has no 02:00-03:00."""
    zone = ZoneInfo("America/New_York")
    settings = PolicySettings(
        windows=(Window(time(1, 30), time(3, 30)),), government_windows=(Window(time(1, 30), time(3, 30)),)
    )
    slot = slots_of(date(2026, 3, 8), Segment.GENERAL, zone, settings)[0]
    real = slot.end.astimezone(UTC) - slot.start.astimezone(UTC)
    assert real == timedelta(hours=1)
    assert slot.latest_start.astimezone(UTC) == slot.end.astimezone(UTC) - timedelta(seconds=25)
    assert not slot.may_start(datetime(2026, 3, 8, 7, 29, 36, tzinfo=UTC))


def test_moments_are_compared_as_instants_where_an_hour_comes_twice() -> None:
    zone = ZoneInfo("America/New_York")
    first = datetime(2026, 11, 1, 1, 30, tzinfo=zone)
    second = datetime(2026, 11, 1, 1, 10, tzinfo=zone, fold=1)
    assert at_least(second, first)
    assert not at_least(first, second)


def test_the_next_day_begins_at_local_midnight() -> None:
    urumqi = ZoneInfo("Asia/Urumqi")
    assert start_of_next_day(at("11-10 01:30"), urumqi) == datetime(2026, 11, 10, tzinfo=urumqi)


@pytest.mark.parametrize(
    "name", ["", "Asia", "Mars/Phobos", "../etc/passwd", "/etc/localtime", "a\0b", "上海", "x" * 300]
)
def test_unknown_zones_are_not_guessed(name: str) -> None:
    assert find_zone(name) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 1)), st.sampled_from(list(Segment)))
def test_a_slot_that_is_offered_can_be_used(moment: datetime, segment: Segment) -> None:
    now = moment.replace(tzinfo=UTC)
    start, slot = next(slots_after(now, segment, SHANGHAI, CALENDAR, SETTINGS))
    assert at_least(start, now)
    assert slot.may_start(start)
    assert CALENDAR.is_workday(start.astimezone(SHANGHAI).date())
