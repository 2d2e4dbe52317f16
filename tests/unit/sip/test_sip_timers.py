"""The queue of deadlines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.sip.timers import TimerQueue


def test_the_newest_deadline_of_a_key_wins_and_none_cancels() -> None:
    queue = TimerQueue()
    queue.set("a", 5.0)
    queue.set("b", 3.0)
    queue.set("a", 1.0)
    assert queue.next() == 1.0
    queue.set("a", None)
    assert queue.pop(2.9) is None
    assert queue.pop(3.0) == "b"
    assert queue.next() is None
    assert len(queue) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats(0, 100))))
def test_everything_that_is_set_is_due_once_in_order(steps: list[tuple[int, float | None]]) -> None:
    queue, expected = TimerQueue(), {}
    for key, when in steps:
        queue.set(key, when)
        expected.pop(key, None)
        if when is not None:
            expected[key] = when
    found = []
    while (when := queue.next()) is not None:
        key = queue.pop(when)
        assert isinstance(key, int)
        assert expected.pop(key) == when
        found.append(when)
    assert found == sorted(found)
    assert not expected


def test_what_is_cancelled_takes_no_memory_until_it_would_have_been_due() -> None:
    """Half an hour of calls with session timers would lie here otherwise."""
    queue = TimerQueue()
    for number in range(10_000):
        queue.set(number, 1800.0)
        queue.set(number, None if number % 100 else 900.0)
    assert len(queue) == 100
    assert queue.held < 1000
    assert [queue.pop(900.0) for _ in range(100)] == list(range(0, 10_000, 100))
    assert queue.next() is None
