"""A customer of SIPp's who speaks: one sound file from the answer on, each reply where its question is over.

Where the prompts end is reckoned with a session of the same script and the lengths of the same clips; a
reply starts so late that neither a slow recogniser nor a short prompt gets in its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialer.ivr.moves import Action, HeardWords, HungUp, Listen, Play, PlayedOut, SpeechStarted, Timeout
from dialer.ivr.session import Session
from dialer.model import Heard
from dialer.testing.make_voices import say
from dialer.tts.audio import RATE, Wave, clip_wave, wav
from dialer.tts.book import PromptBook
from dialer.tts.espeak import find_program

BREATH_S = 2.5
"""From the end of a prompt to the reply: turns may take longer than reckoned, and silence counts later."""
_RECOGNISED_S = 0.3
_AFTER_S = 1.0
"""The customer hears the goodbye, then hangs up first."""
SILENCE = ""


@dataclass(frozen=True)
class Part:
    """What one customer says, and when."""

    says: tuple[tuple[str, float], ...]
    """Words and their start in seconds from the answer."""
    sound: Wave
    hangs_up_s: float

    def start(self, words: str) -> float:
        return next(start for text, start in self.says if text == words)


class Voices:
    """espeak-ng's, each phrase once."""

    def __init__(self, variant: str) -> None:
        self._program, self._variant = find_program("espeak-ng"), variant
        self._made: dict[str, Wave] = {}

    def of(self, text: str) -> Wave:
        if text not in self._made:
            self._made[text] = say(self._program, text, self._variant)
        return self._made[text]


def rehearse(session: Session, book: PromptBook, voices: Voices, replies: Sequence[str]) -> Part:
    """The part of a customer who gives these replies, ``SILENCE`` among them, one to each prompt."""
    now, left = 0.0, list(replies)
    actions: list[Action] = session.start(now)
    says: list[tuple[str, float]] = []
    while True:
        play = next(one for one in reversed(actions) if isinstance(one, Play))
        now += sum(len(clip_wave(clip)) for clip in book.clips(play.say, slow=play.slow)) / RATE
        after = session.feed(PlayedOut(play.play_id), now)
        listening = any(isinstance(one, Listen) for one in (*actions, *after))
        if not listening:
            break
        words = left.pop(0)
        if words == SILENCE:
            now = session.deadline() or now
            actions = session.feed(Timeout(), now)
            continue
        start, length = now + BREATH_S, len(voices.of(words)) / RATE
        says.append((words, start))
        pause = next(one.end_silence_s for one in reversed((*actions, *after)) if isinstance(one, Listen))
        session.feed(SpeechStarted(start), start)
        now = start + length + pause + _RECOGNISED_S
        heard = Heard(words, 1.0, 0.0, length, -20.0)
        actions = session.feed(HeardWords(heard, start, start + length), now)
    assert not left, f"nobody asks for {left}"
    session.feed(HungUp(), now)
    return Part(tuple(says), _sound(says, voices, now + _AFTER_S), now + _AFTER_S + len(says) * 0.2)


def _sound(says: Sequence[tuple[str, float]], voices: Voices, length_s: float) -> Wave:
    out = np.zeros(int((length_s + 15.0) * RATE), np.float32)
    for words, start in says:
        wave, at = voices.of(words), int(start * RATE)
        out[at : at + len(wave)] = wave
    return out


def write(part: Part, file: Path) -> Path:
    file.write_bytes(wav(part.sound))
    return file
