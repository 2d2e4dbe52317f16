"""The stereo recording: two time-aligned tracks per call and the layout of its file. Free of I/O.

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

import numpy as np

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


class Track:
    """One channel: audio that follows on is only kept, the rest is put right when it is given out."""

    __slots__ = ("_parts", "_patches", "_silence", "_start", "next")

    def __init__(self, silence: bytes, start: int) -> None:
        self._silence = silence
        self._start = start
        """Position of the first sample held."""
        self.next = start
        """Position after the last one."""
        self._parts: list[bytes] = []
        self._patches: list[tuple[int, bytes]] = []

    def put(self, position: int, payload: bytes) -> bool:
        """False where it came too late to be kept whole."""
        if position == self.next:
            self._parts.append(payload)
            self.next = position + len(payload)
            return True
        if position > self.next:
            self._parts.append(self._silence * (position - self.next))
            self._parts.append(payload)
            self.next = position + len(payload)
            return True
        whole = position >= self._start
        if not whole:
            payload, position = payload[self._start - position :], self._start
        over = self.next - position
        if payload[:over]:
            self._patches.append((position, payload[:over]))
        if len(payload) > over:
            self._parts.append(payload[over:])
            self.next = position + len(payload)
        return whole

    def take(self, end: int) -> bytes:
        """Everything before position ``end``, which nothing can change any more."""
        if self.next < end:
            self._parts.append(self._silence * (end - self.next))
            self.next = end
        audio = b"".join(self._parts)
        if self._patches:
            changed = bytearray(audio)
            for position, payload in self._patches:
                at = position - self._start
                changed[at : at + len(payload)] = payload
            self._patches.clear()
            audio = bytes(changed)
        count = end - self._start
        self._parts = [audio[count:]]
        self._start = end
        return audio[:count]


class Recorder:
    """Puts both directions at their places; gives audio out once nothing can change it any more.

    ``HOLD``: a received packet up to 0.4 s behind its time still finds its place.
    """

    HOLD: Final = 3200

    __slots__ = ("_chunk", "_due", "_flushed", "codec", "heard", "sent", "start")

    def __init__(self, codec: str, start: int, flush_s: float) -> None:
        """``start``: position on the media clock that becomes 0."""
        self.codec = codec
        self.start = start
        self._chunk = int(flush_s * SAMPLE_RATE)
        self.sent = Track(SILENCE[codec], start)
        """Channel 0."""
        self.heard = Track(SILENCE[codec], start)
        """Channel 1."""
        self._flushed = start
        self._due = start + self._chunk + self.HOLD

    @property
    def due_at(self) -> int:
        """Position from which on ``advance`` has something to give out."""
        return self._due

    def due(self, now: int) -> bool:
        """Whether ``advance`` has something to give out. Cheap."""
        return now >= self._due

    def advance(self, now: int) -> bytes:
        """Interleaved audio that is final at position ``now``."""
        if now < self._due:
            return b""
        return self._give(self._flushed + (now - self.HOLD - self._flushed) // self._chunk * self._chunk)

    def finish(self, now: int) -> bytes:
        """Everything up to ``now``; the recorder is over then."""
        return self._give(max(now, self._flushed))

    @property
    def samples(self) -> int:
        """Samples per channel given out so far."""
        return self._flushed - self.start

    def _give(self, end: int) -> bytes:
        audio = np.empty(2 * (end - self._flushed), np.uint8)
        audio[0::2] = np.frombuffer(self.sent.take(end), np.uint8)
        audio[1::2] = np.frombuffer(self.heard.take(end), np.uint8)
        self._flushed = end
        self._due = end + self._chunk + self.HOLD
        return audio.tobytes()
