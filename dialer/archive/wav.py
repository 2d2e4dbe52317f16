"""The header of a recording: RIFF/WAVE with G.711, stereo, 8 kHz, as the recorder writes it.

58 bytes, little-endian::

    0  "RIFF" u32 size "WAVE"
    12 "fmt " u32 18 | u16 tag (6 A-law, 7 mu-law) | u16 channels 2 | u32 8000 | u32 16000 |
       u16 block 2 | u16 bits 8 | u16 extra 0
    38 "fact" u32 4 | u32 samples per channel
    50 "data" u32 size

While the call lives the sizes are 0xFFFFFFFF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_SIZE = 58
FRAME_SIZE = 2
"""One sample of each side: left is what was sent, right what was received."""
RATE = 8000
OPEN_SIZE = 0xFFFFFFFF
"""What stands in the size fields of a recording that was never closed."""
MAX_DATA = OPEN_SIZE - HEADER_SIZE

_LAYOUT = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
_TAGS = {6: "PCMA", 7: "PCMU"}


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a header says. ``data_size`` is OPEN_SIZE in one that was never closed."""

    codec: str
    """``PCMA`` or ``PCMU``."""
    data_size: int
    samples: int
    riff_size: int

    @classmethod
    def parse(cls, raw: bytes) -> WavHeader:
        """Raises ValueError where these aren't the recorder's 58 bytes."""
        if len(raw) < HEADER_SIZE:
            raise ValueError(f"{len(raw)} bytes are too short for a recording's header")
        riff, riff_size, wave, fmt, fmt_size, tag, channels, rate, byte_rate, block, bits, extra, *rest = (
            _LAYOUT.unpack(raw[:HEADER_SIZE])
        )
        fact, fact_size, samples, data, data_size = rest
        if (riff, wave, fmt, fact, data) != (b"RIFF", b"WAVE", b"fmt ", b"fact", b"data"):
            raise ValueError("not a recording of ours: its chunks are others")
        if (fmt_size, channels, rate, byte_rate, block, bits, extra, fact_size) != (
            18, 2, RATE, RATE * FRAME_SIZE, FRAME_SIZE, 8, 0, 4,
        ):  # fmt: skip
            raise ValueError("not a recording of ours: not 8 kHz stereo G.711")
        if tag not in _TAGS:
            raise ValueError(f"not a recording of ours: format tag {tag}")
        return cls(_TAGS[tag], data_size, samples, riff_size)

    @classmethod
    def closed(cls, codec: str, data_size: int) -> WavHeader:
        """The header of a file with ``data_size`` bytes of audio."""
        if not 0 <= data_size <= MAX_DATA or data_size % FRAME_SIZE:
            raise ValueError(f"{data_size} bytes of audio don't fit a WAV file of whole frames")
        return cls(codec, data_size, data_size // FRAME_SIZE, HEADER_SIZE - 8 + data_size)

    def __bytes__(self) -> bytes:
        tag = next(tag for tag, codec in _TAGS.items() if codec == self.codec)
        return _LAYOUT.pack(
            b"RIFF", self.riff_size, b"WAVE", b"fmt ", 18, tag, 2, RATE, RATE * FRAME_SIZE, FRAME_SIZE, 8, 0,
            b"fact", 4, self.samples, b"data", self.data_size,
        )  # fmt: skip

    @property
    def duration_s(self) -> float:
        return self.samples / RATE
