"""Phrases of answers -> the grammar that libvosk wants: each phrase in words of the model's vocabulary.

libvosk drops words that the model lacks with no more than a log line, and without ``[unk]`` in the grammar
every noise becomes one of the phrases. Both are settled here. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

UNKNOWN = "[unk]"
"""The model's word for what is none of the phrases."""
LONGEST_WORD = 16
"""Characters that are tried as one word of the vocabulary."""


@dataclass(frozen=True, slots=True)
class Grammar:
    phrases: tuple[str, ...]
    """Words separated by blanks; ``[unk]`` last. One that was given twice stands there twice: libvosk makes a
    bigram model of them and takes it for likelier."""
    dropped: tuple[str, ...]
    """Phrases that no words of the vocabulary make up."""

    @property
    def json(self) -> str:
        """As ``KaldiRecognizer`` takes it."""
        return json.dumps(self.phrases, ensure_ascii=False)


def build(phrases: Iterable[str], known: Callable[[str], bool]) -> Grammar:
    """``known`` says whether the model's vocabulary holds a word."""
    kept: list[str] = []
    dropped: dict[str, None] = {}
    for phrase in phrases:
        text = "".join(phrase.split())
        if not text or text == UNKNOWN:
            continue
        words = segment(text, known)
        if words:
            kept.append(" ".join(words))
        else:
            dropped[text] = None
    kept.append(UNKNOWN)
    return Grammar(tuple(kept), tuple(dropped))


def segment(text: str, known: Callable[[str], bool]) -> tuple[str, ...]:
    """``text`` in the fewest known words, earlier words the longer; empty where it can't be done."""
    best: list[tuple[str, ...] | None] = [None] * len(text) + [()]
    for start in range(len(text) - 1, -1, -1):
        for end in range(min(len(text), start + LONGEST_WORD), start, -1):
            rest = best[end]
            if rest is None or not known(text[start:end]):
                continue
            here = best[start]
            if here is None or 1 + len(rest) < len(here):
                best[start] = (text[start:end], *rest)
    return best[0] or ()
