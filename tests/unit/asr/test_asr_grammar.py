from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dialer.asr.grammar import UNKNOWN, build, segment

VOCABULARY = {"是", "是我", "我", "签", "签的", "的", "不", "不是", "清楚", "听不清"}


def knows(word: str) -> bool:
    return word in VOCABULARY


def test_a_phrase_is_put_together_from_the_fewest_words() -> None:
    assert segment("是我签的", knows) == ("是我", "签的")
    assert segment("不是我签的", knows) == ("不是", "我", "签的")


def test_a_greedy_start_that_leads_nowhere_is_given_up() -> None:
    # The longest first word, 听不清, would leave 楚 that nothing covers.
    assert segment("听不清楚", lambda word: word in {"听不清", "听不", "清楚"}) == ("听不", "清楚")


def test_phrases_that_the_vocabulary_cannot_make_up_are_reported() -> None:
    grammar = build(["是我", "退保", "清楚", "退保"], knows)
    assert grammar.phrases == ("是我", "清楚", UNKNOWN)
    assert grammar.dropped == ("退保",)


def test_unknown_is_always_there_once_even_with_no_phrases() -> None:
    assert build([], knows).phrases == (UNKNOWN,)
    assert build([UNKNOWN, "是", UNKNOWN], knows).phrases == ("是", UNKNOWN)


def test_the_json_is_a_list_of_phrases_with_blanks_between_words() -> None:
    assert json.loads(build(["是 我 签的"], knows).json) == ["是我 签的", UNKNOWN]


def test_what_is_given_twice_counts_twice() -> None:
    assert build(["是我", "是", "是我"], knows).phrases == ("是我", "是", "是我", UNKNOWN)


@given(
    st.lists(st.text("是我签的不清楚听退", max_size=30), max_size=8),
    st.sets(st.text("是我签的不清楚听", min_size=1, max_size=4)),
)
def test_every_phrase_is_kept_whole_or_reported(phrases: list[str], vocabulary: set[str]) -> None:
    grammar = build(phrases, vocabulary.__contains__)
    assert grammar.phrases[-1] == UNKNOWN
    kept = {phrase.replace(" ", "") for phrase in grammar.phrases[:-1]}
    assert kept | set(grammar.dropped) == set(filter(None, phrases))
    assert all(word in vocabulary for phrase in grammar.phrases[:-1] for word in phrase.split())
