"""Random histories: whatever happens, no call breaks the rules.

The rules are written a second time here, with plain arithmetic on seconds and the days of the
published notice typed in, so that a mistake in the policy rooms isn't repeated by its test.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from policy_cases import CALENDAR, FREE, SECOND, SETTINGS, task

from dialer.model import Attempt, CallId, Disposition, Phone, Segment, Task, TaskId
from dialer.policy.verdict import Dial, Escalate, Refuse, Wait, decide

# State Council notice for 2026: the Mid-autumn and National Day holidays and their make-up workdays.
DAYS_OFF = {"09-25", "09-26", "09-27", *(f"10-0{n}" for n in range(1, 8))}
WORKED_WEEKENDS = {"09-20", "10-10"}
OFFSETS = {"Asia/Shanghai": 8, "Asia/Urumqi": 6, "America/New_York": -4}
HOUR = 3600
UNCOUNTED = (Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED)
EDGES = [10 * HOUR, 11 * HOUR - 26, 11 * HOUR - 24, 11 * HOUR + 1, 14 * HOUR, 15 * HOUR, 16 * HOUR - 24]
ONGOING = [d for d in Disposition if d not in (Disposition.COMPLETED, Disposition.REFUSED)]


DAYS = st.dates(date(2026, 9, 14), date(2026, 10, 25)).map(lambda day: day.strftime("%m-%d"))


def lawful_second(
    moment: datetime, zone: str, segment: Segment, off: Set[str] = frozenset(), worked: Set[str] = frozenset()
) -> bool:
    """Whether a call may leave at that moment by R44 and R45, with 25 s left for the ring.

    ``off`` and ``worked``: what a local order changes.
    """
    local = moment.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=OFFSETS[zone])
    day = local.strftime("%m-%d")
    weekday = local.isoweekday() <= 5
    works = day in WORKED_WEEKENDS or (weekday and day not in DAYS_OFF)
    works = (works or day in worked) and day not in off
    second = local.hour * HOUR + local.minute * 60 + local.second + local.microsecond / 1e6
    afternoon = 15 if segment is Segment.GOVERNMENT else 14
    inside = 10 * HOUR <= second <= 11 * HOUR - 25 or afternoon * HOUR <= second <= 16 * HOUR - 25
    return works and inside


def days_of(names: Set[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(f"2026-{name}") for name in names)


class Histories(RuleBasedStateMachine):
    """Two tasks of one customer, a clock, and whatever outcomes calls may have."""

    @initialize(
        zone=st.sampled_from(sorted(OFFSETS)),
        segment=st.sampled_from(list(Segment)),
        day=st.sampled_from([14, 18, 19, 20, 24, 25, 30, 39, 40]),
        outside=st.booleans(),
        off=st.frozensets(DAYS, max_size=6),
        worked=st.frozensets(DAYS, max_size=6),
    )
    def begin(
        self,
        zone: str,
        segment: Segment,
        day: int,
        outside: bool,
        off: frozenset[str],
        worked: frozenset[str],
    ) -> None:
        self.off, self.worked = off, worked - off
        self.calendar = replace(
            CALENDAR,
            holidays=(CALENDAR.holidays - days_of(self.worked)) | days_of(off),
            workdays=(CALENDAR.workdays - days_of(off)) | days_of(self.worked),
        )
        self.now = datetime(2026, 8, 31, tzinfo=UTC) + timedelta(days=day)
        self.settings = replace(SETTINGS, appointment_outside_windows=outside)
        self.tasks = {
            n: task(
                id=TaskId(n),
                zone=zone,
                segment=segment,
                phones=(Phone(task().phones[0].number), Phone(SECOND)),
            )
            for n in (1, 2)
        }
        self.attempts: dict[int, list[Attempt]] = {1: [], 2: []}
        self.promised: set[int] = set()
        self.last_wait: dict[int, datetime] = {}

    def decide(self, n: int) -> object:
        mine, others = tuple(self.attempts[n]), tuple(self.attempts[3 - n])
        return decide(self.tasks[n], mine, others, self.now, self.calendar, self.settings, FREE).verdict

    @rule(seconds=st.one_of(st.integers(1, 120), st.integers(1, 4 * HOUR), st.integers(1, 4 * 24 * HOUR)))
    def time_passes(self, seconds: int) -> None:
        if self.now < datetime(2026, 10, 20, tzinfo=UTC):
            self.now += timedelta(seconds=seconds)

    def go_to_an_edge(self, n: int, days: int, second: int) -> None:
        """The seconds around which the rules turn, on the same day or one soon after."""
        offset = timedelta(hours=OFFSETS[self.tasks[n].zone])
        midnight = (self.now + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset
        there = midnight + timedelta(days=days, seconds=second)
        if self.now < there < datetime(2026, 10, 20, tzinfo=UTC):
            self.now = there

    def wait_as_told(self, n: int) -> None:
        verdict = self.decide(n)
        if isinstance(verdict, Wait):
            assert verdict.until > self.now, "a wait ends in the future"
            assert verdict.until - self.now < timedelta(days=25)
            self.now = verdict.until.astimezone(UTC)

    @rule(
        n=st.sampled_from([1, 2]),
        jump=st.one_of(
            st.sampled_from(["no", "told"]), st.tuples(st.sampled_from([0, 0, 1, 5]), st.sampled_from(EDGES))
        ),
        outcome=st.sampled_from([None, Disposition.REJECTED, Disposition.NO_ANSWER, *ONGOING]),
        later=st.integers(60, 3 * 24 * HOUR),
    )
    def try_to_call(
        self, n: int, jump: str | tuple[int, int], outcome: Disposition | None, later: int
    ) -> None:
        if isinstance(jump, tuple):
            self.go_to_an_edge(n, *jump)
        elif jump == "told":
            self.wait_as_told(n)
        verdict = self.decide(n)
        if not isinstance(verdict, Dial):
            return
        self.check(n, verdict)
        end = None if outcome is None else self.now + timedelta(seconds=30)
        made = Attempt(
            CallId(1 + sum(map(len, self.attempts.values()))),
            TaskId(n),
            verdict.number,
            self.tasks[n].pass_no,
            verdict.slot,
            self.now,
            ended_at=end,
            outcome=outcome,
        )
        self.attempts[n].append(made)
        if outcome is Disposition.APPOINTMENT:
            self.tasks[n] = replace(self.tasks[n], appointment=self.now + timedelta(seconds=later))

    @precondition(lambda self: any(a.live for a in self.attempts[1] + self.attempts[2]))
    @rule(outcome=st.sampled_from(ONGOING))
    def the_live_call_ends(self, outcome: Disposition) -> None:
        for n, made in self.attempts.items():
            self.attempts[n] = [
                replace(a, outcome=outcome, ended_at=self.now + timedelta(seconds=1)) if a.live else a
                for a in made
            ]

    @rule(n=st.sampled_from([1, 2]))
    def the_number_is_verified_again(self, n: int) -> None:
        if isinstance(self.decide(n), Escalate):
            self.tasks[n] = replace(self.tasks[n], pass_no=self.tasks[n].pass_no + 1)

    def lawful(self, moment: datetime, of: Task) -> bool:
        return lawful_second(moment, of.zone, of.segment, self.off, self.worked)

    def check(self, n: int, verdict: Dial) -> None:
        """The oracle, at the moment a call would leave."""
        asked = self.tasks[n]
        made = [a for a in self.attempts[n] if a.pass_no == asked.pass_no and a.outcome not in UNCOUNTED]
        agreed = asked.appointment
        promised = agreed is not None and timedelta(0) <= self.now - agreed <= timedelta(seconds=900)
        promised = promised and all(a.invited_at < agreed for a in made)
        if not (promised and self.settings.appointment_outside_windows):
            assert self.lawful(self.now, asked), "rings outside a window"
        else:
            local = self.now.astimezone(UTC) + timedelta(hours=OFFSETS[asked.zone])
            assert 9 <= local.hour < 20, "outside the appointment hours"
        assert len(made) < 3, "a fourth counted attempt in a pass"
        assert asked.pass_no <= 2, "a third telephone pass"
        every = [a for a in self.attempts[n] if a.outcome not in UNCOUNTED]
        assert verdict.slot not in {a.slot for a in every}, "two attempts in one slot"
        assert not any(a.live for a in self.attempts[1] + self.attempts[2]), "two live calls"
        local_day = self.now.astimezone(ZoneInfo(asked.zone)).date()
        today = [
            a
            for a in self.attempts[1] + self.attempts[2]
            if a.invited_at.astimezone(ZoneInfo(asked.zone)).date() == local_day
        ]
        if not promised:
            counted = [a for a in today if a.outcome not in UNCOUNTED and a.number == verdict.number]
            assert len(counted) < 2, "more than the daily cap"
            if agreed is not None and all(a.invited_at < agreed for a in made):
                assert self.now > agreed, "called before the agreed time"
            hours = [a.invited_at for a in made if self.lawful(a.invited_at, asked)]
            half = self.now.astimezone(ZoneInfo(asked.zone)).hour < 12
            same = [h for h in hours if (h.astimezone(ZoneInfo(asked.zone)).hour < 12) == half]
            assert all(h.astimezone(ZoneInfo(asked.zone)).date() != local_day for h in same), "one slot twice"
        rejected = [a for a in today if a.outcome is Disposition.REJECTED and a in every]
        assert not rejected, "called again on the day of a rejection"
        unallocated = {a.number for a in made if a.outcome is Disposition.UNALLOCATED}
        assert verdict.number not in unallocated, "an unallocated number again"

    @invariant()
    def never_refused_for_good(self) -> None:
        if hasattr(self, "tasks"):
            assert not any(isinstance(self.decide(n), Refuse) for n in self.tasks)


TestHistories = Histories.TestCase
TestHistories.settings = hypothesis_settings(max_examples=150, stateful_step_count=40, deadline=None)
