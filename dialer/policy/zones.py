"""IANA zones, found or not: an unknown one is never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name, or None: the caller must then refuse to dial."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """That wall-clock time as a moment; one that a clock change skips becomes the moment after it."""
    return datetime.combine(day, at, zone).astimezone(UTC).astimezone(zone)


def at_least(moment: datetime, other: datetime) -> bool:
    """Whether ``moment`` is ``other`` or later, as instants.

    Two datetimes of one zone compare by wall clock in Python, which is wrong where clocks change.
    """
    zone = moment.tzinfo
    if zone is other.tzinfo and zone is not UTC and moment.utcoffset() != other.utcoffset():
        return moment.astimezone(UTC) >= other.astimezone(UTC)
    return moment >= other
