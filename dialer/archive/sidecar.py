"""The sidecar: what is kept beside a call's audio, so that the recording explains itself without a database.

Canonical JSON (``dialer.proof.canonical``): ``facts`` come from the call's rows and can be made again from
them years later; ``sound`` comes from the audio. No number and no name stands in it unmasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from dialer import proof
from dialer.archive.wav import HEADER_SIZE, WavHeader
from dialer.model import Answer, CallRecord, PhoneNumber, Recording
from dialer.ports import CallView

FORMAT = "huifang-sidecar/1"
_SILENCE = {"PCMA": (0xD5, 0x55), "PCMU": (0xFF, 0x7F)}
"""The codes that say nothing: both smallest magnitudes."""
_PACKET_S = 0.02

Object = dict[str, Any]
"""One JSON object, made here and written at once."""


def masked_name(name: str) -> str:
    """张**"""
    return f"{name[:1]}**" if name else ""


def draft(view: CallView, caller: str) -> str:
    """The sidecar without ``sound``. ``caller``: what our side showed; masked here where it is a number."""
    try:
        shown = PhoneNumber.parse(caller).masked if caller else ""
    except ValueError:
        shown = "****"
    return proof.canonical({"format": FORMAT, "caller": shown, "facts": facts(view)})


def complete(text: str, wav: bytes) -> str:
    """With what the audio tells: how much of each side isn't silence."""
    told = msgspec.json.decode(text)
    return proof.canonical(told | {"sound": sound(wav)})


def sound(wav: bytes) -> dict[str, float]:
    """Seconds of each side that aren't digital silence."""
    header = WavHeader.parse(wav)
    sides = {}
    for name, side in (("prompt", wav[HEADER_SIZE::2]), ("customer", wav[HEADER_SIZE + 1 :: 2])):
        silent = sum(side.count(code) for code in _SILENCE[header.codec])
        sides[f"{name}_s"] = round((len(side) - silent) / 8000, 3)
    return sides


def facts(view: CallView) -> Object:
    """What doesn't change any more once a call has ended."""
    attempt, task, record = view.attempt, view.task, view.record
    if record is None or record.recording is None:
        raise ValueError("only a finished call with a recording has a sidecar")
    return {
        "call": {
            "id": attempt.id, "task": attempt.task_id, "pass": attempt.pass_no, "slot": attempt.slot,
            "invited_at": _time(attempt.invited_at), "ringing_at": _time(record.ringing_at),
            "answered_at": _time(record.answered_at), "ended_at": _time(record.ended_at),
            "outcome": record.outcome.value, "sip_code": record.sip_code, "reason": record.reason,
            "hung_up_by": record.hung_up_by,
        },
        "callee": {"number": attempt.number.masked, "policyholder": masked_name(task.holder.name)},
        "campaign": task.campaign,
        "policy_no": task.policy_no,
        "script": task.script,
        "script_version": record.script_version,
        "answers": [_answer(one) for one in record.answers],
        "problems": [
            {"category": one.category, "question": one.question, "offset_s": one.answer_offset_s}
            for one in sorted(record.tickets, key=lambda one: one.id)
            if one.issued_at <= record.ended_at
        ],
        "agent_legs": agent_legs(record),
        "rtp": None if record.rtp is None else msgspec.to_builtins(record.rtp),
        "recording": _recording(record.recording),
        "coverage": coverage(record, record.recording),
    }  # fmt: skip


def agent_legs(record: CallRecord) -> list[Object]:
    """Who took the call over, and when. Calls of earlier versions know the name alone."""
    if not record.agent_legs and record.agent:
        return [{"agent": record.agent}]
    return [
        {
            "agent": leg.agent, "joined_ms": leg.joined_ms, "left_ms": leg.left_ms,
            "held": [{"from_ms": start, "to_ms": end} for start, end in leg.held],
        }
        for leg in record.agent_legs
    ]  # fmt: skip


def coverage(record: CallRecord, recording: Recording) -> Object:
    """How much of the call lies in the recording: by signalling (answer to hang-up) and by RTP."""
    talked = (record.ended_at - record.answered_at).total_seconds() if record.answered_at else 0.0
    heard = record.rtp.received * _PACKET_S if record.rtp is not None else 0.0
    share = min(1.0, recording.duration_s / talked) if talked > 0 else 1.0
    return {
        "signalled_s": round(talked, 3), "rtp_received_s": round(heard, 3),
        "recorded_s": round(recording.duration_s, 3), "share": round(share, 4),
    }  # fmt: skip


def differences(facts_now: object, kept: object, place: str = "") -> Iterator[tuple[str, object, object]]:
    """(place, what the rows say now, what was kept), e.g. ``answers[1].answer_class``."""
    if isinstance(facts_now, dict) and isinstance(kept, dict):
        for key in sorted(facts_now.keys() | kept.keys()):
            name = f"{place}.{key}" if place else key
            yield from differences(facts_now.get(key), kept.get(key), name)
    elif isinstance(facts_now, list) and isinstance(kept, list) and len(facts_now) == len(kept):
        for number, (one, other) in enumerate(zip(facts_now, kept, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif facts_now != kept:
        yield place, facts_now, kept


def _answer(one: Answer) -> Object:
    return {
        "question": one.question, "kind": one.kind.value, "class": one.answer_class.value,
        "words": one.words, "confidence": one.confidence, "source": one.source.value,
        "asked_s": one.asked_offset_s, "start_s": one.start_offset_s, "end_s": one.end_offset_s,
        "asking": one.asking, "decided_by": one.decided_by, "final": one.final,
    }  # fmt: skip


def _recording(one: Recording) -> Object:
    return {
        "file": one.path.rsplit("/", 1)[-1], "codec": one.codec, "duration_s": one.duration_s,
        "size": one.size, "sha256": one.sha256, "started_at": _time(one.started_at),
        "ended_at": _time(one.ended_at), "partial": one.partial,
    }  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
