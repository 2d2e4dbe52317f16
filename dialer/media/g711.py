"""G.711: tables between A-law, mu-law and 16-bit linear (ITU-T G.711, G.191)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]

PCMA: Final = "PCMA"
PCMU: Final = "PCMU"
SAMPLE_RATE: Final = 8000
FRAME: Final = 160
"""Samples, and in G.711 bytes, of 20 ms."""
SILENCE: Final = {PCMA: b"\xd5", PCMU: b"\xff"}
"""The byte that decodes to (almost) zero."""
STATIC_TYPE: Final = {PCMU: 0, PCMA: 8}
"""RFC 3551 section 6."""


def _alaw_decode_table() -> Int16:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = (code >> 4) & 7, code & 15
    low = (step << 4) + 8
    value = np.where(segment == 0, low, (low + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, value, -value).astype(np.int16)


def _ulaw_decode_table() -> Int16:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    value = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -value, value).astype(np.int16)


def _segment(magnitude: npt.NDArray[np.int32], lowest_bit: int) -> npt.NDArray[np.int32]:
    """Number of the chord: 0 below ``1 << lowest_bit``, then one more per doubling, at most 7."""
    bounds = np.array([1 << (lowest_bit + i) for i in range(7)], dtype=np.int32)
    return np.searchsorted(bounds, magnitude, side="right").astype(np.int32)


def _alaw_encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    value = sample >> 3
    magnitude = np.where(value >= 0, value, -value - 1)
    segment = _segment(magnitude, 5)
    step = magnitude >> np.where(segment < 2, 1, segment)
    code = (segment << 4) | (step & 15)
    return (code ^ np.where(value >= 0, 0xD5, 0x55)).astype(np.uint8)


def _ulaw_encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample >> 2), 8159) + 33
    segment = np.minimum(_segment(magnitude, 6), 7)
    code = np.where(magnitude > 0x1FFF, 0x7F, (segment << 4) | ((magnitude >> (segment + 1)) & 15))
    return (code ^ np.where(sample >= 0, 0xFF, 0x7F)).astype(np.uint8)


DECODE: Final = {PCMA: _alaw_decode_table(), PCMU: _ulaw_decode_table()}
"""Byte -> int16."""
ENERGY: Final = {name: table.astype(np.float64) ** 2 for name, table in DECODE.items()}
"""Byte -> squared sample."""
MAGNITUDE_BITS: Final = {PCMA: 0x55, PCMU: 0x7F}
"""``(byte ^ this) & 0x7F`` grows with the sample's magnitude, 0..127."""
PEAK_ENERGY: Final = {
    name: ENERGY[name][(np.arange(128, dtype=np.uint8) ^ bits) | 0x80]
    for name, bits in MAGNITUDE_BITS.items()
}
"""That magnitude -> squared sample."""
_ENCODE: Final = {PCMA: _alaw_encode_table(), PCMU: _ulaw_encode_table()}


def decode(payload: bytes, codec: str) -> Int16:
    return DECODE[codec][np.frombuffer(payload, dtype=np.uint8)]


def encode(pcm: Int16, codec: str) -> bytes:
    return _ENCODE[codec][pcm.view(np.uint16)].tobytes()


TRANSLATE: Final = {
    (PCMA, PCMU): encode(DECODE[PCMA], PCMU),
    (PCMU, PCMA): encode(DECODE[PCMU], PCMA),
}
"""For ``bytes.translate``: (from, to) -> 256 bytes."""


def translate(payload: bytes, source: str, target: str) -> bytes:
    """Between the two laws; the same object where they are equal."""
    return payload if source == target else payload.translate(TRANSLATE[source, target])
