"""How often customers of a tier are called back: named tables, chosen by a setting (R32, R77, R78, R96)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from dialer.policy.days import add_months

TABLES = ("R77", "R78", "R96")
_ENTRY = re.compile(r"^\s*(\w+)\s+(\d{1,3})\s*(week|month)s?\s*$")
_LONGEST_MONTHS, _LONGEST_WEEKS = 12, 52
"""R32: every customer at least once a year."""


@dataclass(frozen=True, slots=True)
class Every:
    """One tier's interval between two call-backs."""

    tier: str
    count: int
    unit: str
    """``week`` or ``month``."""

    @property
    def about_days(self) -> int:
        """For comparing intervals, no more."""
        return self.count * (7 if self.unit == "week" else 30)

    def after(self, day: date) -> date:
        """The day from which the next call-back is due."""
        if self.unit == "week":
            return day + timedelta(weeks=self.count)
        return add_months(day, self.count)

    def __str__(self) -> str:
        return f"{self.tier} {self.count} {self.unit}{'s' if self.count > 1 else ''}"


@dataclass(frozen=True, slots=True)
class TierTable:
    """One named table, e.g. ``R77: A 1 month, B 3 months, C 6 months``."""

    name: str
    every: tuple[Every, ...]

    @classmethod
    def parse(cls, text: str) -> TierTable:
        """Raises ValueError."""
        name, colon, rest = text.partition(":")
        name = name.strip()
        if not colon or name not in TABLES:
            raise ValueError(
                f"{text!r} is no tier table: write e.g. 'R77: A 1 month, B 3 months' (R77, R78 or R96)"
            )
        found = [cls._entry(part, text) for part in rest.split(",")]
        names = [one.tier for one in found]
        if len(set(names)) < len(names):
            raise ValueError(f"{text!r} names a tier twice")
        return cls(name, tuple(found))

    @staticmethod
    def _entry(part: str, text: str) -> Every:
        read = _ENTRY.match(part)
        if read is None:
            raise ValueError(f"{part.strip()!r} in {text!r}: write tier, number and unit, e.g. B 3 months")
        count, unit = int(read[2]), read[3]
        most = _LONGEST_WEEKS if unit == "week" else _LONGEST_MONTHS
        if not 1 <= count <= most:
            raise ValueError(f"{part.strip()!r} in {text!r}: at least once a year (R32), 1 to {most} {unit}s")
        return Every(read[1], count, unit)

    def of(self, tier: str) -> Every | None:
        return next((one for one in self.every if one.tier == tier), None)

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(map(str, self.every))}"
