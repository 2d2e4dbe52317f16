"""When the customer asks to be called again: words -> wish (R79). Policy makes a permitted time of it."""

from __future__ import annotations

import re

from dialer.model import AppointmentWish

_LIKELY = """今天上午 今天下午 明天上午 明天下午 后天上午 后天下午 上午 下午 上午十点 上午十一点 下午两点
    下午三点 下午四点 明天 后天 下周一 下周 晚上 晚点 过一会儿 都行 什么时候都可以"""
PHRASES: tuple[str, ...] = tuple(_LIKELY.split())
"""What is likely to be said to the appointment prompt, for the recogniser's grammar."""

BY_KEY = {"1": AppointmentWish(days=1, half="am"), "2": AppointmentWish(days=1, half="pm")}
"""Morning or afternoon of the next workday: policy moves ``days=1`` on where that isn't one."""

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMBER = r"(?:\d{1,2}|[一二三四五]?十[一二三四五六七八九]?|[零〇]?[一二两三四五六七八九])"
_CLOCK = re.compile(rf"({_NUMBER})(?:点钟?|[:：])(半|一刻|三刻|{_NUMBER})?")
_VAGUE_BEFORE = "晚早慢大快有差"
_DAY_COUNT = re.compile(rf"(?:过|再过)?({_NUMBER})天(?:之后|以后|后)|过({_NUMBER})天")
_WEEKDAY = re.compile(r"(下+)?个?(?:周|星期|礼拜)([一二三四五六日天])")
_DAYS = (
    (3, ("大后天",)),
    (2, ("后天", "后日")),
    (1, ("明天", "明日", "明儿", "明早", "明晚", "第二天")),
    (0, ("今天", "今日", "今儿", "今晚", "一会", "等会", "待会", "稍后", "晚点", "晚一点", "晚些")),
    (0, ("忙完", "下班", "小时后", "小时以后", "分钟后", "分钟以后")),
    (3, ("过几天", "过些天")),
)
_MORNING = ("上午", "早上", "早晨", "明早", "清早", "一早")
_NOON = ("中午",)
_AFTERNOON = ("下午", "傍晚", "午后")
_EVENING = ("晚上", "今晚", "明晚", "夜里")


def parse(text: str, weekday: int | None = None) -> AppointmentWish | None:
    """The time in ``text``, or None where it names none. ``hour`` is on the 24-hour clock.

    ``weekday`` of the day of the call (0 = Monday) is needed to count 下周一; without it such days
    stay unsaid, and 下周 is seven days.
    """
    days = _days(text, weekday)
    half = _half(text)
    clock = _clock(text, half)
    if clock is not None and not half:
        half = "am" if clock[0] < 12 else "pm"
    if days is None and not half and clock is None:
        return None
    hour, minute = clock if clock is not None else (None, 0)
    return AppointmentWish(days=days, half=half, hour=hour, minute=minute)


def _days(text: str, weekday: int | None) -> int | None:
    counted = _DAY_COUNT.search(text)
    if counted:
        return _number(counted[1] or counted[2])
    named = _WEEKDAY.search(text)
    if named and weekday is not None:
        wanted = "一二三四五六日天".index(named[2]) % 7 if named[2] != "天" else 6
        if named[1]:
            return 7 * len(named[1]) - weekday + wanted
        return (wanted - weekday) % 7 or 7
    for days, words in _DAYS:
        if any(word in text for word in words):
            return days
    if re.search(r"下个?(?:周|星期|礼拜)", text):
        return 7 if weekday is None else 7 - weekday
    return None


def _half(text: str) -> str:
    if any(word in text for word in _MORNING):
        return "am"
    if any(word in text for word in (*_NOON, *_AFTERNOON, *_EVENING)):
        return "pm"
    return ""


def _clock(text: str, half: str) -> tuple[int, int] | None:
    for found in _CLOCK.finditer(text):
        before = text[: found.start()]
        vague = found[1] == "一" and "点钟" not in found[0] and not found[2]
        if before[-1:] in tuple(_VAGUE_BEFORE) or (vague and not before.endswith(_AFTERNOON + _NOON)):
            continue
        hour, minute = _number(found[1]), _minute(found[2])
        if hour < 12 and (half == "pm" or (not half and hour < 7)):
            hour += 12
        if hour < 24 and minute < 60:
            return hour, minute
    return None


def _minute(text: str | None) -> int:
    named = {"半": 30, "一刻": 15, "三刻": 45}
    return 0 if not text else named[text] if text in named else _number(text)


def _number(text: str) -> int:
    """Up to 59, in digits or characters."""
    if text.isascii() and text.isdigit():
        return int(text)
    text = text.lstrip("零〇") or "零"
    tens, ten, ones = text.rpartition("十")
    value = _DIGITS[ones] if ones else 0
    return value + (10 * (_DIGITS[tens] if tens else 1) if ten else 0)
