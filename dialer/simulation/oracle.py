"""Looks at every simulated call with rules of its own: from the regulations' text, not from ``policy``.

It knows the settings' figures and the calendar's days, and keeps its own books of who was called when. What
it doesn't share with the rules that decided is their code: a mistake there is seen here.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.model import Disposition, PhoneNumber, Segment, Task

NOT_COUNTED = (Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED)
SLACK_S = 0.002
"""Sums of floats differ."""

Span = tuple[float, float]
"""Begin and end, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The settings that the rules' text speaks of, as plain numbers."""

    windows: tuple[tuple[str, str], ...]
    government_windows: tuple[tuple[str, str], ...]
    zone: str
    holidays: frozenset[date]
    workdays: frozenset[date]
    years: frozenset[int]
    ring_s: float
    no_18x_ring_after_s: float
    attempts_per_pass: int
    max_passes: int
    daily_cap: int
    appointment_outside_windows: bool
    appointment_hours: tuple[str, str]
    appointment_tolerance_s: float
    appointment_extra_attempt: bool
    tiers: Mapping[str, tuple[int, str]]
    """How often a tier comes round: count, and ``week`` or ``month``."""
    next_month_types: frozenset[str]
    """Deadline types by which nobody is called before the month after the event (R84)."""
    lines: int
    cps: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A call that shouldn't have been."""

    rule: str
    why: str
    task: int
    number: str
    """Masked."""
    at: datetime
    """Local to the customer."""
    call: int

    def __str__(self) -> str:
        where = f"call {self.call}, task {self.task}, {self.number}, {self.at.isoformat()}"
        return f"{self.rule}: {self.why} ({where})"


@dataclass(slots=True)
class _Made:
    """One call in the oracle's books."""

    call: int
    at: float
    day: date
    number: str
    pass_no: int
    slot: int
    """Index of the window; -1: none."""
    outcome: Disposition | None = None

    @property
    def counts(self) -> bool:
        return self.outcome not in NOT_COUNTED


@dataclass(slots=True)
class Oracle:
    figures: Figures
    violations: list[Violation] = field(default_factory=list)
    checked: int = 0
    _of_task: dict[int, list[_Made]] = field(default_factory=lambda: defaultdict(list))
    _of_number: dict[str, list[_Made]] = field(default_factory=lambda: defaultdict(list))
    _live: set[str] = field(default_factory=set)
    """Customers in a call."""
    _last_second: deque[float] = field(default_factory=deque)
    _spans: dict[tuple[str, bool, date], tuple[Span, ...]] = field(default_factory=dict)
    _zones: dict[str, ZoneInfo] = field(default_factory=dict)

    def begins(self, task: Task, call: int, number: PhoneNumber, now: datetime) -> None:
        """An INVITE leaves for ``number`` at ``now``. ``task``: as it is then."""
        self.checked += 1
        figures = self.figures
        zone = self._zone(task.zone or figures.zone)
        at, local = now.timestamp(), now.astimezone(zone)
        day = local.date()
        mine = self._since_success(task)
        in_pass = [one for one in mine if one.pass_no == task.pass_no and one.counts]
        agreed = self._agreed(task, in_pass, at)
        slot = self._window(task, day, at, agreed)
        made = _Made(call, at, day, number.e164, task.pass_no, slot)
        for rule, why in (
            *self._who(task, made, mine, in_pass),
            *self._when(task, made, local, slot, agreed),
            *self._how_often(task, made, mine, in_pass, agreed),
            *self._pace(task, at),
        ):
            self.violations.append(Violation(rule, why, task.id, number.masked, local, call))
        self._of_task[task.id].append(made)
        self._of_number[made.number].append(made)
        self._live.add(task.customer_key)

    def ends(
        self,
        task: Task,
        call: int,
        outcome: Disposition,
        now: datetime,
        rang_at: datetime | None,
        ours: bool,
    ) -> None:
        """``ours``: we cancelled it, and nobody had taken it. ``rang_at``: the first 18x."""
        made = next(one for one in reversed(self._of_task[task.id]) if one.call == call)
        made.outcome = outcome
        self._live.discard(task.customer_key)
        if ours:
            begun = made.at + self.figures.no_18x_ring_after_s if rang_at is None else rang_at.timestamp()
            if now.timestamp() - begun < 20.0 - SLACK_S:
                why = f"rang {now.timestamp() - begun:.1f} s, and we ended it: 20 s are the least"
                self._note("R41", why, task, made, now)

    def _note(self, rule: str, why: str, task: Task, made: _Made, now: datetime) -> None:
        local = now.astimezone(self._zone(task.zone or self.figures.zone))
        masked = PhoneNumber(made.number).masked
        self.violations.append(Violation(rule, why, task.id, masked, local, made.call))

    # --- the rules, each a list of what is wrong ----------------------------------------------------------

    def _who(
        self, task: Task, made: _Made, mine: list[_Made], in_pass: list[_Made]
    ) -> Iterable[tuple[str, str]]:
        if task.waiver and not task.missing_signatures:
            yield "R19", "exempt by a signed waiver"
        if task.surrendered:
            yield "R11", "the policy was surrendered"
        if task.do_not_call:
            yield "R38", "on the do-not-call list"
        if task.opted_out:
            yield "R37", "wants no calls"
        before = [one.outcome for one in mine]
        if Disposition.COMPLETED in before:
            yield "R10", "called back already"
        if Disposition.REFUSED in before:
            yield "R38", "declined already"
        if task.customer_key in self._live:
            yield "ONE_LIVE_CALL", "the customer is in another call"
        numbers = {phone.number.e164: phone.verified for phone in task.phones}
        if made.number not in numbers:
            yield "R22", "not a number of this customer"
        elif task.pass_no > 1 and not numbers[made.number]:
            dialled = {one.number for one in self._of_task[task.id] if one.pass_no < task.pass_no}
            if made.number in dialled:
                yield "R24", "a later pass needs a re-verified or another number"
        if any(one.number == made.number and one.outcome is Disposition.UNALLOCATED for one in in_pass):
            yield "R22", "this pass found the number unallocated"

    def _when(
        self, task: Task, made: _Made, local: datetime, slot: int, agreed: bool
    ) -> Iterable[tuple[str, str]]:
        if made.day.year not in self.figures.years:
            yield "R44", "a year without an official calendar"
        if not self._works(made.day):
            yield "R44", "no workday"
        opens = self._opens(task)
        if opens is not None and made.day < opens:
            yield "R84", f"before {opens}, the first day of its month"
        if slot < 0 and not (agreed and self._in_agreed_hours(made.day, made.at, local)):
            rule = "R45" if task.segment is Segment.GOVERNMENT else "R44"
            yield rule, "outside the windows, or its ring would end outside"

    def _how_often(
        self, task: Task, made: _Made, mine: list[_Made], in_pass: list[_Made], agreed: bool
    ) -> Iterable[tuple[str, str]]:
        figures = self.figures
        most = figures.attempts_per_pass + (agreed and figures.appointment_extra_attempt)
        if len(in_pass) >= most:
            yield "R43", f"attempt {len(in_pass) + 1} of pass {task.pass_no}"
        if task.pass_no > figures.max_passes:
            yield "R25", f"pass {task.pass_no} by telephone"
        counted = [one for one in mine if one.counts]
        if not agreed and any((one.day, one.slot) == (made.day, made.slot) for one in counted):
            yield "R43", "a second attempt in one slot"
        if any(one.day == made.day and one.outcome is Disposition.REJECTED for one in counted):
            yield "R43", "rejected on this day"
        # The day is this customer's: another task of the number may lie in another zone.
        zone = self._zone(task.zone or figures.zone)
        calls = self._of_number[made.number]
        today = [
            one for one in calls if one.counts and datetime.fromtimestamp(one.at, zone).date() == made.day
        ]
        if not agreed and len(today) >= figures.daily_cap:
            yield "DAILY_CAP", f"call {len(today) + 1} to this number on one day"

        due = self._due_again(task)
        if due is not None and made.day < due:
            yield "R77", f"before {due}, when tier {task.tier} is due again"

    def _pace(self, task: Task, at: float) -> Iterable[tuple[str, str]]:
        figures, recent = self.figures, self._last_second
        if len(self._live) >= figures.lines:
            yield "R7", f"call {len(self._live) + 1} on {figures.lines} lines"
        while recent and at - recent[0] >= 1.0 - SLACK_S:
            recent.popleft()
        recent.append(at)
        if len(recent) > max(1, -(-figures.cps // 1)):
            yield "CPS", f"{len(recent)} calls begun within a second"

    # --- what comes round -----------------------------------------------------------------------------------

    @staticmethod
    def _comes_round(task: Task) -> bool:
        return bool(task.tier) and task.due is None and task.cooling_off_end is None

    def _since_success(self, task: Task) -> list[_Made]:
        """The task's calls; of one that comes round, those since the last call-back that succeeded."""
        mine = self._of_task[task.id]
        if not self._comes_round(task):
            return mine
        done = [n for n, one in enumerate(mine) if one.outcome is Disposition.COMPLETED]
        return mine[done[-1] + 1 :] if done else mine

    def _due_again(self, task: Task) -> date | None:
        done = [one.day for one in self._of_task[task.id] if one.outcome is Disposition.COMPLETED]
        if not done or not self._comes_round(task) or task.tier not in self.figures.tiers:
            return None
        count, unit = self.figures.tiers[task.tier]
        if unit == "week":
            return done[-1] + timedelta(days=7 * count)
        return _months_on(done[-1], count)

    def _opens(self, task: Task) -> date | None:
        if task.event is None or task.deadline_type not in self.figures.next_month_types:
            return None
        return _months_on(task.event.replace(day=1), 1)

    # --- days and hours -------------------------------------------------------------------------------------

    def _zone(self, name: str) -> ZoneInfo:
        if name not in self._zones:
            self._zones[name] = ZoneInfo(name)
        return self._zones[name]

    def _works(self, day: date) -> bool:
        figures = self.figures
        return day in figures.workdays or (day.isoweekday() <= 5 and day not in figures.holidays)

    def _window(self, task: Task, day: date, at: float, agreed: bool) -> int:
        """Index of the window that has room for the whole ring from ``at`` on; -1: none."""
        government = task.segment is Segment.GOVERNMENT
        key = (task.zone or self.figures.zone, government, day)
        if key not in self._spans:
            figures = self.figures
            windows = figures.government_windows if government else figures.windows
            self._spans[key] = tuple(self._span(key[0], day, *window) for window in windows)
        ring = self.figures.ring_s + self.figures.no_18x_ring_after_s
        for index, (begin, end) in enumerate(self._spans[key]):
            if begin - SLACK_S <= at <= end - ring + SLACK_S:
                return index
        return -1

    def _span(self, zone: str, day: date, begin: str, end: str) -> Span:
        where = self._zone(zone)
        found = []
        for clock in (begin, end):
            hour, minute = clock.split(":")
            moment = datetime(day.year, day.month, day.day, tzinfo=where) + timedelta(
                hours=int(hour), minutes=int(minute)
            )
            found.append(moment.timestamp())
        return found[0], found[1]

    def _agreed(self, task: Task, in_pass: list[_Made], at: float) -> bool:
        """Whether this call keeps an appointment that no call of the pass has kept (R79)."""
        if task.appointment is None:
            return False
        promised = task.appointment.timestamp()
        late = at - promised
        kept = any(one.at >= promised for one in in_pass)
        return not kept and -SLACK_S <= late <= self.figures.appointment_tolerance_s + SLACK_S

    def _in_agreed_hours(self, day: date, at: float, local: datetime) -> bool:
        if not self.figures.appointment_outside_windows:
            return False
        begin, end = self._span(str(local.tzinfo), day, *self.figures.appointment_hours)
        ring = self.figures.ring_s + self.figures.no_18x_ring_after_s
        return begin - SLACK_S <= at <= end - ring + SLACK_S


def _months_on(day: date, count: int) -> date:
    """The same day so many months later, or that month's last."""
    years, month = divmod(day.month - 1 + count, 12)
    first = date(day.year + years, month + 1, 1)
    return first + timedelta(days=min(day.day, monthrange(first.year, first.month)[1]) - 1)
