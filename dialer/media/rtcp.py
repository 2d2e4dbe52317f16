"""RTCP packets on the wire (RFC 3550 section 6, RFC 5761). Free of I/O.

A datagram is a compound packet: each part has a 4-byte header and a length in words. What isn't RTCP as
RFC 3550 A.2 wants it is dropped as a whole; types that we don't use are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
FIRST_TYPE: Final = 192
LAST_TYPE: Final = 223
"""On a port that RTP and RTCP share, RTCP's second byte lies in this span (RFC 5761 section 4)."""
MAX_SIZE: Final = 1500
_CNAME: Final = 1
_MAX_LOST: Final = 0x7FFFFF
_header: Final = struct.Struct("!BBHI")
_sender: Final = struct.Struct("!QIII")
_block: Final = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """``ntp``: 64-bit NTP time (32.32 fixed point); ``timestamp``: the RTP time of the same instant."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of the source ``ssrc``."""

    ssrc: int
    fraction_lost: int
    """Of 256, since its report before."""
    lost: int
    """Since the beginning; negative where duplicates outnumber losses."""
    highest: int
    """Extended highest sequence number received."""
    jitter: int
    """In RTP timestamp units."""
    last_sr: int
    """Middle 32 bits of the NTP time in the last sender report it had; 0: none yet."""
    delay: int
    """From that report's arrival to this one's departure, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class Compound:
    """One datagram. ``ssrc`` is its author; ``left``: sources that said goodbye."""

    ssrc: int
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...]
    cname: str = ""
    left: tuple[int, ...] = ()


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a shared port is RTCP."""
    return len(data) > 1 and FIRST_TYPE <= data[1] <= LAST_TYPE


def build(
    ssrc: int, sender: SenderInfo | None, blocks: Sequence[ReportBlock], cname: str, bye: bool = False
) -> bytes:
    """SR (RR without ``sender``), SDES with the CNAME (ASCII), and BYE where the stream ends."""
    parts = bytearray(28 if sender is not None else 8)
    words = len(parts) // 4 - 1 + 6 * len(blocks)
    _header.pack_into(parts, 0, 0x80 | len(blocks), RR if sender is None else SR, words, ssrc)
    if sender is not None:
        _sender.pack_into(
            parts, 8, sender.ntp, sender.timestamp, sender.packets & 0xFFFFFFFF, sender.octets & 0xFFFFFFFF
        )
    for block in blocks:
        lost = max(-_MAX_LOST - 1, min(_MAX_LOST, block.lost)) & 0xFFFFFF
        parts += _block.pack(
            block.ssrc, block.fraction_lost << 24 | lost, block.highest, block.jitter,
            block.last_sr, block.delay,
        )  # fmt: skip
    name = cname.encode("ascii")
    item = bytes((_CNAME, len(name))) + name
    item += bytes(4 - len(item) % 4)
    parts += _header.pack(0x81, SDES, 1 + len(item) // 4, ssrc) + item
    if bye:
        parts += _header.pack(0x81, BYE, 1, ssrc)
    return bytes(parts)


def parse(data: bytes) -> Compound | None:
    """A compound packet that begins with SR or RR, or None. Work and memory are bounded by ``MAX_SIZE``."""
    size = len(data)
    if not 8 <= size <= MAX_SIZE or data[1] not in (SR, RR):
        return None
    ssrc = int.from_bytes(data[4:8], "big")
    sender: SenderInfo | None = None
    blocks: list[ReportBlock] = []
    cname, left = "", []
    at = 0
    while at < size:
        if size - at < 4 or data[at] >> 6 != 2:
            return None
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > size or (data[at] & 0x20 and end < size):
            # Only the last part may be padded.
            return None
        count, kind, body = data[at] & 31, data[at + 1], data[at + 4 : end]
        if kind in (SR, RR):
            start = 24 if kind == SR else 4
            if len(body) < start + _block.size * count:
                return None
            if kind == SR and at == 0:
                sender = SenderInfo(*_sender.unpack_from(body, 4))
            blocks += _blocks(body, start, count)
        elif kind == SDES:
            cname = cname or _cname(body, count, ssrc)
        elif kind == BYE:
            left += [
                int.from_bytes(body[i : i + 4], "big") for i in range(0, min(4 * count, len(body) & ~3), 4)
            ]
        at = end
    return Compound(ssrc, sender, tuple(blocks), cname, tuple(left))


def _blocks(body: bytes, start: int, count: int) -> list[ReportBlock]:
    found = []
    for number in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _block.unpack_from(body, start + _block.size * number)
        lost = loss & 0xFFFFFF
        found.append(
            ReportBlock(
                ssrc, loss >> 24, lost - 0x1000000 if lost > _MAX_LOST else lost,
                highest, jitter, last_sr, delay,
            )
        )  # fmt: skip
    return found


def _cname(body: bytes, count: int, ssrc: int) -> str:
    """The CNAME of ``ssrc`` among the chunks, or an empty string."""
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            return ""
        mine = int.from_bytes(body[at : at + 4], "big") == ssrc
        at += 4
        while at + 1 < len(body) and body[at]:
            kind, length = body[at], body[at + 1]
            if mine and kind == _CNAME:
                return body[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
        # The null item ends the chunk and fills its last word.
        at = (at & ~3) + 4
    return ""
