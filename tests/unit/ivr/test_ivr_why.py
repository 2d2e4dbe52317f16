"""Why an answer got its class: every clause is told, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.answers import classify
from dialer.ivr.meanings import Meaning
from dialer.ivr.why import _SAYS, why
from dialer.model import QuestionKind


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (
            "POS",
            "是的,没收到",
            [("是的", "agrees with the question as it was put"), ("没收到", "not received")],
        ),
        ("KNOW", "不是不清楚", [("不是不清楚", "knows or understands (to be confirmed)")]),
        ("POS", "收到是收到了", [("收到", "received (granted, a but follows)"), ("是收到", "received")]),
        ("BAD", "转人工", [("转人工", "wants a person")]),
        ("POS", "谢谢", [("谢谢", "says nothing to the question")]),
        ("POS", "", []),
    ],
)
def test_every_clause_is_told(kind: str, text: str, told: list[tuple[str, str]]) -> None:
    assert [(one.words, one.en) for one in why(QuestionKind(kind), text).because] == told


def test_words_that_are_not_known_are_named() -> None:
    found = why(QuestionKind.POS, "我在平流层收到了")
    assert found.answer_class.value == "Y?"
    assert found.because[-1].words == "平流层"


def test_every_meaning_has_words_in_both_languages() -> None:
    assert set(_SAYS) == set(Meaning)
    assert all(zh and not zh.isascii() and en.isascii() for zh, en in _SAYS.values())


@given(st.sampled_from(list(QuestionKind)), st.text(max_size=40))
def test_it_tells_of_the_class_that_the_call_goes_by(kind: QuestionKind, text: str) -> None:
    found = why(kind, text)
    assert (found.answer_class, found.decided_by) == (
        classify(kind, text).answer_class,
        classify(kind, text).decided_by,
    )
