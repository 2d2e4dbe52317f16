"""A service without a recogniser: speech is taken and never understood, so every question ends at the keys.

Hearing nothing, instead of an error for each utterance, lets the session treat the customer's speech as
unclear and offer 按1是 按2否 at once; nothing can become a yes by accident.
"""

from __future__ import annotations

from collections.abc import Sequence

from dialer.asr.recogniser import BYTES_PER_SECOND
from dialer.model import Heard


class DtmfOnly:
    """``ports.Recogniser`` with the engine's life cycle, and nothing behind it."""

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None

    @property
    def ready(self) -> int:
        return 1

    async def open(self, words: Sequence[str]) -> DeafStream:
        return DeafStream()


class DeafStream:
    """Counts the speech and understands none of it."""

    def __init__(self) -> None:
        self._bytes = 0

    async def feed(self, pcm: bytes) -> None:
        self._bytes += len(pcm)

    async def finish(self) -> Heard:
        return Heard(text="", confidence=0.0, unknown_ratio=1.0, duration_s=self._bytes / BYTES_PER_SECOND)

    async def cancel(self) -> None:
        self._bytes = 0
