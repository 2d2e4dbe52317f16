"""Numbers and money read aloud, checked by a parser that works the other way round."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model import Say, SayKind
from dialer.tts.reading import LIMIT, date_fragments, day, fragments, money, number, number_fragments

DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
UNIT = {"十": 10, "百": 100, "千": 1000}


def understood(words: str) -> int:
    """What a listener makes of a whole number."""
    total = section = digit = 0
    for char in words:
        if char in DIGIT:
            digit = DIGIT[char]
        elif char in UNIT:
            section += (digit or 1) * UNIT[char]
            digit = 0
        else:
            total = (total + section + digit) * (10000 if char == "万" else 10**8)
            if char == "亿":
                return total + understood(words[words.index("亿") + 1 :])
            section = digit = 0
    return total + section + digit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0", "零"), ("2", "二"), ("10", "十"), ("20", "二十"), ("108", "一百零八"), ("110", "一百一十"),
        ("115", "一百一十五"), ("1002", "一千零二"), ("1015", "一千零一十五"), ("1100", "一千一百"),
        ("2000", "两千"), ("2222", "两千二百二十二"), ("10000", "一万"), ("12000", "一万二千"),
        ("20000", "两万"), ("100001", "十万零一"), ("120000", "十二万"), ("1010000", "一百零一万"),
        ("10010010", "一千零一万零一十"), ("200000000", "两亿"), ("100020003", "一亿零二万零三"),
        ("3.05", "三点零五"), ("-7", "负七"), ("007", "七"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_say_them(value: str, words: str) -> None:
    assert "".join(number(value)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("12000", "一万二千元"), ("12000.00", "一万二千元"), ("12000.50", "一万二千元五角"),
        ("0.05", "五分"), ("3.05", "三元零五分"), ("3.25", "三元二角五分"), ("2", "两元"), ("0", "零元"),
        ("-100", "负一百元"), ("-0", "零元"),
    ],
)  # fmt: skip
def test_money_is_read_in_yuan(value: str, words: str) -> None:
    assert "".join(money(value)) == words


def test_a_lone_two_before_a_measure_is_liang() -> None:
    assert fragments([Say(SayKind.NUMBER, "2"), Say(SayKind.TEXT, "年，请问您清楚吗？")])[0] == "两"
    assert fragments([Say(SayKind.NUMBER, "12"), Say(SayKind.TEXT, "年")])[0] == "十二"
    assert fragments([Say(SayKind.NUMBER, "2"), Say(SayKind.TEXT, "。")])[0] == "二"


def test_names_and_products_are_one_fragment() -> None:
    pieces = [
        Say(SayKind.SURNAME, "欧阳"),
        Say(SayKind.PRODUCT, "安心相伴终身寿险"),
        Say(SayKind.TEXT, "您好，"),
    ]
    assert fragments(pieces) == ["欧阳", "安心相伴终身寿险", "您好，"]


@given(st.integers(0, LIMIT - 1))
def test_a_listener_understands_the_number(value: int) -> None:
    assert understood("".join(number(str(value)))) == value


@given(st.integers(0, LIMIT - 1), st.integers(0, 99))
def test_every_amount_is_made_of_shipped_fragments(yuan: int, cents: int) -> None:
    shipped = set(number_fragments())
    assert set(money(f"{yuan}.{cents:02d}")) <= shipped
    assert set(number(f"{yuan}.{cents}")) <= shipped


@pytest.mark.parametrize("value", ["", "abc", "1,000", "1e5", "１２", "1000000000000", "1.", "--1", "1.234"])
def test_what_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"write digits|at most two"):
        money(value)


@pytest.mark.parametrize("kind", [SayKind.TEXT, SayKind.SURNAME, SayKind.PRODUCT])
def test_nothing_to_say_is_refused(kind: SayKind) -> None:
    with pytest.raises(ValueError, match="nothing to say"):
        fragments([Say(kind, "  ")])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-11-03", ["二零二六年", "十一月", "三日"]),
        ("2030-01-20", ["二零三零年", "一月", "二十日"]),
        ("1998-12-31", ["一九九八年", "十二月", "三十一日"]),
    ],
)
def test_dates_are_read_in_full(value: str, words: list[str]) -> None:
    assert fragments([Say(SayKind.DATE, value)]) == words


def test_digits_are_read_one_by_one() -> None:
    assert fragments([Say(SayKind.DIGITS, "0138")]) == ["零", "幺", "三", "八"]


@pytest.mark.parametrize("say", [Say(SayKind.DATE, "3.11.2026"), Say(SayKind.DIGITS, "1a")])
def test_what_is_no_date_and_no_digits(say: Say) -> None:
    with pytest.raises(ValueError, match="not"):
        fragments([say])


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_every_date_of_these_years_has_its_clips(value: date) -> None:
    assert set(day(value.isoformat())) <= set(date_fragments())
