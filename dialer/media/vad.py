"""Finding one utterance after the other in received audio. Free of I/O.

webrtcvad says speech or not for each 20 ms frame, an energy floor overrules it downwards, and
``ListenSpec`` says what is an utterance. All positions are samples on the media clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import _webrtcvad
import numpy as np
import numpy.typing as npt

from dialer.media.conceal import conceal
from dialer.media.g711 import FRAME, SAMPLE_RATE, SILENCE, decode
from dialer.ports import ListenSpec

BATCH: Final = 3 * FRAME
"""Audio is looked at 60 ms at a time: a verdict comes up to 40 ms later for a third of the work."""
PIECE: Final = 10 * BATCH
"""SpeechAudio comes in pieces of 600 ms at most; the last one with the end of the utterance. Shorter than the
silence that ends one, so that all speech is with the recogniser before its end is known."""
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


Detector = Callable[[int, bytes, int], bool]
"""Whether a frame is speech: (sample rate, 16-bit samples, their number). It learns from each frame."""


_NOTHING: Final[tuple[Found, ...]] = ()
_Batch = tuple[int, bytes, Sequence[float]]
"""Position, whole frames of G.711, and of each frame its mean square where it is speech, else 0."""


class Endpointer:
    """Feed it packets in order of position; it gives back what it found.

    An utterance starts when ``min_speech_s`` of speech came within that time and two frames more. It ends
    after ``end_silence_s`` without speech or at ``max_speech_s``. Then the next is looked for. Within an
    utterance what is ``drop_db`` quieter than its loudest frame isn't speech: a street or a television
    behind somebody must not keep the answer from ending.
    """

    __slots__ = (
        "_count", "_detector", "_drop", "_end_silence", "_floor", "_given", "_held", "_history", "_kept",
        "_loudest", "_marks", "_max_speech", "_muted", "_needed", "_piece", "_pre_roll", "_silence", "_size",
        "_speaking", "_speech_end", "_start", "_sum", "_tail", "_window", "codec", "next",
    )  # fmt: skip

    def __init__(
        self,
        spec: ListenSpec,
        codec: str,
        floor_dbov: float,
        pre_roll_s: float,
        detector: Detector,
        drop_db: float = 0.0,
    ) -> None:
        """``drop_db`` 0: background is told from speech by the detector alone."""
        self.codec = codec
        self._silence = SILENCE[codec]
        self._muted = self._silence * BATCH
        self._floor = _FULL_SCALE * 10 ** (floor_dbov / 10)
        self._detector = detector
        self._drop = 10 ** (-drop_db / 10) if drop_db else 0.0
        self._needed = max(1, _frames(spec.min_speech_s))
        self._window = self._needed + _SLIP_FRAMES
        self._pre_roll = _frames(pre_roll_s)
        self._end_silence = _frames(spec.end_silence_s) * FRAME
        self._max_speech = _frames(spec.max_speech_s) * FRAME
        self._kept = self._window + self._pre_roll
        self._history: deque[_Batch] = deque(maxlen=self._kept * FRAME // BATCH + 3)
        """What came since the last utterance; its last ``_kept`` frames count."""
        self._marks = 0
        """Bit n: n frames before the last one was speech; ``_window`` bits."""
        self._held: list[bytes] = []
        self._size = 0
        """Bytes in ``_held``: heard, but not looked at."""
        self._tail = b""
        """The last two frames before them."""
        self.next = _NOT_BEGUN
        """Position after what it has heard."""
        self._speaking = False
        self._start = 0
        self._speech_end = 0
        self._sum, self._count = 0.0, 0
        """Of the levels of the utterance's frames of speech."""
        self._loudest = 0.0
        self._piece: list[bytes] = []
        self._given = 0
        """Bytes in ``_piece``."""

    def feed(self, position: int, payload: bytes, lost: bool = False) -> Sequence[Found]:
        """A packet at its position; one that overlaps what came before loses the overlap.

        ``lost``: packets before it went missing, so a hole is concealed; else the far end was silent.
        """
        return look_at_all([self])[0] if self.hold(position, payload, lost) else _NOTHING

    def hold(self, position: int, payload: bytes, lost: bool = False) -> bool:
        """The first half of ``feed``: whether there is enough for ``look_at_all``."""
        if position != self.next:
            payload = self._fit(position, payload, lost)
        size = len(payload)
        self.next += size
        self._held.append(payload)
        self._size += size
        return self._size >= BATCH

    def _fit(self, position: int, payload: bytes, lost: bool) -> bytes:
        """What doesn't follow on what came before: so that it does."""
        if self.next == _NOT_BEGUN or position - self.next > MAX_GAP:
            self.next, self._size = position, 0
            self._held.clear()
        gap = position - self.next
        if gap < 0:
            return payload[-gap:]
        if lost:
            past = b"".join((self._tail, *self._held))[-2 * FRAME :]
            return conceal(past, self.codec, 0, gap) + payload
        return self._silence * gap + payload

    def idle(self, position: int) -> Sequence[Found]:
        """Nothing came up to ``position``: time goes on in silence, so that an utterance can end."""
        return _NOTHING if position - self.next < FRAME else self.feed(position, b"")

    @property
    def floor(self) -> float:
        """Mean square that a frame of speech is above."""
        return self._floor

    @property
    def looked(self) -> int:
        """Position after what was gathered last."""
        return self.next - self._size

    def gather(self) -> bytes:
        """All whole frames that are held; ``judge`` must follow."""
        data = b"".join(self._held)
        self._held.clear()
        self._size = over = len(data) % FRAME
        if over:
            self._held.append(data[-over:])
            data = data[:-over]
        self._tail = data[-2 * FRAME :]
        return data

    def lend(self) -> tuple[bytes, bytes] | None:
        """What is held and the two frames before, for somebody who holds from now on and calls ``judge``;
        None where that isn't whole frames."""
        held = b"".join(self._held)
        return None if len(held) % FRAME or len(held) >= BATCH else (held, self._tail)

    def resume(self, following: int, held: bytes, tail: bytes) -> None:
        """The end of that. ``following``: position after the last sample heard."""
        self.next, self._held, self._size, self._tail = following, [held] if held else [], len(held), tail

    def judge(self, start: int, data: bytes, pcm: bytes, energies: Sequence[float]) -> Sequence[Found]:
        """Whole frames: where they begin, as they came, as 16-bit samples, and each one's mean square."""
        is_speech, floor = self._detector, self._floor
        if max(energies) <= floor:
            return self.pass_over(start, data, pcm[:_PCM])
        levels = [
            energy if is_speech(SAMPLE_RATE, pcm[at : at + _PCM], FRAME) and energy > floor else 0.0
            for at, energy in zip(range(0, len(pcm), _PCM), energies, strict=True)
        ]
        return self._look_at(start, data, levels if any(levels) else ())

    def pass_over(self, start: int, data: bytes, first: bytes) -> Sequence[Found]:
        """``judge``, where no frame can be speech, for none is above ``floor``.

        The detector learns the noise from the quiet frames, too, so it hears one of them, ``first``, as
        16-bit samples; only of a muted line it learns nothing.
        """
        if data != self._muted:
            self._detector(SAMPLE_RATE, first, FRAME)
        if self._speaking:
            return self._go_on(start, data, ())
        if self._marks:
            self._marks = self._marks << len(data) // FRAME & (1 << self._window) - 1
        self._history.append((start, data, ()))
        return _NOTHING

    def _look_at(self, start: int, data: bytes, levels: Sequence[float]) -> Sequence[Found]:
        if self._speaking:
            return self._go_on(start, data, levels)
        if levels:
            for number, level in enumerate(levels):
                self._marks = self._marks << 1 & (1 << self._window) - 1 | (level > 0)
                if level and self._marks.bit_count() >= self._needed:
                    return self._begin(start, data, levels, number)
        else:
            self._marks = self._marks << len(data) // FRAME & (1 << self._window) - 1
        self._history.append((start, data, levels))
        return _NOTHING

    def _begin(self, start: int, data: bytes, levels: Sequence[float], number: int) -> Sequence[Found]:
        """An utterance begins with the first marked frame; frame ``number`` of these told so."""
        cut = (number + 1) * FRAME
        self._speech_end = start + cut
        self._start = self._speech_end - self._marks.bit_length() * FRAME
        before = [*self._history, (start, data[:cut], levels)]
        past = [
            (begin + at, batch[at : at + FRAME], loud[at // FRAME] if loud else 0.0)
            for begin, batch, loud in before
            for at in range(0, len(batch), FRAME)
        ][-self._kept :]
        loud = [level for _, _, level in past[-self._window :] if level]
        self._sum, self._count, self._loudest = sum(loud), len(loud), max(loud)
        self._speaking, self._marks = True, 0
        self._history.clear()
        found: list[Found] = [Started(self._start)]
        first = self._start - self._pre_roll * FRAME
        found += self._give(b"".join(frame for at, frame, _ in past if at >= first))
        if cut < len(data):
            found += self._look_at(start + cut, data[cut:], levels[number + 1 :])
        return found

    def _go_on(self, start: int, data: bytes, levels: Sequence[float]) -> Sequence[Found]:
        if levels and self._drop:
            self._loudest = max(self._loudest, *levels)
            quiet = self._loudest * self._drop
            levels = [level if level > quiet else 0.0 for level in levels]
        end = start + len(data)
        if end - self._speech_end < self._end_silence and end - self._start < self._max_speech:
            for number, level in enumerate(levels, 1):
                if level:
                    self._speech_end = start + number * FRAME
                    self._sum += level
                    self._count += 1
            return self._give(data)
        if len(data) == FRAME:
            return self._finish(start, data, levels[0] if levels else 0.0)
        # It may end within these: one frame after the other.
        found: list[Found] = []
        for at in range(0, len(data), FRAME):
            one = levels[at // FRAME : at // FRAME + 1]
            found += self._look_at(start + at, data[at : at + FRAME], one if any(one) else ())
        return found

    def _finish(self, start: int, data: bytes, level: float) -> Sequence[Found]:
        """Maybe the utterance's last frame."""
        end = start + FRAME
        if level:
            self._speech_end = end
            self._sum += level
            self._count += 1
        found = self._give(data)
        if end - self._speech_end < self._end_silence and end - self._start < self._max_speech:
            return found
        self._speaking = False
        mean = self._sum / self._count
        return [*found, *self._rest(), Finished(self._start, self._speech_end, level_dbov(mean))]

    def _give(self, data: bytes) -> Sequence[Found]:
        self._piece.append(data)
        self._given += len(data)
        return self._rest() if self._given >= PIECE else _NOTHING

    def _rest(self) -> Sequence[Found]:
        """What of the utterance hasn't been given out, as 16-bit samples."""
        if not self._given:
            return _NOTHING
        law, self._given = b"".join(self._piece), 0
        self._piece.clear()
        pcm = decode(law, self.codec).tobytes()
        return [Audio(pcm[at : at + 2 * PIECE]) for at in range(0, len(pcm), 2 * PIECE)]


def look_at_all(listeners: Sequence[Endpointer]) -> list[Sequence[Found]]:
    """What each finds in the frames that it holds."""
    if len({listener.codec for listener in listeners}) > 1:
        return [look_at_all([listener])[0] for listener in listeners]
    gathered = [listener.gather() for listener in listeners]
    samples = decode(b"".join(gathered), listeners[0].codec)
    energies: list[float] = mean_squares(samples).tolist()
    pcm, frames = samples.tobytes(), 0
    found: list[Sequence[Found]] = []
    for listener, data in zip(listeners, gathered, strict=True):
        first, frames = frames, frames + len(data) // FRAME
        if not data:  # It was named twice, or what it held was given up meanwhile.
            found.append(_NOTHING)
            continue
        start = listener.looked - len(data)
        found.append(listener.judge(start, data, pcm[_PCM * first : _PCM * frames], energies[first:frames]))
    return found


def new_detector(mode: int) -> Detector:
    """A fresh one of WebRTC; ``mode`` 0..3. webrtcvad.Vad without its checks of what is always so here."""
    state = _webrtcvad.create()
    _webrtcvad.init(state)
    _webrtcvad.set_mode(state, mode)
    return partial(_webrtcvad.process, state)


def mean_squares(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Of each whole frame; the same to the last bit however many frames come at once."""
    values = samples.reshape(-1, FRAME).astype(np.float32)
    energies: npt.NDArray[np.float32] = np.einsum("ij,ij->i", values, values) / FRAME
    return energies


def level_dbov(mean_square: float) -> float:
    """dB below overload of 16-bit samples, not under -90."""
    return max(-90.0, 10 * math.log10(mean_square / _FULL_SCALE)) if mean_square > 0 else -90.0


def _frames(seconds: float) -> int:
    return max(0, round(seconds * 50))
