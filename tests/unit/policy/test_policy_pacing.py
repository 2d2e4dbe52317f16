"""Never more than cps calls in any second."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.policy.pacing import Pacer, lines_free


@given(
    st.floats(0.1, 100),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_any_second_holds_at_most_cps_calls(cps: float, gaps: list[float]) -> None:
    pacer, now, left = Pacer(cps), 0.0, []
    for gap in gaps:
        now += gap
        now += pacer.wait_s(now)
        pacer = pacer.take(now)
        left.append(now)
    for first in left:
        assert sum(first <= at < first + 1 - 1e-6 for at in left) <= math.ceil(cps)


@given(st.sampled_from([1.0, 2.0, 30.0, 300.0]), st.lists(st.floats(0, 0.004), min_size=7, max_size=29))
def test_late_timers_cost_no_calls(cps: float, late: list[float]) -> None:
    """Each call leaves up to 4 ms after its turn: the rhythm stays, within the cap of any second."""
    pacer, now, left = Pacer(cps), 0.0, []
    for after in late * 30:
        now += pacer.wait_s(now) + after
        now += pacer.wait_s(now)
        pacer = pacer.take(now)
        left.append(now)
    assert left[-1] - left[0] <= (len(left) - 1) / cps * 1.02 + 0.01
    for index in range(0, len(left), 37):
        assert sum(left[index] <= at < left[index] + 1 - 1e-6 for at in left) <= cps


def test_taking_out_of_turn_is_an_error() -> None:
    pacer = Pacer(2).take(10.0)
    assert pacer.wait_s(10.1) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="yet"):
        pacer.take(10.1)


@pytest.mark.parametrize("cps", [0.0, -1.0, 1001.0, float("nan")])
def test_wrong_rates(cps: float) -> None:
    with pytest.raises(ValueError, match="cps"):
        Pacer(cps)


@pytest.mark.parametrize(
    ("own", "live", "trunk", "free"), [(10, 3, 100, 7), (10, 3, 2, 2), (2, 3, 9, 0), (2, 0, -1, 0)]
)
def test_lines(own: int, live: int, trunk: int, free: int) -> None:
    assert lines_free(own, live, trunk) == free
