"""The stereo recording: a time-aligned ring per call and the layout of its file. Free of I/O.

Channel 0 is what we sent, channel 1 the G.711 that we received, as it came, placed by its RTP timeline.
A key's tone stands where its event came.
Where nothing was sent or received there is the codec's silence. Position 0 is the moment of ``record()``.

The file is a RIFF/WAVE file with a 58-byte header, little-endian::

    offset  0  "RIFF"  u32 size = file size - 8            4..8
            8  "WAVE"
           12  "fmt "  u32 18: u16 tag (6 A-law, 7 mu-law), u16 channels = 2, u32 rate = 8000,
                       u32 bytes/s = 16000, u16 block = 2, u16 bits = 8, u16 extra = 0
           38  "fact"  u32 4:  u32 samples per channel      46..50
           50  "data"  u32 size of the audio in bytes       54..58
           58  audio, one byte of channel 0, one of channel 1, ...

While the call lives the three sizes read 0xFFFFFFFF; only stop_recording (or close) writes them. After a
crash all audio that reached the file counts: audio = file size - 58, rounded down to an even number, and
the sizes follow from it.
"""

from __future__ import annotations

import struct
from typing import Final

from dialer.media.g711 import PCMA, SAMPLE_RATE, SILENCE

HEADER_SIZE: Final = 58
UNKNOWN: Final = 0xFFFFFFFF
_TAG: Final = {PCMA: 6, "PCMU": 7}
_header: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")


def wav_header(codec: str, samples: int | None) -> bytes:
    """The 58 bytes. ``samples`` per channel; None while the file is being written."""
    size = UNKNOWN if samples is None else samples * 2
    return _header.pack(
        b"RIFF", UNKNOWN if samples is None else size + HEADER_SIZE - 8, b"WAVE",
        b"fmt ", 18, _TAG[codec], 2, SAMPLE_RATE, SAMPLE_RATE * 2, 2, 8, 0,
        b"fact", 4, UNKNOWN if samples is None else samples, b"data", size,
    )  # fmt: skip


class Recorder:
    """Puts both directions at their places; gives audio out once nothing can change it any more.

    ``HOLD``: a received packet up to 0.4 s behind its time still finds its place.
    """

    HOLD: Final = 3200
    AHEAD: Final = 3200
    """Room for a placement ahead of time, and the longest packet."""

    __slots__ = ("_chunk", "_done", "_due", "_flushed", "_ring", "_silence", "_size", "codec", "start")

    def __init__(self, codec: str, start: int, flush_s: float) -> None:
        """``start``: position on the media clock that becomes 0."""
        self.codec = codec
        self.start = start
        self._chunk = int(flush_s * SAMPLE_RATE)
        self._size = self._chunk + self.HOLD + self.AHEAD
        self._silence = SILENCE[codec]
        self._ring = bytearray(self._silence * (2 * self._size))
        self._flushed = 0
        """Samples given out."""
        self._due = start + self._chunk + self.HOLD
        self._done: list[bytes] = []

    def put(self, channel: int, position: int, payload: bytes) -> bool:
        """Channel 0: sent, 1: received. False where it came too late to be kept whole."""
        position -= self.start
        whole = True
        if position < self._flushed:
            behind = self._flushed - position
            if behind >= len(payload):
                return False
            payload, position, whole = payload[behind:], self._flushed, False
        count, size = len(payload), self._size
        while position + count > self._flushed + size:
            self._flush(self._chunk)
        at = position % size
        ring = self._ring
        if at + count <= size:
            ring[2 * at + channel : 2 * (at + count) : 2] = payload
        else:
            head = size - at
            ring[2 * at + channel :: 2] = payload[:head]
            ring[channel : 2 * (count - head) : 2] = payload[head:]
        return whole

    def due(self, now: int) -> bool:
        """Whether ``advance`` has something to give out. Cheap."""
        return now >= self._due

    def advance(self, now: int) -> bytes:
        """Interleaved audio that is final at position ``now``."""
        while now >= self._due:
            self._flush(self._chunk)
        chunk = b"".join(self._done)
        self._done.clear()
        return chunk

    def finish(self, now: int) -> bytes:
        """Everything up to ``now``; the recorder is over then."""
        chunk = self.advance(now)
        rest = max(0, now - self.start - self._flushed)
        self._flush(rest)
        return chunk + b"".join(self._done)

    @property
    def samples(self) -> int:
        """Samples per channel given out so far."""
        return self._flushed

    def _flush(self, samples: int) -> None:
        """Give out the oldest samples and make their places silent again."""
        while samples > 0:
            at = self._flushed % self._size
            count = min(samples, self._size - at)
            self._done.append(bytes(self._ring[2 * at : 2 * (at + count)]))
            self._ring[2 * at : 2 * (at + count)] = self._silence * (2 * count)
            self._flushed += count
            self._due += count
            samples -= count
