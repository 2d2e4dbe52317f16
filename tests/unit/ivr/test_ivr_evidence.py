"""What speaks for an answer's class, and what against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.answers import classify
from dialer.ivr.config import TurnSettings
from dialer.ivr.evidence import comma_turns, evidence
from dialer.ivr.turn import weigh
from dialer.model import AnswerClass, Heard, QuestionKind, Reading

POS, KNOW = QuestionKind.POS, QuestionKind.KNOW
Y, N, U = AnswerClass.YES, AnswerClass.NO, AnswerClass.UNCLEAR
CLEAR = Heard(
    "收到了", 0.97, duration_s=0.7, level_dbov=-20.0, snr_db=40.0,
    readings=(Reading("收到了", 0.97), Reading("收到", 0.03)),
)  # fmt: skip


def score(heard: Heard) -> float:
    return evidence(heard, POS, classify(POS, heard.text).answer_class, classify)


def rivals(*others: tuple[str, float]) -> Heard:
    rest = 1 - sum(share for _, share in others)
    readings = (Reading("收到了", rest), *(Reading(text, share) for text, share in others))
    return replace(CLEAR, confidence=rest, readings=readings)


def test_a_clear_answer_is_believed() -> None:
    assert score(CLEAR) > 0.9
    assert weigh(CLEAR, POS, TurnSettings(), classify)[0] is Y


@pytest.mark.parametrize(
    "worse",
    [
        rivals(("没收到", 0.3)),
        rivals(("", 0.4)),
        replace(CLEAR, expected=False),
        replace(CLEAR, duration_s=3.0),
        replace(CLEAR, snr_db=8.0),
        replace(CLEAR, confidence=0.3),
        replace(CLEAR, readings=(), confidence=0.8),
        replace(CLEAR, readings=(), duration_s=4.0),
        replace(CLEAR, readings=(), snr_db=8.0),
    ],
)
def test_each_doubt_counts(worse: Heard) -> None:
    assert score(worse) < score(CLEAR)


@pytest.mark.parametrize("worse", [rivals(("没收到", 0.3)), rivals(("", 0.4)), replace(CLEAR, snr_db=8.0)])
def test_too_much_doubt_is_asked_again_and_says_why(worse: Heard) -> None:
    answer, why = weigh(worse, POS, TurnSettings(), classify)
    assert answer is U
    assert why.startswith(("evidence 0.", "confidence 0."))


def test_the_opposite_counts_more_than_nothing() -> None:
    assert score(rivals(("没收到", 0.3))) < score(rivals(("", 0.3)))


@given(
    st.text("是不没有收到了我签的", max_size=8),
    st.floats(0, 1),
    st.floats(0, 30),
    st.floats(-10, 90),
    st.lists(st.tuples(st.text("是不没有收到了", max_size=4), st.floats(0, 1), st.booleans()), max_size=4),
)
def test_it_is_always_a_share(
    text: str, confidence: float, duration_s: float, snr_db: float, readings: list[tuple[str, float, bool]]
) -> None:
    several = tuple(Reading(*one) for one in readings)
    heard = Heard(text, confidence, duration_s=duration_s, snr_db=snr_db, readings=several)
    for answer in (Y, N, U):
        assert 0 <= evidence(heard, POS, answer, classify) <= 1


@pytest.mark.parametrize(
    ("text", "kind", "turns"),
    [
        ("不是我知道", KNOW, True),
        ("没有我都清楚", KNOW, True),
        ("不是我签的", POS, False),
        ("没收到", POS, False),
        ("不知道", KNOW, False),
        ("我知道", KNOW, False),
        ("不", POS, False),
    ],
)
def test_a_comma_that_nobody_hears_is_asked_about(text: str, kind: QuestionKind, turns: bool) -> None:
    assert comma_turns(text, kind, N, classify) is turns


def test_a_wish_for_a_person_needs_no_second_asking() -> None:
    heard = replace(CLEAR, text="转人工", readings=(Reading("转人工", 0.6), Reading("", 0.4)), confidence=0.6)
    assert weigh(heard, POS, TurnSettings(), classify)[0] is AnswerClass.HUMAN
