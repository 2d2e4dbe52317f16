"""Words and clauses: the longest cover wins, and pauses are found without commas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.ivr.clauses import MAX_CHARS, clauses, segment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("对不起没收到", "对不起 没 收到"),
        ("没有了解", "没有 了解"),
        ("没有了", "没有了"),
        ("听不清楚", "听不清楚"),
        ("不对是我签的", "不对 是 我签 的"),
        ("我签收了", "我签收 了"),
        ("喵收到", "喵 收到"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert [token.word for token in segment(text)] == words.split()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("不,收到了。", ["不", "收到了"]),
        ("我不知道啊我老婆办的", ["我不知道啊", "我老婆办的"]),
        ("收到了但是没看", ["收到了", "但是没看"]),
        ("  是 的 ", ["是的"]),
        ("，。？", []),
    ],
)
def test_pauses(text: str, parts: list[str]) -> None:
    assert [clause.text for clause in clauses(text)] == parts


def test_a_question_mark_belongs_to_its_clause() -> None:
    assert [clause.asked for clause in clauses("是吗？收到了。")] == [True, False]


@given(st.text(max_size=400))
def test_nothing_is_invented_and_length_is_bounded(text: str) -> None:
    assert len("".join(clause.text for clause in clauses(text))) <= 4 * MAX_CHARS
