"""What a speaker says to keep his turn, or of how the talk should go on: 等等, 那个, 合同是吧, 别太久.

Beside an answer it is none; alone it is what it seems.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import Reading
from dialer.ivr.tags import Tag

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
_TAKES_LEAVE = re.compile(
    r"(以后|回头|要是|如果|到时候)?(再)?有(什么|啥)?(事|问题|需要|疑问)(的话)?我?(会|就)?(再)?"
    r"(打电话给|打给|找|联系|问|打)你们?(吧|的|了)?"
)
"""没了,有事我再打给你们."""
_GIVES_IN = re.compile(r"(那)?算了吧?(那)?你?快?(说|讲|问)(吧|嘛)?")
"""不方便,算了你说吧: what stood in the way does so no more."""
_ABOUT_WHEN = frozenset(
    {
        Tag.HEDGE, Tag.WHEN, Tag.NUMBER, Tag.UNIT, Tag.CHECK, Tag.COPULA, Tag.PAUSE, Tag.LATER, Tag.THIS,
        Tag.LINK,
    }
)  # fmt: skip


def core(clause: Clause) -> str:
    """Its text without the politeness before it: 不好意思等一下."""
    return "".join(token.word for token in dropwhile(lambda t: t.tag is Tag.COURTESY, clause.tokens))


def without_pauses(found: Sequence[Reading]) -> list[Reading]:
    """``found``; what only keeps the turn says nothing where an answer stands beside it."""
    result = list(found)
    for place, reading in enumerate(found):
        if _silent(found, place):
            result[place] = replace(reading, said=(), intent=None)
        elif _GIVES_IN.fullmatch(core(reading.clause)):
            stands = tuple(one for one in reading.said if one.meaning is Meaning.CONSENT)
            result[: place + 1] = [*map(_no_longer_busy, result[:place]), replace(reading, said=stands)]
    return result


def takes_leave(text: str) -> bool:
    return _TAKES_LEAVE.fullmatch(text) is not None


def _silent(found: Sequence[Reading], place: int) -> bool:
    text, before = core(found[place].clause), found[:place]
    if _BEFORE_AN_ANSWER.fullmatch(text):
        return any(later.said or later.intent is not None for later in found[place + 1 :])
    if _AFTER_CONSENT.fullmatch(text):
        return any(sense.meaning is Meaning.CONSENT for one in before[-1:] for sense in one.said)
    return any(one.said for one in before) and (
        _TAKES_LEAVE.fullmatch(text) is not None or _dates(found[place])
    )


def _dates(reading: Reading) -> bool:
    """收到了,大概是上礼拜三吧: the day is guessed, not the deed."""
    tags = {token.tag for token in reading.clause.tokens}
    return Tag.HEDGE in tags and bool(tags & {Tag.WHEN, Tag.LATER}) and tags <= _ABOUT_WHEN


def _no_longer_busy(reading: Reading) -> Reading:
    return replace(reading, said=(), intent=None) if reading.intent is Meaning.BUSY else reading
