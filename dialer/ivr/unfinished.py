"""What takes an answer away without denying it: a sentence that breaks off, a condition that comes after.

收到的那个, 方便是方便,就是 were going somewhere; 讲清楚了,我才签 isn't explained yet; 到了,噢,那是发票.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dialer.ivr.meanings import Meaning
from dialer.ivr.pauses import core
from dialer.ivr.sense import Reading, Sense

_TRAILS_OFF = re.compile(
    r"就是说(吧|呢|啊|嘛|哈)?|(但是?|可是?|不过|只是|然而|其实|因为|所以|而且)(呢|吧|嘛|啊|我)?"
    r"|.*(收|看|读|签|拿|写|知道|清楚|明白).*的(那个|这个|那些)是?|对了(那个|这个|那什么)"
    r"|.*(收|看|读|签|拿).*的(那天|当天|那一?会儿|那?个?时候|那时)"
    r"|(是)?因为(我|他)?(当时|那时候?|那天|我|他)|.+的(前提|地方|原因|条件)(就)?是|.*就在于?"
)
_SEARCHES = re.compile(r"就?是?(那个|这个)(啥|什么)?")
"""知道,就是那个: the word isn't found."""
_GOES_ON = re.compile(r"(.{1,4})(是|倒是|也是)\1[的了]?|.+的(前提|地方|原因|条件)")
"""方便是方便, 满意的地方: 就是 after it is no agreement."""
_ANOTHER_PAPER = re.compile(
    r"(哦|噢|啊)?(那|这)(个|份)?是(发票|收据|广告|宣传单|传单|短信|快递单|别的|另外的|别人的|另一份|其他的)"
    r"|(那|这)?(个|份)?是(去年|前年|以前|之前|上次|老|旧)(买|办)?的?(那?(个|份|张|本))?(合同|保单)?的?"
)
"""到了到了,噢,那是发票; 收到了,是去年那份."""
_AND_THAT_IS = re.compile(
    r".{2}(那|这)(个|份)?是(发票|收据|广告|宣传单|别人的|(去年|前年|以前|上次)(买|办)?的?(那?(个|份|张|本))?(合同|保单)?的?)$"
)
"""The same without a pause: 收到了等等那是去年的."""
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
        text = core(reading.clause)
        if _open(found, place):
            result[place] = _unsure(reading)
        elif place and _ONLY_THEN.fullmatch(text):
            result[place - 1] = _unsure(found[place - 1])
        elif len(found) == 1 and text in _OPENINGS:
            result[place] = replace(reading, said=tuple(replace(one, weak=True) for one in reading.said))
    return tuple(result)


def _open(found: Sequence[Reading], place: int) -> bool:
    text, before = core(found[place].clause), found[:place]
    if _AND_THAT_IS.search(text):
        return True
    if any(one.said for one in before):
        cried = before[-1].clause.text in _CRIES
        if _ANOTHER_PAPER.fullmatch(text) or (cried and _SURPRISED.fullmatch(text)):
            return True
    if any(later.said or later.intent is not None for later in found[place + 1 :]):
        return False
    if any(one.said for one in before) and _SEARCHES.fullmatch(text):
        return True
    leads_on = text == "就是" and bool(before) and _GOES_ON.fullmatch(before[-1].clause.text) is not None
    return leads_on or _TRAILS_OFF.fullmatch(text) is not None


def _unsure(reading: Reading) -> Reading:
    return Reading(reading.clause, (Sense(Meaning.UNSURE, reading.clause.text),))
