"""Whole conversations. The customer's words are answer classes, so that each test says what it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.ivr.answers import Classified
from dialer.ivr.config import TurnSettings
from dialer.ivr.lint import PRODUCT_WORDS
from dialer.ivr.prompt import Facts, ProductType
from dialer.ivr.reader import read_script
from dialer.ivr.session import (
    Action,
    HangUp,
    HeardWords,
    HungUp,
    Key,
    Listen,
    Play,
    PlayedOut,
    RecogniserLost,
    Session,
    SessionEvent,
    SpeechStarted,
    StopListen,
    StopPlay,
    Timeout,
    Transfer,
    TransferEnded,
)
from dialer.model import (
    AnswerClass,
    AnswerSource,
    AppointmentWish,
    Disposition,
    Heard,
    ProblemKind,
    QuestionKind,
    SayKind,
)

FILE = Path(__file__).parents[3] / "config" / "scripts" / "new-policy.yaml"
SCRIPT = read_script(FILE.read_text(encoding="utf-8"), str(FILE))
FACTS = Facts("王", "先生", "康安重疾", Decimal(12000), 20, 15, weekday=2)
GOOD = {QuestionKind.BAD: "N", QuestionKind.LEFT: "N"}
"""The class that needs no ticket, where it isn't Y."""
AGENTS = TurnSettings(agents_available=True)


def classify(kind: QuestionKind, text: str) -> Classified:
    """``Y`` is a yes; ``BUSY:明天`` is BUSY with words."""
    name = text.split(":")[0]
    known = name in AnswerClass._value2member_map_
    return Classified(AnswerClass(name) if known else AnswerClass.UNCLEAR, text)


class Call:
    """A customer who waits for each prompt's end, then speaks (``Y``), presses (``#1``) or not (``-``)."""

    def __init__(self, turn: TurnSettings | None = None, form: str = "short", facts: Facts = FACTS) -> None:
        self.session = Session(SCRIPT, form, facts, turn, classify)
        self.now = 1000.0
        self.actions: list[Action] = []
        self.take(self.session.start(self.now))

    @property
    def offset(self) -> float:
        return self.now - 1000.0

    def take(self, actions: list[Action]) -> None:
        self.actions += actions

    def feed(self, event: SessionEvent, later: float = 0.0) -> None:
        self.now += later
        self.take(self.session.feed(event, self.now))

    @property
    def plays(self) -> list[Play]:
        return [action for action in self.actions if isinstance(action, Play)]

    @property
    def spoken(self) -> str:
        return "".join(say.text for say in self.plays[-1].say)

    def played_out(self) -> None:
        self.feed(PlayedOut(self.plays[-1].play_id), 3.0)

    def time_out(self) -> None:
        due = self.session.deadline()
        assert due is not None
        self.now = due
        self.feed(Timeout())

    def say(self, *turns: str) -> Call:
        for turn in turns:
            self.played_out()
            if turn == "-":
                self.time_out()
            elif turn.startswith("#"):
                self.feed(Key(turn[1:], self.offset + 0.5), 0.5)
            else:
                start = self.offset + 0.5
                self.feed(SpeechStarted(start), 0.6)
                self.feed(HeardWords(Heard(turn, 0.9, 0.0, 0.6, -20.0), start, start + 0.6), 1.0)
        return self

    def good_until(self, question: str) -> Call:
        """Good answers up to, not including, ``question``."""
        while (asked := self.plays[-1].question_id) != question:
            kind = next(q.kind for q in SCRIPT.questions if q.id == asked)
            self.say(GOOD.get(kind, "Y"))
        return self

    def hang_up(self) -> Call:
        self.feed(HungUp(), 1.0)
        return self

    @property
    def outcome(self) -> Disposition:
        assert self.session.over
        return self.session.result.outcome

    @property
    def problems(self) -> list[tuple[ProblemKind, str]]:
        return [(problem.kind, problem.question) for problem in self.session.result.problems]

    def finals(self) -> dict[str, str]:
        return {a.question: a.answer_class.value for a in self.session.result.answers if a.final}


# --- the good call ----------------------------------------------------------------------------


def test_a_short_call_of_good_answers() -> None:
    call = Call().say("Y", "Y", "Y", "Y", "Y", "Y", "N", "N")
    assert "感谢您的配合" in call.spoken
    call.played_out()
    call.hang_up()
    result = call.session.result
    assert (result.outcome, result.problems, result.hung_up_by) == (Disposition.COMPLETED, (), "customer")
    assert (result.identified, result.script_version) == (True, "new-policy/short@1")
    assert [answer.asking for answer in result.answers] == [1] * 8
    assert all(answer.final for answer in result.answers)
    assert not any(isinstance(action, HangUp) for action in call.actions)


def test_the_full_call_asks_all_that_apply() -> None:
    facts = replace(FACTS, product_type=ProductType.PARTICIPATING, insured_differs=True)
    call = Call(form="full", facts=facts).good_until("anything_else").say("N").hang_up()
    assert call.outcome is Disposition.COMPLETED
    assert len(call.finals()) == 16


def test_offsets_and_words_of_an_answer_are_kept() -> None:
    session = Session(SCRIPT, "short", FACTS, None, classify)
    (play,) = session.start(50.0, offset_s=0.25)
    assert isinstance(play, Play)
    session.feed(PlayedOut(play.play_id), 53.0)
    session.feed(SpeechStarted(3.5), 53.3)
    session.feed(HeardWords(Heard("Y", 0.95, 0.0, 0.6, -20.0), 3.5, 4.1), 54.5)
    (answer,) = session.result.answers
    assert (answer.asked_offset_s, answer.start_offset_s, answer.end_offset_s) == (0.25, 3.5, 4.1)
    assert (answer.words, answer.confidence, answer.source, answer.decided_by) == (
        "Y",
        0.95,
        AnswerSource.ASR,
        "Y",
    )


def test_the_first_prompt_greets_and_asks_who_it_is() -> None:
    call = Call()
    assert call.spoken == "您好，这里是禾安人寿。请问是王先生本人吗？"
    assert [type(action) for action in call.actions] == [Play]


def test_the_customer_hangs_up_first_and_the_dialer_only_after_a_long_stop() -> None:
    """R65."""
    call = Call(TurnSettings(long_stop_s=5.0)).good_until("anything_else").say("N")
    call.played_out()
    assert call.session.deadline() == call.now + 5.0
    call.feed(Timeout(), 4.9)
    assert not call.session.over
    call.feed(Timeout(), 0.1)
    assert call.outcome is Disposition.COMPLETED
    assert isinstance(call.actions[-1], HangUp)
    assert call.session.result.hung_up_by == "dialer"


# --- identity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [["N"], ["WRONG"], ["#2"], ["-", "N"], ["N?", "N"], ["-", "-", "#2"]])
def test_somebody_else_is_let_go(turns: list[str]) -> None:
    call = Call().say(*turns)
    assert "打扰您了" in call.spoken
    assert call.hang_up().outcome is Disposition.WRONG_PERSON
    assert call.problems == []
    assert not call.session.result.identified


def test_nobody_answers_for_the_policyholder() -> None:
    call = Call(AGENTS).say("-", "U", "-")
    assert call.hang_up().outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.session.result.reason == "identity not confirmed"
    assert call.problems == []


def test_a_grunt_is_no_identity() -> None:
    call = Call().say("Y?")
    assert "请您再确认一下" in call.spoken
    call.say("Y?")
    assert "请按一" in call.spoken
    call.say("#1")
    assert call.plays[-1].question_id == "consent"


def test_who_is_not_known_cannot_decline() -> None:
    call = Call().say("REFUSE", "Y").hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.session.result.refused


# --- the ladder -------------------------------------------------------------------------------


def test_unclear_climbs_to_other_words_then_keys_then_a_ticket() -> None:
    call = Call().good_until("received")
    first = call.spoken
    call.say("U")
    assert call.spoken.startswith("抱歉，没有听清。")
    assert call.spoken != first
    call.say("-")
    assert "您收到了请按一，没有收到请按二。" in call.spoken
    assert not call.spoken.startswith("抱歉")
    call.say("-")
    assert call.plays[-1].question_id == "signed"
    assert call.problems == [(ProblemKind.UNCLEAR, "received")]
    assert call.session.result.problems[0].rule.category == "未明确作答"
    askings = [(a.asking, a.final) for a in call.session.result.answers if a.question == "received"]
    assert askings == [(1, False), (2, False), (3, True)]


@pytest.mark.parametrize(("key", "problems"), [("#1", []), ("#2", [(ProblemKind.NO, "received")])])
def test_keys_decide_in_the_end(key: str, problems: list[object]) -> None:
    call = Call().good_until("received").say("U", "U", key)
    assert call.plays[-1].question_id == "signed"
    assert call.problems == problems


def test_an_unclear_end_goes_to_a_person() -> None:
    call = Call(AGENTS).good_until("received").say("U", "U", "U")
    assert call.actions[-1] == Transfer("unclear")
    call.feed(TransferEnded("accepted"), 5.0)
    assert call.actions[-1] == StopPlay()
    assert call.session.deadline() is None
    call.feed(TransferEnded("agent_hung_up"), 60.0)
    assert call.outcome is Disposition.TRANSFERRED
    assert isinstance(call.actions[-1], HangUp)
    assert call.session.result.transferred


def test_nobody_free_for_an_unclear_answer_goes_on_and_seeks_no_more() -> None:
    call = Call(AGENTS).good_until("received").say("U", "U", "U")
    call.feed(TransferEnded("no_agent"), 30.0)
    assert call.plays[-1].question_id == "signed"
    assert "我们继续" in call.spoken
    call.say("U", "U", "U")
    assert call.plays[-1].question_id == "cooling_off"
    assert call.problems == [(ProblemKind.UNCLEAR, "received"), (ProblemKind.UNCLEAR, "signed")]


def test_a_line_without_clear_answers_is_let_go() -> None:
    call = Call(TurnSettings(max_unclear=2)).good_until("received").say(*["-"] * 6)
    assert call.spoken == "很抱歉没有听清，我们会再与您联系，谢谢您，再见。"
    call.hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert len(call.problems) == 2


def test_a_plain_no_is_a_ticket_and_the_call_goes_on() -> None:
    """R23, R74."""
    call = Call().good_until("received").say("N")
    assert call.spoken.startswith("好的，已经为您记录。")
    call.say("Y", "Y", "N", "Y").hang_up()
    assert call.outcome is Disposition.COMPLETED
    assert call.problems == [(ProblemKind.NO, "received"), (ProblemKind.RISKY_YES, "anything_else")]
    assert call.session.result.problems[0].rule.category == "合同未送达"


@pytest.mark.parametrize(("answer", "question"), [("N", "signed"), ("Y", "promised")])
def test_a_grave_problem_is_asked_back_once(answer: str, question: str) -> None:
    call = Call().good_until(question).say(answer)
    assert "请您再确认一下" in call.spoken
    assert call.problems == []
    call.say(answer)
    assert [name for _, name in call.problems] == [question]
    call = Call().good_until(question).say("#2" if answer == "N" else "#1")
    assert [name for _, name in call.problems] == [question]


def test_hanging_up_does_not_take_a_grave_problem_back() -> None:
    call = Call().good_until("promised").say("Y").hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.problems == [(ProblemKind.RISKY_YES, "promised")]


def test_contradiction_is_settled_by_keys() -> None:
    call = Call().good_until("signed").say("N", "Y")
    assert "请按一" in call.spoken
    call.say("#1")
    assert call.problems == []
    assert call.plays[-1].question_id == "cooling_off"


def test_a_question_is_replayed_twice_at_most() -> None:
    call = Call().good_until("received")
    asked = call.spoken
    call.say("REPEAT")
    assert call.spoken == asked
    call.say("#9")
    assert call.spoken == asked
    call.say("REPEAT")
    assert call.spoken != asked


def test_weak_evidence_is_no_yes() -> None:
    call = Call().good_until("received")
    call.played_out()
    start = call.offset + 0.5
    call.feed(SpeechStarted(start), 0.6)
    call.feed(HeardWords(Heard("Y", 0.4, 0.0, 0.6, -20.0), start, start + 0.6), 1.0)
    assert call.plays[-1].question_id == "received"
    assert call.session.result.answers[-1].answer_class is AnswerClass.UNCLEAR


# --- consent, appointment, refusal ------------------------------------------------------------


def test_no_time_now_is_an_appointment() -> None:
    call = Call().say("Y", "N")
    assert "什么时间方便" in call.spoken
    listen = [action for action in call.actions if isinstance(action, Listen)][-1]
    assert "明天上午" in listen.phrases
    call.say("U:后天上午十点")
    assert "再与您联系" in call.spoken
    assert call.hang_up().outcome is Disposition.APPOINTMENT
    assert call.session.result.appointment == AppointmentWish(2, "am", 10)


@pytest.mark.parametrize(
    ("turns", "wish"),
    [
        (["BUSY:明天下午再打"], AppointmentWish(1, "pm")),
        (["BUSY", "#1"], AppointmentWish(1, "am")),
        (["BUSY", "#2"], AppointmentWish(1, "pm")),
        (["BUSY", "U", "U:下周一"], AppointmentWish(5)),
        (["BUSY", "-", "-"], AppointmentWish()),
        (["BUSY", "BUSY:晚上"], AppointmentWish(None, "pm")),
    ],
)
@pytest.mark.parametrize("question", ["identity", "consent", "signed"])
def test_the_time_is_asked_for_at_most_twice(question: str, turns: list[str], wish: AppointmentWish) -> None:
    call = Call().good_until(question).say(*turns)
    assert "再与您联系" in call.spoken
    assert call.hang_up().outcome is Disposition.APPOINTMENT
    assert call.session.result.appointment == wish


def test_hanging_up_while_busy_still_is_an_appointment() -> None:
    call = Call().say("Y", "BUSY").hang_up()
    assert call.outcome is Disposition.APPOINTMENT
    assert call.session.result.appointment == AppointmentWish()


@pytest.mark.parametrize("turns", [["REFUSE", "Y"], ["REFUSE", "REFUSE"], ["REFUSE", "#1"]])
def test_a_refusal_is_asked_back_once(turns: list[str]) -> None:
    call = Call().say("Y", turns[0])
    assert "确定要取消" in call.spoken
    call.say(turns[1])
    assert "尊重您的意愿" in call.spoken
    assert call.hang_up().outcome is Disposition.REFUSED
    assert call.session.result.refused


@pytest.mark.parametrize("turn", ["-", "U"])
def test_silence_confirms_no_refusal(turn: str) -> None:
    call = Call().say("Y", "REFUSE", turn).hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert not call.session.result.refused


def test_a_refusal_can_be_taken_back_once() -> None:
    call = Call().good_until("signed").say("REFUSE", "N")
    assert call.plays[-1].question_id == "signed"
    assert not call.session.result.refused
    call.say("REFUSE")
    assert "尊重您的意愿" in call.spoken
    assert call.hang_up().outcome is Disposition.REFUSED


def test_hanging_up_on_a_refusal_confirms_it() -> None:
    assert Call().say("Y", "REFUSE").hang_up().outcome is Disposition.REFUSED


def test_a_refusal_can_turn_into_an_appointment() -> None:
    call = Call().say("Y", "REFUSE", "BUSY:明天上午").hang_up()
    assert call.outcome is Disposition.APPOINTMENT
    assert not call.session.result.refused


def test_without_clear_consent_nothing_is_asked() -> None:
    call = Call().say("Y", "U", "U", "-").hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert set(call.finals()) == {"identity", "consent"}


def test_another_person_in_the_middle_ends_it() -> None:
    call = Call().good_until("signed").say("WRONG")
    assert "打扰您了" in call.spoken
    assert call.hang_up().outcome is Disposition.WRONG_PERSON


# --- people -----------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", ["HUMAN", "#0"])
def test_who_asks_for_a_person_is_held_and_handed_over(turn: str) -> None:
    call = Call(AGENTS).good_until("signed").say(turn)
    assert call.plays[-1].loop
    assert call.actions[-1] == Transfer("human")
    call.feed(TransferEnded("accepted"), 4.0)
    call.feed(TransferEnded("accepted"), 1.0)
    call.hang_up()
    assert call.outcome is Disposition.TRANSFERRED
    assert call.problems == []


@pytest.mark.parametrize("ending", ["no_agent", "agent_hung_up", None])
def test_nobody_free_is_an_apology_and_a_ticket(ending: str | None) -> None:
    call = Call(AGENTS).good_until("signed").say("HUMAN")
    if ending is None:
        call.time_out()
    else:
        call.feed(TransferEnded(ending), 20.0)  # type: ignore[arg-type]
    assert "专人联系您" in call.spoken
    call.hang_up()
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.problems == [(ProblemKind.NO_AGENT, "signed")]


def test_without_agents_nobody_is_sought() -> None:
    call = Call().good_until("signed").say("HUMAN").hang_up()
    assert not any(isinstance(action, Transfer) for action in call.actions)
    assert call.problems == [(ProblemKind.NO_AGENT, "signed")]


@pytest.mark.parametrize(
    ("turns", "kind"), [(["HUMAN"], ProblemKind.NO_AGENT), (["U", "U", "U"], ProblemKind.UNCLEAR)]
)
def test_leaving_the_hold_leaves_a_ticket(turns: list[str], kind: ProblemKind) -> None:
    for ending in (HungUp(), TransferEnded("customer_left")):
        call = Call(AGENTS).good_until("received").say(*turns)
        call.feed(ending, 10.0)
        assert call.outcome is Disposition.ANSWERED_INCOMPLETE
        assert call.problems == [(kind, "received")]


def test_a_complaint_is_calmed_then_handed_over() -> None:
    call = Call(AGENTS).good_until("cooling_off").say("COMPLAINT")
    assert "非常重视" in call.spoken
    assert not any(isinstance(action, Transfer) for action in call.actions)
    call.played_out()
    assert call.actions[-1] == Transfer("complaint")
    call.feed(TransferEnded("no_agent"), 20.0)
    call.hang_up()
    assert call.problems == [(ProblemKind.COMPLAINT, "cooling_off")]
    assert call.session.result.complaint


def test_a_complaint_without_agents_is_noted_and_answered() -> None:
    call = Call().good_until("cooling_off").say("COMPLAINT")
    assert "非常重视" in call.spoken
    assert "专人联系您" in call.spoken
    assert call.hang_up().outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.problems == [(ProblemKind.COMPLAINT, "cooling_off")]


# --- faults -----------------------------------------------------------------------------------


def test_a_lost_recogniser_leaves_the_keys() -> None:
    call = Call().good_until("received")
    call.feed(RecogniserLost(), 0.5)
    assert call.plays[-1].question_id == "received"
    assert "请按一" in call.spoken
    before = list(call.actions)
    call.feed(RecogniserLost(), 0.1)
    assert call.actions == before
    call.say("#1")
    assert "请按一" in call.spoken
    call.say("#1", "#1", "#2", "#2").hang_up()
    assert call.outcome is Disposition.COMPLETED
    assert call.problems == []
    assert not any(isinstance(action, Listen) for action in call.actions[len(before) :])


def test_a_lost_recogniser_in_the_appointment_leaves_the_keys() -> None:
    call = Call().say("Y", "BUSY")
    call.feed(RecogniserLost(), 0.5)
    call.say("#2").hang_up()
    assert call.session.result.appointment == AppointmentWish(1, "pm")


def test_a_lost_recogniser_in_a_refusal_leaves_the_keys() -> None:
    call = Call().say("Y", "REFUSE")
    call.feed(RecogniserLost(), 0.5)
    assert "请按一" in call.spoken
    call.say("#2")
    assert call.plays[-1].question_id == "consent"


def test_the_network_can_hang_up() -> None:
    call = Call().good_until("signed")
    call.feed(HungUp("network"))
    assert call.outcome is Disposition.ANSWERED_INCOMPLETE
    assert call.session.result.hung_up_by == "network"


def test_nothing_follows_the_end_and_an_early_timer_is_ignored() -> None:
    call = Call()
    call.feed(Timeout(), 0.1)
    assert len(call.actions) == 1
    call.hang_up()
    call.feed(Timeout(), 100.0)
    call.feed(Key("1", 100.0))
    assert len(call.actions) == 1
    assert call.session.deadline() is None


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form"):
        Session(SCRIPT, "long", FACTS)


# --- whatever happens -------------------------------------------------------------------------

CLASSES = [answer.value for answer in AnswerClass]
NO_YES = [value for value in CLASSES if value != "Y"]
TURNS = st.sampled_from([*CLASSES, "", "明天下午", "-", "#0", "#1", "#2", "#9", "#*", "##"])
EVENTS = st.one_of(
    TURNS.map(lambda turn: ("turn", turn)),
    st.sampled_from(
        [
            ("event", RecogniserLost()),
            ("event", Timeout()),
            ("event", PlayedOut(1)),
            ("event", PlayedOut(3)),
            ("timeout", None),
            ("played", None),
            ("event", TransferEnded("accepted")),
            ("event", TransferEnded("no_agent")),
            ("event", TransferEnded("agent_hung_up")),
            ("event", TransferEnded("customer_left")),
            ("raw", Key("1", 0.0)),
            ("raw", SpeechStarted(0.0)),
        ]
    ),
)
SETTINGS = st.builds(TurnSettings, agents_available=st.booleans(), max_unclear=st.integers(1, 9))
MAX_TURNS = 140
"""Far above 16 questions x (3 rungs + 2 replays + 1 confirmation + 1 refusal)."""


def run(call: Call, moves: Iterable[tuple[str, object]]) -> None:
    for kind, value in moves:
        if call.session.over:
            return
        match kind:
            case "turn":
                call.say(str(value)) if call.session.deadline() is not None else call.feed(HungUp())
            case "timeout" if call.session.deadline() is not None:
                call.time_out()
            case "played":
                call.played_out()
            case "raw" | "event":
                call.feed(value, 0.7)  # type: ignore[arg-type]


def before_identity(call: Call) -> str:
    """All words played while nobody was known to be the policyholder."""
    known = call.session.result.identified
    plays = call.plays
    if known:
        first = next(index for index, play in enumerate(plays) if play.question_id == "consent")
        plays = plays[:first]
    return "".join(say.text for play in plays for say in play.say)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=60), SETTINGS, st.sampled_from(["short", "full"]), st.booleans())
def test_any_call_ends_with_a_result(
    moves: list[tuple[str, object]], turn: TurnSettings, form: str, insured_differs: bool
) -> None:
    facts = replace(FACTS, insured_differs=insured_differs)
    call = Call(turn, form, facts)
    run(call, moves)
    result = call.session.result
    assert not any(word in before_identity(call) for word in (*PRODUCT_WORDS, FACTS.product))
    if not call.session.over:
        call.hang_up()
        result = call.session.result
    assert result.outcome is not Disposition.COMPLETED or result.identified
    asked = {question.id for question in SCRIPT.form(form, facts)}
    if result.outcome is Disposition.COMPLETED:
        assert asked <= set(call.finals())
    finals = [answer.question for answer in result.answers if answer.final]
    assert len(finals) == len(set(finals))


@settings(max_examples=200, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=8), SETTINGS)
def test_calls_are_bounded(pattern: list[str], turn: TurnSettings) -> None:
    """Whoever repeats the same pattern for ever comes to an end by the session's own doing."""
    call = Call(turn, "full", replace(FACTS, product_type=ProductType.PARTICIPATING, insured_differs=True))
    for index in range(MAX_TURNS):
        if call.session.over:
            break
        if isinstance(call.actions[-1], Transfer):
            call.feed(TransferEnded("no_agent"), 20.0)
        else:
            count = len(call.actions)
            run(call, [("turn", pattern[index % len(pattern)])])
            if len(call.actions) == count and not call.session.over:
                call.time_out()
    assert call.session.over


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*NO_YES, "", "-", "#2", "#0", "#9"]), max_size=80), SETTINGS)
def test_no_yes_means_no_completed_call(turns: list[str], turn: TurnSettings) -> None:
    """Never a default yes: not even the identity passes."""
    call = Call(turn)
    run(call, [("turn", value) for value in turns])
    assert call.session.result.outcome is not Disposition.COMPLETED
    assert not call.session.result.identified


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*CLASSES, "-", "#1", "#2"]), max_size=60), SETTINGS)
def test_a_completed_call_without_tickets_had_a_good_answer_to_everything(
    turns: list[str], turn: TurnSettings
) -> None:
    call = Call(turn)
    run(call, [("turn", value) for value in turns])
    result = call.session.result
    if result.outcome is Disposition.COMPLETED and not result.problems:
        for answer in result.answers:
            if answer.final:
                assert answer.answer_class.value == GOOD.get(answer.kind, "Y")


def test_listening_and_stopping_come_in_pairs() -> None:
    call = Call().say("Y", "Y", "U", "#1", "N", "REPEAT", "Y").hang_up()
    state = False
    for action in call.actions:
        if isinstance(action, Listen | StopListen):
            assert isinstance(action, Listen) is not state
            state = not state


def test_every_slot_has_its_kind() -> None:
    facts = replace(FACTS, product_type=ProductType.PARTICIPATING)
    call = Call(form="full", facts=facts).good_until("surrender")
    kinds = {say.kind: say.text for play in call.plays for say in play.say if say.kind is not SayKind.TEXT}
    assert kinds == {
        SayKind.SURNAME: "王",
        SayKind.PRODUCT: "康安重疾",
        SayKind.MONEY: "12000",
        SayKind.NUMBER: "15",
    }
