"""What an operator may not set, and the words that say so."""

from __future__ import annotations

from datetime import UTC, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model import Segment
from dialer.policy.settings import PolicySettings, Window


def test_the_defaults_are_the_rules() -> None:
    settings = PolicySettings()
    assert [str(w) for w in settings.windows_for(Segment.GENERAL)] == ["10:00-11:00", "14:00-16:00"]
    assert [str(w) for w in settings.windows_for(Segment.GOVERNMENT)] == ["10:00-11:00", "15:00-16:00"]
    assert (settings.ring_s, settings.attempts_per_pass) == (20.0, 3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ring_s": 19.9}, "ring_s.*R41"),
        ({"ring_s": float("nan")}, "ring_s"),
        ({"ring_s": float("inf")}, "ring_s"),
        ({"attempts_per_pass": 2}, "attempts_per_pass.*R43"),
        ({"max_passes": 0}, "max_passes"),
        ({"daily_cap": 0}, "daily_cap"),
        ({"no_18x_ring_after_s": -1.0}, "no_18x_ring_after_s"),
        ({"uncounted_retry_s": 0.0}, "uncounted_retry_s"),
        ({"busy_recheck_s": 0.0}, "busy_recheck_s"),
        ({"fault_recheck_s": float("nan")}, "fault_recheck_s"),
        ({"appointment_tolerance_s": -5.0}, "appointment_tolerance_s"),
        ({"windows": ()}, "windows: empty"),
        ({"government_windows": ()}, "government_windows: empty"),
        ({"windows": (Window(time(14), time(16)), Window(time(10), time(11)))}, "out of order"),
        ({"windows": (Window(time(10), time(11)), Window(time(10, 30), time(16)))}, "overlap"),
        ({"windows": (Window(time(10), time(10, 0, 20)),)}, "too short"),
        ({"government_windows": (Window(time(9), time(11)),)}, "R45"),
        ({"zone": "Beijing"}, "zone.*Asia/Shanghai"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PolicySettings(**wrong)


@pytest.mark.parametrize(
    "text", ["", "10-11", "10:00", "25:00-26:00", "11:00-10:00", "10:00-10:00", "a:b-c:d"]
)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="10:00-11:00"):
        Window.parse(text)


def test_window_times_are_local() -> None:
    with pytest.raises(ValueError, match="zone"):
        Window(time(10, tzinfo=UTC), time(11, tzinfo=UTC))


@given(st.integers(0, 1438), st.integers(1, 1439))
def test_windows_are_read_as_written(start: int, length: int) -> None:
    end = min(start + length, 1439)
    window = Window(time(start // 60, start % 60), time(end // 60, end % 60))
    assert Window.parse(str(window)) == window
    assert window.seconds == (end - start) * 60
