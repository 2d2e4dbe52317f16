"""RTP packets and the received stream's timeline (RFC 3550). Free of I/O.

Positions are samples (8 kHz) on the media process's own clock.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from dialer.media.g711 import FRAME

HEADER_SIZE: Final = 12
MAX_PAYLOAD: Final = 1600
"""200 ms of G.711; nobody sends longer packets on purpose."""
_header: Final = struct.Struct("!BBHII")
pack_header: Final = _header.pack_into
"""``pack_header(buffer, 0, 0x80, marker << 7 | type, sequence, timestamp, ssrc)``"""
pack_packet: Final = struct.Struct(f"!BBHII{FRAME}s").pack
"""``pack_packet(0x80, marker << 7 | type, sequence, timestamp, ssrc, frame)``: 20 ms of G.711"""
PACKET_SIZE: Final = HEADER_SIZE + FRAME
peek: Final = struct.Struct("!HHII").unpack_from
"""``peek(data)``: the first two bytes (``PLAIN | type`` of a packet like most), sequence, timestamp, ssrc."""
PLAIN: Final = 0x8000
"""Version 2, no padding, no extension, no CSRC, no marker."""
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
    """Sequence bookkeeping after RFC 3550 appendix A.1, with a window against duplicates.

    A packet that is just the one awaited needs no ``take``: see ``Leg.hear``, which sets ``awaited`` and
    counts in ``run``. The books are brought up to date when somebody asks.
    """

    MAX_DROPOUT: Final = 3000
    MAX_MISORDER: Final = 100
    _WINDOW: Final = (1 << 128) - 1

    __slots__ = ("_expected_after", "_first", "_highest", "_received", "_seen", "_span", "_unique",
                 "awaited", "duplicated", "reordered", "run", "ssrc")  # fmt: skip

    def __init__(self) -> None:
        self.ssrc = -1
        self.awaited = -1
        """The sequence number that would be in order; -1, or 65536 at the wrap: only ``take`` knows."""
        self.run = 0
        """Packets in order since the books were written."""
        self._highest = 0
        self._span = 0
        """Packets that runs so far should have had: highest - lowest + 1 of each."""
        self._seen = 0
        """Bit n: ``_highest - n`` was received."""
        self._expected_after = -1
        self._unique = 0
        self._first = (0, 0, 0)
        """Sequence number with which the present source began, ``_span`` and ``_unique`` before it."""
        self._received = 0
        self.reordered = 0
        self.duplicated = 0

    @property
    def received(self) -> int:
        return self._received + self.run

    @property
    def lost(self) -> int:
        return max(0, self._span - self._unique)

    @property
    def expected(self) -> int:
        """The sequence number after the highest so far."""
        return (self._highest + self.run + 1) & 0xFFFF

    def source(self) -> tuple[int, int, int]:
        """Of the present source: extended highest sequence number, packets expected, packets received."""
        first, span, unique = self._first
        expected = self._span - span + self.run
        return first + expected - 1, expected, self._unique - unique + self.run

    def take(self, sequence: int, ssrc: int) -> int:
        """Book one packet; says what it is (IN_ORDER ... STRAY)."""
        if self.run:
            self._write_books()
        self._received += 1
        verdict = self._restart(sequence, ssrc) if ssrc != self.ssrc else self._judge(sequence)
        self.awaited = self._highest + 1
        return verdict

    def _write_books(self) -> None:
        run, self.run = self.run, 0
        self._received += run
        self._span += run
        self._unique += run
        self._highest = (self._highest + run) & 0xFFFF
        self._seen = ((self._seen << run) | ((1 << run) - 1)) & self._WINDOW

    def _judge(self, sequence: int) -> int:
        ahead = (sequence - self._highest) & 0xFFFF
        if 0 < ahead < self.MAX_DROPOUT:
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
            return self._restart(sequence, self.ssrc)
        self._expected_after = (sequence + 1) & 0xFFFF
        return STRAY

    def _restart(self, sequence: int, ssrc: int) -> int:
        self.ssrc = ssrc
        self._first = (sequence, self._span, self._unique)
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

    __slots__ = ("_anchored", "late_since", "position", "timestamp")

    def __init__(self) -> None:
        self._anchored = False
        self.timestamp = 0
        self.position = 0
        """Where the packet with ``timestamp`` was placed: the newest in order."""
        self.late_since = -1

    def reset(self) -> None:
        """Forget the anchor: the source's timestamps begin anew."""
        self._anchored = False
        self.late_since = -1

    def place(self, timestamp: int, now: int, in_order: bool = True) -> int:
        """Position of the packet's first sample. ``now``: position of its arrival."""
        if not self._anchored:
            self._anchored = True
            self.timestamp, self.position = timestamp, now
            return now
        position = self.position + timestamp_step(timestamp, self.timestamp)
        if not in_order:
            # It moves nothing, so a wild timestamp must not lead into the far future.
            return min(position, now + self.SLACK)
        late = now - position
        if -self.SLACK <= late <= self.LATE:
            self.late_since = -1
        elif late < 0 or late > self.JUMP:
            position, self.late_since = now, -1
        elif self.late_since < 0:
            self.late_since = now
        elif now - self.late_since > self.PATIENCE:
            position, self.late_since = now, -1
        self.timestamp, self.position = timestamp, position
        return position
