"""What comes next for a task, by the rules alone: each permitted try, and what follows if nobody answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dialer.model import Attempt, CallId, Disposition, Task
from dialer.policy.calendar import Calendar
from dialer.policy.ruling import Decision, Dial, Resources, Wait
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import decide

_MOST_STEPS = 40
"""More than the tries of any two passes with the waits between them."""


@dataclass(frozen=True, slots=True)
class Step:
    """The verdict at a moment to come, supposing that no try before it reached the customer."""

    at: datetime
    decision: Decision
    unanswered: int
    """How many tries are supposed to have been made until then."""


def outlook(
    task: Task,
    attempts: tuple[Attempt, ...],
    customer_attempts: tuple[Attempt, ...],
    now: datetime,
    calendar: Calendar,
    settings: PolicySettings,
    resources: Resources,
) -> tuple[Step, ...]:
    """From ``now`` on, until the telephone has no more to do: the first step is the present.

    A call under way is taken as one that will not be answered. ``resources`` are those of now for all.
    """
    made = tuple(_unanswered(a, a.invited_at) if a.live else a for a in attempts)
    others = tuple(_unanswered(a, a.invited_at) if a.live else a for a in customer_attempts)
    steps: list[Step] = [
        Step(now, decide(task, attempts, customer_attempts, now, calendar, settings, resources), 0)
    ]
    tries = 0
    while len(steps) < _MOST_STEPS:
        last = steps[-1].decision.verdict
        at = steps[-1].at
        match last:
            case Wait():
                at = last.until
            case Dial():
                tries += 1
                ended = at + settings.ring_total
                call = Attempt(
                    CallId(-tries), task.id, last.number, task.pass_no, last.slot, at, ended_at=ended,
                    outcome=Disposition.NO_ANSWER,
                )  # fmt: skip
                made, at = (*made, call), ended
            case _:
                break
        steps.append(Step(at, decide(task, made, others, at, calendar, settings, resources), tries))
    return tuple(steps)


def _unanswered(attempt: Attempt, ended: datetime) -> Attempt:
    return replace(attempt, outcome=Disposition.NO_ANSWER, ended_at=ended)
