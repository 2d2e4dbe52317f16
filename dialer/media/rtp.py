"""RTP packets and the received stream's timeline (RFC 3550). Free of I/O.

Positions are samples (8 kHz) on the media process's own clock.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER_SIZE: Final = 12
MAX_PAYLOAD: Final = 1600
"""200 ms of G.711; nobody sends longer packets on purpose."""
_header: Final = struct.Struct("!BBHII")
pack_header: Final = _header.pack_into
"""``pack_header(buffer, 0, 0x80, marker << 7 | type, sequence, timestamp, ssrc)``"""
_unpack: Final = _header.unpack_from


class RtpPacket(NamedTuple):
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> RtpPacket | None:
    """One datagram, or None where it isn't RTP version 2 with a payload of sane length."""
    size = len(data)
    if size <= HEADER_SIZE:
        return None
    first, second, sequence, timestamp, ssrc = _unpack(data)
    if first == 0x80:
        payload = data[HEADER_SIZE:]
    else:
        if first >> 6 != 2:
            return None
        start, end = HEADER_SIZE + 4 * (first & 15), size
        if first & 0x10:
            if start + 4 > size:
                return None
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        if first & 0x20:
            end -= data[-1]
            if data[-1] == 0:
                return None
        if start >= end:
            return None
        payload = data[start:end]
    if len(payload) > MAX_PAYLOAD:
        return None
    return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload)


IN_ORDER: Final = 0
REORDERED: Final = 1
"""Behind a packet that came before it."""
DUPLICATE: Final = 2
RESTARTED: Final = 3
"""The first packet of a source, or after its SSRC or sequence jumped: a new time base."""
STRAY: Final = 4
"""A sequence number out of nowhere: to be dropped, unless the next one follows on it."""


class Timeline:
    """Sequence bookkeeping after RFC 3550 appendix A.1, with a window against duplicates."""

    MAX_DROPOUT: Final = 3000
    MAX_MISORDER: Final = 100
    _WINDOW: Final = (1 << 128) - 1

    __slots__ = ("_expected_after", "_highest", "_seen", "_span", "_ssrc", "_unique",
                 "duplicated", "received", "reordered")  # fmt: skip

    def __init__(self) -> None:
        self._ssrc = -1
        self._highest = 0
        self._span = 0
        """Packets that runs so far should have had: highest - lowest + 1 of each."""
        self._seen = 0
        """Bit n: ``_highest - n`` was received."""
        self._expected_after = -1
        self._unique = 0
        self.received = 0
        self.reordered = 0
        self.duplicated = 0

    @property
    def lost(self) -> int:
        return max(0, self._span - self._unique)

    def take(self, sequence: int, ssrc: int) -> int:
        """Book one packet; says what it is (IN_ORDER ... STRAY)."""
        self.received += 1
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            return self._restart(sequence)
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead == 1 or 1 < ahead < self.MAX_DROPOUT:
            self._highest = sequence
            self._span += ahead
            self._seen = ((self._seen << ahead) | 1) & self._WINDOW
            self._unique += 1
            return IN_ORDER
        behind = -ahead & 0xFFFF
        if behind <= self.MAX_MISORDER:
            bit = 1 << behind
            if self._seen & bit:
                self.duplicated += 1
                return DUPLICATE
            self._seen |= bit
            if behind < self._span:
                self._unique += 1
            self.reordered += 1
            return REORDERED
        if sequence == self._expected_after:
            return self._restart(sequence)
        self._expected_after = (sequence + 1) & 0xFFFF
        return STRAY

    def _restart(self, sequence: int) -> int:
        self._highest = sequence
        self._seen = 1
        self._expected_after = -1
        self._span += 1
        self._unique += 1
        return RESTARTED


def timestamp_step(newer: int, older: int) -> int:
    """``newer - older`` of two 32-bit timestamps, signed."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Placement:
    """Where on our clock a received packet's audio belongs.

    The first packet's arrival anchors the RTP timestamps; after that the timeline counts and not the
    arrival, so jitter doesn't move the audio. The anchor moves when a packet comes from more than 40 ms
    in the future (the anchor was a delayed packet, or timestamps jumped), when packets have kept coming
    more than 200 ms late for half a second (the path became longer), or 2 s late at once (a jump back).
    """

    SLACK: Final = 320
    LATE: Final = 1600
    PATIENCE: Final = 4000
    JUMP: Final = 16000

    __slots__ = ("_anchored", "_late_since", "_position", "_timestamp")

    def __init__(self) -> None:
        self._anchored = False
        self._timestamp = 0
        self._position = 0
        self._late_since = -1

    def reset(self) -> None:
        """Forget the anchor: the source's timestamps begin anew."""
        self._anchored = False
        self._late_since = -1

    def place(self, timestamp: int, now: int, in_order: bool = True) -> int:
        """Position of the packet's first sample. ``now``: position of its arrival."""
        if not self._anchored:
            self._anchored = True
            self._timestamp, self._position = timestamp, now
            return now
        position = self._position + timestamp_step(timestamp, self._timestamp)
        if not in_order:
            return position
        late = now - position
        if -self.SLACK <= late <= self.LATE:
            self._late_since = -1
        elif late < 0 or late > self.JUMP:
            position, self._late_since = now, -1
        elif self._late_since < 0:
            self._late_since = now
        elif now - self._late_since > self.PATIENCE:
            position, self._late_since = now, -1
        self._timestamp, self._position = timestamp, position
        return position
