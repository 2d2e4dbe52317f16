"""Open windows, asked once for all customers of a lane and remembered for as long as that holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CALENDAR, SETTINGS, at

from dialer.model import Segment
from dialer.policy.doors import door
from dialer.policy.windows import slots_of
from dialer.policy.zones import find_zone

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London")
FIRST = datetime(2026, 9, 25, tzinfo=UTC)
"""Before the October holidays, their make-up workdays and the end of summer time."""


def plainly_open(zone: str, segment: Segment, moment: datetime) -> bool:
    where = find_zone(zone)
    assert where is not None
    day = moment.astimezone(where).date()
    slots = slots_of(day, segment, where, SETTINGS)
    return CALENDAR.is_workday(day) and any(slot.may_start(moment) for slot in slots)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(Segment),
    st.integers(0, 45),
    st.integers(0, 86_399),
    st.lists(st.integers(0, 2 * 86_400), min_size=1, max_size=30),
)
def test_what_is_remembered_is_what_is_so(
    zone: str, segment: Segment, day: int, second: int, later: list[int]
) -> None:
    moment = FIRST + timedelta(days=day, seconds=second)
    found = door(zone, segment, moment, CALENDAR, SETTINGS)
    assert found.open == plainly_open(zone, segment, moment)
    assert found.known(moment) or not found.open
    edge = int((found.until - moment).total_seconds())
    for seconds in (*later, edge - 1, edge, edge + 1):
        then = moment + timedelta(seconds=seconds)
        if found.known(then):
            assert found.open == plainly_open(zone, segment, then), then


def test_the_edges_of_a_window() -> None:
    morning = door("", Segment.GENERAL, at("11-10 10:00"), CALENDAR, SETTINGS)
    assert morning.open
    assert morning.known(at("11-10 10:59:35"))
    assert not morning.known(at("11-10 10:59:36"))
    assert not morning.known(at("11-10 09:59:59")), "the clock was set back"
    noon = door("", Segment.GENERAL, at("11-10 11:00"), CALENDAR, SETTINGS)
    assert not noon.open
    assert noon.known(at("11-10 13:59:59"))
    assert not noon.known(at("11-10 14:00"))
    saturday = door("", Segment.GENERAL, at("11-14 10:30"), CALENDAR, SETTINGS)
    assert (saturday.open, saturday.until) == (False, at("11-15 00:00"))


def test_what_cannot_be_known_is_open_and_not_remembered() -> None:
    now = at("11-10 03:00")
    lost = door("Mars/Olympus", Segment.GENERAL, now, CALENDAR, SETTINGS)
    assert lost.open
    assert not lost.known(now + timedelta(seconds=1))
    far = datetime(2040, 1, 7, 2, 30, tzinfo=UTC)
    assert not CALENDAR.covers(far.year), "whether that Saturday is worked isn't known"
    assert door("", Segment.GENERAL, far, CALENDAR, SETTINGS).open
