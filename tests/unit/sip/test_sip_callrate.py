"""At most so many calls in any second, whoever asks and whenever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.sip.callrate import CallRate


def most_in_a_second(times: list[float], window_s: float = 1.0) -> int:
    return max((sum(at <= other < at + window_s for other in times) for at in times), default=0)


def leave(rate: CallRate, now: float) -> float:
    """When a call that asks now leaves."""
    at = rate.next_at(now)
    rate.take(at)
    return at


@pytest.mark.parametrize(("per_s", "count"), [(1.0, 1), (2.0, 2), (2.5, 2), (10.0, 10), (50.0, 50)])
def test_a_crowd_leaves_at_the_pace(per_s: float, count: int) -> None:
    rate = CallRate(per_s)
    times = [leave(rate, 0.0) for _ in range(200)]
    assert times == sorted(times)
    assert times[:count] == [0.0] * count, "what the carrier allows leaves at once"
    assert most_in_a_second(times) == count
    assert times[-1] == pytest.approx(199 // count, rel=0.04)


def test_below_one_a_second() -> None:
    rate = CallRate(0.5)
    assert [leave(rate, 0.0) for _ in range(3)] == pytest.approx([0.0, 2.03, 4.06])


def test_no_bound() -> None:
    rate = CallRate(0.0)
    assert {leave(rate, 5.0) for _ in range(1000)} == {5.0}
    assert rate.next_at(5.0) == 5.0


def test_asking_takes_nothing() -> None:
    rate = CallRate(1.0)
    assert [rate.next_at(1.0) for _ in range(3)] == [1.0] * 3
    assert leave(rate, 1.0) == 1.0
    assert rate.next_at(1.5) == pytest.approx(2.03)
    assert rate.next_at(9.0) == 9.0


@given(st.floats(0.2, 20.0), st.lists(st.floats(0.0, 1.5), max_size=60))
def test_any_course_of_calls_keeps_the_pace_and_its_order(per_s: float, pauses: list[float]) -> None:
    rate, now, times = CallRate(per_s), 0.0, []
    for pause in pauses:
        now = max([now + pause, *times[-1:]])  # they leave in their order
        at = leave(rate, now)
        assert at >= now
        times.append(at)
    assert times == sorted(times)
    assert most_in_a_second(times) <= max(1, int(per_s))


@given(st.floats(0.3, 12.0), st.integers(0, 30))
def test_who_waits_in_a_line_knows_when_its_turn_is(per_s: float, ahead: int) -> None:
    rate, at = CallRate(per_s), 0.0
    told = rate.next_at(0.0, ahead)
    for _ in range(ahead + 1):
        at = leave(rate, at)
    assert at == told


def test_nobody_leaves_before_its_time() -> None:
    rate = CallRate(1.0)
    rate.take(0.0)
    with pytest.raises(ValueError, match="no call may leave yet"):
        rate.take(1.0)
