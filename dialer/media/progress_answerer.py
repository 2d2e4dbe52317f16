"""Who answered: a person or a machine, by the length of the first speech and by tones. Free of I/O.

A person says a word or two and waits; a machine or an announcement talks on, or ends with a beep. What
fits neither is unsure. To take a customer for a machine is a harm, to ask a machine a question only a
waste: each rule for a machine needs more than a person ever gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from dialer.media.config import ProgressConfig
from dialer.media.progress_frames import Sound
from dialer.media.progress_tones import FRAME_S, Recognised, Tones
from dialer.ports import Answerer, Tone

_GAP_S: Final = 0.4
"""A longer pause ends a phrase; people breathe, machines join their phrases."""
_JOIN_S: Final = 0.7
"""Phrases so close make one greeting."""
_BREATH_S: Final = 1.2
"""A machine's pause between two phrases isn't longer."""
_UNDER_PEAK: Final = 10 ** (-18 / 10)
"""Frames so far below the loudest speech are echo or people in the background."""
_WORD_FRAMES: Final = 4
"""Less speech than this is a click."""
_TALK_BEGINS_S: Final = 4.0
"""A machine's greeting has begun by then. Who lets us ask first and then talks and talks is a customer with
something to say, perhaps a complaint."""
_CLEAR_DB: Final = 25.0
"""A machine's line is quiet between its syllables: so far apart are its loud and its quiet frames. A room,
a street or a crowd fills the gaps."""
_FEWEST_VOICED: Final = 0.25
"""Share of speech in talk that goes on: less is a noise that comes and goes."""
_SILENCE_AFTER_S: Final = 1.5
"""The machine is silent after its beep; an appliance sounds again."""
_LAST_WORD_S: Final = 3.0
"""The beep comes so soon after the greeting's last word."""
_BEEP_HZ: Final = (500.0, 2500.0)
"""Above the network's own tones."""
_BEEP_UNDER: Final = 10 ** (-15 / 10)
"""A beep so far below the speech isn't the machine's."""
_NOBODY: Final = (Tone.BUSY, Tone.CONGESTION, Tone.UNOBTAINABLE, Tone.SIT, Tone.FAX)

_SAME_HZ: Final = 30.0
_SAID_S: Final = 0.1
"""The detector may take a beep's first frames for speech."""


class Verdict(NamedTuple):
    """Who, the rule that decided, and the tone that it rests on."""

    answerer: Answerer
    why: str
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class _Beep:
    over: bool
    """It has ended, and silence followed; otherwise it may still turn out to be one."""


class Judge:
    """``hear`` each frame in order until it gives a verdict."""

    def __init__(self, config: ProgressConfig) -> None:
        self._config = config
        self._floor = power_of(config.speech_floor_dbov)
        self._machine_floor = power_of(config.machine_floor_dbov)
        self._peak = 0.0
        self._frame = 0
        # The phrase, and the talk of several phrases, under way. Lengths are frames.
        self._phrase_start = self._talk_start = self._speech_end = -1
        self._talk_voiced = self._all_voiced = 0
        self._sound_end = -1
        """The last frame with speech or a tone."""
        self._levels: list[float] = []
        """Of every frame since the talk began."""
        self._greeting_start = -1
        self._longest_s = self._greeting_s = 0.0
        """Of the phrases and of the greetings so far: the longest."""

    def hear(self, sound: Sound, speech: bool, found: list[Recognised], tones: Tones) -> Verdict | None:
        """``speech``: the detector's word. ``found``: tones recognised in this frame."""
        self._frame += 1
        for recognised in found:
            if recognised.tone in _NOBODY:
                return Verdict(Answerer.MACHINE, f"{recognised.tone} tone", recognised.tone)
        self._levels.append(sound.power)
        if sound.first:
            self._sound_end = self._frame
        if speech and not sound.first and self._foreground(sound.power):
            self._spoken(sound.power)
            if self._talks_on():
                spoken_s = self._config.machine_speech_s
                return Verdict(Answerer.MACHINE, f"speech of {spoken_s:g} s without a pause")
        beep = self._beep(tones)
        if beep is not None and beep.over:
            if self._greeting_s > self._config.person_speech_s:
                return Verdict(Answerer.MACHINE, "a greeting, then a beep", Tone.BEEP)
            return Verdict(Answerer.UNSURE, "a short greeting, then a beep")
        return self._waited() if beep is None else None

    def _foreground(self, power: float) -> bool:
        if power < self._floor:
            return False
        # Slowly forgotten, so that one crack doesn't make all that follows background.
        self._peak = max(power, self._peak * 0.999)
        return power >= self._peak * _UNDER_PEAK

    def _spoken(self, power: float) -> None:
        quiet_s = (self._frame - self._speech_end) * FRAME_S if self._speech_end >= 0 else math.inf
        if quiet_s > _GAP_S:
            self._phrase_start = self._frame - 1
        if quiet_s > _JOIN_S:
            self._greeting_start = self._frame - 1
        if quiet_s > _BREATH_S:
            self._talk_start, self._talk_voiced = self._frame - 1, 0
            self._levels = [power]
        self._talk_voiced += 1
        self._all_voiced += 1
        self._speech_end = self._sound_end = self._frame
        self._longest_s = max(self._longest_s, (self._frame - self._phrase_start) * FRAME_S)
        self._greeting_s = max(self._greeting_s, (self._frame - self._greeting_start) * FRAME_S)

    def _talks_on(self) -> bool:
        """Longer than any greeting by a person, loud enough, and speech rather than noise."""
        length = self._frame - self._talk_start
        if (
            length * FRAME_S < self._config.machine_speech_s
            or self._talk_start * FRAME_S > _TALK_BEGINS_S
            or self._longest_s <= self._config.person_speech_s
        ):
            return False
        levels = sorted(self._levels)
        low, high = levels[len(levels) // 10], levels[len(levels) * 9 // 10]
        return (
            self._talk_voiced >= _FEWEST_VOICED * length
            and high >= self._machine_floor
            and high >= low * 10 ** (_CLEAR_DB / 10)
        )

    def _beep(self, tones: Tones) -> _Beep | None:
        """One single beep after words, or what may become it."""
        config, past = self._config, tones.past
        if self._all_voiced < _WORD_FRAMES or not past:
            return None
        last = past[-1]
        beep = last if last.first else past[-2] if len(past) > 1 else last
        if beep.second or not _BEEP_HZ[0] <= beep.first <= _BEEP_HZ[1] or beep.length_s > config.beep_max_s:
            return None
        earlier = past[: past.index(beep)]
        if any(abs(other.first - beep.first) <= _SAME_HZ for other in earlier):
            return None
        since_s = (beep.start - self._speech_end) * FRAME_S
        if not -_SAID_S <= since_s <= _LAST_WORD_S or beep.level < self._peak * _BEEP_UNDER:
            return None
        if beep is last:
            return _Beep(over=False)
        if beep.length_s < config.beep_min_s or last.level > beep.level * 0.1:
            return None
        return _Beep(over=last.length_s >= _SILENCE_AFTER_S)

    def _waited(self) -> Verdict | None:
        """What silence says, and the end of patience."""
        config, now_s = self._config, self._frame * FRAME_S
        if self._all_voiced >= _WORD_FRAMES:
            quiet_s = (self._frame - self._sound_end) * FRAME_S
            greeted = self._greeting_s <= config.person_speech_s
            if greeted and quiet_s >= config.person_silence_s:
                return Verdict(Answerer.PERSON, "a short greeting, then silence")
            if not greeted and quiet_s >= config.beep_wait_s:
                return Verdict(Answerer.UNSURE, "a long greeting, but no beep")
        # Speech under way may still become a machine's.
        talking = self._speech_end >= 0 and self._frame - self._talk_start < config.machine_speech_s / FRAME_S
        if now_s >= config.decide_s and not (talking and self._frame == self._speech_end):
            return Verdict(Answerer.UNSURE, "neither a greeting nor a machine")
        return None


def power_of(dbov: float) -> float:
    """Mean square of 16-bit samples at this level."""
    return float(32768.0**2 * 10 ** (dbov / 10))
