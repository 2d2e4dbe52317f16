"""Values read aloud: numbers, money, dates and names to the fragments that clips exist for. Pure.

A fragment is a word group that sounds whole when played after another: 0-99 are one clip each, so are
二百, 三千, 十二 and the units 万 亿 元 角 分.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from dialer.model import Say, SayKind

_DIGITS = "零一二三四五六七八九"
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?")
_GROUPS = ("", "万", "亿")
YEARS = range(2020, 2036)
"""Years whose clips ship; others are built where they are needed."""
LIMIT = 10**12
"""Whole parts are read below this."""

MEASURES = ("年", "天", "个", "份", "次", "位", "项", "块", "元", "万", "千", "小时", "分钟", "周")
"""Words before which a lone 2 is 两: 两年, 两天."""


def fragments(say: Sequence[Say]) -> list[str]:
    """The texts whose clips speak ``say``, in order. Raises ValueError for a value that can't be read."""
    found: list[str] = []
    for place, piece in enumerate(say):
        match piece.kind:
            case SayKind.NUMBER:
                following = say[place + 1] if place + 1 < len(say) else None
                measured = (
                    following is not None
                    and following.kind is SayKind.TEXT
                    and following.text.startswith(MEASURES)
                )
                found += number(piece.text, before_measure=measured)
            case SayKind.MONEY:
                found += money(piece.text)
            case SayKind.DATE:
                found += day(piece.text)
            case SayKind.DIGITS:
                found += digits(piece.text)
            case _:
                if not piece.text.strip():
                    raise ValueError(f"nothing to say in an empty {piece.kind.value}")
                found.append(piece.text)
    return found


def number(text: str, *, before_measure: bool = False) -> list[str]:
    """``20`` -> 二十; ``108`` -> 一百 零八; ``3.5`` -> 三 点 五. Raises ValueError."""
    sign, whole, decimals = _parse(text)
    if before_measure and whole == 2 and not decimals:
        return [*sign, "两"]
    digits = ["点", *(_DIGITS[int(digit)] for digit in decimals)] if decimals else []
    return [*sign, *_whole(whole), *digits]


def money(text: str) -> list[str]:
    """Yuan with at most two decimals: ``12000`` -> 一万 二千 元; ``0.5`` -> 五角. Raises ValueError."""
    sign, whole, decimals = _parse(text)
    if len(decimals.rstrip("0")) > 2:
        raise ValueError(f"money has at most two decimals, not {text!r}")
    tenths, cents = (int(digit) for digit in decimals.ljust(2, "0")[:2])
    parts: list[str] = []
    if whole or not (tenths or cents):
        parts += [*(["两"] if whole == 2 else _whole(whole)), "元"]
    if tenths:
        parts += [_DIGITS[tenths], "角"]
    if cents:
        parts += ([] if tenths or not whole else ["零"]) + [_DIGITS[cents], "分"]
    return [*sign, *parts]


def day(text: str) -> list[str]:
    """``2026-11-03`` -> 二零二六年 十一月 三日. Raises ValueError."""
    try:
        value = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a date that can be read aloud: {text!r}; write e.g. 2026-11-03") from None
    return [_year(value.year), f"{below_hundred(value.month)}月", f"{below_hundred(value.day)}日"]


def _year(value: int) -> str:
    return "".join(_DIGITS[int(digit)] for digit in f"{value:04d}") + "年"


def digits(text: str) -> list[str]:
    """One by one, as numbers are told on the telephone: ``0138`` -> 零 幺 三 八. Raises ValueError."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"not digits: {text!r}")
    return ["幺" if digit == "1" else _DIGITS[int(digit)] for digit in text]


def _parse(text: str) -> tuple[list[str], int, str]:
    """Sign, whole part, decimals."""
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise ValueError(
            f"not a number that can be read aloud: {text!r}; write digits, e.g. 12000 or 12000.50"
        )
    whole, _, decimals = text.lstrip("-").partition(".")
    nothing = not int(whole) and not decimals.strip("0")
    return ["负"] if text.startswith("-") and not nothing else [], int(whole), decimals


def _whole(value: int) -> list[str]:
    """Groups of four digits with 万 and 亿; 零 bridges a gap, also between groups."""
    if value < 100:
        return [below_hundred(value)]
    parts: list[str] = []
    for power in (2, 1, 0):
        group, value = divmod(value, 10000**power)
        if group:
            gap = bool(parts) and group < 1000
            parts += (["零"] if gap else []) + list(_group(group, power, first=not parts))
            if power:
                parts.append(_GROUPS[power])
    return parts


def _group(value: int, power: int, *, first: bool) -> Iterator[str]:
    """1-9999. 2 at the very front is 两 before 千, 万 and 亿."""
    thousands, rest = divmod(value, 1000)
    hundreds, tail = divmod(rest, 100)
    if thousands:
        yield ("两" if thousands == 2 and first else _DIGITS[thousands]) + "千"
    if hundreds:
        yield _DIGITS[hundreds] + "百"
    elif thousands and tail:
        yield "零"
    if tail:
        if hundreds and tail < 10:
            yield "零"
        inside = bool(thousands or hundreds) or not first
        if tail == 2 and first and power and value == 2:
            yield "两"
        else:
            yield "一" + below_hundred(tail) if inside and 10 <= tail < 20 else below_hundred(tail)


def below_hundred(value: int) -> str:
    """0-99 as one fragment."""
    tens, ones = divmod(value, 10)
    if not tens:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


def date_fragments() -> list[str]:
    """Every fragment that ``day`` (of these years) and ``digits`` can ask for."""
    months = [f"{below_hundred(value)}月" for value in range(1, 13)]
    days = [f"{below_hundred(value)}日" for value in range(1, 32)]
    return [*(_year(value) for value in YEARS), *months, *days, *_DIGITS, "幺"]


def number_fragments() -> list[str]:
    """Every fragment that ``number`` and ``money`` can ask for."""
    whole = [below_hundred(value) for value in range(100)]
    teens = ["一" + below_hundred(value) for value in range(10, 20)]
    big = [digit + unit for unit in "百千" for digit in _DIGITS[1:]]
    return [*whole, *teens, *big, "两千", "两", "万", "亿", "点", "负", "元", "角", "分"]
