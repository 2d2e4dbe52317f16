"""How call-backs are dated: named deadline types, counted from an event's day (R30, R31, R83, R84, R86, R87).

A campaign chooses a type by its name; what each name means is a setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from dialer.errors import CalendarError
from dialer.policy.calendar import Calendar
from dialer.policy.days import add_months

DEADLINE_TYPES = (
    "R30: 5 workdays",
    "R31: 1 month",
    "R83: 1 day",
    "R84: 3 workdays of next month",
    "R86: 3 days",
    "R87: 1 month",
    "R87-claim: 1 week",
)
"""The regulations' own: after signing (R30, R31), a visit (R83: 24 hours, so the next day at the latest),
an event of the month before (R84), a claim (R86), issuing a policy and a claim (R87)."""

_TYPE = re.compile(
    r"^\s*(?P<name>\w[\w\-]{0,39})\s*:\s*(?P<count>\d{1,3})\s*(?P<unit>workday|day|week|month)s?"
    r"(?P<next>\s+of\s+next\s+month)?\s*$"
)
_MOST = {"workday": 250, "day": 366, "week": 52, "month": 12}
"""R32: nobody waits longer than a year."""


@dataclass(frozen=True, slots=True)
class DeadlineType:
    """So many days after the event, or so many workdays of the month after it."""

    name: str
    count: int
    unit: str
    """``workday``, ``day``, ``week`` or ``month``."""
    next_month: bool = False
    """Counted from the first day of the month that follows; nobody is called before it (R84)."""

    @classmethod
    def parse(cls, text: str) -> DeadlineType:
        """Read ``R30: 5 workdays``. Raises ValueError, also for one that is later than its rule allows."""
        found = _TYPE.match(text)
        if found is None:
            raise ValueError(
                f"{text!r} is no deadline type: write e.g. 'R30: 5 workdays', 'R31: 1 month' or"
                " 'R84: 3 workdays of next month'"
            )
        made = cls(found["name"], int(found["count"]), found["unit"], bool(found["next"]))
        if not 1 <= made.count <= _MOST[made.unit]:
            raise ValueError(f"{text!r}: 1 to {_MOST[made.unit]} {made.unit}s (R32: at least once a year)")
        if made.next_month and made.unit != "workday":
            raise ValueError(f"{text!r}: only workdays are counted in the next month")
        return made

    def __str__(self) -> str:
        following = " of next month" if self.next_month else ""
        return f"{self.name}: {self.count} {self.unit}{'s' if self.count > 1 else ''}{following}"

    def within(self, other: DeadlineType) -> bool:
        """Whether it is counted as ``other`` is, and no later."""
        same = (self.unit, self.next_month) == (other.unit, other.next_month)
        return same and self.count <= other.count

    def opens(self, event: date) -> date | None:
        """The first day on which to call, where there is one (R84)."""
        return add_months(event.replace(day=1), 1) if self.next_month else None


REGULATED = {one.name: one for one in map(DeadlineType.parse, DEADLINE_TYPES)}


@dataclass(frozen=True, slots=True)
class Due:
    """The last day on which a call-back is in time."""

    day: date
    provisional: bool = False
    """Counted through a year without official data: ``day`` is then early rather than late."""


def due_of(kind: DeadlineType, event: date, calendar: Calendar) -> Due:
    """The deadline; without official data a conservative one, marked provisional."""
    match kind.unit:
        case "workday":
            opens = kind.opens(event)
            start = event if opens is None else opens - timedelta(days=1)
            try:
                return Due(calendar.add_workdays(start, kind.count))
            except CalendarError:
                return Due(calendar.surely_by(start, kind.count), provisional=True)
        case "month":
            return Due(add_months(event, kind.count))
        case unit:
            return Due(event + timedelta(days=kind.count * (7 if unit == "week" else 1)))


def cooling_off_end(received: date, days: int) -> date:
    """犹豫期: the last of so many days, counted from the day after the policy was received."""
    return received + timedelta(days=days)
