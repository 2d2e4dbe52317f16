"""Negation: what it reaches, and when it is an answer of its own."""

from __future__ import annotations

from dialer.ivr.clauses import Token
from dialer.ivr.sense import (
    ABSENCES,
    Reader,
)
from dialer.ivr.tags import Tag

_ANEW = frozenset({"从来没", "从来没有", "从没", "从未", "根本没", "还没", "还没有"})
"""Negations that begin a statement: 没有没有,从来没说过."""


def negation(reader: Reader) -> None:
    token, follower = reader.token, reader.peek()
    if follower is not None and (
        (follower.tag in (Tag.SELF, Tag.OWN_HAND) and token.word == "不")
        or (follower.tag is Tag.COPULA and token.word.startswith(("没", "不是")))
    ):
        reader.negations.append(token.word)
        reader.drop_negation()
        return
    if reader.spent:
        reader.negations, reader.spent = [], False
    if token.word in ("不是", "不", "没有") and _own_statement(reader):
        reader.negations.append(token.word)
        reader.drop_negation()
        return
    if reader.negations and consumed(reader):
        reader.negations = []
    previous = reader.peek(-1)
    if previous is not None and previous.tag is Tag.NOT and _anew(previous, token):
        reader.drop_negation()
    if previous is None or previous.word != token.word:
        reader.negations.append(token.word)


def consumed(reader: Reader) -> bool:
    """不识字看不懂: the first negation has met a verb of its own."""
    between = []
    for token in reversed(reader.clause.tokens[: reader.at]):
        if token.tag is Tag.NOT:
            break
        between.append(token.tag)
    return any(tag in (None, Tag.HANDLE, Tag.READ, Tag.WORD) for tag in between)


def _anew(previous: Token, token: Token) -> bool:
    """没有没收到, 没有从来没说过: an answer, then a statement; not 没有不清楚的."""
    absences = previous.word in ABSENCES and token.word in ABSENCES and previous.word != token.word
    return token.word in _ANEW or absences or previous.word.startswith("还没")


def _own_statement(reader: Reader) -> bool:
    """不是我收到了, 不是我没收到: a perfect or negated statement with its own subject is beyond 不是."""
    tokens = reader.clause.tokens[reader.at + 1 :]
    if len(tokens) < 2 or tokens[0].tag is not Tag.SELF:
        return False
    perfect = tokens[1].tag is Tag.RECEIVE and tokens[-1].word in "了啦喽咯"
    return perfect or (tokens[1].tag is Tag.NOT and reader.token.word != "没有")


def gone(reader: Reader) -> bool:
    """我没去我老公签的: the negation has its own verb, the next person begins a statement."""
    for token in reversed(reader.clause.tokens[: reader.at]):
        if token.tag is Tag.NOT:
            return False
        if token.tag in (None, Tag.HANDLE) or token.word in ("去", "来"):
            return True
    return False
