"""The sound of a key, so that a recording lets it be heard. Free of I/O.

A telephone event carries no audio; a receiver plays its tone out (RFC 4733 section 2.4), so does the
recording's received side: the two frequencies of ITU-T Q.23.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from dialer.media.dtmf import DIGITS
from dialer.media.g711 import SAMPLE_RATE, encode

TONE_S: Final = 0.1
_ROWS: Final = (697, 770, 852, 941)
_COLUMNS: Final = (1209, 1336, 1477)
_PAD: Final = ("123", "456", "789", "*0#")
_AMPLITUDE: Final = 4000
"""Of each frequency: about -15 dBm0 together, as telephones send it."""


@lru_cache(maxsize=2 * len(DIGITS))
def key_tone(digit: str, codec: str) -> bytes:
    """0.1 s of ``digit`` in G.711. Raises ValueError for anything but 0-9 * #."""
    for row, keys in zip(_ROWS, _PAD, strict=True):
        column = keys.find(digit) if len(digit) == 1 else -1
        if column >= 0:
            time = np.arange(int(TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
            wave = np.sin(2 * np.pi * row * time) + np.sin(2 * np.pi * _COLUMNS[column] * time)
            return encode((_AMPLITUDE * wave).astype(np.int16), codec)
    raise ValueError(f"{digit!r} is no key")
