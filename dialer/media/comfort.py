"""Comfort noise (RFC 3389): what stands for silence that a far end doesn't send. Free of I/O.

Of a received packet only the level counts; the spectrum is optional to sender and receiver. The noise
stays under the floor of speech, so that no listener takes it for a voice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from dialer.media.g711 import FRAME, SAMPLE_RATE, encode

STATIC_TYPE: Final = 13
QUIETEST: Final = 127
LAG: Final = 1200
"""Samples that noise keeps behind the clock: a delayed packet of speech still finds its place free."""
_BANK: Final = 50 * FRAME
_FULL_SCALE: Final = 32768.0
_MARGIN_DB: Final = 6
_LOUDEST: Final = 30


def level_of(payload: bytes) -> int:
    """Noise level in -dBov (0 loudest, 127 quietest)."""
    return payload[0] & 0x7F


def packet(level: int) -> bytes:
    """Payload of a comfort noise packet of ours."""
    return bytes((max(0, min(QUIETEST, level)),))


def _white() -> npt.NDArray[np.float64]:
    """A second of white noise of RMS 1, always the same."""
    word = np.arange(1, _BANK + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    word ^= word >> np.uint64(32)
    wave: npt.NDArray[np.float64] = ((word >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1) * 3**0.5
    return wave


_WHITE: Final = _white()


@lru_cache(maxsize=64)
def _bank(level: int, codec: str) -> bytes:
    """A second of noise at -``level`` dBov in G.711."""
    wave = _WHITE * (_FULL_SCALE * 10 ** (-level / 20))
    return encode(wave.round().astype(np.int16), codec)


class ComfortNoise:
    """The noise of one direction, from a comfort noise packet to the next audio."""

    __slots__ = ("_at", "_level", "_loudest", "_next", "active")

    def __init__(self, floor_dbov: float) -> None:
        """``floor_dbov``: level under which nothing is speech."""
        self._loudest = max(_LOUDEST, min(QUIETEST, round(-floor_dbov) + _MARGIN_DB))
        self._level = QUIETEST
        self._at = 0
        self._next = 0
        self.active = False

    def start(self, position: int, payload: bytes) -> None:
        """A comfort noise packet stands at ``position``; again: the level changed."""
        if not self.active:
            self.active, self._next = True, position
        self._level = max(self._loudest, level_of(payload))

    def until(self, position: int, codec: str) -> tuple[int, bytes] | None:
        """Where noise goes on and the noise up to ``position``, at most a second; None where it is there."""
        count = position - self._next
        if count <= 0:
            return None
        if count > SAMPLE_RATE:
            self._next, count = position - SAMPLE_RATE, SAMPLE_RATE
        start = self._next
        self._next = position
        bank, at = _bank(self._level, codec), start % _BANK
        noise = bank[at : at + count]
        return start, noise + bank[: count - len(noise)]

    def stop(self) -> None:
        """Audio is back."""
        self.active = False

    def frame(self, codec: str) -> bytes:
        """20 ms of it outside the timeline: for the other leg of a bridge."""
        self._at = (self._at + FRAME) % _BANK
        return _bank(self._level, codec)[self._at : self._at + FRAME]
