"""Packet loss concealment for G.711, in the manner of ITU-T G.711 Appendix I. Free of I/O.

The last pitch period is repeated, at full level for 10 ms and then fading until 60 ms; silence after
that. A hole sounds like a held tone and not like a click, and a voice detector sees no end of speech in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from dialer.media.g711 import DECODE, FRAME, SILENCE, encode

HISTORY: Final = 2 * FRAME
"""Bytes of what came before the hole that are looked at; fewer give a poorer guess."""
LONGEST: Final = 480
"""60 ms."""
_FULL: Final = 80
_SHORTEST_PERIOD, _LONGEST_PERIOD = 40, 120
"""66 to 200 Hz."""
_FADE: Final = np.clip((LONGEST - np.arange(LONGEST)) / (LONGEST - _FULL), 0.0, 1.0)


def conceal(history: bytes, codec: str, start: int, count: int) -> bytes:
    """``count`` bytes for a hole, from its ``start``-th sample on. ``history``: the payload before it."""
    silence = SILENCE[codec]
    wanted = min(count, LONGEST - start)
    if wanted <= 0 or len(history) < 2 * _LONGEST_PERIOD:
        return silence * count
    past = DECODE[codec][np.frombuffer(history[-HISTORY:], dtype=np.uint8)].astype(np.float64)
    period = past[-_period(past) :]
    at = np.arange(start, start + wanted)
    wave = period[at % len(period)] * _FADE[start : start + wanted]
    return encode(wave.astype(np.int16), codec) + silence * (count - wanted)


def _period(past: npt.NDArray[np.float64]) -> int:
    """Samples after which the end of ``past`` is most like itself."""
    width = len(past) - _LONGEST_PERIOD
    windows = np.lib.stride_tricks.sliding_window_view(past, width)
    # Window n begins at sample n: it lies _LONGEST_PERIOD - n before the end.
    windows = windows[: _LONGEST_PERIOD - _SHORTEST_PERIOD + 1]
    likeness = windows @ past[-width:] / np.sqrt((windows * windows).sum(axis=1) + 1.0)
    return _LONGEST_PERIOD - int(np.argmax(likeness))
