"""When a trunk rests, for how long, and what lets it work again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.sip.breaker import Breaker, BreakerState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def breaker(threshold: int = 3, backoff_s: float = 30.0, max_backoff_s: float = 600.0) -> Breaker:
    return Breaker(threshold, backoff_s, max_backoff_s)


def test_doubtful_faults_open_it_only_in_a_row() -> None:
    found = breaker()
    assert not found.failed(0.0, "500")
    assert not found.failed(1.0, "500")
    found.worked(2.0)
    assert not found.failed(3.0, "500")
    assert not found.failed(4.0, "500")
    assert found.state(4.0) is CLOSED
    assert found.failed(5.0, "504 Timeout")
    assert found.state(5.0) is OPEN
    assert found.reason == "504 Timeout"
    assert found.rest_until == 35.0


def test_one_certain_fault_opens_it_and_retry_after_is_heeded_up_to_the_cap() -> None:
    found = breaker(max_backoff_s=60.0)
    assert found.failed(0.0, "503", retry_after_s=17.0, certain=True)
    assert not found.may_call(16.9)
    assert found.state(17.0) is HALF_OPEN
    capped = breaker(max_backoff_s=60.0)
    capped.failed(0.0, "503", retry_after_s=99999.0, certain=True)
    assert capped.state(59.9) is OPEN
    assert capped.state(60.0) is HALF_OPEN


def test_half_open_lets_one_call_through_and_its_end_decides() -> None:
    found = breaker()
    found.failed(0.0, "503", certain=True)
    assert found.may_call(30.0)
    assert found.took(30.0), "it is the trial"
    assert not found.may_call(31.0)
    found.worked(32.0)
    assert found.state(32.0) is CLOSED
    assert not found.took(33.0)
    assert found.reason == ""


def test_a_trial_that_says_nothing_makes_room_for_the_next() -> None:
    found = breaker()
    found.failed(0.0, "503", certain=True)
    found.took(30.0)
    found.withdrawn()
    assert found.may_call(30.0)


def test_each_failed_trial_doubles_the_rest_until_it_worked() -> None:
    found, now, rests = breaker(max_backoff_s=100.0), 0.0, []
    for _ in range(4):
        found.failed(now, "503", certain=True)
        assert found.rest_until is not None
        rests.append(found.rest_until - now)
        now = found.rest_until
        assert found.took(now)
    assert rests == [30.0, 60.0, 100.0, 100.0]
    found.worked(now)
    found.failed(now, "503", certain=True)
    assert found.rest_until == now + 30.0


def test_one_doubtful_fault_is_enough_on_trial() -> None:
    found = breaker(threshold=5)
    found.failed(0.0, "no", certain=True)
    found.took(30.0)
    assert found.failed(31.0, "500")
    assert found.state(31.0) is OPEN


def test_late_reports_of_calls_from_before_change_nothing() -> None:
    found = breaker()
    found.failed(0.0, "503", retry_after_s=20.0, certain=True)
    found.worked(1.0)
    assert found.state(1.0) is OPEN, "that call was on its way before"
    assert not found.failed(2.0, "503", certain=True)
    assert found.rest_until == 20.0
    assert not found.failed(2.0, "503", retry_after_s=50.0, certain=True)
    assert found.rest_until == 52.0, "but a longer wish is heeded"


def test_an_answer_to_options_ends_the_rest_of_a_silent_carrier_only() -> None:
    silent = breaker()
    silent.failed(0.0, "no response", certain=True, silent=True)
    silent.alive(5.0)
    assert silent.state(5.0) is CLOSED
    refusing = breaker()
    refusing.failed(0.0, "503", certain=True)
    refusing.alive(5.0)
    assert refusing.state(5.0) is OPEN
    refusing.alive(31.0)
    assert refusing.state(31.0) is HALF_OPEN, "only a call shows that calls are taken again"


def test_options_alone_do_not_clear_a_carrier_that_was_silent_to_a_call() -> None:
    """A firewall that eats large INVITEs and passes OPTIONS: no burst of calls goes into it each time."""
    found = breaker()
    found.failed(0.0, "no response", certain=True, silent=True, called=True)
    found.alive(5.0)
    assert found.state(5.0) is HALF_OPEN
    assert found.took(6.0)
    assert not found.may_call(6.0), "one call at a time"
    found.failed(14.0, "no response", certain=True, silent=True, called=True)
    found.alive(20.0)
    assert found.state(20.0) is OPEN, "it has shown that its OPTIONS say nothing of calls"
    assert found.rest_until == 14.0 + 60.0
    found.alive(74.0)
    assert found.took(74.0)
    found.worked(75.0)
    assert found.state(75.0) is CLOSED
    gone = breaker()
    gone.failed(0.0, "no response", certain=True, silent=True, called=True)
    gone.failed(5.0, "OPTIONS: no response", retry_after_s=20.0, certain=True, silent=True)
    gone.alive(10.0)
    assert gone.state(10.0) is CLOSED, "it was away altogether, and is there again"


def test_a_retry_after_that_is_always_too_short_is_doubled() -> None:
    found, now, rests = breaker(max_backoff_s=100.0), 0.0, []
    for _ in range(5):
        found.failed(now, "503", retry_after_s=1.0, certain=True)
        assert found.rest_until is not None
        rests.append(found.rest_until - now)
        now = found.rest_until
        found.took(now)
    assert rests == [1.0, 30.0, 60.0, 100.0, 100.0]


EVENTS = st.sampled_from(["certain", "doubtful", "silent", "worked", "alive", "call", "withdrawn"])


@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 200.0)), max_size=40))
def test_whatever_happens_it_never_rests_too_long_and_never_for_ever(
    course: list[tuple[str, float]],
) -> None:
    found, now = breaker(max_backoff_s=120.0), 0.0
    for what, pause in course:
        now += pause
        if what == "certain":
            found.failed(now, "x", retry_after_s=pause * 10, certain=True)
        elif what == "doubtful":
            found.failed(now, "x")
        elif what == "silent":
            found.failed(now, "x", certain=True, silent=True)
        elif what == "worked":
            found.worked(now)
        elif what == "alive":
            found.alive(now)
        elif what == "withdrawn":
            found.withdrawn()
        elif found.may_call(now):
            found.took(now)
        if found.rest_until is not None:
            assert found.rest_until <= now + 120.0
        assert (found.reason == "") is (found.state(now) is CLOSED)
    found.withdrawn()
    assert found.may_call(now + 120.0)
