"""Byte ranges of HTTP (RFC 9110 section 14), one at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From ``start`` up to and with ``last``."""

    start: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.start + 1


def read_range(header: str | None, size: int) -> ByteRange | None:
    """None: the whole is asked for. Raises ValueError: not one range, or nothing of it is there."""
    if header is None:
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        raise ValueError("not one range of bytes")
    if not found[1]:
        start, last = max(0, size - int(found[2])), size - 1
    else:
        start, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    if start > last:
        raise ValueError("nothing of that range is there")
    return ByteRange(start, last)
