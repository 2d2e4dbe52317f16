"""Call progress tones by frequency and cadence (ITU-T E.180 and E.182; China: GB/T 3380). Free of I/O.

Frames become stretches of one tone or of anything else; a table says which sequences of stretches are
which tone. Tolerances follow the recommendation: frequencies and lengths as networks really send them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dialer.media.progress_frames import Sound
from dialer.ports import Tone

FRAME_S: Final = 0.02
_SHORT: Final = 3
"""A stretch under so many frames is an edge, a click or a lost packet: its neighbour has it."""
_DRIFT_HZ: Final = 45.0
"""Frames of one tone may differ by this (440 and 480 Hz beat against each other)."""
_QUIETER: Final = 0.25
"""A pause has at most this share of the tone's power (-6 dB)."""
_KEPT: Final = 10
_AGAIN_FRAMES: Final = 350
"""A tone that wasn't recognised for 7 s is reported again: longer than a ringback's period."""


@dataclass(slots=True)
class Stretch:
    """Frames that sound alike. ``first``: 0.0 where there is no tone."""

    start: int
    """Number of its first frame."""
    first: float
    second: float
    frames: int = 0
    power: float = 0.0
    """Sum over its frames."""

    @property
    def length_s(self) -> float:
        return self.frames * FRAME_S

    @property
    def level(self) -> float:
        return self.power / self.frames

    def like(self, sound: Sound) -> bool:
        if not self.first or not sound.first:
            return not self.first and not sound.first
        same = abs(self.first - sound.first) <= _DRIFT_HZ
        if self.second and sound.second:
            swapped = abs(self.first - sound.second) + abs(self.second - sound.first) <= 2 * _DRIFT_HZ
            return swapped or (same and abs(self.second - sound.second) <= _DRIFT_HZ)
        return same and not self.second and not sound.second


Span = tuple[float, float]
"""From, to: seconds or hertz."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """``pattern``: lengths of tone, pause, tone, ... in seconds; the last one may be still going on."""

    tone: Tone
    first: Span
    second: Span | None
    pattern: tuple[Span, ...]


def _times(count: int, *cycle: Span) -> tuple[Span, ...]:
    return cycle * count


_LONG: Final = 60.0
_SINGLE: Final = (380.0, 500.0)
"""450 Hz (China), 425 Hz (ITU-T), 400 Hz; 440 + 480 Hz (North America) is seen as one, too."""
_HIGH_PAIR: Final = (590.0, 650.0)
_LOW_PAIR: Final = (450.0, 510.0)
_PULSE: Final = (0.05, 0.17)
_BUSY: Final = (0.30, 0.60)
_FAST: Final = (0.17, 0.30)
_SLOW: Final = (0.60, 0.85)

TABLE: Final[tuple[Cadence, ...]] = (
    # China 1 s / 4 s; ITU-T 0.67-1.5 s / 3-5 s; North America 2 s / 4 s.
    Cadence(Tone.RINGBACK, _SINGLE, None, ((0.67, 2.3), (2.5, _LONG))),
    # United Kingdom and followers: 0.4 / 0.2 / 0.4 / 2.
    Cadence(Tone.RINGBACK, _SINGLE, None, ((0.3, 0.5), (0.12, 0.28), (0.3, 0.5), (1.5, _LONG))),
    # China 0.35 / 0.35; ITU-T, United Kingdom 0.375; North America 0.5 / 0.5.
    Cadence(Tone.BUSY, _SINGLE, None, _times(2, _BUSY, _BUSY)),
    Cadence(Tone.BUSY, _LOW_PAIR, _HIGH_PAIR, _times(2, _BUSY, _BUSY)),
    # China 0.7 / 0.7; elsewhere twice as fast as busy.
    Cadence(Tone.CONGESTION, _SINGLE, None, _times(2, _SLOW, _SLOW)),
    Cadence(Tone.CONGESTION, _SINGLE, None, _times(3, _FAST, _FAST)),
    Cadence(Tone.CONGESTION, _LOW_PAIR, _HIGH_PAIR, _times(3, _FAST, _FAST)),
    # GB/T 3380 空号音: three pulses of 0.1 s, then 0.4 s.
    Cadence(Tone.UNOBTAINABLE, _SINGLE, None, (*_times(3, _PULSE, _PULSE), (0.3, 0.5), (0.3, _LONG))),
    # T.30: an answering fax sounds 2100 Hz for 2.6 s or more, a calling one 1100 Hz for 0.5 s each 3.5 s.
    Cadence(Tone.FAX, (2060.0, 2140.0), None, ((1.5, _LONG),)),
    Cadence(Tone.FAX, (1060.0, 1140.0), None, ((0.4, 0.6), (2.5, 3.5), (0.35, 0.6))),
)

_SIT: Final[tuple[Span, ...]] = ((890.0, 1010.0), (1330.0, 1470.0), (1730.0, 1870.0))
"""E.180: 950, 1400, 1800 Hz +- 50 Hz; North America shifts them a little to say why."""
_SIT_S: Final = (0.22, 0.44)
_SIT_GAP_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Recognised:
    tone: Tone
    start: int
    """Frame at which its pattern began."""


class Tones:
    """``add`` each frame in order; it gives back what was recognised in it."""

    def __init__(self) -> None:
        self.frame = 0
        """Frames heard so far."""
        self.past: list[Stretch] = []
        """Solid stretches, oldest first; the last one may be still going on."""
        self._edge: Stretch | None = None
        self._seen: dict[Tone, int] = {}
        self._claimed: tuple[Tone, int] | None = None
        """The tone recognised last, and up to which frame it reached."""

    def add(self, sound: Sound) -> list[Recognised]:
        self._place(sound)
        self.frame += 1
        if self._edge is not None or not any(stretch.first for stretch in self.past):
            return []
        found: list[Recognised] = []
        for cadence in TABLE:
            start = self._match(cadence)
            if start is not None:
                found += self._report(cadence.tone, start)
        start = self._sit()
        return found if start is None else [*found, *self._report(Tone.SIT, start)]

    def _place(self, sound: Sound) -> None:
        """Into the stretch under way, or into an edge that may become the next one."""
        past, edge = self.past, self._edge
        if past and past[-1].like(sound):
            if edge is not None:
                self._absorb(edge)
            self._extend(past[-1], sound)
            return
        if edge is None or not edge.like(sound):
            if edge is not None and past:
                self._absorb(edge)
            edge = self._edge = Stretch(self.frame, sound.first, sound.second)
        self._extend(edge, sound)
        if edge.frames >= _SHORT:
            past.append(edge)
            self._edge = None
            del past[:-_KEPT]

    def _absorb(self, edge: Stretch) -> None:
        """Too short to be anything: time that passed."""
        if self.past:
            self.past[-1].frames += edge.frames
            self.past[-1].power += self.past[-1].level * edge.frames
        self._edge = None

    @staticmethod
    def _extend(stretch: Stretch, sound: Sound) -> None:
        stretch.frames += 1
        stretch.power += sound.power
        if stretch.first and stretch.frames <= 2 * _SHORT:
            # The first windows hold the onset: the later ones know better.
            stretch.first, stretch.second = sound.first, sound.second

    def _report(self, tone: Tone, start: int) -> Iterator[Recognised]:
        if self._claimed is not None and self._claimed[0] is not tone and start < self._claimed[1]:
            return  # the last pulse of a busy tone, and the silence after it, are no ringback
        self._claimed = tone, self.frame
        before = self._seen.get(tone)
        self._seen[tone] = self.frame
        if before is None or self.frame - before > _AGAIN_FRAMES:
            yield Recognised(tone, start)

    def _match(self, cadence: Cadence) -> int | None:
        """Where the latest stretches follow the pattern: the frame at which it began."""
        pattern, past = cadence.pattern, self.past
        if len(past) < len(pattern):
            return None
        tail = past[-len(pattern) :]
        level = tail[0].level
        for number, ((low, high), stretch) in enumerate(zip(pattern, tail, strict=True)):
            if not low - 0.01 <= stretch.length_s <= high:
                return None
            if number % 2 == 0:
                if not _within(stretch.first, cadence.first, cadence.second, stretch.second):
                    return None
                level = stretch.level
            elif stretch.first or stretch.level > _QUIETER * level:
                return None
        return tail[0].start

    def _sit(self) -> int | None:
        tones = [stretch for stretch in self.past if stretch.first]
        if len(tones) < len(_SIT):
            return None
        tail = tones[-len(_SIT) :]
        for (low, high), stretch in zip(_SIT, tail, strict=True):
            if stretch.second or not low <= stretch.first <= high:
                return None
            if not _SIT_S[0] <= stretch.length_s <= _SIT_S[1]:
                return None
        # Only once it has ended: a third tone that goes on is something else.
        last = self.past[-1]
        ends = [stretch.start + stretch.frames for stretch in tail]
        apart = [after.start - end for end, after in zip(ends, tail[1:], strict=False)]
        if last is tail[-1] or any(gap * FRAME_S > _SIT_GAP_S for gap in apart):
            return None
        return tail[0].start


def _within(first: float, low: Span, high: Span | None, second: float) -> bool:
    """One tone in its band, or two in theirs, whichever is the stronger."""
    if high is None:
        return not second and low[0] <= first <= low[1]
    below, above = min(first, second), max(first, second)
    return low[0] <= below <= low[1] and high[0] <= above <= high[1]
