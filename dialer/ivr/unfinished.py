"""What takes an answer away without denying it: a sentence that breaks off, a condition that comes after.

收到的那个, 方便是方便,就是 were going somewhere; 讲清楚了,我才签 isn't explained yet; 到了,噢,那是发票.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dialer.ivr.meanings import Meaning
from dialer.ivr.sense import Reading, Sense

_TRAILS_OFF = re.compile(
    r"就是说(吧|呢|啊|嘛|哈)?|(但是?|可是?|不过|只是|然而|其实|因为|所以|而且)(呢|吧|嘛|啊|我)?"
    r"|.*(收|看|读|签|拿|写|知道|清楚|明白).*的(那个|这个|那些)是?|对了(那个|这个|那什么)"
    r"|.*(收|看|读|签|拿).*的(那天|当天|那一?会儿|那时候?|那个时候)"
    r"|(是)?因为(我|他)?(当时|那时候?|那天|我|他)|.+的(前提|地方|原因|条件)(就)?是|.*就在于?"
)
_GOES_ON = re.compile(r"(.{1,4})(是|倒是|也是)\1[的了]?|.+的(前提|地方|原因|条件)")
"""方便是方便, 满意的地方: 就是 after it is no agreement."""
_ANOTHER_PAPER = re.compile(
    r"(哦|噢|啊)?(那|这)(个|份)?是(发票|收据|广告|宣传单|传单|短信|快递单|别的|另外的|别人的|另一份|其他的)"
)
"""到了到了,噢,那是发票."""
_CRIES = ("啊", "呀", "哈", "什么", "哎呀")
_SURPRISED = re.compile(r"(还|都)(要|得)(交|缴|付|扣).*")
"""知道的,啊,还要交十年: he didn't know."""
_ONLY_THEN = re.compile(r"(我|俺|咱)?(才|再)(会|能|敢|肯|可以|给)?(签|认|买|交|办|答|告诉|说)(?!.*[的了]).*")
"""讲清楚了,我才签: the first is a condition."""
_OPENINGS = ("是这样的", "是这样")
"""Alone they agree, or begin a story."""


def as_far_as_said(found: Sequence[Reading]) -> tuple[Reading, ...]:
    result = list(found)
    for place, reading in enumerate(found):
        text = reading.clause.text
        if _open(found, place):
            result[place] = _unsure(reading)
        elif place and _ONLY_THEN.fullmatch(text):
            result[place - 1] = _unsure(found[place - 1])
        elif len(found) == 1 and text in _OPENINGS:
            result[place] = replace(reading, said=tuple(replace(one, weak=True) for one in reading.said))
    return tuple(result)


def _open(found: Sequence[Reading], place: int) -> bool:
    text, before = found[place].clause.text, found[:place]
    if any(one.said for one in before):
        cried = before[-1].clause.text in _CRIES
        if _ANOTHER_PAPER.fullmatch(text) or (cried and _SURPRISED.fullmatch(text)):
            return True
    if any(later.said or later.intent is not None for later in found[place + 1 :]):
        return False
    leads_on = text == "就是" and bool(before) and _GOES_ON.fullmatch(before[-1].clause.text) is not None
    return leads_on or _TRAILS_OFF.fullmatch(text) is not None


def _unsure(reading: Reading) -> Reading:
    return Reading(reading.clause, (Sense(Meaning.UNSURE, reading.clause.text),))
