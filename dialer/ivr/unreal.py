"""Clauses that name a fact without stating it: conditions, wishes, demands, and what others say.

如果收到了, 我想弄清楚, 你给我讲清楚, 业务员说我清楚: none of them answers the question.
"""

from __future__ import annotations

from dialer.ivr.clauses import Clause, Token
from dialer.ivr.words import Tag

_STATED = (Tag.GRASP, Tag.RECEIVE, Tag.READ, Tag.SIGN, Tag.OWN_HAND)
_TELLING = frozenset(
    {"说", "讲", "告诉", "介绍", "教", "让", "叫", "劝", "要求", "跟我说", "跟我讲", "给我讲"}
)
_EXPLAINED = frozenset({"讲清楚", "说清楚", "解释清楚", "交代清楚", "说明白", "讲明白"})
_COACHED = frozenset({"教我说", "让我说", "教我答", "让我这么说"})
_YOU = frozenset({"你", "您", "你们"})
_DENIALS = (Tag.NOT, Tag.NONE, Tag.NOBODY, Tag.DENY, Tag.NO_MORE)


def unreal(clause: Clause) -> bool:
    """Whether what the clause names is only wished for, demanded or somebody else's word."""
    return _wished(clause.tokens) or _demanded(clause.tokens) or _reported(clause.tokens)


def conditional(clause: Clause) -> bool:
    """如果, 要是, 只要: nothing in this clause or after it is stated."""
    return clause.has(Tag.IF)


def _wished(tokens: tuple[Token, ...]) -> bool:
    """想, 希望, 准备, 以为, 要 with nothing but fillers up to a fact."""
    wish = False
    for token in tokens:
        if token.tag is Tag.WILL or token.word in ("要", "以为"):
            wish = True
        elif wish and token.tag in _STATED:
            return True
        elif token.tag not in (Tag.FILLER, Tag.SELF) or token.word == "的":
            wish = False
    return False


def _demanded(tokens: tuple[Token, ...]) -> bool:
    """你给我讲清楚, 先说清楚: an order; 你讲清楚了 and 没人讲清楚 are reports."""
    for place, token in enumerate(tokens):
        told = place > 0 and (tokens[place - 1].word in _TELLING or tokens[place - 1].tag is Tag.SAID)
        if token.word not in _EXPLAINED and not (told and token.tag is Tag.GRASP):
            continue
        if any(t.tag in (*_DENIALS, Tag.OTHER) for t in tokens[:place]):
            continue
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        done = after is not None and (after.tag is Tag.BOUND or after.word in ("的", "过"))
        ordered = any(t.word in (*_YOU, "先", "请", "麻烦", "再", "要", "给我") for t in tokens[:place])
        ordered = ordered or (told and tokens[place - 1].word.startswith("给我"))
        if ordered and not done:
            return True
    return False


def _reported(tokens: tuple[Token, ...]) -> bool:
    """业务员说我清楚, 他说收到了, 教我说清楚: not the customer's own word."""
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        if token.word in _COACHED:
            return True
        if token.word in _EXPLAINED and before is not None and before.tag is Tag.SELF:
            made = tokens[place - 2].word if place > 1 else ""
            if made in ("让", "叫", "教", "要"):
                return True
        if token.word not in ("说", "讲") or not any(t.tag is Tag.OTHER for t in tokens[:place]):
            continue
        if any(t.tag in _DENIALS or t.tag is Tag.SELF for t in tokens[:place]):
            continue
        rest = tokens[place + 1 :]
        if rest and rest[0].tag is not Tag.BOUND and rest[0].word not in ("的", "得", "过"):
            return any(t.tag in _STATED or t.tag in (Tag.AGREE, Tag.COPULA) for t in rest)
    return False


def _coaches(token: Token) -> bool:
    return token.tag is Tag.PROXY and token.word.startswith(("教", "让"))


def told_after_denial(heard: list[Clause]) -> str:
    """没有,就是说收益挺高: what somebody did say, after it was denied; empty where nothing was."""
    denied = False
    for clause in heard:
        free = denied  # A new clause, or 就 and a met predicate: the negation's reach is over.
        for place, token in enumerate(clause.tokens):
            if token.tag in _DENIALS:
                denied, free = True, False
            elif token.word == "就" or token.tag in (Tag.PROMISE, Tag.BUT):
                free = denied
            elif free and (token.word in _TELLING or token.tag is Tag.SAID or _coaches(token)):
                before = clause.tokens[place - 1] if place else None
                after = clause.tokens[place + 1] if place + 1 < len(clause.tokens) else None
                own = before is not None and (before.tag is Tag.SELF or before.word in _YOU)
                if not own and (after is None or after.word not in ("得", "清楚", "明白")):
                    return clause.text
    return ""
