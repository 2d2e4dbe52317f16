"""One call from INVITE to row, with fakes on virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from call_house import AGENT_URI, NAME, NUMBER, TUESDAY, CallHouse, task, virtually
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.conductor import Conductor
from dialer.errors import StoreError
from dialer.ivr.config import TurnSettings
from dialer.model import AnswerSource, CallRecord, Disposition, TaskState
from dialer.ports import CallView, Ended, KeyPressed, MediaFailed, MediaTimeout, Progress
from dialer.testing.legs import FakeLeg, Person, keys
from dialer.transfer import Agent

AGENT = Agent("李", AGENT_URI)
BY_KEYS = "11111122"


def place(prepare: Callable[[CallHouse], None] | None = None, **fields: Any) -> tuple[CallHouse, CallView]:
    """One call on virtual time, and what was stored of it."""

    async def main(clock: Callable[[], datetime]) -> tuple[CallHouse, CallView]:
        house = CallHouse(clock, **fields)
        if prepare:
            prepare(house)
        return house, await house.call()

    house, view = virtually(main)
    assert house.nothing_left()
    assert not view.attempt.live
    return house, view


def record_of(view: CallView) -> CallRecord:
    assert view.record is not None
    return view.record


def picks_up(*turns: str | Callable[[FakeLeg], None]) -> Person:
    """Answers; after each prompt says the words, or does what a function does."""

    async def answer(leg: FakeLeg) -> None:
        leg.ring()
        await asyncio.sleep(3)
        leg.answer()
        for turn in turns:
            await leg.media.prompt_over()
            await asyncio.sleep(0.3)
            if isinstance(turn, str):
                await leg.say(turn)
            else:
                turn(leg)

    return answer


def leaves(leg: FakeLeg) -> None:
    leg.leave()


# -- the happy call ---------------------------------------------------------------------------


def test_a_call_by_keys() -> None:
    _, view = place(person=keys(BY_KEYS))
    record = record_of(view)
    assert record.outcome is Disposition.COMPLETED
    assert (record.sip_code, record.hung_up_by, record.script_version) == (
        200,
        "customer",
        "new-policy/short@1",
    )
    assert [answer.question for answer in record.answers] == [
        "identity", "consent", "insurance", "received", "signed", "cooling_off", "promised", "anything_else",
    ]  # fmt: skip
    assert {answer.source for answer in record.answers} == {AnswerSource.DTMF}
    assert view.task.state is TaskState.DONE
    assert record.ringing_at is not None
    assert record.answered_at is not None
    assert record.recording is not None
    assert record.recording.started_at == record.answered_at
    assert not record.recording.partial
    assert record.rtp is not None
    assert record.rtp.sent == 50


def test_a_call_by_words_with_one_problem() -> None:
    person = picks_up(
        "是我", "方便", "清楚", "没收到", "是我签的", "知道", "没有", "没有了", leaves
    )  # fmt: skip
    _, view = place(person=person)
    record = record_of(view)
    assert record.outcome is Disposition.COMPLETED
    (ticket,) = record.tickets
    assert (ticket.category, ticket.departments, ticket.words) == ("合同未送达", ("契约",), "没收到")
    assert (ticket.question, ticket.id) == ("received", 1)
    received = next(answer for answer in record.answers if answer.question == "received")
    assert received.source is AnswerSource.ASR
    assert ticket.answer_offset_s == received.start_offset_s
    # The offset finds the answer in the recording.
    assert record.recording is not None
    assert 0 < received.start_offset_s < received.end_offset_s < record.recording.duration_s
    assert received.end_offset_s - received.start_offset_s == pytest.approx(0.8)


def test_the_recording_runs_before_the_first_prompt_and_to_the_end() -> None:
    house, _ = place(person=keys(BY_KEYS))
    assert house.at("customer record") < house.at("customer play")
    assert house.at("customer leaves") < house.at("customer stop_recording") < house.at("sealed")


def test_the_caller_id_and_the_number_reach_the_trunk() -> None:
    house, view = place(person=keys(BY_KEYS), changes={"caller": lambda task: ("95500", task.campaign)})
    (request,) = house.trunk.requests
    assert (request.target, request.caller_id) == (view.attempt.number, "95500")
    assert request.display_name == view.task.campaign
    assert request.reference == str(view.attempt.id)


def test_the_grammar_fits_the_question_and_the_pause_is_the_sessions() -> None:
    house, _ = place(person=picks_up("是我", "方便", leaves))
    assert "我就是" in house.recogniser.grammars[0]
    assert "方便" in house.recogniser.grammars[1]


def test_an_appointment_is_a_permitted_time() -> None:
    _, view = place(person=picks_up("是我", "下午再打", leaves))
    record = record_of(view)
    assert record.outcome is Disposition.APPOINTMENT
    assert record.appointment is not None
    local = record.appointment.astimezone(TUESDAY.tzinfo)
    assert local.date() == TUESDAY.date()
    assert 14 <= local.hour < 16
    assert view.task.appointment == record.appointment


# -- no conversation --------------------------------------------------------------------------


@pytest.mark.parametrize(("ring_s", "rings"), [(20.0, True), (35.0, True), (20.0, False)])
def test_it_rings_as_long_as_r41_asks(ring_s: float, rings: bool) -> None:
    ended: list[float] = []

    async def person(leg: FakeLeg) -> None:
        await asyncio.sleep(2)
        if rings:
            leg.ring()
        while leg.over is None:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        ended.append(asyncio.get_running_loop().time())

    _, view = place(person=person, changes={"ring_s": ring_s})
    assert ended[0] == pytest.approx(2 + ring_s if rings else 5 + ring_s, abs=0.05)
    record = record_of(view)
    assert record.outcome is Disposition.NO_ANSWER
    assert record.sip_code == 487
    assert "487" in record.reason
    assert (record.ringing_at is not None) is rings
    assert record.recording is None


@settings(max_examples=100)
@given(
    signs=st.lists(st.tuples(st.floats(0, 8), st.sampled_from([180, 183, 181])), max_size=4),
    ring_s=st.floats(20, 40),
    no_progress_s=st.floats(0, 10),
)
def test_whatever_the_far_end_signals_no_ring_of_ours_is_short(
    signs: list[tuple[float, int]], ring_s: float, no_progress_s: float
) -> None:
    """R41: 20 s from the first 180, else from the first 18x, else from INVITE + ``no_progress_s``."""
    told: list[tuple[float, int]] = []

    async def person(leg: FakeLeg) -> None:
        for pause, code in signs:
            await asyncio.sleep(pause)
            told.append((asyncio.get_running_loop().time(), code))
            leg.ring(code)

    _, view = place(person=person, changes={"ring_s": ring_s, "no_progress_s": no_progress_s})
    record = record_of(view)
    assert record.outcome is Disposition.NO_ANSWER
    ended = (record.ended_at - TUESDAY).total_seconds()
    rang = [at for at, code in told if code == 180] or [at for at, _ in told] or [no_progress_s]
    assert ended - rang[0] >= 20 - 0.001


@pytest.mark.parametrize(
    ("code", "ours", "outcome", "state"),
    [
        (486, False, Disposition.BUSY, TaskState.OPEN),
        (404, False, Disposition.UNALLOCATED, TaskState.OPEN),
        (603, False, Disposition.REJECTED, TaskState.OPEN),
        (480, False, Disposition.UNREACHABLE, TaskState.OPEN),
        (503, False, Disposition.TRUNK_FAILURE, TaskState.OPEN),
        (0, True, Disposition.TRUNK_FAILURE, TaskState.OPEN),
    ],
)
def test_a_refused_call(code: int, ours: bool, outcome: Disposition, state: TaskState) -> None:
    async def person(leg: FakeLeg) -> None:
        leg.refuse(code, "Busy Here", ours=ours)

    _, view = place(person=person)
    record = record_of(view)
    assert (record.outcome, record.sip_code, record.recording) == (outcome, code, None)
    assert record.reason == f"{code} Busy Here"
    assert view.task.state is state


def test_no_invite_left() -> None:
    def prepare(house: CallHouse) -> None:
        house.trunk.refusal = "trunk-1: no free line"

    house, view = place(prepare)
    assert record_of(view).outcome is Disposition.NOT_DIALLED
    assert record_of(view).reason == "trunk-1: no free line"
    assert house.journal == []


@pytest.mark.parametrize(("left_s", "dialled"), [(19.0, False), (0.0, False), (-5.0, False), (26.0, True)])
def test_the_window_closes_between_barrier_and_invite(left_s: float, dialled: bool) -> None:
    house, view = place(window_end=TUESDAY + timedelta(seconds=left_s), person=keys(BY_KEYS))
    assert ("customer invited" in house.journal) is dialled
    if not dialled:
        assert record_of(view).outcome is Disposition.NOT_DIALLED
        assert "window" in record_of(view).reason


def test_no_phone_rings_past_the_window() -> None:
    async def person(leg: FakeLeg) -> None:
        await asyncio.sleep(12)  # the network searches long for the phone
        leg.ring()

    _, view = place(window_end=TUESDAY + timedelta(seconds=26), person=person)
    record = record_of(view)
    assert record.ended_at == TUESDAY + timedelta(seconds=26)
    assert record.outcome is Disposition.NO_ANSWER
    assert record.reason == "the window closed while the phone rang"


def test_a_verdict_of_half_a_minute_ago_places_no_call() -> None:
    async def main(clock: Callable[[], datetime]) -> tuple[CallHouse, CallView]:
        house = CallHouse(clock)
        begun = await house.begin()
        await asyncio.sleep(31)
        await Conductor(house.house).conduct(*begun)
        return house, await house.stored()

    house, view = virtually(main)
    assert house.journal == []
    assert record_of(view).outcome is Disposition.NOT_DIALLED
    assert record_of(view).reason == "too late after the verdict"


def test_the_trunk_is_told_until_when_an_invite_may_leave() -> None:
    house, _ = place(window_end=TUESDAY + timedelta(seconds=29))
    assert house.trunk.requests[0].not_after == pytest.approx(4)


def test_a_slow_database_holds_up_no_live_call() -> None:
    def prepare(house: CallHouse) -> None:
        house.store.notes_take_s = 20

    _, view = place(prepare, person=keys(BY_KEYS))
    record = record_of(view)
    assert record.answered_at == TUESDAY
    assert record.answers[0].start_offset_s == pytest.approx(4.2), "four clips, then the key"
    assert record.outcome is Disposition.COMPLETED
    assert record.recording is not None
    ended = TUESDAY + timedelta(seconds=record.recording.duration_s)
    assert record.ended_at == pytest.approx(ended, abs=timedelta(seconds=0.1))


def test_offsets_count_from_the_recording_however_long_its_file_takes_to_open() -> None:
    async def person(leg: FakeLeg) -> None:
        leg.media.record_s = 3.0
        await keys("1")(leg)

    _, view = place(person=person)
    (answer,) = record_of(view).answers
    assert answer.asked_offset_s == pytest.approx(3.0)
    assert answer.asked_offset_s < answer.start_offset_s


def test_the_answer_crosses_our_cancel() -> None:
    async def person(leg: FakeLeg) -> None:
        leg.ring()
        leg.confirms = False
        await asyncio.sleep(20.5)
        leg.answer()
        await asyncio.sleep(0.1)
        leg.put(Ended(0.0, by_remote=False))

    house, view = place(person=person)
    record = record_of(view)
    assert record.outcome is Disposition.NO_ANSWER
    assert record.reason == "answered while the call was being cancelled"
    assert "customer record" not in house.journal
    assert record.hung_up_by == "dialer"


def test_a_cancel_that_nobody_confirms_does_not_hold_the_line_for_ever() -> None:
    def prepare(house: CallHouse) -> None:
        house.trunk.confirms = False

    _, view = place(prepare)
    record = record_of(view)
    assert record.outcome is Disposition.NO_ANSWER
    assert record.reason == "ring time over, the far end did not confirm"
    assert record.ended_at - TUESDAY == timedelta(seconds=30)


# -- faults in a conversation -----------------------------------------------------------------


def test_a_bye_that_nobody_confirms_keeps_the_sessions_reason() -> None:
    async def person(leg: FakeLeg) -> None:
        leg.confirms = False
        await keys(BY_KEYS, then_leave=False)(leg)

    _, view = place(person=person)
    record = record_of(view)
    assert record.outcome is Disposition.COMPLETED
    assert record.reason == "the script was asked to its end"
    assert record.hung_up_by == "dialer"


def test_the_long_stop_ends_what_nobody_ends() -> None:
    _, view = place(person=keys(BY_KEYS, then_leave=False))
    record = record_of(view)
    assert (record.outcome, record.hung_up_by) == (Disposition.COMPLETED, "dialer")


def test_the_customer_hangs_up_in_the_middle() -> None:
    _, view = place(person=picks_up("是我", "方便", leaves))
    record = record_of(view)
    assert (record.outcome, record.hung_up_by) == (Disposition.ANSWERED_INCOMPLETE, "customer")
    assert record.reason == "hung up before the end"
    assert len(record.answers) == 2
    assert record.recording is not None


def test_the_media_plane_dies_and_the_recording_is_repaired() -> None:
    def dies(leg: FakeLeg) -> None:
        leg.media.failing = {"stop_recording", "play", "listen", "stop_playing"}
        leg.media.recording = None
        leg.put(MediaFailed(0.0, "the media process died"))

    _, view = place(person=picks_up("是我", dies))
    record = record_of(view)
    assert record.outcome is Disposition.ANSWERED_INCOMPLETE
    assert record.reason == "the media process died"
    assert record.hung_up_by == "dialer"
    assert record.recording is not None
    assert record.recording.partial
    assert len(record.answers) == 1


def test_a_prompt_that_cannot_be_played_ends_the_call() -> None:
    def breaks(leg: FakeLeg) -> None:
        leg.media.failing = {"play"}
        leg.press("1")

    _, view = place(person=picks_up(breaks))
    assert record_of(view).outcome is Disposition.ANSWERED_INCOMPLETE
    assert record_of(view).reason == "play: the media plane is gone"
    assert record_of(view).recording is not None


def test_nothing_is_said_where_nothing_can_be_recorded() -> None:
    def prepare(house: CallHouse) -> None:
        house.archive.full = True

    house, view = place(prepare, person=keys(BY_KEYS))
    record = record_of(view)
    assert (record.outcome, record.recording) == (Disposition.ANSWERED_INCOMPLETE, None)
    assert record.reason == "no space left"
    assert not [line for line in house.journal if "play" in line]


def test_a_missing_clip_ends_the_call_with_its_reason() -> None:
    def prepare(house: CallHouse) -> None:
        house.prompts.missing = True

    _, view = place(prepare, person=keys(BY_KEYS))
    assert record_of(view).reason == "no clip for '您好'"
    assert record_of(view).hung_up_by == "dialer"


def test_a_disk_that_fills_up_during_the_call_loses_no_answers() -> None:
    async def person(leg: FakeLeg) -> None:
        await keys(BY_KEYS)(leg)

    def prepare(house: CallHouse) -> None:
        async def fills(leg: FakeLeg) -> None:
            await keys("11", then_leave=False)(leg)
            house.archive.full = True
            leg.leave()

        house.trunk.people[NUMBER] = fills

    _, view = place(prepare)
    assert record_of(view).recording is None
    assert len(record_of(view).answers) == 2


def test_silence_on_the_line_is_the_networks() -> None:
    def falls_silent(leg: FakeLeg) -> None:
        leg.put(MediaTimeout(0.0))

    _, view = place(person=picks_up("是我", falls_silent))
    record = record_of(view)
    assert (record.hung_up_by, record.reason) == ("network", "no audio from the far end")
    assert record.outcome is Disposition.ANSWERED_INCOMPLETE


@pytest.mark.parametrize("broken", ["open", "feed", "finish"])
def test_a_lost_recogniser_leaves_the_keys(broken: str) -> None:
    async def person(leg: FakeLeg) -> None:
        leg.answer()
        await leg.media.prompt_over()
        await asyncio.sleep(0.3)
        await leg.say("是我")
        for digit in BY_KEYS:
            await leg.media.prompt_over()
            await asyncio.sleep(0.3)
            leg.press(digit)
        await leg.media.prompt_over()
        leg.leave()

    def prepare(house: CallHouse) -> None:
        house.recogniser.failing = {broken}

    house, view = place(prepare, person=person)
    record = record_of(view)
    assert record.outcome is Disposition.COMPLETED
    assert {answer.source for answer in record.answers if answer.final} == {AnswerSource.DTMF}
    heard_for = [line for line in house.journal if line.startswith("customer listen")]
    assert len(heard_for) <= 1, "speech is listened for although nobody understands"


def test_events_that_do_not_fit_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    def strange(leg: FakeLeg) -> None:
        leg.put(Progress(0.0, 183))
        leg.put(KeyPressed(0.0, "5", 2.0))
        leg.press("1")

    with caplog.at_level(logging.INFO):
        _, view = place(person=picks_up(strange, leaves))
    assert len(record_of(view).answers) == 1
    assert [line for line in caplog.records if line.message == "event ignored"]


def test_speech_that_nobody_asked_for_costs_nothing() -> None:
    async def chatters(leg: FakeLeg) -> None:
        leg.answer()
        await leg.say("喂喂")  # identity: the prompt is played to its end first
        leg.leave()

    house, _ = place(person=chatters)
    assert house.recogniser.grammars == []


# -- transfer ---------------------------------------------------------------------------------


async def _agent(leg: FakeLeg) -> None:
    leg.ring()
    leg.answer()
    await leg.media.prompt_over()
    leg.press("1")
    await asyncio.sleep(30)
    leg.leave()


def test_a_transfer_is_accepted() -> None:
    house, view = place(
        person=picks_up("是我", "方便", "转人工"), agents=(AGENT,), people={AGENT_URI: _agent}
    )
    record = record_of(view)
    assert record.outcome is Disposition.TRANSFERRED
    assert (record.agent, record.transferred, record.hung_up_by) == ("李", True, "dialer")
    assert view.task.state is TaskState.WITH_AGENT
    # The customer's recording goes on while the agent speaks.
    assert record.recording is not None
    assert record.recording.duration_s > 30
    assert house.at("customer bridge") < house.at("customer stop_recording")
    assert house.journal.count("customer record") == 1
    # Nobody is left in silence when the agent has gone.
    gone = f"{AGENT_URI} leaves"
    assert house.at(gone) < house.at("customer hang_up")


def test_it_is_known_when_the_agent_joined_held_and_left() -> None:
    async def agent(leg: FakeLeg) -> None:
        leg.ring()
        leg.answer()
        await leg.media.prompt_over()
        leg.press("1")
        for on, wait_s in ((True, 4), (False, 6), (True, 2.5)):
            await asyncio.sleep(wait_s)
            leg.hold(on)
        await asyncio.sleep(1)
        leg.leave()

    _, view = place(person=picks_up("是我", "方便", "转人工"), agents=(AGENT,), people={AGENT_URI: agent})
    (one,) = record_of(view).agent_legs
    wish = record_of(view).answers[-1]
    assert one.agent == "李"
    assert wish.end_offset_s * 1000 < one.joined_ms
    assert one.held == (
        (one.joined_ms + 4000, one.joined_ms + 10_000),
        (one.joined_ms + 12_500, one.joined_ms + 13_500),
    )
    assert one.left_ms == one.joined_ms + 13_500
    recording = record_of(view).recording
    assert recording is not None
    assert one.left_ms <= recording.duration_s * 1000


def test_no_agent_takes_it() -> None:
    async def busy(leg: FakeLeg) -> None:
        leg.refuse(486)

    person = picks_up("是我", "方便", "转人工", lambda leg: None, leaves)
    _, view = place(person=person, agents=(AGENT,), people={AGENT_URI: busy})
    record = record_of(view)
    assert record.outcome is Disposition.ANSWERED_INCOMPLETE
    assert [ticket.category for ticket in record.tickets] == ["要求人工"]
    assert (record.agent, record.transferred) == ("", False)


def test_an_agent_who_accepts_after_the_longest_hold_gets_nobody() -> None:
    async def late(leg: FakeLeg) -> None:
        leg.ring()
        await asyncio.sleep(9)
        leg.answer()
        await leg.media.prompt_over()
        leg.press("1")

    person = picks_up("是我", "方便", "转人工", lambda leg: None, lambda leg: None)
    turns = TurnSettings(hold_limit_s=10, long_stop_s=20)
    house, view = place(person=person, agents=(AGENT,), people={AGENT_URI: late}, turns=turns)
    record = record_of(view)
    assert "customer bridge" not in house.journal
    assert (record.outcome, record.agent) == (Disposition.ANSWERED_INCOMPLETE, "")
    assert [ticket.category for ticket in record.tickets] == ["要求人工"]
    assert house.trunk.legs[1].over is not None


def test_the_customer_leaves_while_the_agents_phone_rings() -> None:
    async def person(leg: FakeLeg) -> None:
        await picks_up("是我", "方便", "转人工")(leg)
        await asyncio.sleep(8)
        leg.leave()

    house, view = place(person=person, agents=(AGENT,))
    record = record_of(view)
    agent_leg = house.trunk.legs[1]
    assert agent_leg.over is not None
    assert house.at("customer leaves") < house.at(f"{AGENT_URI} hang_up")
    assert (record.hung_up_by, record.agent) == ("customer", "")
    assert [ticket.category for ticket in record.tickets] == ["要求人工"]
    assert [agent.name for agent, _ in house.warm.free_agents(house.task)] == ["李"]


def test_the_customer_leaves_the_agent() -> None:
    async def person(leg: FakeLeg) -> None:
        await picks_up("是我", "方便", "转人工")(leg)
        await asyncio.sleep(15)
        leg.leave()

    async def talks_on(leg: FakeLeg) -> None:
        leg.answer()
        await leg.media.prompt_over()
        leg.press("1")

    house, view = place(person=person, agents=(AGENT,), people={AGENT_URI: talks_on})
    record = record_of(view)
    assert [leg.left_ms - leg.joined_ms > 5000 for leg in record.agent_legs] == [True]
    assert (record.outcome, record.hung_up_by, record.agent) == (Disposition.TRANSFERRED, "customer", "李")
    assert house.trunk.legs[1].over is not None


def test_the_seller_of_the_policy_is_no_agent_for_it() -> None:
    person = picks_up("是我", "方便", "转人工", leaves)
    house, view = place(person=person, agents=(AGENT,), task=task(seller="李"))
    assert len(house.trunk.legs) == 1
    assert [ticket.category for ticket in record_of(view).tickets] == ["要求人工"]


# -- the end of the daemon, and of the database -----------------------------------------------


@pytest.mark.parametrize("after_s", [0.0, 1.0, 5.0, 30.0])
def test_a_cancelled_call_writes_its_row(after_s: float) -> None:
    """At once (the INVITE may be leaving), while it rings, while they talk."""

    async def main(clock: Callable[[], datetime]) -> tuple[CallHouse, CallView]:
        house = CallHouse(clock, person=picks_up("是我", "方便"))
        house.trunk.dial_s = 0.5
        claim, attempt, dial = await house.begin()
        calling = asyncio.create_task(Conductor(house.house).conduct(claim, attempt, dial))
        await asyncio.sleep(after_s)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        return house, await house.stored()

    house, view = virtually(main)
    assert house.nothing_left()
    record = record_of(view)
    assert record.reason == "the daemon ended this call"
    assert record.outcome.counts_as_attempt
    if after_s >= 5:
        assert record.outcome is Disposition.ANSWERED_INCOMPLETE
        assert record.recording is not None
    if after_s == 30:
        assert len(record.answers) >= 1


def test_a_database_that_comes_back_gets_the_row() -> None:
    def prepare(house: CallHouse) -> None:
        house.store.failures = {"finish": 5, "note_ringing": 1, "note_answered": 1}

    house, view = place(prepare, person=keys(BY_KEYS))
    assert record_of(view).outcome is Disposition.COMPLETED
    assert record_of(view).ringing_at is not None
    assert house.store.asked == 6


def test_a_database_that_stays_away_is_an_error_and_leaves_the_row_to_recovery() -> None:
    async def main(clock: Callable[[], datetime]) -> None:
        house = CallHouse(clock, person=keys(BY_KEYS), changes={"store_patience_s": 3.0})
        house.store.failures = {"finish": -1}
        with pytest.raises(StoreError):
            await house.call()
        assert house.nothing_left()
        assert (await house.stored()).attempt.live
        assert house.store.asked == 4

    virtually(main)


def test_a_fenced_call_is_logged_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def main(clock: Callable[[], datetime]) -> None:
        house = CallHouse(clock, person=keys(BY_KEYS))
        house.store.fenced = True
        view = await house.call()
        assert view.record is None
        assert house.store.asked == 1
        assert house.nothing_left()

    virtually(main)
    assert [line for line in caplog.records if "no longer ours" in line.message]


def test_the_logs_of_a_call_tell_nothing_personal(caplog: pytest.LogCaptureFixture) -> None:
    words = ("是我", "方便", "清楚", "没收到", "转人工")
    with caplog.at_level(logging.DEBUG):
        place(person=picks_up(*words), agents=(AGENT,), people={AGENT_URI: _agent})
        place(lambda house: setattr(house.trunk, "refusal", "no line"))
        place(lambda house: setattr(house.recogniser, "failing", {"open"}), person=picks_up("是我", leaves))
    assert caplog.records
    told = "\n".join(f"{line.getMessage()} {vars(line)}" for line in caplog.records)
    for secret in (NUMBER, NUMBER[3:], NUMBER[-4:], NAME, NAME[0], "P1'", *words):
        assert secret not in told


def test_the_number_is_masked_wherever_it_is_printed() -> None:
    house, view = place(person=keys(BY_KEYS))
    for shown in (str(view), repr(view.attempt), f"{view.attempt.number}", repr(house.trunk.requests)):
        assert NUMBER[3:] not in shown
    assert str(view.attempt.number) == "138****5678"
    assert repr(replace(view.attempt).number) == "PhoneNumber(138****5678)"
