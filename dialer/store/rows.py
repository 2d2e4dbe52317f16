"""Rows to model values and back. A row that can't be read is damage: StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Row

from dialer.errors import StoreError
from dialer.model import (
    ALL_SIGNATURES,
    AgentLeg,
    Answer,
    AnswerClass,
    AnswerSource,
    Attempt,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    QuestionKind,
    Recording,
    RtpStats,
    Segment,
    Signature,
    Task,
    TaskId,
    TaskState,
    Ticket,
    TicketId,
)
from dialer.policy.verdict import Decision, Dial, Escalate, Finding, Refuse, Verdict, Wait
from dialer.store import inputs
from dialer.store.effects import deadline, kind_of
from dialer.store.tables import LONG_AGO, NO_DEADLINE

Values = dict[str, Any]
"""One row to be written, by column."""


def task_row(task: Task, now: datetime) -> Values:
    return {
        "campaign": task.campaign,
        "policy_no": task.policy_no,
        "customer_key": task.customer_key,
        "holder_name": task.holder.name,
        "holder_honorific": task.holder.honorific,
        "insured_differs": task.holder.insured_differs,
        "product": task.product,
        "premium": task.premium,
        "pay_years": task.pay_years,
        "script": task.script,
        "cooling_off_days": task.cooling_off_days,
        "cooling_off_end": task.cooling_off_end,
        "due": task.due,
        "deadline_type": task.deadline_type,
        "event": task.event,
        "due_provisional": task.due_provisional,
        "deadline": deadline(task) or NO_DEADLINE,
        "branch": task.branch,
        "channel": task.channel,
        "seller": task.seller,
        "seller_team": task.seller_team,
        "segment": task.segment.value,
        "tier": task.tier,
        "zone": task.zone,
        "state": task.state.value,
        "pass_no": task.pass_no,
        "appointment": task.appointment,
        "waiver": task.waiver,
        "waiver_signatures": signatures_text(task.waiver_signatures),
        "opted_out": task.opted_out,
        "surrendered": task.surrendered,
        "do_not_call": task.do_not_call,
        "visit_failed": task.visit_failed,
        "imported_at": now,
        "hidden_until": LONG_AGO,
        "fence": 0,
        "address": task.address,
        "email": task.email,
    }


def signatures_text(signatures: Sequence[Signature]) -> str:
    """In the order of ``Signature``, whatever order they came in."""
    return ",".join(one for one in ALL_SIGNATURES if one in signatures)


def phone_rows(task_id: int, task: Task) -> list[Values]:
    return [
        {"task_id": task_id, "position": n, "number": phone.number.e164, "verified": phone.verified}
        for n, phone in enumerate(task.phones)
    ]


PHONE_COLUMNS = ("position", "number", "verified")
ATTEMPT_COLUMNS = (
    "id", "task_id", "number", "pass_no", "slot", "invited_at", "ringing_at", "answered_at", "ended_at",
    "outcome", "sip_code", "reason", "appointment",
)  # fmt: skip
"""What ``phones`` and ``attempts`` read, in this order, from lists that the database wrote as JSON. Behind a
number's columns stands whether the do-not-call list has it."""

_LEGS = msgspec.json.Decoder(tuple[AgentLeg, ...])
_PHONES = msgspec.json.Decoder(list[tuple[int, str, bool | int, bool | int]])
_ATTEMPTS = msgspec.json.Decoder(
    list[
        tuple[
            int, int, str, int, str, str, str | None, str | None, str | None, str | None, int, str, str | None
        ]
    ]
)


def phones(text: str | None) -> tuple[tuple[Phone, ...], bool]:
    """A task's numbers from their JSON, in order of ``position``; whether the do-not-call list has one."""
    found = sorted(_PHONES.decode(text)) if text else ()
    made = tuple([Phone(PhoneNumber(number), bool(verified)) for _, number, verified, _ in found])
    return made, any(listed for *_, listed in found)


def attempts(text: str | None) -> list[Attempt]:
    """Attempts from their JSON, oldest first."""
    made = [
        Attempt(
            CallId(key), TaskId(task_id), PhoneNumber(number), pass_no, slot, _moment(invited_at),
            _maybe(ringing_at), _maybe(answered_at), _maybe(ended_at),
            None if outcome is None else Disposition(outcome), sip_code, reason, _maybe(appointment),
        )
        for key, task_id, number, pass_no, slot, invited_at, ringing_at, answered_at, ended_at, outcome,
            sip_code, reason, appointment in (_ATTEMPTS.decode(text) if text else ())
    ]  # fmt: skip
    made.sort(key=attrgetter("id"))
    return made


def _moment(text: str) -> datetime:
    """SQLite keeps no zone: what it holds is UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def task(row: Row[*tuple[Any, ...]]) -> Task:
    """A row of the tasks' table with ``phones`` beside it (``repository.PHONES_OF``)."""
    numbers, listed = phones(row.phones)
    if not numbers:
        raise StoreError(f"task {row.id} has no telephone number: the database is damaged")
    return Task(
        id=TaskId(row.id),
        campaign=row.campaign,
        policy_no=row.policy_no,
        holder=Policyholder(row.holder_name, row.holder_honorific, row.insured_differs),
        phones=numbers,
        product=row.product,
        premium=row.premium,
        pay_years=row.pay_years,
        script=row.script,
        cooling_off_days=row.cooling_off_days,
        cooling_off_end=row.cooling_off_end,
        due=row.due,
        deadline_type=row.deadline_type,
        event=row.event,
        due_provisional=row.due_provisional,
        branch=row.branch,
        channel=row.channel,
        seller=row.seller,
        seller_team=row.seller_team,
        segment=Segment(row.segment),
        tier=row.tier,
        zone=row.zone,
        state=TaskState(row.state),
        pass_no=row.pass_no,
        appointment=row.appointment,
        waiver=row.waiver,
        waiver_signatures=tuple(map(Signature, filter(None, row.waiver_signatures.split(",")))),
        opted_out=row.opted_out,
        surrendered=row.surrendered,
        do_not_call=row.do_not_call or listed,
        visit_failed=row.visit_failed,
        address=row.address,
        email=row.email,
    )


def recurs(row: Row[*tuple[Any, ...]]) -> bool:
    """As ``Task.recurs``, of a row that has its three columns."""
    return bool(row.tier) and row.due is None and row.cooling_off_end is None


def attempt(row: Row[*tuple[Any, ...]]) -> Attempt:
    return Attempt(
        id=CallId(row.id),
        task_id=TaskId(row.task_id),
        number=PhoneNumber(row.number),
        pass_no=row.pass_no,
        slot=row.slot,
        invited_at=row.invited_at,
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        outcome=None if row.outcome is None else Disposition(row.outcome),
        sip_code=row.sip_code,
        reason=row.reason,
        appointment=row.appointment,
    )


def record(
    row: Row[*tuple[Any, ...]],
    answers: Sequence[Row[Any]],
    tickets: Sequence[Row[Any]],
    recording_row: Row[*tuple[Any, ...]] | None,
) -> CallRecord | None:
    """What the finished call left behind; None while it is live. ``answers`` and ``tickets`` in order."""
    if row.outcome is None or row.ended_at is None:
        return None
    return CallRecord(
        call_id=CallId(row.id),
        task_id=TaskId(row.task_id),
        outcome=Disposition(row.outcome),
        ended_at=row.ended_at,
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        sip_code=row.sip_code,
        reason=row.reason,
        hung_up_by=row.hung_up_by,
        answers=tuple(answer(one) for one in answers),
        tickets=tuple(ticket(one) for one in tickets),
        recording=None if recording_row is None else recording(recording_row),
        appointment=row.appointment,
        agent=row.agent,
        transferred=row.transferred,
        rtp=None if row.rtp is None else msgspec.json.decode(row.rtp, type=RtpStats),
        script_version=row.script_version,
        agent_legs=() if row.agent_legs is None else _LEGS.decode(row.agent_legs),
    )


def answer_row(call_id: CallId, position: int, value: Answer) -> Values:
    return {
        "call_id": call_id,
        "position": position,
        "question": value.question,
        "kind": value.kind.value,
        "answer_class": value.answer_class.value,
        "words": value.words,
        "confidence": value.confidence,
        "source": value.source.value,
        "asked_offset_s": value.asked_offset_s,
        "start_offset_s": value.start_offset_s,
        "end_offset_s": value.end_offset_s,
        "asking": value.asking,
        "decided_by": value.decided_by,
        "final": value.final,
    }


def answer(row: Row[*tuple[Any, ...]]) -> Answer:
    return Answer(
        question=row.question,
        kind=QuestionKind(row.kind),
        answer_class=AnswerClass(row.answer_class),
        words=row.words,
        confidence=row.confidence,
        source=AnswerSource(row.source),
        asked_offset_s=row.asked_offset_s,
        start_offset_s=row.start_offset_s,
        end_offset_s=row.end_offset_s,
        asking=row.asking,
        decided_by=row.decided_by,
        final=row.final,
    )


def ticket_row(value: Ticket) -> Values:
    return {
        "call_id": value.call_id or None,
        "task_id": value.task_id,
        "category": value.category,
        "departments": msgspec.json.encode(value.departments).decode(),
        "question": value.question,
        "words": value.words,
        "answer_offset_s": value.answer_offset_s,
        "issued_at": value.issued_at,
        "due": value.due,
        "major": value.major,
        "escalated": value.escalated,
        "status": value.status,
        "anomaly": value.anomaly,
        "repeat_of": value.repeat_of,
    }


def ticket(row: Row[*tuple[Any, ...]]) -> Ticket:
    return Ticket(
        call_id=CallId(row.call_id or 0),
        task_id=TaskId(row.task_id),
        category=row.category,
        departments=msgspec.json.decode(row.departments, type=tuple[str, ...]),
        question=row.question,
        words=row.words,
        answer_offset_s=row.answer_offset_s,
        issued_at=row.issued_at,
        due=row.due,
        major=row.major,
        escalated=row.escalated,
        status=row.status,
        anomaly=row.anomaly,
        repeat_of=TicketId(row.repeat_of),
        id=TicketId(row.id),
    )


def recording_row(value: Recording) -> Values:
    return {
        "call_id": value.call_id,
        "path": value.path,
        "sha256": value.sha256,
        "size": value.size,
        "duration_s": value.duration_s,
        "codec": value.codec,
        "started_at": value.started_at,
        "ended_at": value.ended_at,
        "retain_until": value.retain_until,
        "legal_hold": value.legal_hold,
        "partial": value.partial,
    }


def recording(row: Row[*tuple[Any, ...]]) -> Recording:
    return Recording(
        call_id=CallId(row.call_id),
        path=row.path,
        sha256=row.sha256,
        size=row.size,
        duration_s=row.duration_s,
        codec=row.codec,
        started_at=row.started_at,
        ended_at=row.ended_at,
        retain_until=row.retain_until,
        legal_hold=row.legal_hold,
        partial=row.partial,
    )


def attempt_values(record: CallRecord) -> Values:
    """What the end of a call writes into its attempt; the times of ringing and answer where it knows them."""
    return {
        "outcome": record.outcome.value,
        "ended_at": record.ended_at,
        "sip_code": record.sip_code,
        "reason": record.reason,
        "appointment": record.appointment,
        "hung_up_by": record.hung_up_by,
        "agent": record.agent,
        "transferred": record.transferred,
        "rtp": None if record.rtp is None else msgspec.json.encode(record.rtp).decode(),
        "script_version": record.script_version,
        "agent_legs": msgspec.json.encode(record.agent_legs).decode() if record.agent_legs else None,
    }


def decision_row(task_id: TaskId, value: Decision, now: datetime) -> Values:
    verdict = value.verdict
    until = number = slot = channel = None
    match verdict:
        case Dial():
            until, number, slot = verdict.window_end, verdict.number.e164, verdict.slot
        case Wait():
            until = verdict.until
        case Escalate():
            channel = verdict.channel
        case Refuse():
            pass
    return {
        "task_id": task_id,
        "at": now,
        "kind": kind_of(verdict),
        "rule": verdict.rule,
        "why": str(verdict.why),
        "en": verdict.en,
        "until": until,
        "number": number,
        "slot": slot,
        "channel": channel,
        "findings": msgspec.json.encode(value.findings).decode(),
        "inputs": None if value.inputs is None else inputs.encode(value.inputs),
    }


def decision(row: Row[*tuple[Any, ...]]) -> Decision:
    """Raises StoreError."""
    findings = msgspec.json.decode(row.findings, type=tuple[Finding, ...])
    return Decision(verdict(row), findings, None if row.inputs is None else inputs.decode(row.inputs))


def verdict(row: Row[*tuple[Any, ...]]) -> Verdict:
    """Raises StoreError."""
    match row.kind:
        case "dial" if row.until is not None and row.number is not None and row.slot is not None:
            return Dial(PhoneNumber(row.number), row.slot, row.until, row.rule, row.why, row.en)
        case "wait" if row.until is not None:
            return Wait(row.until, row.rule, row.why, row.en)
        case "escalate" if row.channel is not None:
            return Escalate(row.channel, row.rule, row.why, row.en)
        case "refuse":
            return Refuse(row.rule, row.why, row.en)
        case _:
            raise StoreError(f"decision {row.id} can't be read: the database is damaged")
