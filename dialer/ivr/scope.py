"""Words that take back what they govern: guesses, questions, conditions, wishes, orders, another's word.

Each operator has a reach: the whole clause (好像, 吗), what follows it (忘了, 听说, 业务员说), the next
predicate (想, 要), or the rest of the utterance (如果). What stands in a reach is named, not stated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.frames import asked_for, useless
from dialer.ivr.tags import FILLERS, Tag


class Doubt(IntEnum):
    """How far a word is from being stated by the customer."""

    NONE = 0
    NAMED = 1
    """Wished, ordered or told by somebody else: no claim, but a risk that is named counts."""
    OPEN = 2
    """Guessed, asked or supposed: nothing."""


STATED = (Tag.GRASP, Tag.RECEIVE, Tag.READ, Tag.SIGN, Tag.OWN_HAND, Tag.CONTENT)
_SUPPOSED = re.compile(
    r"(收到|拿到|清楚|知道|明白|[签看收拿]了?|过|没问题|有问题|疑问|有事|满意|对|是|可以|方便)的话(?!都|我)|的话(我|就|再|才|会|肯定)"
)
_LONGED_FOR = re.compile(r"(该(有)?多好|就好了|就太好了|才好呢?)[啊呀了]?$|早知道[会要能是]")
"""是我签的就好了, 早知道会亏: it wasn't."""
_AS_GOOD_AS = re.compile(r"(跟|和|等于|如同|形同|好比)没有?.")
"""看了跟没看一样, 说了等于没说."""
ENOUGH = frozenset({"好", "行", "成", "可以", "中", "好办", "对", "对头"})
TOLD = frozenset({"说清", "讲清", "讲清楚", "说清楚", "解释清楚", "交代清楚", "说明白", "讲明白"})
DENIALS = (Tag.NOT, Tag.NONE, Tag.NOBODY, Tag.DENY, Tag.NO_MORE)
_SAYING = frozenset({"说", "讲", "说的", "讲的"})
_COACHED = frozenset({"教我说", "让我说", "教我答", "让我这么说"})
_CLAIMED = (
    Tag.SELF, Tag.COPULA, Tag.AGREE, Tag.RECEIVE, Tag.SIGN, Tag.OWN_HAND, Tag.READ, Tag.NOBODY, Tag.NONE,
    Tag.NO_MORE,
)  # fmt: skip
_WAYS = frozenset({"清楚", "明白", "清", "透"})
"""跟我说清楚 tells how it was told."""
_PERSONS = (Tag.SELF, Tag.YOU, Tag.OTHER, Tag.SOMEBODY)
_UNTIL = frozenset({"等", "等我", "等到", "等他", "等她"})
_ORDERING = frozenset(
    {"先", "请", "麻烦", "再", "要", "给我", "给我讲", "能", "可", "帮", "必须", "得", "务必", "一定要"}
)
_CAUSING = frozenset({"让", "叫", "教", "要", "使", "喊"})
_ECHOED = (Tag.COPULA, Tag.AGREE)
_GOING_ON = frozenset({"在", "正在", "得", "正"})
COMING = frozenset({"明天", "后天", "大后天", "下周", "下星期", "下礼拜", "过两天", "过几天", "过些天"})
_WISHING = frozenset({"要", "会", "该", "应当", "得要", "必须"})
_SPARING = frozenset({"不用", "不必", "不需要"})
_DONE = frozenset({"的", "得", "过", "了", "啦"})


def conditional(clause: Clause) -> bool:
    """如果, 要是, ...的话: nothing in this clause or after it is stated."""
    return clause.has(Tag.IF) or _SUPPOSED.search(clause.text) is not None


def announces(clause: Clause) -> bool:
    """听说, 我以为, 他说 at the end of a clause: what follows is not the customer's word either."""
    last = len(clause.tokens) - 1
    if last < 0:
        return False
    token = clause.tokens[last]
    told = token.word in _SAYING and any(t.tag in (Tag.OTHER, Tag.SOMEBODY) for t in clause.tokens)
    denied = last > 0 and clause.tokens[last - 1].tag is Tag.NOT
    return (token.tag in (Tag.HEARSAY, Tag.BELIEF) or told) and not denied


def doubts(clause: Clause, *, supposed: bool) -> list[Doubt]:
    """One for each token. ``supposed``: an earlier clause made a condition."""
    tokens = clause.tokens
    rhetorical = clause.has(Tag.RHETORIC)
    asks = (clause.asked or clause.has(Tag.CHECK)) and not rhetorical
    if (
        asks
        or supposed
        or clause.has(Tag.HEDGE, Tag.IF)
        or _alternative(tokens)
        or _AS_GOOD_AS.search(clause.text)
        or _LONGED_FOR.search(clause.text)
    ):
        return [Doubt.OPEN] * len(tokens)
    if useless(clause):
        return [Doubt.NAMED] * len(tokens)
    found = [Doubt.NONE] * len(tokens)
    for place, token in enumerate(tokens):
        rest = len(tokens) - place - 1
        denied = place > 0 and tokens[place - 1].tag is Tag.NOT
        waiting = token.word in _UNTIL and rest and tokens[place + 1].word not in ("了", "着")
        casual = token.word == "随便" and rest and tokens[place + 1].tag is Tag.READ  # 随便翻了下
        if (token.tag is Tag.UNSURE and not casual) or waiting:
            found[place + 1 :] = [Doubt.OPEN] * rest
            break
        if (token.tag in (Tag.HEARSAY, Tag.BELIEF) and not denied) or _reports(tokens, place):
            found[place + 1 :] = [Doubt.NAMED] * rest
            break
        after = tokens[place + 1] if rest else None
        yours = token.tag is Tag.CONSENT and token.word in ("你说", "你讲")
        if yours and after and (after.tag in _ECHOED or after.tag in (Tag.SELF, Tag.OWN_HAND)):
            found[place + 1 :] = [Doubt.NAMED] * rest  # 你说是就是, 你说我签了我就签了
            break
        guessed = token.word == "想" and after and after.tag in (*_ECHOED, *DENIALS, Tag.HAVE)
        granted = yours and after and (Token("就", Tag.FILLER), after) in pairwise(tokens[place:])
        scoffed = token.word == "说" and place > 0 and tokens[place - 1].word == "还"
        called = token.word == "叫" and place > 0 and tokens[place - 1].tag is Tag.QUESTION
        if token.word in COMING or scoffed or guessed or granted or called:
            found[place + 1 :] = [Doubt.NAMED] * rest  # 明天签了, 还说收到了, 我想是的, 你说签了就签了
            break
        if token.word in _COACHED or _coaches(tokens, place):
            found[place:] = [Doubt.NAMED] * (rest + 1)
            break
        if found[place] is Doubt.NONE and (
            _suffices(tokens, place)
            or _wished(tokens, place)
            or _ordered(tokens, place)
            or asked_for(tokens, place)
        ):
            found[place] = Doubt.NAMED
    return found


def _alternative(tokens: tuple[Token, ...]) -> bool:
    """是还是不是, 收到了还是没收到: the customer asks which; not 看了还是不懂."""
    for place, token in enumerate(tokens):
        if token.word != "还是":
            continue
        before = [t for t in tokens[:place] if t.tag is not Tag.BOUND]
        after = [t for t in tokens[place + 1 :] if t.tag not in (Tag.PAUSE, Tag.BOUND, Tag.CHECK)]
        if not before or not after or after[0].tag is not Tag.NOT:
            continue
        if len(after) == 1:
            return before[-1].tag in (Tag.COPULA, Tag.HAVE)
        return before[-1].tag in STATED and after[1].tag is before[-1].tag
    return False


def _reports(tokens: tuple[Token, ...], place: int) -> bool:
    """业务员说我清楚, 他说收到了: not the customer's own word; 讲得清楚, 说过的 tell of telling."""
    before, rest = tokens[:place], tokens[place + 1 :]
    source = any(t.tag is Tag.MEDIUM or t.word in ("快递", "系统", "物流") for t in before)
    paper = any(t.tag is Tag.PAPER for t in before) and tokens[place].word in ("写着", "写明")
    paper = paper and not any(t.tag is Tag.ALL for t in before)  # 合同上都写着,我知道
    if (source and tokens[place].word in ("说", "写着", "显示")) or paper:
        return not rest or rest[0].word not in _DONE  # 短信说我收到了, 合同上写着我清楚
    said = rest[1:] if tokens[place].word == "告诉" else rest
    said = tuple(t for t in said if t.tag not in (Tag.ALL, Tag.FILLER))
    to_me = (
        tokens[place].word in ("跟我说", "跟我讲", "告诉")
        and said
        and (said[0].tag in _CLAIMED or (said[0].tag is Tag.GRASP and said[0].word not in _WAYS))
    )
    if to_me and any(t.tag is Tag.OTHER for t in before) and not any(t.tag in DENIALS for t in before):
        return True  # 他们跟我说我收到了
    if tokens[place].word not in _SAYING:
        return False
    if not before and any(a.word == "是" and b.tag is Tag.OTHER for a, b in pairwise(rest)):
        return True  # 说我收到了的是业务员
    if before and before[-1].word == "都" and rest and rest[0].tag in (Tag.SELF, Tag.OWN_HAND):
        return True  # 都说我签了
    governed = [Tag.PAUSE, *(t.tag for t in before)]  # 跟我说: 我 is not who says it
    persons = [
        t.tag
        for t, prior in zip(before, governed, strict=False)
        if t.tag in _PERSONS and prior is not Tag.PREP
    ]
    speaker = bool(persons) and persons[-1] in (Tag.OTHER, Tag.SOMEBODY)
    if any(t.tag in DENIALS for t in before) or not (speaker or not before):
        return False
    if not rest or rest[0].word in _DONE:
        return False
    return speaker or rest[0].tag in (Tag.COPULA, Tag.HAVE)


def _coaches(tokens: tuple[Token, ...], place: int) -> bool:
    """让我回答是, 交代我说清楚: words that somebody else chose."""
    if tokens[place].word not in (*_CAUSING, "交代", "嘱咐", "叮嘱", "要求", "吩咐"):
        return False
    rest = [t for t in tokens[place + 1 :] if t.tag not in (Tag.ALL, Tag.FILLER, Tag.MANNER)]
    told = len(rest) > 1 and (rest[1].tag is Tag.TELL or rest[1].word in TOLD)
    return told and rest[0].tag is Tag.SELF


def _suffices(tokens: tuple[Token, ...], place: int) -> bool:
    """清楚就好, 收到了就行: hoped for, not said to be so."""
    if tokens[place].tag not in STATED:
        return False
    rest = [t.word for t in tokens[place + 1 :] if t.tag is not Tag.BOUND]
    if place and tokens[place - 1].word in ("叫", "算"):
        return True  # 这也叫满意, 啥叫清楚
    scoffs = tokens[place].tag in (Tag.GRASP, Tag.CONTENT) or tokens[place].word == "收到"
    if (
        scoffs
        and place
        and tokens[place - 1].word == "还"
        and [t.word for t in tokens[place + 1 :]] == ["呢"]
    ):
        return True  # 还清楚呢
    return len(rest) > 1 and rest[0] in ("就", "才") and rest[1] in ENOUGH


def _wished(tokens: tuple[Token, ...], place: int) -> bool:
    """想, 希望, 准备, 以为, 要 with nothing but fillers between it and the fact at ``place``."""
    if tokens[place].tag not in STATED:
        return False
    if tokens[place].tag is Tag.READ and place and tokens[place - 1].word in _GOING_ON:
        return True  # 正在看, 得看看
    person = False
    for token in reversed(tokens[:place]):
        person = person or token.tag is Tag.SELF  # 不用说我知道
        if (
            token.tag is Tag.WILL
            or token.word in _WISHING
            or (token.word in _SPARING and not person)
            or token.word.startswith(("要问", "想问", "要了解", "想了解", "要知道", "要咨询"))
        ):
            return True
        if (token.tag not in FILLERS and token.tag is not Tag.SELF) or token.word == "的":
            return False
    return False


def _ordered(tokens: tuple[Token, ...], place: int) -> bool:
    """你给我讲清楚, 说清楚再签, 让我说清楚: an order; 你讲清楚了 and 没人讲清楚 are reports."""
    token = tokens[place]
    previous = tokens[place - 1] if place else None
    told = previous is not None and previous.tag in (Tag.TELL, Tag.SAID)
    if token.word not in TOLD and not (told and token.tag is Tag.GRASP):
        return False
    if place > 1 and tokens[place - 1].tag is Tag.SELF and tokens[place - 2].word in _CAUSING:
        return True
    if any(t.tag in (*DENIALS, Tag.OTHER) for t in tokens[:place]):
        return False
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    if after is not None and (after.tag is Tag.BOUND or after.word in _DONE):
        return False
    if after is not None and after.word in ("再", "才"):
        return True
    return any(t.word in _ORDERING or t.tag is Tag.YOU for t in tokens[:place])


_UNEXPLAINED = (None, Tag.WORD, Tag.CALL)
_DONE_HOW = frozenset({"写得", "印得", "包得", "装得"})


def unexplained(heard: Sequence[Clause]) -> list[str]:
    """Words that the grammar has no place for: what is said beside them may not be the whole answer."""
    return [word for clause in heard for word in _unknown_words(clause)]


def _unknown_words(clause: Clause) -> list[str]:
    """字写得丑: how it was written or sent touches no fact."""
    found: list[str] = []
    for place, token in enumerate(clause.tokens):
        if token.tag not in _UNEXPLAINED:
            continue
        complement = clause.tokens[place:]
        degree = place and clause.tokens[place - 1].tag is Tag.DEGREE
        verb = clause.tokens[place - 1 - bool(degree)].word if place > bool(degree) else ""
        short = len(complement) <= 2 and all(t.tag in (None, Tag.PAUSE) for t in complement)
        if short and verb in _DONE_HOW:
            break
        found.append(token.word)
    return found


def exceptions(heard: Sequence[Clause]) -> list[str]:
    """没人承诺,除了利息: of what is excepted the denial says nothing."""
    return [t.word for clause in heard for t in clause.tokens if t.word in ("除了", "除开", "除外")]


def told_after_denial(heard: Sequence[Clause]) -> list[str]:
    """没有,就是说收益挺高: what somebody did say, after it was denied."""
    denied = False
    for clause in heard:
        free = denied  # A new clause, or 就 and a met predicate: the negation's reach is over.
        for place, token in enumerate(clause.tokens):
            if token.tag in DENIALS:
                denied, free = True, False
            elif (
                free
                and token.word in ("说的", "讲的")
                and place
                and clause.tokens[place - 1].tag is Tag.OTHER
            ):
                return [clause.text]  # 没人承诺,业务员说的
            elif token.word == "就" or token.tag in (Tag.PROMISE, Tag.BUT):
                free = denied
            elif free and (token.tag in (Tag.TELL, Tag.SAID, Tag.HEARSAY) or token.word in _COACHED):
                own = place > 0 and clause.tokens[place - 1].tag in (Tag.SELF, Tag.YOU)
                after = clause.tokens[place + 1] if place + 1 < len(clause.tokens) else None
                if not own and (after is None or (after.word != "得" and after.tag is not Tag.GRASP)):
                    return [clause.text]
    return []
