"""What the sound of an utterance says beside its words: how far it stands out from the background. Pure."""

from __future__ import annotations

import numpy as np

FRAME = 160
"""Samples: 20 ms at 8 kHz."""


class Meter:
    """Feed it the utterance; ask at its end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, pcm: bytes) -> None:
        """16-bit little-endian samples."""
        self._parts.append(pcm)

    def snr_db(self) -> float:
        """Loud frames over quiet ones: an utterance comes with background before and after it."""
        data = b"".join(self._parts)
        count = len(data) // (2 * FRAME)
        if count < 2:
            return 0.0
        samples = np.frombuffer(data[: count * 2 * FRAME], "<i2").astype(np.float32)
        power = np.square(samples.reshape(count, FRAME)).mean(1) + 1.0
        loud, quiet = np.quantile(power, (0.9, 0.1))
        return float(10 * np.log10(loud / quiet))
