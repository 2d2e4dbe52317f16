from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.media.clock import TICK_S, SubTicks


def test_deadlines_are_absolute() -> None:
    ticks = SubTicks(100.0)
    assert ticks.deadline() == 100.01
    assert list(ticks.due(100.009)) == []
    assert list(ticks.due(100.0101)) == [1]
    assert list(ticks.due(100.0101)) == []
    assert list(ticks.due(100.0339)) == [2, 3]
    assert ticks.deadline() == 100.0 + 4 * TICK_S
    assert ticks.position(101.0) == 8000


def test_a_stall_is_made_up_for_by_a_few_and_the_rest_is_skipped() -> None:
    ticks = SubTicks(0.0)
    assert list(ticks.due(0.3)) == list(range(11, 31))
    assert ticks.skipped == 10
    assert list(ticks.due(0.3101)) == [31]


def test_rest_is_neither_due_nor_skipped() -> None:
    ticks = SubTicks(0.0)
    ticks.rest(1000.0)
    assert list(ticks.due(1000.011)) == [100001]
    assert ticks.skipped == 0


@given(st.lists(st.floats(0, 0.5), max_size=100))
def test_each_sub_tick_once_in_order_and_none_early(sleeps: list[float]) -> None:
    ticks = SubTicks(5.0)
    now, last = 5.0, 0
    for sleep in sleeps:
        now += sleep
        run = list(ticks.due(now))
        assert len(run) <= SubTicks.CATCH_UP
        for number in run:
            assert number > last
            assert 5.0 + number * TICK_S <= now + 1e-6
            last = number
        assert ticks.deadline() > now - 1e-6
