"""Where in a recording what happened: from the sealed sidecar, else from the index rows."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dialer.errors import ArchiveError
from dialer.model import AnswerClass, CallId, CallRecord
from dialer.ports import Evidence


class Marker(msgspec.Struct, frozen=True, rename={"answer_class": "class"}):
    """One answer. Seconds in the recording."""

    question: str
    words: str
    answer_class: AnswerClass
    source: str
    asked_s: float
    start_s: float
    end_s: float
    asking: int


class Hold(msgspec.Struct, frozen=True):
    from_ms: int
    to_ms: int


class AgentMark(msgspec.Struct, frozen=True):
    """An agent in the call. Milliseconds in the recording; None: an earlier version didn't note them."""

    agent: str
    joined_ms: int | None = None
    left_ms: int | None = None
    held: tuple[Hold, ...] = ()


class Markers(msgspec.Struct, frozen=True):
    answers: tuple[Marker, ...]
    agent_legs: tuple[AgentMark, ...]
    sealed: bool = False
    """They come from the sidecar that was sealed with the recording."""


class _Sidecar(msgspec.Struct):
    facts: Markers


async def markers_of(evidence: Evidence, call_id: CallId, record: CallRecord | None) -> tuple[Markers, str]:
    """(the markers, why they aren't the sealed ones; empty: they are)."""
    try:
        told = msgspec.json.decode(await evidence.sidecar(call_id), type=_Sidecar)
        return msgspec.structs.replace(told.facts, sealed=True), ""
    except (ArchiveError, msgspec.DecodeError) as error:
        return _from_rows(record), str(error)


def _from_rows(record: CallRecord | None) -> Markers:
    if record is None:
        return Markers((), ())
    return Markers(
        tuple(
            Marker(
                one.question, one.words, one.answer_class, one.source.value, one.asked_offset_s,
                one.start_offset_s, one.end_offset_s, one.asking,
            )
            for one in record.answers
        ),
        tuple(
            AgentMark(leg.agent, leg.joined_ms, leg.left_ms, tuple(Hold(*one) for one in leg.held))
            for leg in record.agent_legs
        ),
    )  # fmt: skip


def for_player(found: Markers, name: Callable[[AnswerClass], str]) -> dict[str, list[dict[str, object]]]:
    """What ``player.js`` draws. ``name``: a class in the person's language."""
    return {
        "answers": [
            {"at": one.asked_s, "question": one.question, "words": one.words, "class": name(one.answer_class)}
            for one in found.answers
        ],
        "agents": [
            {
                "agent": one.agent,
                "start": one.joined_ms / 1000,
                "end": (one.left_ms or one.joined_ms) / 1000,
                "held": [[hold.from_ms / 1000, hold.to_ms / 1000] for hold in one.held],
            }
            for one in found.agent_legs
            if one.joined_ms is not None
        ],
    }  # fmt: skip
