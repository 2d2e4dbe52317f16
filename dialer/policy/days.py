"""Calendar arithmetic that no notice changes."""

from __future__ import annotations

from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or that month's last day: 31 January and one give 28 February."""
    ordinal = day.year * 12 + day.month - 1 + months
    first = date(ordinal // 12, ordinal % 12 + 1, 1)
    after = date((ordinal + 1) // 12, (ordinal + 1) % 12 + 1, 1)
    return first.replace(day=min(day.day, (after - first).days))
