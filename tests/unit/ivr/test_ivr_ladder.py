"""The truth table of one question's ladder."""

import pytest

from dialer.ivr.ladder import KEYS, Ladder, Move, climb
from dialer.ivr.script import Confirm, Question
from dialer.ivr.turn import Reply
from dialer.model import AnswerClass, AnswerSource, QuestionKind, TicketRule

RULE = TicketRule("甲", ("乙",))


def question(kind: QuestionKind, *, confirm: Confirm = Confirm.NEVER, retries: int = 2) -> Question:
    return Question("q", kind, "问?", "再问?", "按一", RULE, confirm=confirm, retries=retries)


def reply(answer: str, source: AnswerSource = AnswerSource.ASR) -> Reply:
    return Reply(AnswerClass(answer), "话", 0.9, source, 1.0, 2.0, "")


FIRST, AGAIN, LAST = Ladder(), Ladder(rung=1), Ladder(rung=KEYS)
CONFIRMING = Ladder(confirming=True, doubted=True)
PENDING = Ladder(confirming=True, doubted=True, pending=reply("N"))
PENDING_LAST = Ladder(rung=KEYS, doubted=True, pending=reply("N"))


@pytest.mark.parametrize(
    ("kind", "before", "answer", "after", "move"),
    [
        # a plain answer counts on every rung
        ("POS", FIRST, "Y", FIRST, Move.NEXT),
        ("POS", AGAIN, "Y", AGAIN, Move.NEXT),
        ("POS", LAST, "Y", LAST, Move.NEXT),
        ("POS", FIRST, "N", FIRST, Move.TICKET),
        ("BAD", FIRST, "Y", FIRST, Move.TICKET),
        ("BAD", FIRST, "N", FIRST, Move.NEXT),
        ("LEFT", LAST, "Y", LAST, Move.TICKET),
        ("IDENTITY", FIRST, "N", FIRST, Move.WRONG),
        ("CONS", AGAIN, "N", AGAIN, Move.APPOINT),
        # unclear climbs
        ("POS", FIRST, "U", AGAIN, Move.ASK),
        ("POS", AGAIN, "U", LAST, Move.ASK),
        ("POS", LAST, "U", LAST, Move.GIVE_UP),
        # hesitant is confirmed once
        ("POS", FIRST, "Y?", CONFIRMING, Move.ASK),
        ("BAD", FIRST, "Y?", CONFIRMING, Move.ASK),
        ("POS", AGAIN, "N?", Ladder(rung=1, confirming=True, doubted=True), Move.ASK),
        ("POS", CONFIRMING, "Y", CONFIRMING, Move.NEXT),
        ("POS", CONFIRMING, "N", CONFIRMING, Move.TICKET),
        # hesitant twice: the problem counts, the good answer needs a key
        ("POS", CONFIRMING, "Y?", Ladder(rung=KEYS, doubted=True), Move.ASK),
        ("POS", CONFIRMING, "N?", CONFIRMING, Move.TICKET),
        ("BAD", CONFIRMING, "N?", Ladder(rung=KEYS, doubted=True), Move.ASK),
        ("BAD", CONFIRMING, "Y?", CONFIRMING, Move.TICKET),
        ("IDENTITY", CONFIRMING, "N?", CONFIRMING, Move.WRONG),
        ("CONS", CONFIRMING, "N?", CONFIRMING, Move.APPOINT),
        ("POS", CONFIRMING, "U", Ladder(rung=KEYS, doubted=True), Move.ASK),
        ("POS", LAST, "Y?", LAST, Move.GIVE_UP),
        ("POS", LAST, "N?", LAST, Move.TICKET),
        # a definite problem waiting for its confirmation is never lost
        ("POS", PENDING, "N", PENDING, Move.TICKET),
        ("POS", PENDING, "Y", PENDING_LAST, Move.ASK),
        ("POS", PENDING, "U", PENDING_LAST, Move.ASK),
        ("POS", PENDING_LAST, "U", PENDING_LAST, Move.TICKET),
        ("POS", PENDING_LAST, "Y", PENDING_LAST, Move.TICKET),
        # whatever was asked
        ("KNOW", AGAIN, "HUMAN", AGAIN, Move.HUMAN),
        ("KNOW", FIRST, "COMPLAINT", FIRST, Move.COMPLAIN),
        ("KNOW", PENDING, "WRONG", PENDING, Move.WRONG),
        ("KNOW", FIRST, "REFUSE", FIRST, Move.REFUSE),
        ("KNOW", FIRST, "BUSY", FIRST, Move.APPOINT),
        # again, twice at most
        ("POS", FIRST, "REPEAT", Ladder(repeats=1), Move.REPLAY),
        ("POS", Ladder(repeats=1), "REPEAT", Ladder(repeats=2), Move.REPLAY),
        ("POS", Ladder(repeats=2), "REPEAT", Ladder(rung=1, repeats=2), Move.ASK),
    ],
)
def test_truth_table(kind: str, before: Ladder, answer: str, after: Ladder, move: Move) -> None:
    asked = question(QuestionKind(kind))
    assert climb(asked, before, reply(answer), keys_only=False, max_repeats=2) == (after, move)


def test_only_a_key_takes_a_problem_back() -> None:
    pressed = reply("Y", AnswerSource.DTMF)
    asked = question(QuestionKind.POS, confirm=Confirm.PROBLEM)
    assert climb(asked, PENDING_LAST, pressed, keys_only=False, max_repeats=2) == (PENDING_LAST, Move.NEXT)


@pytest.mark.parametrize(("kind", "problem"), [("POS", "N"), ("BAD", "Y")])
def test_a_grave_problem_is_asked_back_unless_a_key_said_it(kind: str, problem: str) -> None:
    asked = question(QuestionKind(kind), confirm=Confirm.PROBLEM)
    spoken, pressed = reply(problem), reply(problem, AnswerSource.DTMF)
    expected = Ladder(confirming=True, doubted=True, pending=spoken)
    assert climb(asked, FIRST, spoken, keys_only=False, max_repeats=2) == (expected, Move.ASK)
    assert climb(asked, expected, spoken, keys_only=False, max_repeats=2) == (expected, Move.TICKET)
    assert climb(asked, FIRST, pressed, keys_only=False, max_repeats=2) == (FIRST, Move.TICKET)
    assert climb(asked, LAST, spoken, keys_only=False, max_repeats=2) == (LAST, Move.TICKET)


def test_without_speech_the_second_asking_is_by_keys() -> None:
    silence = reply("U", AnswerSource.NONE)
    asked = question(QuestionKind.POS)
    assert climb(asked, FIRST, silence, keys_only=True, max_repeats=2) == (LAST, Move.ASK)


@pytest.mark.parametrize("answer", [a for a in AnswerClass if a is not AnswerClass.YES])
@pytest.mark.parametrize("before", [FIRST, AGAIN, LAST, CONFIRMING, PENDING, PENDING_LAST])
@pytest.mark.parametrize("kind", ["POS", "KNOW", "IDENTITY", "CONS"])
def test_only_a_yes_passes_a_question_of_fact(kind: str, before: Ladder, answer: AnswerClass) -> None:
    _, move = climb(question(QuestionKind(kind)), before, reply(answer), keys_only=False, max_repeats=2)
    assert move is not Move.NEXT
