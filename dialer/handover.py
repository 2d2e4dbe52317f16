"""What the telephone can't do: visits (R25), letters (R26), texts (R37), their steps and their share (R8).

``advance`` gives a hand-over after a step or raises and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from dialer.errors import IllegalTransition
from dialer.kpi import Method
from dialer.model import QuestionKind, Task, TaskId, TaskState, same_person

HandoverId = NewType("HandoverId", int)


class HandoverState(StrEnum):
    LISTED = "listed"
    """On the work list."""
    ASSIGNED = "assigned"
    """Of a visit: somebody goes."""
    SENT = "sent"
    """Of a letter or a text."""
    DONE = "done"
    """The customer answered."""
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Not needed any more: a waiver, a surrender, a number that is dialled again."""


class HandoverStep(StrEnum):
    ASSIGN = "assign"
    SEND = "send"
    SUCCEED = "succeed"
    FAIL = "fail"
    WITHDRAW = "withdraw"


CLOSED = frozenset({HandoverState.DONE, HandoverState.FAILED, HandoverState.WITHDRAWN})

_VISIT = {
    (HandoverState.LISTED, HandoverStep.ASSIGN): HandoverState.ASSIGNED,
    (HandoverState.LISTED, HandoverStep.WITHDRAW): HandoverState.WITHDRAWN,
    (HandoverState.ASSIGNED, HandoverStep.ASSIGN): HandoverState.ASSIGNED,
    (HandoverState.ASSIGNED, HandoverStep.SUCCEED): HandoverState.DONE,
    (HandoverState.ASSIGNED, HandoverStep.FAIL): HandoverState.FAILED,
    (HandoverState.ASSIGNED, HandoverStep.WITHDRAW): HandoverState.WITHDRAWN,
}
_POST = {
    (HandoverState.LISTED, HandoverStep.SEND): HandoverState.SENT,
    (HandoverState.LISTED, HandoverStep.WITHDRAW): HandoverState.WITHDRAWN,
    (HandoverState.SENT, HandoverStep.SUCCEED): HandoverState.DONE,
    (HandoverState.SENT, HandoverStep.FAIL): HandoverState.FAILED,
    (HandoverState.SENT, HandoverStep.WITHDRAW): HandoverState.WITHDRAWN,
}
TABLE: Mapping[Method, Mapping[tuple[HandoverState, HandoverStep], HandoverState]] = {
    Method.VISIT: _VISIT,
    Method.LETTER: _POST,
    Method.TEXT: _POST,
}
BY_CHANNEL = {method.value: method for method in TABLE}
"""Channels of an Escalate verdict that become hand-overs."""


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """One answer of a questionnaire on paper."""

    question: str
    kind: QuestionKind
    yes: bool
    words: str = ""

    @property
    def problem(self) -> bool:
        """R74: a no, or a yes to a risky question."""
        return self.yes == (self.kind in (QuestionKind.BAD, QuestionKind.LEFT, QuestionKind.NEG))


@dataclass(frozen=True, slots=True)
class Handover:
    """A task that another method goes on with."""

    id: HandoverId
    task_id: TaskId
    channel: Method
    state: HandoverState
    opened_at: datetime
    assignee: str = ""
    """Who visits."""
    planned: date | None = None
    """The day agreed for the visit."""
    closed_at: datetime | None = None
    done_on: date | None = None
    """When the customer answered."""
    answers: tuple[WrittenAnswer, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class HandoverTaken:
    """One step with what it brings."""

    step: HandoverStep
    by: str
    at: datetime
    note: str = ""
    account: str = ""
    assignee: str = ""
    planned: date | None = None
    done_on: date | None = None
    answers: tuple[WrittenAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class HandoverRecord:
    """One line of a hand-over's history."""

    step: HandoverStep
    before: HandoverState
    after: HandoverState
    by: str
    at: datetime
    note: str
    account: str


@dataclass(frozen=True, slots=True)
class HandoverView:
    """A hand-over with its task, as the work lists show it."""

    handover: Handover
    task: Task


def advance(handover: Handover, taken: HandoverTaken, seller: str) -> Handover:
    """The hand-over after the step. Raises IllegalTransition; nothing changes then.

    R27: the seller of the policy doesn't visit (but may come along), nor enters what came of it (R4).
    """
    name = f"{handover.channel} {handover.id}"
    following = TABLE[handover.channel].get((handover.state, taken.step))
    if following is None:
        raise IllegalTransition(f"{name} is {handover.state}: {taken.step} isn't possible")
    if not taken.by.strip():
        raise IllegalTransition(f"{name}: {taken.step} needs the name of who does it")
    if taken.step is HandoverStep.ASSIGN:
        if not taken.assignee.strip():
            raise IllegalTransition(f"{name}: a visit needs the name of who visits")
        if same_person(taken.assignee, seller):
            raise IllegalTransition(f"{name}: {taken.assignee} sold this policy and must not visit (R27)")
        return replace(handover, state=following, assignee=taken.assignee, planned=taken.planned)
    if taken.step in (HandoverStep.SUCCEED, HandoverStep.FAIL) and same_person(taken.by, seller):
        raise IllegalTransition(f"{name}: {taken.by} sold this policy, somebody else enters the result (R4)")
    closed = taken.at if following in CLOSED else None
    return replace(
        handover,
        state=following,
        closed_at=closed,
        done_on=taken.done_on if following is HandoverState.DONE else None,
        answers=taken.answers,
        note=taken.note,
    )


def task_after(task: Task, handover: Handover) -> Task:
    """What the hand-over's state makes of its task."""
    match handover.channel, handover.state:
        case _, HandoverState.DONE:
            return replace(task, state=TaskState.DONE)
        case Method.VISIT, HandoverState.FAILED:
            return replace(task, state=TaskState.LETTER, visit_failed=True)
        case Method.LETTER, HandoverState.FAILED:
            return replace(task, state=TaskState.UNREACHED)
        case _:
            return task


@dataclass(frozen=True, slots=True)
class LetterConfig:
    """``[letters]``: what letters say of the house (R26)."""

    service_phone: str = ""
    """The company's telephone for customers."""
    return_address: str = ""
    """Where the stamped envelope goes back to."""


# --- the meter ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meter:
    """R8: how many of a month's call-backs went by visit and letter."""

    called_back: int
    visits: int
    letters: int

    @property
    def share(self) -> float | None:
        """None before the first call-back."""
        return (self.visits + self.letters) / self.called_back if self.called_back else None

    def over(self, cap: float) -> bool:
        """Whether the cap is passed. So few call-backs that one visit alone would pass it say nothing yet."""
        return (
            not cap or self.called_back * cap >= 1
        ) and self.visits + self.letters > cap * self.called_back

    def room(self, cap: float) -> int:
        """How many more visits and letters the cap allows, as the call-backs stand."""
        return max(0, int(cap * self.called_back + 1e-9) - self.visits - self.letters)
