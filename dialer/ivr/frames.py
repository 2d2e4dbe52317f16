"""Frames that take a statement back without a word for it: asked for, supposed, or of no use.

让我知道一下 asks to be told, 看了就知道了 supposes a reading, 知道有什么用 scorns the knowing. What a
sentence means for certain it doesn't say in these frames: what stands in them is no plain yes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.tags import FILLERS, Tag

_KNOWN = (Tag.GRASP, Tag.CONTENT)
_DONE = (Tag.READ, Tag.SIGN, Tag.OWN_HAND, Tag.RECEIVE)

# --- asked for ---
_CAUSING = frozenset({"让", "叫", "要", "教", "使", "喊", "令", "给", "帮", "替", "为", "请"})
_REQUESTING = frozenset({"给我", "教我", "帮我", "请", "麻烦", "麻烦你", "劳驾", "有劳"})
_PLANNING = frozenset({"去", "再", "先", "回去", "回家", "慢慢", "多", "好好"})
_STATES = frozenset({"知道", "清楚", "明白", "懂", "懂得", "晓得", "有数"})
"""What one is, rather than does: 我先知道的 is no plan, and 知道知道 is said twice."""
_A_LITTLE = frozenset({"一下", "下", "一哈"})
_ADVERBIAL = FILLERS | {Tag.GRASP, Tag.CONSENT}

# --- of no use ---
_USELESS = (
    r"((有|管|顶|起)个?(什么|啥|甚|多大|屁|鬼|毛|何|几个)(卵|鸟)?(用|意义|意思|好处|价值|作用|必要)"
    r"|(没有?|没什么|没啥|没多大|不管|不顶|不起|不中|无)(用|意义|意思|好处|价值|作用|屁用)"
    r"|(干|做|搞)(什么|啥|嘛|甚)(?!用?的)|何(用|必|苦|益)|(图|顶|算)个?(什么|啥|屁)"
    r"|(能|可|又|又能|还能|又会|又可)(怎么?样|怎么着|咋样?|咋的|如何|咋地|奈何|改变什么|怎么办|咋办)"
    r"|(和|跟|与|关|干)我们?.{0,3}(关系|事|相干)"
    r"|(又|也)(不|没)(能|会)?(当饭|顶饭|改变|怎么?样|如何|退|赔|管)|(?<!明)白(搭|费)|不如不|[我谁]还(会|能|敢)?[买签办投](?![了过字名]))"
)
"""Of what use is it? 知道有什么用, 明白了也没用, 看那个干嘛."""
_SCORN = re.compile(_USELESS)
_SCORN_ALONE = re.compile(rf"(那|这|又|也|可|但|就算|说|我)*(?!干|做|搞){_USELESS}[了呢啊呀哦嘛吧的]*")

# --- supposed ---
_HINGE = frozenset({"就", "便", "自然", "不就"})
_STEPS = frozenset(
    {
        "查", "查过", "研究", "来", "给", "去", "回去", "回家", "上网", "问", "跑", "百度", "念", "拿去",
        "用", "打", "交", "通知",
    }
)  # fmt: skip
_STEP_TAGS = (
    Tag.READ, Tag.TELL, Tag.SAID, Tag.RECEIVE, Tag.ASK, Tag.HANDLE, Tag.SIGN, Tag.UNSURE, Tag.CALL, Tag.DEED,
    Tag.GRASP, Tag.HEARSAY, Tag.CONSENT, Tag.COMPLAINT, Tag.HAVE, None,
)  # fmt: skip
"""What one does to come to know: 查, 看, 问, 说."""
_PASSING = FILLERS | {Tag.SELF, Tag.CONSENT, Tag.BUT}
_UNTOLD = (Tag.NOT, Tag.NONE, Tag.NOBODY, Tag.NO_MORE, Tag.NOT_YET)
_PAST = re.compile(r"[以之先此早]前|前几天|刚|已经?|早就|上次|[本原]来|后来|从[那头一]")
_SOONER = re.compile(r"早(?!就|已|前|上|先|晚)")
_TO_COME = re.compile(
    r"(我|反正)*(以后|将来|到时|慢慢|[早迟]晚|[日今往]后|回头|过(?!了|[两几些]天).{0,2}[段阵年天月]|等(?!了)|时间长)"
)
_PERFECTIVE = ("了", "过", "完", "好", "到")


class Supposed(IntEnum):
    """How much a condition without 如果 takes away."""

    NOT = 0
    PERHAPS = 1
    """看了就知道了, 你给我看我就看了: it may have happened, and may not."""
    WHOLLY = 2


def useless(clause: Clause) -> bool:
    """知道有什么用, 看那个干嘛: scorn. 不知道有什么用 is a plain no."""
    if not clause.has(*_KNOWN, *_DONE):
        return False
    found = _SCORN.search(clause.text)
    at = 0
    for token in clause.tokens:
        if found is None or at >= found.start():
            return False
        if token.tag in (*_KNOWN, *_DONE):
            return True
        at += len(token.word)
    return False


def of_no_use(clause: Clause) -> bool:
    """知道,没用: the scorn is a clause of its own."""
    return _SCORN_ALONE.fullmatch(clause.text) is not None


def asked_for(tokens: Sequence[Token], place: int) -> bool:
    """让我知道一下, 帮我弄清楚, 我去问清楚: wished for or planned. 他让我弄明白了 is a report."""
    token, before = tokens[place], tokens[:place]
    if token.tag is not Tag.GRASP:
        return False
    start = place - 1
    while start > 0 and (tokens[start].tag in _ADVERBIAL or tokens[start].word == "好好"):
        start -= 1
    near = tokens[max(start, 0) : place]
    mine = bool(near) and near[0].tag is Tag.SELF
    caused = mine and start > 0 and tokens[start - 1].word in _CAUSING
    caused = caused or any(t.word in _REQUESTING for t in near)
    after = tokens[place + 1] if place + 1 < len(tokens) else Token("", None)
    if after.tag in (Tag.BOUND, Tag.ASPECT) or token.word.endswith("了"):
        return caused and not any(t.tag in (Tag.OTHER, Tag.YOU) or t.word in "得的" for t in before)
    if caused or after.word in _A_LITTLE or _must(near):
        return True
    planned = any(t.word in _PLANNING or t.tag is Tag.ASK for t in near)
    return token.word not in _STATES and (planned or (mine and after.word == token.word))


def _must(near: Sequence[Token]) -> bool:
    """我得知道, 得弄清楚; not 讲得清楚."""
    persons = (Tag.SELF, Tag.YOU)
    return any(b.word == "得" and a.tag in persons for a, b in pairwise((Token("", Tag.SELF), *near)))


def hanging(heard: Sequence[Clause]) -> list[Supposed]:
    """For each clause how far it hangs on an unmarked condition: 早说,我就知道了 is one over two clauses."""
    found = [_unmarked(clause.tokens) for clause in heard]
    for place, (before, clause) in enumerate(pairwise(heard)):
        first = next((t for t in clause.tokens if t.tag not in (Tag.SELF, Tag.PAUSE)), None)
        if first is not None and first.word in _HINGE:
            joint = _unmarked((*before.tokens, *clause.tokens))
            found[place : place + 2] = [max(joint, alone) for alone in found[place : place + 2]]
    return found


def _unmarked(tokens: Sequence[Token]) -> Supposed:
    """查一下就知道了, 早给我我就看了: a condition that no word marks. 当时一说我就懂了 is past."""
    found = _hinge(tokens)
    if found is None:
        return Supposed.NOT
    before, then = found
    text = "".join(t.word for t in before)
    if _TO_COME.match(text):
        return Supposed.WHOLLY  # 以后就知道了
    step = next((i for i, t in enumerate(before) if t.tag in _STEP_TAGS or t.word in _STEPS), None)
    if step is None or then.word in text or any(t.tag in _UNTOLD for t in before):
        return Supposed.NOT  # 我就知道; 你说了解就了解 is granted; 没看就签了
    over = any(t.tag is Tag.BOUND or t.word.endswith(_PERFECTIVE) for t in before[step:])
    if _SOONER.search(text) and not over:
        return Supposed.WHOLLY
    if _PAST.search(text) or any(t.tag in (Tag.WHEN, Tag.REPROACH) for t in before):
        return Supposed.NOT
    if then.tag in _DONE:
        return Supposed.PERHAPS if _of_you(before) and not over else Supposed.NOT
    return Supposed.PERHAPS if over or "一" in (t.word for t in before) else Supposed.WHOLLY


def _hinge(tokens: Sequence[Token]) -> tuple[Sequence[Token], Token] | None:
    """What stands before 就, and what comes of it."""
    for place, token in enumerate(tokens):
        if token.word not in _HINGE:
            continue
        for then in tokens[place + 1 :]:
            if then.tag in (*_KNOWN, *_DONE):
                asked = place > 0 and tokens[place - 1].word == "不"  # 看看不就清楚了
                return tokens[: place - asked], then
            if then.tag not in _PASSING or then.word == "是":
                break
    return None


def _of_you(before: Sequence[Token]) -> bool:
    """你给我看, 请发给我; not 他给我看, nor 你让我签, which was done as told."""
    yours = any(t.tag is Tag.YOU or t.word in _REQUESTING for t in before)
    return yours and not any(t.tag is Tag.OTHER or t.word in ("让", "叫") for t in before)
