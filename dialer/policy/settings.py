"""What an operator may set about when and how often a number rings. Checked at construction."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise

from dialer.model import Segment
from dialer.policy.duedates import DEADLINE_TYPES, REGULATED, DeadlineType
from dialer.policy.once import once
from dialer.policy.tiers import TierTable
from dialer.policy.zones import find_zone

MIN_RING_S = 20.0
"""R41: the phone must be left ringing at least this long."""
MIN_ATTEMPTS = 3
"""R43: at least three tries before a number counts as not reached."""

_WINDOW = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of local time of day, ``start`` included and ``end`` excluded."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a window's times are local: give them without a zone")
        if self.start >= self.end:
            raise ValueError(f"window {self} ends before it starts: write it as 10:00-11:00")

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``10:00-11:00``. Raises ValueError."""
        found = _WINDOW.match(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a window: write it as 10:00-11:00")
        h1, m1, h2, m2 = (int(part) for part in found.groups())
        return cls(time(h1, m1), time(h2, m2))

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    @property
    def seconds(self) -> float:
        day = datetime(2000, 1, 1)
        return (datetime.combine(day, self.end) - datetime.combine(day, self.start)).total_seconds()


def _windows(*texts: str) -> tuple[Window, ...]:
    return tuple(Window.parse(text) for text in texts)


def _tables(*texts: str) -> tuple[TierTable, ...]:
    return tuple(TierTable.parse(text) for text in texts)


@dataclass(frozen=True)
class PolicySettings:
    """The rules' figures. Every field changes a verdict; a wrong value raises ValueError.

    What rules ask of them again and again is worked out once.
    """

    windows: tuple[Window, ...] = _windows("10:00-11:00", "14:00-16:00")
    """R44: when a call may start ringing on a workday, in the customer's local time."""
    government_windows: tuple[Window, ...] = _windows("10:00-11:00", "15:00-16:00")
    """R45: the same for government customers; may only narrow ``windows``."""
    zone: str = "Asia/Shanghai"
    """R44: IANA zone of a task that names none; one that names an unknown zone isn't dialled."""
    ring_s: float = 20.0
    """R41: seconds of ringing before CANCEL, from the first 18x. At least 20."""
    no_18x_ring_after_s: float = 5.0
    """R41: where no 18x comes, ringing is taken to start this long after the INVITE."""
    attempts_per_pass: int = 3
    """R43: counted attempts in one pass, each in another slot. At least 3."""
    max_passes: int = 2
    """R24, R25: telephone passes; after the last one the task goes to a visit."""
    daily_cap: int = 2
    """House rule: counted attempts to one number in one local day, over all its tasks."""
    appointment_outside_windows: bool = False
    """R79: whether a time that the customer asked for may lie outside the windows."""
    appointment_hours: Window = Window(time(9), time(20))
    """R79: where ``appointment_outside_windows`` holds, appointments still lie inside these hours."""
    appointment_tolerance_s: float = 900.0
    """R79: an appointment not dialled this long after its time has lapsed; ordinary slots apply."""
    appointment_extra_attempt: bool = False
    """R43, R79: whether an agreed call may be made although the pass's attempts are used up."""
    tier_tables: tuple[TierTable, ...] = _tables(
        "R77: A 1 month, B 3 months, C 6 months",
        "R78: A 3 months, B 6 months, C 12 months",
        "R96: C 2 weeks",
    )
    """R77, R78, R96: how long after a successful call-back a customer of a tier is due again."""
    tier_table: str = "R77"
    """R77, R78, R96: the table that counts. It concerns tasks with a tier and without any deadline."""
    deadline_types: tuple[DeadlineType, ...] = tuple(map(DeadlineType.parse, DEADLINE_TYPES))
    """R30, R31, R83, R84, R86, R87: the deadlines that a campaign or a list may choose by name. One that
    has a rule's name may be earlier than the rule says, never later."""
    uncounted_retry_s: float = 60.0
    """Pause of a task after a try that doesn't count (the trunk's fault, or no INVITE left)."""
    busy_recheck_s: float = 30.0
    """House rule: when to ask again while the customer is in another call or no line is free."""
    fault_recheck_s: float = 15.0
    """R75: when to ask again while calls can't be recorded or the trunk is down."""

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_windows("windows", self.windows)
        self._check_windows("government_windows", self.government_windows)
        for window in self.government_windows:
            if not any(w.start <= window.start and window.end <= w.end for w in self.windows):
                raise ValueError(f"government_windows: {window} lies outside windows (R45 only narrows)")
        names = [table.name for table in self.tier_tables]
        if len(set(names)) < len(names):
            raise ValueError("tier_tables: a table is given twice")
        if self.tier_table not in names:
            raise ValueError(f"tier_table: no table {self.tier_table!r}; given: {', '.join(names) or 'none'}")
        self._check_deadlines()
        if find_zone(self.zone) is None:
            raise ValueError(f"zone: {self.zone!r} is not an IANA zone: write e.g. Asia/Shanghai")

    def _check_deadlines(self) -> None:
        names = [kind.name for kind in self.deadline_types]
        if len(set(names)) < len(names):
            raise ValueError("deadline_types: a type is given twice")
        for kind in self.deadline_types:
            rule = REGULATED.get(kind.name)
            if rule is not None and not kind.within(rule):
                raise ValueError(f"deadline_types: '{kind}' is later, or counted otherwise, than '{rule}'")

    def _check_numbers(self) -> None:
        if not self.ring_s >= MIN_RING_S:
            raise ValueError(f"ring_s: {self.ring_s} is below the {MIN_RING_S:g} s that R41 asks for")
        if self.ring_s > 180:
            raise ValueError(f"ring_s: {self.ring_s} is too long: at most 180 s")
        if self.attempts_per_pass < MIN_ATTEMPTS:
            raise ValueError(f"attempts_per_pass: {self.attempts_per_pass} is below R43's {MIN_ATTEMPTS}")
        for name in ("max_passes", "daily_cap"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} would stop all calls: at least 1")
        if not 0 <= self.no_18x_ring_after_s <= 60:
            raise ValueError(f"no_18x_ring_after_s: {self.no_18x_ring_after_s} is not in 0..60")
        for name in ("appointment_tolerance_s", "uncounted_retry_s", "busy_recheck_s", "fault_recheck_s"):
            if not 1 <= getattr(self, name) <= 86_400:
                raise ValueError(f"{name}: {getattr(self, name)} is not in 1..86400 seconds")

    def _check_windows(self, name: str, windows: tuple[Window, ...]) -> None:
        if not windows:
            raise ValueError(f"{name}: empty, so nobody could ever be called: write e.g. 10:00-11:00")
        for before, after in pairwise(windows):
            if after.start < before.end:
                raise ValueError(f"{name}: {before} and {after} overlap or are out of order")
        for window in windows:
            if window.seconds <= self.ring_total.total_seconds():
                raise ValueError(f"{name}: {window} is too short for one ring")

    def __hash__(self) -> int:
        return self._hash

    @once
    def _hash(self) -> int:
        return hash(tuple(getattr(self, one.name) for one in dataclasses.fields(self)))

    @once
    def ring_total(self) -> timedelta:
        """From INVITE to CANCEL at the longest: a call may not start later than this before the end."""
        return timedelta(seconds=self.ring_s + self.no_18x_ring_after_s)

    @once
    def tiers(self) -> TierTable:
        return next(table for table in self.tier_tables if table.name == self.tier_table)

    def deadline_type(self, name: str) -> DeadlineType | None:
        return next((kind for kind in self.deadline_types if kind.name == name), None)

    def windows_for(self, segment: Segment) -> tuple[Window, ...]:
        return self.government_windows if segment is Segment.GOVERNMENT else self.windows


_DEFAULTS = PolicySettings()


def written(settings: PolicySettings) -> dict[str, object]:
    """As plain JSON values by name; ``changed`` reads them again."""
    return {one.name: _plain(getattr(settings, one.name)) for one in dataclasses.fields(settings)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Window | TierTable | DeadlineType) else value


def changed(base: PolicySettings, values: Mapping[str, object]) -> PolicySettings:
    """``base`` with other values, given as JSON by name. Raises ValueError ``name: what to write``."""
    changes: dict[str, object] = {}
    for name, value in values.items():
        default = getattr(_DEFAULTS, name, None)
        if default is None:
            raise ValueError(f"{name}: there is no such setting")
        try:
            changes[name] = _like(default, value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def _like(default: object, value: object) -> object:
    """``value`` as the setting's type. Raises ValueError saying what to write."""
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise ValueError(f"write a list, not {value!r}")
        return tuple(_like(default[0], one) for one in value)
    if isinstance(default, Window | TierTable | DeadlineType):
        if not isinstance(value, str):
            raise ValueError(f"write text such as {str(default)!r}, not {value!r}")
        return type(default).parse(value)
    if isinstance(default, bool) or isinstance(value, bool):
        good = isinstance(default, bool) and isinstance(value, bool)
    elif isinstance(default, float):
        good = isinstance(value, int | float)
    else:
        good = isinstance(value, type(default))
    if not good:
        raise ValueError(f"write a value such as {json.dumps(default)}, not {json.dumps(value)}")
    return float(value) if isinstance(default, float) and isinstance(value, int) else value
