"""A prompt to listen to outside a call: words and values, joined into one sound file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dialer.errors import MissingPrompt
from dialer.model import Say, SayKind
from dialer.tts.audio import clip_wave, wav
from dialer.tts.book import PromptBook

_KINDS = {
    "money": SayKind.MONEY, "number": SayKind.NUMBER, "date": SayKind.DATE, "digits": SayKind.DIGITS,
}  # fmt: skip


def parse(words: Iterable[str]) -> tuple[Say, ...]:
    """``money:12000`` is read as money; what names no kind is a text."""
    return tuple(_say(word) for word in words)


def _say(word: str) -> Say:
    name, colon, value = word.partition(":")
    kind = _KINDS.get(name) if colon else None
    return Say(kind, value) if kind is not None else Say(SayKind.TEXT, word)


def joined(book: PromptBook, say: tuple[Say, ...], *, slow: bool = False) -> bytes:
    """A WAV file. Raises MissingPrompt naming what has no clip."""
    clips = book.clips(say, slow=slow)
    try:
        return wav(np.concatenate([clip_wave(clip) for clip in clips]))
    except (OSError, ValueError) as error:
        raise MissingPrompt(f"a clip can't be played: {error}") from error
