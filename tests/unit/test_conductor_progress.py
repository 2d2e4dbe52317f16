"""What call progress detection makes of a call: early tones, machines, and people who are no machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from call_house import NAME, CallHouse, virtually

from dialer.model import CallRecord, Disposition, RtpStats, TaskState, Tone
from dialer.ports import Answerer, AnswererJudged, CallView, Failed, ToneHeard
from dialer.testing.legs import FakeLeg, Person, keys

BY_KEYS = "11111122"


def place(
    person: Person, prepare: Callable[[CallHouse], None] | None = None, **fields: Any
) -> tuple[CallHouse, CallRecord, CallView]:
    """One call on virtual time, and what was stored of it."""

    async def main(clock: Callable[[], datetime]) -> tuple[CallHouse, CallView]:
        house = CallHouse(clock, person=person, **fields)
        if prepare:
            prepare(house)
        return house, await house.call()

    house, view = virtually(main)
    assert house.nothing_left()
    assert view.record is not None
    return house, view.record, view


def now() -> float:
    return asyncio.get_running_loop().time()


def judged(leg: FakeLeg, answerer: Answerer, why: str, tone: Tone | None = None) -> None:
    leg.put(AnswererJudged(now(), answerer, why, leg.media.offset_s, tone))


def early(*tones: Tone, end: Callable[[FakeLeg], None] | None = None) -> Person:
    """183 with audio, in which the tones are heard; then the end, if any."""

    async def person(leg: FakeLeg) -> None:
        leg.ring(183, early_media=True)
        await asyncio.sleep(1)
        for tone in tones:
            leg.put(ToneHeard(now(), tone, 0.0))
            await asyncio.sleep(1)
        if end is not None:
            end(leg)

    return person


def fails(code: int, reason: str = "", cause: int = 0) -> Callable[[FakeLeg], None]:
    return lambda leg: leg.put(Failed(now(), code, reason, cause=cause))


# -- before the answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tone", "outcome"),
    [
        (Tone.BUSY, Disposition.BUSY),
        (Tone.CONGESTION, Disposition.UNREACHABLE),
        (Tone.SIT, Disposition.UNREACHABLE),
        (Tone.UNOBTAINABLE, Disposition.UNALLOCATED),
        (Tone.RINGBACK, Disposition.NO_ANSWER),
    ],
)
def test_a_line_that_only_sounds_is_recorded_for_what_it_was(tone: Tone, outcome: Disposition) -> None:
    """The carrier plays a tone in early media and never sends a failure code: we ring out and cancel."""
    house, record, view = place(early(tone))
    assert record.outcome is outcome
    assert f"early media: {tone.value}" in record.reason
    assert "customer watch early" in house.journal
    assert view.attempt.outcome is outcome


def test_the_ring_is_never_cut_short_for_a_tone() -> None:
    """R41: 20 s from the first 18x, whatever sounds meanwhile."""

    async def main(clock: Callable[[], datetime]) -> tuple[float, CallView]:
        house = CallHouse(clock, person=early(Tone.BUSY, Tone.BUSY))
        begun = now()
        view = await house.call()
        return now() - begun, view

    took, view = virtually(main)
    assert took == pytest.approx(20.0, abs=0.1)
    assert view.attempt.outcome is Disposition.BUSY


@pytest.mark.parametrize(
    ("code", "cause", "tones", "outcome"),
    [
        (480, 0, (Tone.BUSY,), Disposition.BUSY),
        (480, 0, (Tone.SIT,), Disposition.UNREACHABLE),
        (480, 0, (), Disposition.UNREACHABLE),
        (480, 17, (), Disposition.BUSY),
        (480, 1, (Tone.BUSY,), Disposition.UNALLOCATED),
        (503, 20, (), Disposition.UNREACHABLE),
        (404, 17, (Tone.BUSY,), Disposition.UNALLOCATED),
        (404, 1, (), Disposition.UNALLOCATED),
        (404, 16, (), Disposition.UNALLOCATED),
        (404, 2, (), Disposition.UNREACHABLE),
        (404, 3, (), Disposition.UNREACHABLE),
        (604, 38, (), Disposition.UNREACHABLE),
        (486, 3, (), Disposition.BUSY),
        (486, 0, (Tone.SIT,), Disposition.BUSY),
        (603, 0, (Tone.BUSY,), Disposition.REJECTED),
    ],
)
def test_the_code_comes_first_then_the_cause_then_the_tones(
    code: int, cause: int, tones: tuple[Tone, ...], outcome: Disposition
) -> None:
    _, record, _ = place(early(*tones, end=fails(code, "Said", cause)))
    assert record.outcome is outcome
    assert record.sip_code == code
    assert (f"Q.850 cause {cause}" in record.reason) is bool(cause)


def test_a_busy_tone_after_ringback_is_no_busy_callee() -> None:
    """The network's way to end the ringing, or the callee's to refuse."""
    _, record, _ = place(early(Tone.RINGBACK, Tone.BUSY))
    assert record.outcome is Disposition.NO_ANSWER
    assert "early media: ringback, busy" in record.reason


def test_ringing_without_audio_is_not_listened_to() -> None:
    async def rings(leg: FakeLeg) -> None:
        leg.ring(180)

    house, record, _ = place(rings)
    assert record.outcome is Disposition.NO_ANSWER
    assert not [line for line in house.journal if "watch" in line]


def test_a_media_plane_that_cannot_listen_costs_no_call() -> None:
    async def person(leg: FakeLeg) -> None:
        leg.media.failing.add("watch early")
        leg.ring(183, early_media=True)
        await asyncio.sleep(1)
        leg.media.failing.clear()
        await keys(BY_KEYS)(leg)

    _, record, _ = place(person)
    assert record.outcome is Disposition.COMPLETED


# -- after the answer -------------------------------------------------------------------------


def answers(*verdict: Any, after_s: float = 3.0) -> Person:
    """Answers; call progress judges after a while."""

    async def person(leg: FakeLeg) -> None:
        leg.ring()
        leg.answer()
        await asyncio.sleep(after_s)
        judged(leg, *verdict)
        await asyncio.sleep(300)
        leg.leave()

    return person


def test_a_machine_is_said_goodbye_to_without_a_name_or_a_company() -> None:
    """Nothing private is left on a mailbox: the surname of the identity question is cut where it stands."""

    house, record, view = place(answers(Answerer.MACHINE, "a greeting, then a beep", Tone.BEEP))
    assert record.outcome is Disposition.MACHINE
    assert record.reason == "a machine answered: a greeting, then a beep"
    assert record.hung_up_by == "dialer"
    assert (record.answers, record.tickets) == ((), ())
    assert record.recording is not None, "R40: it is recorded like any other call"
    assert view.task.state is TaskState.OPEN, "another slot (R43)"
    assert view.attempt.outcome is Disposition.MACHINE
    played = [line for line in house.journal if line.startswith("customer play")]
    assert played[-1] == "customer play 对不起，打扰您了，谢谢，再见。"
    assert all(NAME[:2] not in line and "禾安" not in line for line in played[1:])


def test_it_hangs_up_at_once_after_the_goodbye() -> None:
    """No eight seconds of silence on a mailbox: no machine hangs up first (R65 is for customers)."""

    async def main(clock: Callable[[], datetime]) -> float:
        house = CallHouse(clock, person=answers(Answerer.MACHINE, "fax tone", Tone.FAX, after_s=2.0))
        begun = now()
        await house.call()
        return now() - begun

    assert virtually(main) == pytest.approx(2.0 + 1.0, abs=0.2)


@pytest.mark.parametrize(
    ("tone", "outcome"),
    [
        (Tone.BUSY, Disposition.BUSY),
        (Tone.CONGESTION, Disposition.UNREACHABLE),
        (Tone.SIT, Disposition.UNREACHABLE),
        (Tone.UNOBTAINABLE, Disposition.UNALLOCATED),
    ],
)
def test_a_tone_in_an_answered_call_is_the_networks_word(tone: Tone, outcome: Disposition) -> None:
    house, record, _ = place(answers(Answerer.MACHINE, f"{tone} tone", tone))
    assert record.outcome is outcome
    assert record.reason == f"a machine answered: {tone} tone"
    assert len([line for line in house.journal if line.startswith("customer play")]) == 1, "nobody to greet"


@pytest.mark.parametrize("answerer", [Answerer.PERSON, Answerer.UNSURE])
def test_a_person_and_an_unsure_answer_are_asked_on(answerer: Answerer) -> None:
    async def person(leg: FakeLeg) -> None:
        leg.ring()
        leg.answer()
        await asyncio.sleep(0.5)
        judged(leg, answerer, "whatever")
        for digit in BY_KEYS:
            await leg.media.prompt_over()
            await asyncio.sleep(0.2)
            leg.press(digit)
        await leg.media.prompt_over()
        leg.leave()

    _, record, _ = place(person)
    assert record.outcome is Disposition.COMPLETED
    assert "machine" not in record.reason


def test_whoever_has_said_who_he_is_is_no_machine() -> None:
    """A verdict that comes late never ends a conversation with a customer."""

    async def person(leg: FakeLeg) -> None:
        leg.ring()
        leg.answer()
        for number, digit in enumerate(BY_KEYS):
            await leg.media.prompt_over()
            await asyncio.sleep(0.2)
            leg.press(digit)
            if number == 0:
                await asyncio.sleep(0.1)
                judged(leg, Answerer.MACHINE, "a greeting, then a beep", Tone.BEEP)
        await leg.media.prompt_over()
        leg.leave()

    _, record, _ = place(person)
    assert record.outcome is Disposition.COMPLETED
    assert record.reason.endswith("may be a machine: a greeting, then a beep")


@pytest.mark.parametrize(
    ("use", "watched", "early_outcome", "machine_outcome"),
    [
        ("act", True, Disposition.BUSY, Disposition.MACHINE),
        ("note", True, Disposition.NO_ANSWER, Disposition.ANSWERED_INCOMPLETE),
        ("off", False, Disposition.NO_ANSWER, Disposition.ANSWERED_INCOMPLETE),
    ],
)
def test_how_call_progress_is_used(
    use: str, watched: bool, early_outcome: Disposition, machine_outcome: Disposition
) -> None:
    def listens(house: CallHouse) -> bool:
        return any("watch" in line for line in house.journal)

    tones = (Tone.BUSY,) if watched else ()
    house, record, _ = place(early(*tones), changes={"progress": use})
    assert (listens(house), record.outcome) == (watched, early_outcome)
    assert ("early media: busy" in record.reason) is watched

    async def silent(leg: FakeLeg) -> None:
        leg.answer()
        await asyncio.sleep(300)

    person = answers(Answerer.MACHINE, "a greeting, then a beep", Tone.BEEP) if watched else silent
    house, record, _ = place(person, changes={"progress": use})
    assert (listens(house), record.outcome) == (watched, machine_outcome)
    assert ("machine" in record.reason) is watched
    assert record.rtp == RtpStats(sent=50, received=50)
