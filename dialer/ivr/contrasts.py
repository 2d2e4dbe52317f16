"""How a clause bears on the one before it: what it explains, answers or leaves behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from dialer.ivr.clauses import Clause
from dialer.ivr.meanings import BARE, OPPOSITES, Meaning
from dialer.ivr.sense import FACTS, Sense
from dialer.ivr.tags import Tag

_ONCE = frozenset(
    {
        "以前", "之前", "原来", "原先", "起初", "最初", "本来", "一开始", "刚开始", "开始", "当时", "当初",
        "先前", "早先",
    }
)  # fmt: skip
_NOW = frozenset({"现在", "后来", "如今", "目前", "眼下", "这会", "今天", "最近", "刚刚"})
_THEN = frozenset({"就", "再", "会", "自然", "肯定", "再联系", "再打", "再说"})
_LONG_AGO = re.compile(
    r"(有|要是|如果)(什么|啥)?(问题|疑问|意见|事)(的话)?我?(早就?)(已经)?(来)?(问|说|讲|找|打|提)"
)
_NEGATIONS = (Tag.NOT, Tag.NONE, Tag.NO_MORE)
_REMAINING = re.compile(
    r"^(那|也|嗯|啊|哦)*(就|只)(?!(是|有)?($|这|那样|那么|好|行|可以|没|不|到|先|自己|本人|你|您|挂|谢|了|算|问|想|普通|正常"
    r"|我(自己|本人|一个|们|签|写|看|来)))"
)
"""没别的,就是发票没给我; not 没有,就这样."""
_HOLLOW = re.compile(
    r"第[一二三四两\d][次回].{0,4}[没不]|[没不].{1,6}(谁|哪个|鬼)(还|才|会|敢|愿意)*(买|签|办|信|存|投|要|来)"
    r"|没有?(白纸黑字|录音|书面|字据|凭据|凭证|证据|写)|没有?[哦噢啊诶哎呃嗯对]+有的?$"
)
"""第一次没有, 不保本谁买, 没有白纸黑字, 没有,哦,有: no denial, or one of the manner alone."""
_TOLD_BY = frozenset({"说的", "教的"})
_STATED = frozenset(meaning for pair in FACTS.values() for meaning in pair) - {Meaning.UNSURE}


def over(clause: Clause) -> bool:
    """要是有问题我再联系你: the condition has its consequence, and 现在 goes on with what is so."""
    tokens = clause.tokens
    start = next((i for i, t in enumerate(tokens) if t.tag is Tag.IF), None)
    return start is not None and any(t.word in _THEN for t in tokens[start + 1 :])


def resumes(clause: Clause) -> bool:
    """现在没别的: said of now, after something supposed."""
    return bool(clause.tokens) and clause.tokens[0].word in ("现在", "目前") and clause.has(*_NEGATIONS)


def untrue(clause: Clause) -> bool:
    """有问题的话早就问了: there is none."""
    return _LONG_AGO.search(clause.text) is not None


def hollow(heard: Sequence[Clause]) -> list[str]:
    """Denials that leave something over, and what they leave."""
    left = [
        clause.text
        for before, clause in pairwise(heard)
        if before.has(*_NEGATIONS, Tag.NOBODY) and _REMAINING.match(clause.text)
    ]
    return left + [clause.text for clause in heard if _HOLLOW.search(clause.text)]


def explains(clause: Clause, before: list[Sense]) -> bool:
    """不是没收到,是还没拆: what follows says why, and so grants the double negation."""
    first = clause.tokens[0].word if clause.tokens else ""
    twice = bool(before) and before[-1].weak and before[-1].words.startswith(("不是", "也不是", "并不是"))
    return twice and first in ("是", "就是", "只是")


def explanation(said: list[Sense]) -> list[Sense]:
    """The particles of an explanation answer nothing: its 是 stands against 不是."""
    return [sense for sense in said if sense.meaning not in BARE]


def answers_itself(asked: Clause, echo: list[Sense], said: list[Sense]) -> bool:
    """没收到吗?收到了呀: the question is repeated and then answered."""
    asks = any(token.word == "吗" for token in asked.tokens)  # 没收到?收到了 may be a guess
    guesses = any(token.word in ("吧", "好像", "应该") for token in asked.tokens)
    plain = [sense for sense in said if sense.meaning in _STATED]
    if not asks or guesses or not echo or not plain:
        return False
    same = echo[-1].meaning is plain[0].meaning
    return same or frozenset({echo[-1].meaning, plain[0].meaning}) in OPPOSITES


def credits_another(clause: Clause) -> bool:
    """收到了,他说的: the yes is another's word."""
    tokens = [t for t in clause.tokens if t.tag not in (Tag.PAUSE, Tag.THIS, Tag.COPULA, Tag.BOUND)]
    if not tokens or "".join(t.word for t in tokens[-2:])[-2:] not in _TOLD_BY:
        return False
    heard = tokens[0].tag is Tag.HEARSAY
    return heard or (any(t.tag is Tag.OTHER for t in tokens) and not clause.has(Tag.GRASP))


def outdated(then: Clause, was: list[Sense], now: Clause, said: list[Sense]) -> list[Sense]:
    """以前不知道,现在清楚了: what was once so counts no more."""
    once = any(token.word in _ONCE for token in then.tokens)
    if not once or not now.tokens or now.tokens[0].word not in _NOW:
        return was
    turned = [s for s in was if any(frozenset({s.meaning, new.meaning}) in OPPOSITES for new in said)]
    return [replace(s, meaning=Meaning.BESIDE) if s in turned else s for s in was]
