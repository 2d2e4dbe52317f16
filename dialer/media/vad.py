"""Finding one utterance after the other in received audio. Free of I/O.

webrtcvad says speech or not for each 20 ms frame, an energy floor overrules it downwards, and
``ListenSpec`` says what is an utterance. All positions are samples on the media clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import webrtcvad

from dialer.media.conceal import conceal
from dialer.media.g711 import DECODE, ENERGY, FRAME, SAMPLE_RATE, SILENCE
from dialer.ports import ListenSpec

PIECE_FRAMES: Final = 8
"""SpeechAudio comes in pieces of 160 ms: what a recogniser likes to be fed."""
BATCH: Final = 3 * FRAME
"""Audio is looked at 60 ms at a time: a verdict comes up to 40 ms later for a third of the work."""
MAX_GAP: Final = 8000
"""A hole of up to 1 s becomes silence; after a longer one the timeline begins anew."""
_SLIP_FRAMES: Final = 2
"""Frames without speech that may lie among those that start an utterance."""
_FULL_SCALE: Final = 32768.0**2
_PCM: Final = 2 * FRAME
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
_Frame = tuple[int, bytes, float]
"""Position, G.711, and the mean square where the detector heard speech above the floor, else 0."""


class Endpointer:
    """Feed it packets in order of position; it gives back what it found.

    An utterance starts when ``min_speech_s`` of speech came within that time and two frames more. It ends
    after ``end_silence_s`` without speech or at ``max_speech_s``. Then the next is looked for.
    """

    __slots__ = (
        "_before", "_decode", "_detector", "_end_silence", "_energy", "_floor", "_held", "_history",
        "_last", "_levels", "_max_speech", "_needed", "_piece", "_pre_roll", "_silence", "_size",
        "_speaking", "_speech_end", "_start", "_window", "codec", "next",
    )  # fmt: skip

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
        self._held: list[bytes] = []
        self._size = 0
        """Bytes in ``_held``: heard, but not looked at."""
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
        if position != self.next:
            payload = self._fit(position, payload, lost)
        self._before, self._last = self._last, payload
        self.next += len(payload)
        self._held.append(payload)
        self._size += len(payload)
        return _NOTHING if self._size < BATCH else self._look()

    def _fit(self, position: int, payload: bytes, lost: bool) -> bytes:
        """What doesn't follow on what came before: so that it does."""
        if self.next == _NOT_BEGUN or position - self.next > MAX_GAP:
            self.next, self._size = position, 0
            self._held.clear()
        gap = position - self.next
        if gap < 0:
            return payload[-gap:]
        if lost:
            return conceal(self._before + self._last, self.codec, 0, gap) + payload
        return self._silence * gap + payload

    def idle(self, position: int) -> Sequence[Found]:
        """Nothing came up to ``position``: time goes on in silence, so that an utterance can end."""
        return _NOTHING if position - self.next < FRAME else self.feed(position, b"")

    def _look(self) -> Sequence[Found]:
        """At all whole frames that are held."""
        data = b"".join(self._held)
        whole = len(data) - len(data) % FRAME
        rest = data[whole:]
        self._held, self._size = [rest], len(rest)
        start = self.next - len(data)
        found: list[Found] = []
        levels = self._levels_of(data[:whole])
        for number, level in enumerate(levels):
            at = number * FRAME
            frame = (start + at, data[at : at + FRAME], level)
            if self._speaking:
                self._go_on(frame, found)
            else:
                self._history.append(frame)
                if level:
                    self._begin(frame, found)
        return found

    def _levels_of(self, data: bytes) -> list[float]:
        """Of each frame: its mean square where it is speech, else 0."""
        count = len(data) // FRAME
        levels = [0.0] * count
        # The detector hears every frame, loud or not: it learns the noise from the quiet ones. Only of a
        # muted line it learns nothing.
        if data == self._silence * len(data):
            return levels
        index = np.frombuffer(data, np.uint8)
        pcm, is_speech = self._decode.take(index).tobytes(), self._detector.is_speech
        speech = [
            at for at in range(count) if is_speech(pcm[2 * FRAME * at : 2 * FRAME * (at + 1)], SAMPLE_RATE)
        ]
        if speech:
            energy = self._energy.take(index).reshape(count, FRAME).sum(1)
            for at in speech:
                level = float(energy[at]) / FRAME
                levels[at] = level if level > self._floor else 0.0
        return levels

    def _begin(self, frame: _Frame, found: list[Found]) -> None:
        """Whether this frame of speech begins an utterance."""
        history = self._history
        speech = [f for f in list(history)[-self._window :] if f[2]]
        if len(speech) < self._needed:
            return
        self._speaking = True
        self._start = speech[0][0]
        found.append(Started(self._start))
        self._levels = [level for _, _, level in speech]
        self._speech_end = frame[0] + FRAME
        first = self._start - self._pre_roll * FRAME
        for start, payload, _ in history:
            if start >= first:
                self._give(payload, found)
        history.clear()

    def _go_on(self, frame: _Frame, found: list[Found]) -> None:
        start, payload, level = frame
        self._give(payload, found)
        end = start + FRAME
        if level:
            self._speech_end = end
            self._levels.append(level)
        if end - self._speech_end < self._end_silence and end - self._start < self._max_speech:
            return
        self._give_rest(found)
        mean = sum(self._levels) / len(self._levels)
        found.append(Finished(self._start, self._speech_end, level_dbov(mean)))
        self._speaking = False

    def _give(self, payload: bytes, found: list[Found]) -> None:
        self._piece.append(payload)
        if len(self._piece) == PIECE_FRAMES:
            self._give_rest(found)

    def _give_rest(self, found: list[Found]) -> None:
        """What of the utterance hasn't been given out, as 16-bit samples."""
        if self._piece:
            law, self._piece = b"".join(self._piece), []
            found.append(Audio(self._decode.take(np.frombuffer(law, np.uint8)).tobytes()))


def new_detector(mode: int) -> Detector:
    """A fresh webrtcvad; ``mode`` 0..3."""
    detector: Detector = webrtcvad.Vad(mode)
    return detector


def level_dbov(mean_square: float) -> float:
    """dB below overload of 16-bit samples, not under -90."""
    return max(-90.0, 10 * math.log10(mean_square / _FULL_SCALE)) if mean_square > 0 else -90.0


def _frames(seconds: float) -> int:
    return max(0, round(seconds * 50))
