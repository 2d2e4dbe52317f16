"""Call progress: what the far end's audio says before and just after the answer. Free of I/O.

``Watcher`` takes received G.711 as the listener does: packets in order of position, holes as silence. It
works in batches of 320 ms, so a verdict is at most that much late, and costs nothing while nobody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dialer.media.config import ProgressConfig
from dialer.media.g711 import DECODE, FRAME, SAMPLE_RATE, SILENCE
from dialer.media.progress_answerer import Judge, power_of
from dialer.media.progress_frames import sounds
from dialer.media.progress_tones import Recognised, Tones
from dialer.media.vad import MAX_GAP, Detector
from dialer.ports import Answerer, Tone, Watch

_BATCH: Final = 16 * FRAME


@dataclass(frozen=True, slots=True)
class HeardTone:
    tone: Tone
    start: int
    """Position at which its pattern began."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Comes once; after it an ANSWERER watch is over."""

    answerer: Answerer
    why: str
    end: int
    """Position of the frame that decided."""
    tone: Tone | None = None
    """The tone that made it a machine."""


Noticed = HeardTone | Judged


class Watcher:
    """``feed`` and ``idle`` give back what was noticed. ``over``: nothing more will be."""

    def __init__(self, what: Watch, codec: str, config: ProgressConfig, detector: Detector) -> None:
        self.codec, self.over = codec, False
        self._decode, self._silence = DECODE[codec], SILENCE[codec]
        self._floor, self._purity = power_of(config.tone_floor_dbov), config.tone_purity
        self._detector = detector
        self._judge = Judge(config) if what is Watch.ANSWERER else None
        self._tones = Tones()
        self._before = np.zeros(FRAME, dtype=np.int16)
        self._pending = b""
        self._next: int | None = None
        self._at = 0
        """Position of the next frame."""

    def feed(self, position: int, payload: bytes) -> list[Noticed]:
        """A packet at its position; one that overlaps what came before loses the overlap."""
        if self._next is None or position - self._next > MAX_GAP:
            # Time that nobody sent anything in counts as silence, up to what the rules can tell apart.
            self._pending = self._silence * (MAX_GAP if self._next is not None else 0)
            self._at, self._next = position - len(self._pending), position
        gap = position - self._next
        if gap > 0:
            payload = self._silence * gap + payload
        elif gap < 0:
            payload = payload[-gap:]
        self._next += len(payload)
        self._pending += payload
        noticed: list[Noticed] = []
        while len(self._pending) >= _BATCH and not self.over:
            data, self._pending = self._pending[:_BATCH], self._pending[_BATCH:]
            self._batch(data, noticed)
        return noticed

    def idle(self, position: int) -> list[Noticed]:
        """Nothing came up to ``position``: time goes on in silence."""
        if self._next is None or position - self._next < FRAME:
            return []
        return self.feed(position, b"")

    def _batch(self, data: bytes, noticed: list[Noticed]) -> None:
        pcm = self._decode[np.frombuffer(data, dtype=np.uint8)]
        heard = sounds(self._before, pcm, self._floor, self._purity)
        self._before = pcm[-FRAME:]
        for number, sound in enumerate(heard):
            found = self._tones.add(sound)
            noticed += [HeardTone(item.tone, self._position(item)) for item in found]
            if self._judge is not None:
                part = pcm[number * FRAME : (number + 1) * FRAME]
                speech = self._detector(SAMPLE_RATE, part.tobytes(), len(part))
                verdict = self._judge.hear(sound, speech, found, self._tones)
                if verdict is not None:
                    if verdict.tone is Tone.BEEP:
                        noticed.append(HeardTone(Tone.BEEP, self._at))
                    end = self._at + FRAME
                    noticed.append(Judged(verdict.answerer, verdict.why, end, verdict.tone))
                    self.over = True
                    return
            self._at += FRAME

    def _position(self, found: Recognised) -> int:
        """Frames are counted from the start, and all have one length."""
        return self._at - (self._tones.frame - 1 - found.start) * FRAME
