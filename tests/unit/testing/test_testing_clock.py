"""Legal time that can be moved on, never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.testing.clock import MovableClock

START = datetime(2026, 11, 10, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
SOON = timedelta(seconds=30)


def test_it_starts_where_it_is_told_and_runs() -> None:
    clock = MovableClock(START)
    first, second = clock(), clock()
    assert START <= first <= second < START + SOON
    assert first.tzinfo is START.tzinfo


def test_it_jumps_forward_only() -> None:
    clock = MovableClock(START)
    clock.move_to(START + timedelta(days=3))
    assert clock() >= START + timedelta(days=3)
    clock.move_to(START.astimezone(UTC))
    assert clock() >= START + timedelta(days=3)


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        MovableClock(datetime(2026, 11, 10))
