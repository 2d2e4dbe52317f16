"""Text to clauses: the fewest dictionary words that cover it, cut where a speaker pauses.

Recognisers write no punctuation, so a pause is a comma where there is one, and else a particle
(啊 呀 呢), a conjunction (但是) or a word that can't stand in the reach of a negation.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from dialer.ivr.words import LONGEST, WORDS, Tag

_STOPS = re.compile(r"[,，.。;；、!！…~～—]+|(?P<ask>[?？]+)")
_NOISE = re.compile(r"[^0-9A-Za-z\u3007\u3400-\u9fff]")
_UNKNOWN_COST = 8
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

    def has(self, *tags: Tag) -> bool:
        return any(token.tag in tags for token in self.tokens)

    @property
    def text(self) -> str:
        return "".join(token.word for token in self.tokens)

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
        for length in range(1, min(LONGEST, size - start) + 1):
            if text[start : start + length] in WORDS and cost[start + length] + 1 <= cost[start]:
                cost[start], step[start] = cost[start + length] + 1, length
    tokens, at = [], 0
    while at < size:
        word = text[at : at + step[at]]
        tokens.append(Token(word, WORDS.get(word)))
        at += step[at]
    return tokens


def _cut(tokens: list[Token]) -> list[tuple[Token, ...]]:
    """Cut after a particle that ends a statement and before a conjunction."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.tag is Tag.BUT and parts[-1]:
            parts.append([])
        parts[-1].append(token)
        if token.tag is Tag.PAUSE:
            parts.append([])
    return [tuple(part) for part in parts if part]


def clauses(text: str) -> list[Clause]:
    """The clauses of an utterance in order; empty for silence, noise and punctuation alone."""
    text = unicodedata.normalize("NFKC", text)[:MAX_CHARS].lower()
    found: list[Clause] = []
    at = 0
    for stop in [*_STOPS.finditer(text), None]:
        piece = _NOISE.sub("", text[at : stop.start() if stop else len(text)])
        at = stop.end() if stop else len(text)
        parts = _cut(segment(piece))
        asked = bool(stop and stop.group("ask"))
        found += [Clause(part, asked and part is parts[-1]) for part in parts]
    return found
