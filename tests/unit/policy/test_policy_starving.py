"""Many customers, few lines: nobody waits past the deadline while there is room, the nearest goes first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from policy_cases import CALENDAR, FREE, SETTINGS, SHANGHAI, task

from dialer.model import Attempt, CallId, Disposition, Phone, PhoneNumber, Segment, Task, TaskId
from dialer.policy.deadlines import call_order
from dialer.policy.verdict import Dial, Wait, decide

START = datetime(2026, 11, 9, 9, 0, tzinfo=SHANGHAI)
"""A Monday; no holiday in the four weeks after it."""
CALL = timedelta(minutes=10)
OUTCOMES = [
    Disposition.NO_ANSWER,
    Disposition.BUSY,
    Disposition.REJECTED,
    Disposition.UNREACHABLE,
    Disposition.WRONG_PERSON,
    Disposition.COMPLETED,
]


@dataclass
class Desk:
    """One office: its tasks, what was tried, and when each may be looked at again."""

    tasks: dict[int, Task]
    outcomes: dict[int, list[Disposition]]
    lines: int

    def __post_init__(self) -> None:
        self.attempts: dict[int, list[Attempt]] = {n: [] for n in self.tasks}
        self.hidden = dict.fromkeys(self.tasks, START)
        self.over: set[int] = set()

    def run(self, until: datetime) -> None:
        now = START
        while now < until:
            live = [one for made in self.attempts.values() for one in made if one.live]
            for one in live:
                if now - one.invited_at >= CALL:
                    self.end(one, now)
            self.dial_all(now)
            ends = [one.invited_at + CALL for made in self.attempts.values() for one in made if one.live]
            wakes = [at for n, at in self.hidden.items() if n not in self.over and at > now]
            now = min([*ends, *wakes, until])

    def end(self, attempt: Attempt, now: datetime) -> None:
        n = int(attempt.task_id)
        left = self.outcomes[n]
        outcome = left.pop(0) if left else Disposition.NO_ANSWER
        self.attempts[n][-1] = replace(attempt, outcome=outcome, ended_at=now)
        self.hidden[n] = now
        if outcome is Disposition.COMPLETED:
            self.over.add(n)

    def dial_all(self, now: datetime) -> None:
        """As the scheduler does: in order, until the lines are used."""
        ready = [
            n
            for n in self.tasks
            if n not in self.over and self.hidden[n] <= now and not any(one.live for one in self.attempts[n])
        ]
        ready.sort(key=lambda n: call_order(self.tasks[n], self.attempts[n], now))
        refused_a_line: list[int] = []
        for n in ready:
            busy = sum(one.live for made in self.attempts.values() for one in made)
            free = replace(FREE, lines_free=self.lines - busy)
            verdict = decide(
                self.tasks[n], tuple(self.attempts[n]), (), now, CALENDAR, SETTINGS, free
            ).verdict
            if isinstance(verdict, Dial):
                assert not refused_a_line, "an earlier one in the order waits for a line"
                self.attempts[n].append(
                    Attempt(
                        CallId(1000 * n + len(self.attempts[n])),
                        TaskId(n),
                        verdict.number,
                        1,
                        verdict.slot,
                        now,
                    )
                )
            elif isinstance(verdict, Wait):
                self.hidden[n] = verdict.until
                if verdict.rule == "R7":
                    refused_a_line.append(n)
            else:
                self.over.add(n)


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    count = draw(st.integers(1, 14))
    tasks, outcomes = {}, {}
    for n in range(1, count + 1):
        due = START.date() + timedelta(days=draw(st.integers(0, 11)))
        tasks[n] = task(
            id=TaskId(n),
            phones=(Phone(PhoneNumber.parse(f"138000{n:05}")),),
            segment=draw(st.sampled_from(list(Segment))),
            due=due if draw(st.booleans()) else None,
            cooling_off_end=due if draw(st.booleans()) else None,
        )
        outcomes[n] = draw(st.lists(st.sampled_from(OUTCOMES), max_size=5))
    return Desk(tasks, outcomes, draw(st.integers(2, 3)))


def deadline(one: Task) -> date:
    return min(one.cooling_off_end or date.max, one.due or date.max)


@hypothesis_settings(max_examples=60, deadline=None)
@given(desks())
def test_no_task_starves_before_its_deadline_while_a_line_is_there(desk: Desk) -> None:
    """A day has room for 12 calls a line in the hours of government customers alone."""
    desk.run(START + timedelta(days=21))
    for n, one in desk.tasks.items():
        made = desk.attempts[n]
        assert made, "nobody called this customer"
        first = made[0].invited_at.date()
        assert first <= START.date() + timedelta(days=1), "starved"
        if deadline(one) > START.date():
            assert first <= deadline(one), "the deadline passed before the first attempt"
        counted = [a for a in made if a.outcome and a.outcome.counts_as_attempt]
        assert len(counted) <= 3
        assert len({a.slot for a in counted}) == len(counted)
        done = counted and counted[-1].outcome is Disposition.COMPLETED
        assert done or len(counted) == 3, "three attempts fit into three weeks"


@hypothesis_settings(max_examples=40, deadline=None)
@given(desks())
def test_the_nearer_deadline_is_called_first(desk: Desk) -> None:
    """Among general customers, who may be called at the same hours."""
    desk.tasks = {n: replace(one, segment=Segment.GENERAL) for n, one in desk.tasks.items()}
    desk.run(START + timedelta(days=3))
    first = {n: desk.attempts[n][0].invited_at for n in desk.tasks}
    for n, one in desk.tasks.items():
        for m, other in desk.tasks.items():
            key, other_key = ((x.cooling_off_end or date.max, x.due or date.max) for x in (one, other))
            if key < other_key:
                assert first[n] <= first[m], "a later deadline went first"


def test_among_equal_deadlines_nobody_is_called_again_before_everybody_was() -> None:
    """One line and two hours a day: 12 calls for 14 government customers, due on the second day."""
    due = START.date() + timedelta(days=1)
    tasks = {
        n: task(
            id=TaskId(n),
            phones=(Phone(PhoneNumber.parse(f"138000{n:05}")),),
            segment=Segment.GOVERNMENT,
            due=due,
        )
        for n in range(1, 15)
    }
    desk = Desk(tasks, {n: [] for n in tasks}, 1)
    desk.run(START + timedelta(days=5))
    assert all(made[0].invited_at.date() <= due for made in desk.attempts.values())
