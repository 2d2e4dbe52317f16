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
