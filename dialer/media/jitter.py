"""The small buffer between two bridged legs. Free of I/O."""

from __future__ import annotations

from bisect import insort
from typing import Final

from dialer.media.conceal import LONGEST, conceal
from dialer.media.g711 import FRAME, SILENCE

_RUN_OUT: Final = -1


class JitterBuffer:
    """Audio of one direction, by position; comes out as 20 ms frames.

    Playing begins once ``delay`` frames are held and begins anew after it ran empty, so a longer path
    heals by itself. Holes are concealed for 60 ms, then silent. Beyond twice ``delay`` (at least 3 frames
    more) the oldest goes.
    """

    __slots__ = ("_before", "_codec", "_held", "_hidden", "_items", "_last", "_limit", "_next", "_wanted")

    def __init__(self, delay: int, codec: str) -> None:
        self._wanted = delay * FRAME
        self._limit = (delay + max(delay, 3)) * FRAME
        self._codec = codec
        self._before = self._last = b""
        """The last two frames that really came."""
        self._hidden = LONGEST
        """Samples concealed since then."""
        self._items: list[tuple[int, bytes]] = []
        self._held = 0
        self._next = _RUN_OUT
        """Position that plays next; run out: waiting for ``_wanted`` samples."""

    def put(self, position: int, payload: bytes) -> None:
        """A packet at its place in time; dropped where its time is over."""
        if self._next != _RUN_OUT and position + len(payload) <= self._next:
            return
        insort(self._items, (position, payload))
        self._held += len(payload)
        while self._held > self._limit:
            dropped, audio = self._items.pop(0)
            self._held -= len(audio)
            if self._next != _RUN_OUT:
                self._next = max(self._next, dropped + len(audio))

    def take(self) -> bytes | None:
        """The next 20 ms, or None while waiting."""
        items = self._items
        if self._next == _RUN_OUT:
            if self._held < self._wanted:
                return self._conceal()
            self._next = items[0][0]
        if not items:
            self._next = _RUN_OUT
            return self._conceal()
        start, end = self._next, self._next + FRAME
        self._next = end
        position, payload = items[0]
        if position == start and len(payload) == FRAME:
            del items[0]
            self._held -= FRAME
            self._before, self._last, self._hidden = self._last, payload, 0
            return payload
        if position >= end:
            return self._conceal() or SILENCE[self._codec] * FRAME
        return self._assemble(start, end)

    def _conceal(self) -> bytes | None:
        """A frame in place of one that is missing, for 60 ms."""
        hidden = self._hidden
        if hidden >= LONGEST:
            return None
        self._hidden += FRAME
        return conceal(self._before + self._last, self._codec, hidden, FRAME)

    def _assemble(self, start: int, end: int) -> bytes:
        """Holes, overlaps and packets that aren't 20 ms long."""
        parts: list[tuple[int, bytes]] = []
        filled = 0
        items = self._items
        while items and items[0][0] < end:
            position, payload = items.pop(0)
            self._held -= len(payload)
            skip = max(0, start - position)
            part = payload[skip : end - position]
            if part:
                parts.append((position + skip - start, part))
                filled += len(part)
            rest = payload[end - position :] if position + len(payload) > end else b""
            if rest:
                items.insert(0, (end, rest))
                self._held += len(rest)
                break
        hole = self._conceal() if filled < FRAME else None
        frame = bytearray(hole or SILENCE[self._codec] * FRAME)
        for at, part in parts:
            frame[at : at + len(part)] = part
        self._before, self._last, self._hidden = self._last, bytes(frame), 0
        return self._last
