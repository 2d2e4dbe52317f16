"""What a speaker says to keep his turn: 等等, 那个, 合同是吧. It is no answer where one follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import Reading, Sense

_HOLDS_ON = r"(你|哎|诶|嗯|先|啊|哦)*(等等|等一?下|等一?会儿?|稍等|等一等)(啊|哈|呀|哦)?"
_SEARCHES = r"(嗯|啊|呃|哦|额|唔|诶)*(那个|这个|就是说?|就是那个|那个啥)(吧|呢|啊|嘛|哈)?"
_REPEATS = (
    r"(那个|这个|你说的?|你问的?|你是说)?(是)?(我的)?"
    r"(保险)?(合同|保单|条款|签字|签名|犹豫期|保险|抄写|电话|录音|风险|收益|单子|本子|资料|说明书|保费)"
    r"(的事情?|这个事|这事|那个)?(是吧|对吧|是吗|是不是|对不对|啊|呀|嘛)"
)
"""The matter asked about, said once more before the answer."""
_BEFORE_AN_ANSWER = re.compile(f"{_HOLDS_ON}|{_SEARCHES}|{_REPEATS}")
_AFTER_CONSENT = re.compile(
    r"你?们?(快|抓紧|尽快)一?点(说|讲|问)?(啊|吧|哈)?"
    r"|你?们?(别|不要)(说|讲|问)?得?(太久|太长|太慢|太啰嗦|耽误.{0,4}|拖.{0,2})(了|啊|哈)?"
)
"""How the talk should go on: 方便是方便,别太久."""
_GIVES_IN = re.compile(r"(那)?算了吧?(那)?你?快?(说|讲|问)(吧|嘛)?")
"""不方便,算了你说吧: what stood in the way does so no more."""
_TRAILS_OFF = re.compile(
    r"就是说(吧|呢|啊|嘛|哈)?|(但是?|可是?|不过|只是|然而|其实|因为|所以|而且)(呢|吧|嘛|啊|我)?"
    r"|.*(收|看|读|签|拿|写|知道|清楚|明白).*的(那个|这个|那些)是?|对了(那个|这个|那什么)"
)
"""但是..., 收到的那个...: what was to come isn't said."""
_OPENINGS = ("是这样的", "是这样")
"""Alone they agree, or begin a story."""
_GRANTED = re.compile(r"(.{1,4})(是|倒是|也是)\1[的了]?")


def settled(found: Sequence[Reading]) -> tuple[Reading, ...]:
    """``found`` without the pauses beside an answer; alone they are what they seem."""
    result = list(found)
    for place, reading in enumerate(found):
        text = reading.clause.text
        answered = any(later.said or later.intent is not None for later in found[place + 1 :])
        agreed = place > 0 and any(one.meaning is Meaning.CONSENT for one in found[place - 1].said)
        if (answered and _BEFORE_AN_ANSWER.fullmatch(text)) or (agreed and _AFTER_CONSENT.fullmatch(text)):
            result[place] = replace(reading, said=(), intent=None)
        elif _GIVES_IN.fullmatch(text):
            stands = tuple(one for one in reading.said if one.meaning is Meaning.CONSENT)
            result[: place + 1] = [*map(_no_longer_busy, result[:place]), replace(reading, said=stands)]
        elif not answered and (_TRAILS_OFF.fullmatch(text) or _grants(found[:place], text)):
            result[place] = Reading(reading.clause, (Sense(Meaning.UNSURE, text),))
        elif len(found) == 1 and text in _OPENINGS:
            result[place] = replace(reading, said=tuple(replace(one, weak=True) for one in reading.said))
    return tuple(result)


def _no_longer_busy(reading: Reading) -> Reading:
    return replace(reading, said=(), intent=None) if reading.intent is Meaning.BUSY else reading


def _grants(before: Sequence[Reading], text: str) -> bool:
    """方便是方便,就是: with nothing to agree to, 就是 is a "but"."""
    return text == "就是" and bool(before) and _GRANTED.fullmatch(before[-1].clause.text) is not None
