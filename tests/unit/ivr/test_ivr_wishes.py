"""Wishes about the call itself, and the turns that they lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_ivr_banks import FACTS, SCRIPTS

from dialer.ivr.answers import classify
from dialer.ivr.config import TurnSettings
from dialer.ivr.moves import (
    Action,
    HeardWords,
    HungUp,
    Key,
    Listen,
    Play,
    PlayedOut,
    RecogniserLost,
    SpeechStarted,
    Timeout,
    Transfer,
)
from dialer.ivr.session import Session, SessionResult
from dialer.ivr.wishes import asks_for_machine, dialect, middling, slower
from dialer.model import AnswerClass, Disposition, Heard, ProblemKind, QuestionKind


@pytest.mark.parametrize("words", ["能说慢点吗", "太快了", "慢一点说"])
def test_a_wish_for_slower_speech(words: str) -> None:
    assert slower(words)
    assert not slower("再说一遍")


@pytest.mark.parametrize(
    ("answer", "words", "wish"),
    [
        ("HUMAN", "能不能讲粤语", "粤语"),
        ("U", "听不懂普通话", "普通话"),
        ("U", "听得懂普通话", ""),
        ("Y", "我是说粤语的人", ""),
    ],
)
def test_a_wish_for_dialect(answer: str, words: str, wish: str) -> None:
    assert dialect(AnswerClass(answer), words) == wish


def test_who_asks_whether_it_is_a_machine() -> None:
    assert asks_for_machine("你是机器人吧")
    assert not asks_for_machine("转人工")


@pytest.mark.parametrize(("words", "word"), [("一般", "一般"), ("还行吧", "还行"), ("满意", "")])
def test_middling_is_not_content(words: str, word: str) -> None:
    assert middling(words) == word


class Call:
    """A customer in words, understood by the real grammar; ``-`` is silence, ``#1`` a key."""

    def __init__(self, script: str, turn: TurnSettings | None = None) -> None:
        self.session, self.now = Session(SCRIPTS[script], "full", FACTS, turn, classify), 0.0
        self.actions: list[Action] = self.session.start(self.now)

    @property
    def play(self) -> Play:
        return next(one for one in reversed(self.actions) if isinstance(one, Play))

    @property
    def spoken(self) -> str:
        return "".join(say.text for say in self.play.say)

    def say(self, *turns: str) -> Call:
        for turn in turns:
            self.now += 3.0
            self.actions += self.session.feed(PlayedOut(self.play.play_id), self.now)
            if turn == "-":
                self.now = self.session.deadline() or self.now
                self.actions += self.session.feed(Timeout(), self.now)
            elif turn.startswith("#"):
                self.now += 1.0
                self.actions += self.session.feed(Key(turn[1:], self.now), self.now)
            else:
                start, self.now = self.now + 1.0, self.now + 4.0
                self.actions += self.session.feed(SpeechStarted(start), start)
                heard = Heard(turn, 1.0, 0.0, 1.0, -20.0)
                self.actions += self.session.feed(HeardWords(heard, start, start + 1.0), self.now)
        return self

    def end(self) -> SessionResult:
        self.session.feed(HungUp(), self.now + 1.0)
        return self.session.result


START = ("是我", "方便")


def test_slow_speech_lasts_to_the_end_of_the_call() -> None:
    call = Call("complaint").say(*START, "能说慢点吗")
    assert call.spoken == "好的，我慢一点说。请问您反映的问题，我们的处理方案您收到了吗？"
    assert call.play.slow
    call.say("收到了")
    assert call.play.slow
    call.say("太快了")
    assert "我慢一点说" not in call.spoken, "it is slow already"


def test_dialect_goes_to_a_person_and_is_noted() -> None:
    """R46."""
    call = Call("complaint", TurnSettings(agents_available=True)).say(*START, "能不能讲粤语")
    assert call.actions[-1] == Transfer("human")
    result = call.end()
    assert result.dialect
    assert [problem.kind for problem in result.problems] == [ProblemKind.NO_AGENT]


def test_who_asks_for_a_machine_gets_a_true_answer() -> None:
    call = Call("complaint", TurnSettings(agents_available=True)).say(*START, "你是机器人吧")
    assert call.spoken.startswith("您好，我是智能语音助手")


@pytest.mark.parametrize("words", ["不满意", "一般", "还行"])
def test_the_dissatisfied_are_asked_why_and_their_words_kept(words: str) -> None:
    """R66."""
    call = Call("complaint").say(*START, "收到了", "落实了", words)
    assert "不满意的主要原因" in call.spoken
    listen = [one for one in call.actions if isinstance(one, Listen)][-1]
    assert (listen.kind, listen.end_silence_s, listen.max_speech_s) == (QuestionKind.FREE, 2.0, 60.0)
    call.say("等了两个月才有人理我")
    assert call.play.question_id == "unresolved"
    result = call.say("没有了").end()
    (problem,) = result.problems
    assert problem.words == f"{words}；等了两个月才有人理我"
    assert result.outcome is Disposition.COMPLETED


def test_no_reason_is_no_obstacle() -> None:
    call = Call("complaint").say(*START, "收到了", "落实了", "不满意", "-")
    assert call.play.question_id == "unresolved"


def test_the_satisfied_are_not_asked_why() -> None:
    assert Call("complaint").say(*START, "收到了", "落实了", "满意").play.question_id == "unresolved"


@pytest.mark.parametrize(
    ("words", "following"),
    [("落实了", "satisfied"), ("没落实啊", "satisfied"), ("方案我不知道在哪", "carried_out")],
)
def test_a_questions_own_words_answer_it(words: str, following: str) -> None:
    call = Call("complaint").say(*START, "收到了", words)
    assert call.play.question_id == following
    assert [p.question for p in call.end().problems] == ["carried_out"] * words.startswith("没落实")


SURVEY = (*START, "办好了", "解决了", "满意")


@pytest.mark.parametrize(
    ("turns", "remarks"),
    [
        (["希望柜台早点开门"], ["希望柜台早点开门"]),
        (["没有"], []),
        (["#2"], []),
        (["-", "##"], []),
        (["-", "-"], []),
    ],
)
def test_suggestions_are_kept_as_they_are_said(turns: list[str], remarks: list[str]) -> None:
    call = Call("satisfaction").say(*SURVEY)
    assert call.play.question_id == "suggestions"
    result = call.say(*turns, "满意").end()
    assert result.outcome is Disposition.COMPLETED
    assert [(p.kind, p.words) for p in result.problems] == [(ProblemKind.REMARK, text) for text in remarks]


def test_speech_that_no_recogniser_understands_is_recorded_and_counts_as_said() -> None:
    call = Call("satisfaction").say(*SURVEY)
    call.session.feed(PlayedOut(call.play.play_id), call.now + 3.0)
    call.session.feed(SpeechStarted(call.now + 4.0), call.now + 4.0)
    call.session.feed(RecogniserLost(), call.now + 6.0)
    answer = call.session.result.answers[-1]
    assert (answer.question, answer.answer_class, answer.words) == ("suggestions", AnswerClass.SAID, "")
    assert answer.start_offset_s == call.now + 4.0


def test_a_complaint_in_free_speech_is_one() -> None:
    call = Call("satisfaction").say(*SURVEY, "我要投诉")
    assert "非常重视" in call.spoken
    assert call.end().complaint


def test_hanging_up_instead_of_telling_more_still_answered_everything() -> None:
    call = Call("satisfaction").say(*SURVEY, "没有", "不满意")
    result = call.end()
    assert result.outcome is Disposition.COMPLETED
    assert [problem.question for problem in result.problems] == ["overall"]


def test_hanging_up_in_the_middle_did_not() -> None:
    result = Call("satisfaction").say(*START, "办好了", "没解决").end()
    assert result.outcome is Disposition.ANSWERED_INCOMPLETE


def test_patience_can_be_set_for_each_question() -> None:
    script = SCRIPTS["complaint"]
    questions = tuple(
        replace(one, no_input_s=9.0, end_silence_s=1.5, retries=1) if one.id == "proposed" else one
        for one in script.questions
    )
    session = Session(replace(script, questions=questions), "full", FACTS, None, classify)
    call = Call("complaint")
    call.session, call.actions = session, session.start(0.0)
    call.say(*START)
    listen = [one for one in call.actions if isinstance(one, Listen)][-1]
    assert listen.end_silence_s == 1.5
    session.feed(PlayedOut(call.play.play_id), call.now + 3.0)
    assert session.deadline() == call.now + 3.0 + 9.0
    call.now = session.deadline() or 0.0
    call.actions += session.feed(Timeout(), call.now)
    assert "请按一" in call.spoken, "one retry: by keys at once"
