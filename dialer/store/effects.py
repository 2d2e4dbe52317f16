"""What a verdict or an outcome changes in a task's row: pure, shared by every Store."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, date, datetime

from dialer.handover import BY_CHANNEL
from dialer.kpi import Method
from dialer.model import Attempt, CallRecord, Disposition, Task, TaskState
from dialer.policy.rulebook import version_of
from dialer.policy.verdict import Decision, Dial, Escalate, Finding, Refuse, Verdict, Wait

_KINDS: dict[type[Verdict], str] = {Dial: "dial", Wait: "wait", Refuse: "refuse", Escalate: "escalate"}

PARKED = datetime(9999, 1, 1, tzinfo=UTC)
"""``hidden_until`` of an open task that was refused: no time heals it, only ``Store.reconsider``."""

_AFTER_CALL = {
    Disposition.COMPLETED: TaskState.DONE,
    Disposition.REFUSED: TaskState.REFUSED,
    Disposition.TRANSFERRED: TaskState.WITH_AGENT,
}


def kind_of(verdict: Verdict) -> str:
    """``dial``, ``wait``, ``refuse`` or ``escalate``."""
    return _KINDS[type(verdict)]


CUSTOMER_BUSY = ("该客户另有一通电话正在进行", "another call to this customer is under way")


def stopped_by(decision: Decision, wait: Wait) -> Decision:
    """A decision that something behind the rules stops after all: it stands last among the findings."""
    finding = Finding(wait.rule, "wait", wait.why, version_of(wait.rule), wait.en)
    return Decision(wait, (*decision.findings, finding), decision.inputs)


def differs(new: Verdict, last: Verdict | None) -> bool:
    """Whether ``new`` says something else than ``last``: another kind, rule, time, slot or channel.

    The wording of ``why`` isn't looked at, or a counter in it would fill the table.
    """
    return last is None or type(new) is not type(last) or _gist(new) != _gist(last)


def _gist(verdict: Verdict) -> tuple[object, ...]:
    match verdict:
        case Dial():
            return ("dial", verdict.rule, verdict.slot, verdict.number)
        case Wait():
            return ("wait", verdict.rule, verdict.until)
        case Refuse():
            return ("refuse", verdict.rule)
        case Escalate():
            return ("escalate", verdict.rule, verdict.channel)


_CHANNELS = {"text": TaskState.EXCLUDED, "visit": TaskState.VISIT, "letter": TaskState.LETTER}


def state_after_verdict(state: TaskState, verdict: Verdict, excluding_rules: Set[str]) -> TaskState:
    """A task's state once ``verdict`` is recorded.

    A Refuse by one of ``excluding_rules`` and the hand-over to text messages (R37) end the telephone
    for good, a visit (R25) and a letter (R26) go on without it; every other channel needs the business
    side first (R22, R24). Of what isn't open only a visit goes on, to a letter.
    """
    match verdict:
        case Escalate(channel="letter") if state is TaskState.VISIT:
            return TaskState.LETTER
        case _ if state is not TaskState.OPEN:
            return state
        case Refuse(rule=rule) if rule in excluding_rules:
            return TaskState.EXCLUDED
        case Escalate(channel=channel):
            return _CHANNELS.get(channel, TaskState.CONTACT_REFRESH)
        case _:
            return state


def channel_of(verdict: Verdict) -> Method | None:
    """The method that a verdict gives a task to, where that has a work list: visit, letter or text."""
    return BY_CHANNEL.get(verdict.channel) if isinstance(verdict, Escalate) else None


def hidden_until(state: TaskState, verdict: Verdict) -> datetime | None:
    """Until when a task, now in ``state``, stays away from the queue; None: it doesn't."""
    if state is not TaskState.OPEN:
        return None
    match verdict:
        case Wait(until=until):
            return until
        case Refuse():
            return PARKED
        case _:
            return None


def state_after_call(state: TaskState, outcome: Disposition, recurs: bool = False) -> TaskState:
    """An open task's state after a call. What ends a pass is policy's to say, not the store's.

    ``recurs``: the call-back comes round by the customer's tier, so success leaves the task open (R77).
    """
    if state is not TaskState.OPEN or (recurs and outcome is Disposition.COMPLETED):
        return state
    return _AFTER_CALL.get(outcome, state)


def pass_after_call(pass_no: int, outcome: Disposition, recurs: bool) -> int:
    """A call-back that comes round begins with its first pass again."""
    return 1 if recurs and outcome is Disposition.COMPLETED else pass_no


def appointment_after_call(task: Task, attempt: Attempt, record: CallRecord) -> datetime | None:
    """The new appointment; or the old one, unless this call was the one that kept it."""
    if record.appointment is not None:
        return record.appointment
    kept = task.appointment is not None and attempt.invited_at >= task.appointment
    return None if kept and record.outcome.counts_as_attempt else task.appointment


def deadline(task: Task) -> date | None:
    """The earlier of the cooling-off period's end and the due date (R10)."""
    return min((day for day in (task.cooling_off_end, task.due) if day is not None), default=None)
