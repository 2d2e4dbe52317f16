"""Settings of the import."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.policy.calendar import Calendar
from dialer.policy.duedates import DeadlineType


@dataclass(frozen=True, slots=True)
class IntakeConfig:
    """What an import may hold at most. A wrong value raises ValueError."""

    max_bytes: int = 50_000_000
    """Size of the file."""

    max_unpacked_bytes: int = 200_000_000
    """Size of an xlsx once unpacked: a small file can hide a huge one."""

    max_rows: int = 200_000
    """Rows that hold anything, the header included."""

    max_columns: int = 100
    """Columns; what lies further right isn't read."""

    country: str = "86"
    """Country code of numbers that name none."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_unpacked_bytes", "max_rows", "max_columns"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is below 1")
        if not self.country.isdecimal():
            raise ValueError(f"country: {self.country!r} is no country code: write e.g. 86")


@dataclass(frozen=True, slots=True)
class Dating:
    """By what an import dates its call-backs (R30, R31, R83, R84, R86, R87)."""

    types: tuple[DeadlineType, ...] = ()
    """The deadline types that a row may name."""
    calendar: Calendar = field(default_factory=lambda: Calendar(frozenset(), frozenset(), frozenset()))
    default: str = ""
    """The type of rows that name none and have no date of their own; empty: they have no deadline."""
