"""Finding one utterance after the other in received audio. Free of I/O.

webrtcvad says speech or not for each 20 ms frame, an energy floor overrules it downwards, and
``ListenSpec`` says what is an utterance. All positions are samples on the media clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

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
_NOT_BEGUN: Final = 1 << 62
"""A position that never comes."""


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


_NOTHING: Final[tuple[Found, ...]] = ()


class _Frame(NamedTuple):
    start: int
    payload: bytes
    level: float
    """Mean square where the detector heard speech above the floor, else 0."""


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
        self._nothing = self._silence * FRAME
        self._needed = max(1, _frames(spec.min_speech_s))
        self._window = self._needed + _SLIP_FRAMES
        self._pre_roll = _frames(pre_roll_s)
        self._end_silence = _frames(spec.end_silence_s) * FRAME
        self._max_speech = _frames(spec.max_speech_s) * FRAME
        self._history: deque[_Frame] = deque(maxlen=self._window + self._pre_roll)
        self._pending = b""
        self._before = self._last = b""
        self.next = _NOT_BEGUN
        """Position after what it has heard."""
        self._speaking = False
        self._start = 0
        self._speech_end = 0
        self._levels: list[float] = []
        self._piece: list[bytes] = []

    def feed(self, position: int, payload: bytes, lost: bool = False) -> Sequence[Found]:
        """A packet at its position; one that overlaps what came before loses the overlap.

        ``lost``: packets before it went missing, so a hole is concealed; else the far end was silent.
        """
        if position == self.next and len(payload) == FRAME and not self._pending:
            self.next = position + FRAME
            self._before, self._last = self._last, payload
            return self._frame(position, payload)
        return self._fit(position, payload, lost)

    def _fit(self, position: int, payload: bytes, lost: bool) -> Sequence[Found]:
        """What isn't the next 20 ms."""
        if self.next == _NOT_BEGUN or position - self.next > MAX_GAP:
            self.next, self._pending = position, b""
        gap = position - self.next
        past = self._before + self._last if lost else b""
        self._before, self._last = self._last, payload
        if gap > 0:
            payload = (conceal(past, self.codec, 0, gap) if lost else self._silence * gap) + payload
        elif gap < 0:
            payload = payload[-gap:]
        self.next += len(payload)
        data = self._pending + payload if self._pending else payload
        found: list[Found] = []
        start = self.next - len(data)
        whole = len(data) - len(data) % FRAME
        for at in range(0, whole, FRAME):
            found += self._frame(start + at, data[at : at + FRAME])
        self._pending = data[whole:]
        return found

    def idle(self, position: int) -> Sequence[Found]:
        """Nothing came up to ``position``: time goes on in silence, so that an utterance can end."""
        return _NOTHING if position - self.next < FRAME else self.feed(position, b"")

    def _frame(self, start: int, payload: bytes) -> Sequence[Found]:
        level = 0.0
        # The detector hears every frame, loud or not: it learns the noise from the quiet ones. Only of
        # a muted line it learns nothing.
        if payload != self._nothing:
            pcm = self._decode.take(np.frombuffer(payload, np.uint8)).tobytes()
            if self._detector.is_speech(pcm, SAMPLE_RATE):
                energy = float(self._energy.take(np.frombuffer(payload, np.uint8)).sum()) / FRAME
                level = energy if energy > self._floor else 0.0
        frame = _Frame(start, payload, level)
        if self._speaking:
            return self._go_on(frame)
        self._history.append(frame)
        return self._look(frame) if level else _NOTHING

    def _look(self, frame: _Frame) -> Sequence[Found]:
        """Whether this frame of speech begins an utterance."""
        history = self._history
        speech = [f for f in list(history)[-self._window :] if f.level]
        if len(speech) < self._needed:
            return _NOTHING
        self._speaking = True
        self._start = speech[0].start
        found: list[Found] = [Started(self._start)]
        self._levels = [f.level for f in speech]
        self._speech_end = frame.start + FRAME
        first = self._start - self._pre_roll * FRAME
        for old in history:
            if old.start >= first:
                found += self._give(old.payload)
        history.clear()
        return found

    def _go_on(self, frame: _Frame) -> Sequence[Found]:
        end = frame.start + FRAME
        if frame.level:
            self._speech_end = end
            self._levels.append(frame.level)
        found = self._give(frame.payload)
        if end - self._speech_end < self._end_silence and end - self._start < self._max_speech:
            return found
        mean = sum(self._levels) / len(self._levels)
        self._speaking = False
        return [*found, *self._rest(), Finished(self._start, self._speech_end, level_dbov(mean))]

    def _give(self, payload: bytes) -> Sequence[Found]:
        self._piece.append(payload)
        return self._rest() if len(self._piece) == PIECE_FRAMES else _NOTHING

    def _rest(self) -> Sequence[Found]:
        """What of the utterance hasn't been given out, as 16-bit samples."""
        if not self._piece:
            return _NOTHING
        law, self._piece = b"".join(self._piece), []
        return (Audio(self._decode.take(np.frombuffer(law, np.uint8)).tobytes()),)


def new_detector(mode: int) -> Detector:
    """A fresh webrtcvad; ``mode`` 0..3."""
    detector: Detector = webrtcvad.Vad(mode)
    return detector


def level_dbov(mean_square: float) -> float:
    """dB below overload of 16-bit samples, not under -90."""
    return max(-90.0, 10 * math.log10(mean_square / _FULL_SCALE)) if mean_square > 0 else -90.0


def _frames(seconds: float) -> int:
    return max(0, round(seconds * 50))
