"""Finding one utterance after the other in received audio. Free of I/O.

webrtcvad says speech or not for each 20 ms frame, an energy floor overrules it downwards, and
``ListenSpec`` says what is an utterance. All positions are samples on the media clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import webrtcvad

from dialer.media.conceal import conceal
from dialer.media.g711 import DECODE, ENERGY, FRAME, SAMPLE_RATE, SILENCE
from dialer.ports import ListenSpec

PIECE_FRAMES: Final = 8
"""SpeechAudio comes in pieces of 160 ms: what a recogniser likes to be fed."""
MAX_GAP: Final = 8000
"""A hole of up to 1 s becomes silence; after a longer one the timeline begins anew."""
_SLIP_FRAMES: Final = 2
"""Frames without speech that may lie among those that start an utterance."""
_FULL_SCALE: Final = 32768.0**2


@dataclass(frozen=True, slots=True)
class Started:
    start: int


@dataclass(frozen=True, slots=True)
class Audio:
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    start: int
    end: int
    level_dbov: float


Found = Started | Audio | Finished


class Detector(Protocol):
    """webrtcvad.Vad."""

    def is_speech(self, buf: bytes, sample_rate: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Frame:
    start: int
    pcm: bytes
    speech: bool
    energy: float


class Endpointer:
    """Feed it packets in order of position; it gives back what it found.

    An utterance starts when ``min_speech_s`` of speech came within that time and two frames more. It ends
    after ``end_silence_s`` without speech or at ``max_speech_s``. Then the next is looked for.
    """

    def __init__(
        self,
        spec: ListenSpec,
        codec: str,
        floor_dbov: float,
        pre_roll_s: float,
        detector: Detector,
    ) -> None:
        self.codec = codec
        self._decode, self._energy, self._silence = DECODE[codec], ENERGY[codec], SILENCE[codec]
        self._floor = _FULL_SCALE * 10 ** (floor_dbov / 10)
        self._detector = detector
        self._needed = max(1, _frames(spec.min_speech_s))
        self._window = self._needed + _SLIP_FRAMES
        self._pre_roll = _frames(pre_roll_s)
        self._end_silence = _frames(spec.end_silence_s) * FRAME
        self._max_speech = _frames(spec.max_speech_s) * FRAME
        self._history: deque[_Frame] = deque(maxlen=self._window + self._pre_roll)
        self._pending = b""
        self._before = self._last = b""
        self._next: int | None = None
        self._speaking = False
        self._start = 0
        self._speech_end = 0
        self._levels: list[float] = []
        self._piece: list[bytes] = []

    def feed(self, position: int, payload: bytes, lost: bool = False) -> list[Found]:
        """A packet at its position; one that overlaps what came before loses the overlap.

        ``lost``: packets before it went missing, so a hole is concealed; else the far end was silent.
        """
        if self._next is None or position - self._next > MAX_GAP:
            self._next, self._pending = position, b""
        gap = position - self._next
        past = self._before + self._last if lost else b""
        self._before, self._last = self._last, payload
        if gap > 0:
            payload = (conceal(past, self.codec, 0, gap) if lost else self._silence * gap) + payload
        elif gap < 0:
            payload = payload[-gap:]
        self._next += len(payload)
        data = self._pending + payload if self._pending else payload
        found: list[Found] = []
        start = self._next - len(data)
        whole = len(data) - len(data) % FRAME
        for at in range(0, whole, FRAME):
            self._frame(start + at, data[at : at + FRAME], found)
        self._pending = data[whole:]
        return found

    def idle(self, position: int) -> list[Found]:
        """Nothing came up to ``position``: time goes on in silence, so that an utterance can end."""
        if self._next is None or position - self._next < FRAME:
            return []
        return self.feed(position, b"")

    def _frame(self, start: int, payload: bytes, found: list[Found]) -> None:
        index = np.frombuffer(payload, dtype=np.uint8)
        pcm = self._decode[index].tobytes()
        energy = float(self._energy[index].sum()) / FRAME
        # The detector hears every frame, loud or not: it learns the noise from the quiet ones.
        speech = self._detector.is_speech(pcm, SAMPLE_RATE) and energy > self._floor
        frame = _Frame(start, pcm, speech, energy)
        if self._speaking:
            self._go_on(frame, found)
        else:
            self._look(frame, found)

    def _look(self, frame: _Frame, found: list[Found]) -> None:
        history = self._history
        history.append(frame)
        if not frame.speech:
            return
        recent = list(history)[-self._window :]
        speech = [f for f in recent if f.speech]
        if len(speech) < self._needed:
            return
        self._speaking = True
        self._start = speech[0].start
        found.append(Started(self._start))
        self._levels = [f.energy for f in speech]
        self._speech_end = frame.start + FRAME
        first = self._start - self._pre_roll * FRAME
        for old in history:
            if old.start >= first:
                self._give(old.pcm, found)
        history.clear()

    def _go_on(self, frame: _Frame, found: list[Found]) -> None:
        self._give(frame.pcm, found)
        end = frame.start + FRAME
        if frame.speech:
            self._speech_end = end
            self._levels.append(frame.energy)
        if end - self._speech_end < self._end_silence and end - self._start < self._max_speech:
            return
        if self._piece:
            found.append(Audio(b"".join(self._piece)))
            self._piece = []
        mean = sum(self._levels) / len(self._levels)
        found.append(Finished(self._start, self._speech_end, level_dbov(mean)))
        self._speaking = False

    def _give(self, pcm: bytes, found: list[Found]) -> None:
        self._piece.append(pcm)
        if len(self._piece) == PIECE_FRAMES:
            found.append(Audio(b"".join(self._piece)))
            self._piece = []


def new_detector(mode: int) -> Detector:
    """A fresh webrtcvad; ``mode`` 0..3."""
    detector: Detector = webrtcvad.Vad(mode)
    return detector


def level_dbov(mean_square: float) -> float:
    """dB below overload of 16-bit samples, not under -90."""
    return max(-90.0, 10 * math.log10(mean_square / _FULL_SCALE)) if mean_square > 0 else -90.0


def _frames(seconds: float) -> int:
    return max(0, round(seconds * 50))
