from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.errors import StoreError
from dialer.events import Event, TaskImported
from dialer.model import TaskId
from dialer.store.outbox import decode, encode

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no wrong result."""

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))])
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES)


@UNHURRIED
@given(st.data())
@pytest.mark.parametrize("kind", get_args(Event))
def test_every_event_comes_back(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(st.builds(kind, at=TIMES))
    name, payload = encode(event)
    assert name == kind.__name__
    assert decode(name, payload) == event


def test_an_unknown_or_broken_event_is_told() -> None:
    with pytest.raises(StoreError, match="'MoonLanded' event"):
        decode("MoonLanded", "{}")
    name, payload = encode(TaskImported(datetime(2026, 1, 1, tzinfo=UTC), TaskId(1), "c"))
    with pytest.raises(StoreError, match="can't be read"):
        decode(name, payload[:-3])
    with pytest.raises(StoreError, match="can't be read"):
        decode(name, "{}")
