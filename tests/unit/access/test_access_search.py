from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.access.search import CallQuery, terms, tokens
from dialer.model import PhoneNumber
from dialer.testing.search import _said

HAN = st.text(st.sampled_from("没收到合同是我的了"), min_size=1, max_size=12)


@given(HAN, st.data())
def test_any_piece_of_what_was_said_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    (term,) = terms(text[start:end])
    assert _said([text], term)


@given(HAN, HAN)
def test_nothing_is_found_that_was_not_said(text: str, piece: str) -> None:
    (term,) = terms(piece)
    assert _said([text], term) == (piece in text)


def test_words_and_marks() -> None:
    assert tokens("没收到") == ["没收", "收到", "到"]
    assert tokens("好的OK12没有") == ["好的", "的", "ok12", "没有", "有"]
    assert tokens(",。") == []
    assert terms("没收到 ok") == [("没收", "收到"), ("ok",)]
    assert terms(" ,。 ") == []


def test_a_query_in_words_hides_the_number() -> None:
    said = str(CallQuery(phone=PhoneNumber.parse("13812345678"), branch="南京"))
    assert said == "phone=138****5678, branch=南京"
    for wrong in ({"limit": 0}, {"limit": 201}, {"words": ",,"}, {"start": datetime(2026, 1, 1)}):
        with pytest.raises(ValueError, match=r"\w"):
            CallQuery(**wrong)
