"""The inputs of a decision as JSON: the facts that rules look at, and nothing else of the customer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from dialer.errors import StoreError
from dialer.model import (
    Attempt,
    CallId,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Reason,
    Segment,
    Signature,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.ruling import Inputs, Resources


class _Facts(msgspec.Struct, omit_defaults=True, frozen=True):
    """Of a task. Names and defaults are those of ``model.Task``."""

    id: int
    phones: tuple[tuple[str, bool], ...]
    """Number and whether it was confirmed, best first."""
    cooling_off_end: date | None = None
    due: date | None = None
    deadline_type: str = ""
    event: date | None = None
    due_provisional: bool = False
    segment: Segment = Segment.GENERAL
    tier: str = ""
    zone: str = "Asia/Shanghai"
    state: TaskState = TaskState.OPEN
    pass_no: int = 1
    appointment: datetime | None = None
    waiver: bool = False
    waiver_signatures: tuple[Signature, ...] = ()
    opted_out: bool = False
    surrendered: bool = False
    do_not_call: bool = False
    visit_failed: bool = False


_SAME = tuple(name for name in _Facts.__struct_fields__ if name not in ("id", "phones"))


class _Try(msgspec.Struct, omit_defaults=True, frozen=True):
    """Of an attempt, as it stood then."""

    id: int
    task_id: int
    number: str
    pass_no: int
    slot: str
    invited_at: datetime
    ended_at: datetime | None = None
    outcome: Disposition | None = None


class _Means(msgspec.Struct, omit_defaults=True, frozen=True):
    """What the node could do."""

    lines_free: int
    can_record: bool = True
    can_record_why: str = ""
    approved: bool = True
    approved_why: str = ""
    trunk_up: bool = True
    trunk_why: str = ""
    not_dialable: dict[str, str] = {}
    english: dict[str, str] = {}
    """Of the reasons above that have it, the English: a decision made again must read the same."""


class _Stored(msgspec.Struct, frozen=True):
    now: datetime
    task: _Facts
    attempts: tuple[_Try, ...]
    customer_attempts: tuple[_Try, ...]
    resources: _Means
    rules: str


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Stored)


def encode(inputs: Inputs) -> str:
    task, means = inputs.task, inputs.resources
    reasons = (means.can_record_why, means.approved_why, means.trunk_why, *means.not_dialable.values())
    facts = _Facts(
        task.id,
        tuple((phone.number.e164, phone.verified) for phone in task.phones),
        **{name: getattr(task, name) for name in _SAME},
    )
    stored = _Stored(
        inputs.now,
        facts,
        tuple(map(_try, inputs.attempts)),
        tuple(map(_try, inputs.customer_attempts)),
        _Means(
            means.lines_free,
            means.can_record,
            str(means.can_record_why),
            means.approved,
            str(means.approved_why),
            means.trunk_up,
            str(means.trunk_why),
            {number.e164: str(why) for number, why in means.not_dialable.items()},
            {str(why): why.en for why in reasons if isinstance(why, Reason)},
        ),
        inputs.rules,
    )
    return _ENCODER.encode(stored).decode()


def _try(one: Attempt) -> _Try:
    return _Try(
        one.id, one.task_id, one.number.e164, one.pass_no, one.slot, one.invited_at, one.ended_at, one.outcome
    )


def decode(text: str) -> Inputs:
    """Raises StoreError."""
    try:
        found = _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise StoreError(f"the inputs of a decision can't be read: {error}") from error
    facts, means = found.task, found.resources

    def reason(zh: str) -> str:
        return Reason(zh, means.english[zh]) if zh in means.english else zh

    task = Task(
        id=TaskId(facts.id),
        campaign="",
        policy_no="",
        holder=Policyholder(""),
        phones=tuple(Phone(PhoneNumber(number), verified) for number, verified in facts.phones),
        product="",
        premium=Decimal(0),
        pay_years=0,
        script="",
        **{name: getattr(facts, name) for name in _SAME},
    )
    resources = Resources(
        lines_free=means.lines_free,
        can_record=means.can_record,
        can_record_why=reason(means.can_record_why),
        approved=means.approved,
        approved_why=reason(means.approved_why),
        trunk_up=means.trunk_up,
        trunk_why=reason(means.trunk_why),
        not_dialable={PhoneNumber(number): reason(why) for number, why in means.not_dialable.items()},
    )
    return Inputs(
        found.now,
        task,
        tuple(map(_attempt, found.attempts)),
        tuple(map(_attempt, found.customer_attempts)),
        resources,
        found.rules,
    )


def _attempt(one: _Try) -> Attempt:
    return Attempt(
        id=CallId(one.id),
        task_id=TaskId(one.task_id),
        number=PhoneNumber(one.number),
        pass_no=one.pass_no,
        slot=one.slot,
        invited_at=one.invited_at,
        ended_at=one.ended_at,
        outcome=one.outcome,
    )
