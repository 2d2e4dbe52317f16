"""Text to clauses: the fewest dictionary words that cover it, cut where a speaker pauses.

Recognisers write no punctuation, so a pause is a comma where there is one, and else a particle
(啊 呀 呢), a conjunction (但是) or a word that can't stand in the reach of a negation.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from dialer.ivr.spelling import simplified
from dialer.ivr.tags import Tag
from dialer.ivr.words import LONGEST, WORDS

_STOPS = re.compile(r"(?P<trail>\.{2,})|[,，.。;；、!！…~～—]+|(?P<ask>[?？]+)")
_NOISE = re.compile(r"[^0-9A-Za-z\u3007\u3400-\u9fff]")
_WAITING = (Tag.SELF, Tag.YOU, Tag.OTHER, Tag.THIS)
"""我现在有空: a subject alone is no statement that a conjunction could end."""
_ALSO_REPAIR = ("啊不", "哦不", "噢不")
"""Before 是 a particle and 不是: 是啊不是我签的."""
_DENIED_AFTER = frozenset(
    {Tag.GRASP, Tag.RECEIVE, Tag.READ, Tag.CONTENT, Tag.MODAL, Tag.WILL, Tag.CONSENT, Tag.PREP}
)
"""What 可不 denies: 这我可不清楚; alone it agrees."""
_STUTTERED = ("不不", "不不不")
_UNKNOWN_COST = 8
_ONE_BY_ONE = re.compile(r"一(.)一\1(地|的(?!字|名))?")
"""一笔一笔, 一行一行: how it was done."""
MAX_CHARS = 200
"""Longer utterances are cut: VAD ends one after some 12 s."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word; ``tag`` is None where the dictionary doesn't have it (one character each)."""

    word: str
    tag: Tag | None


@dataclass(frozen=True, slots=True)
class Clause:
    """Words up to a pause. ``asked``: it ended with a question mark."""

    tokens: tuple[Token, ...]
    asked: bool = False
    trails: bool = False
    """It ended in dots: the speaker hesitates."""
    text: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", "".join(token.word for token in self.tokens))

    def has(self, *tags: Tag) -> bool:
        return any(token.tag in tags for token in self.tokens)

    @property
    def unknown(self) -> int:
        """Characters that aren't in the dictionary."""
        return sum(token.tag is None for token in self.tokens)


def segment(text: str) -> list[Token]:
    """The cheapest cover of ``text``: unknown characters are dear, else few words, long ones first."""
    size = len(text)
    cost = [0] * (size + 1)
    step = [1] * (size + 1)
    for start in range(size - 1, -1, -1):
        cost[start], step[start] = cost[start + 1] + _UNKNOWN_COST, 1
        if text[start] in "0123456789":
            number = step[start + 1] if start + 1 < size and text[start + 1] in "0123456789" else 0
            step[start] = number + 1
            cost[start] = cost[start + step[start]] + 1
        by_ones = _ONE_BY_ONE.match(text, start)
        if by_ones and cost[by_ones.end()] + 1 <= cost[start]:
            cost[start], step[start] = cost[by_ones.end()] + 1, by_ones.end() - start
        for length in range(1, min(LONGEST, size - start) + 1):
            if text[start : start + length] in WORDS and cost[start + length] + 1 <= cost[start]:
                cost[start], step[start] = cost[start + length] + 1, length
    tokens, at = [], 0
    while at < size:
        word = text[at : at + step[at]]
        tokens.append(Token(word, WORDS.get(word, _unlisted(word))))
        at += step[at]
        if tokens[-1].tag in _DENIED_AFTER and len(tokens) > 1 and tokens[-2].word == "可不":
            tokens[-2:-1] = [Token("可", WORDS["可"]), Token("不", WORDS["不"])]
        if tokens[-1].tag in (Tag.GRASP, Tag.CONTENT) and len(tokens) > 1 and tokens[-2].word in _STUTTERED:
            tokens[-2] = Token("不", WORDS["不"])  # 不不知道: said twice, not taken back
        if word == "来" and len(tokens) > 2 and tokens[-2].word == "不过" and _unable(tokens[-3]):
            tokens[-2:] = [Token("不过来", Tag.SCORN)]
        if word == "是" and len(tokens) > 1 and tokens[-2].word in _ALSO_REPAIR:
            particle = tokens[-2].word[0]
            tokens[-2:] = [Token(particle, WORDS.get(particle)), Token("不是", WORDS["不是"])]
    return tokens


def _unable(verb: Token) -> bool:
    """明白不过来, 看不过来 is as 明白不了; 收到了不过来得晚 is "but"."""
    return (verb.tag in _DENIED_AFTER or verb.tag is Tag.SIGN) and not verb.word.endswith(("了", "过", "的"))


def _unlisted(word: str) -> Tag | None:
    return Tag.NUMBER if word.isdigit() else Tag.MANNER if _ONE_BY_ONE.fullmatch(word) else None


def _cut(tokens: list[Token]) -> list[tuple[Token, ...]]:
    """Cut after a particle that ends a statement and before a conjunction."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.tag is Tag.BUT and any(before.tag not in _WAITING for before in parts[-1]):
            parts.append([])
        parts[-1].append(token)
        if token.tag is Tag.PAUSE:
            parts.append([])
    return [tuple(part) for part in parts if part]


def clauses(text: str) -> list[Clause]:
    """The clauses of an utterance in order; empty for silence, noise and punctuation alone."""
    text = simplified(unicodedata.normalize("NFKC", text)[:MAX_CHARS].lower())
    found: list[Clause] = []
    at = 0
    for stop in [*_STOPS.finditer(text), None]:
        piece = _NOISE.sub("", text[at : stop.start() if stop else len(text)])
        at = stop.end() if stop else len(text)
        parts = _cut(segment(piece))
        asked = bool(stop and stop.group("ask"))
        trails = bool(stop and stop.group("trail"))
        found += [Clause(part, asked and part is parts[-1], trails and part is parts[-1]) for part in parts]
    return found
