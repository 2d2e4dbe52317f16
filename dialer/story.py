"""A task's story from its ledger: what held at a moment, how a day went, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dialer.campaigns.life import CampaignStep, StepRecord, as_it_stood
from dialer.campaigns.rules import halted
from dialer.errors import CalendarError
from dialer.model import Attempt, DueChange, Reason, TaskState
from dialer.policy.calendar import Calendar
from dialer.policy.outlook import Step, outlook
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Resources, Wait, decide
from dialer.policy.windows import Slot
from dialer.policy.zones import at_least
from dialer.ports import CallView, Candidate

UNNOTICED = timedelta(seconds=5)
"""A look at the queue takes a moment: a gap no longer than this says nothing."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span in which one verdict held."""

    start: datetime
    end: datetime
    said: tuple[datetime, Decision] | None
    """When it was made, and what; None: nothing had been decided, or a wait was over and nobody looked."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known about one task's calls and why they were or weren't made."""

    candidate: Candidate
    zone: ZoneInfo
    now: datetime
    imported_at: datetime
    decisions: tuple[tuple[datetime, Decision], ...]
    """Oldest first."""
    calls: tuple[CallView, ...]
    due_changes: tuple[tuple[datetime, DueChange], ...]
    slots: tuple[Slot, ...]
    """Of the day that is asked about, whether or not it is a workday."""
    calls_in_slots: Mapping[str, int]
    """How many calls the house made in each of them, to whomever."""
    faults_in_slots: Mapping[str, tuple[Decision, ...]]
    """What stopped every call for a while in each of them: a trunk down, no room for recordings (R7, R75)."""
    calendar: Calendar
    settings: PolicySettings
    resources: Resources
    """What is known without the daemon: trunk up, a line free."""
    campaign: tuple[StepRecord, ...] = ()
    """The steps of the task's campaign, oldest first: while it doesn't run, nobody looks at the task."""

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def said_at(self, moment: datetime) -> tuple[datetime, Decision] | None:
        """The last verdict made up to that moment; None: nobody had looked at the task."""
        return next((one for one in reversed(self.decisions) if one[0] <= moment), None)

    def stood_still(self, moment: datetime) -> Reason | None:
        """Why the task's campaign wasn't dialled at that moment (R49); None: it was, or nobody knows."""
        first = next(iter(self.campaign), None)
        if first is not None and first.taken.step is CampaignStep.CARRY_OVER and moment < first.taken.at:
            return None
        return halted(self.candidate.task.campaign, as_it_stood(self.campaign, moment))

    def judged(self, moment: datetime) -> Decision:
        """What the rules of today say of that moment, by the attempts made until then.

        Before anybody had looked at the task it was open, in its first pass, and nothing was agreed.
        """
        one, task = self.candidate, self.candidate.task
        if moment <= self.now and self.decisions and self.said_at(moment) is None:
            task = replace(task, state=TaskState.OPEN, pass_no=1, appointment=None, visit_failed=False)
        return decide(
            task,
            _until(one.attempts, moment),
            _until(one.customer_attempts, moment),
            moment,
            self.calendar,
            self.settings,
            self.resources,
        )

    def plan(self) -> tuple[Step, ...]:
        """The present and what follows, supposing that nobody answers."""
        one = self.candidate
        return outlook(
            one.task,
            one.attempts,
            one.customer_attempts,
            self.now,
            self.calendar,
            self.settings,
            self.resources,
        )

    def workday(self, day: date) -> bool | None:
        """None: no official calendar says."""
        try:
            return self.calendar.is_workday(day)
        except CalendarError:
            return None

    def calls_on(self, day: date) -> tuple[CallView, ...]:
        return tuple(one for one in self.calls if self.local(one.attempt.invited_at).date() == day)

    def stretches(self, start: datetime, end: datetime) -> tuple[Stretch, ...]:
        """Which verdicts held from ``start`` to ``end``, in order, but for gaps too short to matter."""
        standing = self.said_at(start)
        turns = [one for one in self.decisions if start < one[0] < end]
        found: list[Stretch] = []
        begun = start
        for one in (*turns, None):
            until = end if one is None else one[0]
            found += _held(standing, begun, until)
            standing, begun = one, until
        found = [part for one in found for part in self._between_steps(one)]
        return tuple(one for one in found if one.said is not None or one.end - one.start > UNNOTICED)

    def _between_steps(self, one: Stretch) -> list[Stretch]:
        """Where nothing had been decided, the campaign's steps may say why."""
        steps = [] if one.said is not None else [step.taken.at for step in self.campaign]
        turns = [one.start, *(at for at in steps if one.start < at < one.end), one.end]
        return [Stretch(start, end, one.said) for start, end in pairwise(turns)]


def _held(said: tuple[datetime, Decision] | None, start: datetime, end: datetime) -> list[Stretch]:
    if said is None or not isinstance(said[1].verdict, Wait):
        return [Stretch(start, end, said)]
    over = said[1].verdict.until
    if at_least(start, over):
        return [Stretch(start, end, None)]
    if at_least(over, end):
        return [Stretch(start, end, said)]
    return [Stretch(start, over, said), Stretch(over, end, None)]


def _until(attempts: Sequence[Attempt], moment: datetime) -> tuple[Attempt, ...]:
    """As they stood at that moment: what ended later was under way."""
    made = (one for one in attempts if one.invited_at <= moment)
    return tuple(
        replace(one, outcome=None, ended_at=None) if one.ended_at is None or one.ended_at > moment else one
        for one in made
    )
