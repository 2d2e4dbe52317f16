"""Puts a listener's packets back in order. Free of I/O.

A packet in sequence goes on at once, so a good path adds no delay. Behind a missing one packets are held
until it comes, or until 100 ms are over: then it counts as lost. Sequence numbers decide and not time, so
a pause in sending (timestamps jump, numbers don't) is no loss and holds nothing up.
"""

from __future__ import annotations

from typing import Final, NamedTuple

HOLD: Final = 800
MAX_HELD: Final = 16
_IN_ORDER: Final = 0x8000


class Piece(NamedTuple):
    """Audio at its place. ``lost``: packets before it are missing."""

    position: int
    payload: bytes
    lost: bool


class _Held(NamedTuple):
    arrival: int
    position: int
    payload: bytes


class Sequencer:
    """Feed it every packet of the source, once each; those without audio have an empty payload."""

    __slots__ = ("_held", "_lost", "expected")

    def __init__(self, expected: int = -1) -> None:
        self.expected = expected
        """The next sequence number; -1: any."""
        self._held: dict[int, _Held] = {}
        self._lost = False

    @property
    def waiting(self) -> bool:
        """Packets are held: ``overdue`` must be asked."""
        return bool(self._held)

    def put(self, sequence: int, position: int, payload: bytes, now: int) -> list[Piece]:
        """What can go on now, in order. ``now``: position of the arrival."""
        ahead = (sequence - self.expected) & 0xFFFF if self.expected >= 0 else 0
        if ahead == 0:
            self.expected = (sequence + 1) & 0xFFFF
            pieces: list[Piece] = []
            self._give(position, payload, pieces)
            return self._run(pieces) if self._held else pieces
        if ahead >= _IN_ORDER:
            # It was given up already.
            return []
        self._held[sequence] = _Held(now, position, payload)
        return self._skip() if len(self._held) > MAX_HELD else []

    def overdue(self, now: int) -> list[Piece]:
        """What need not wait any longer."""
        pieces: list[Piece] = []
        while self._held and now - min(held.arrival for held in self._held.values()) >= HOLD:
            pieces += self._skip()
        return pieces

    def restart(self) -> list[Piece]:
        """The source begins anew: everything held goes on."""
        pieces: list[Piece] = []
        while self._held:
            pieces += self._skip()
        self.expected, self._lost = -1, False
        return pieces

    def _skip(self) -> list[Piece]:
        """Give up what is missing before the first packet held."""
        self.expected = min(self._held, key=lambda sequence: (sequence - self.expected) & 0xFFFF)
        self._lost = True
        return self._run([])

    def _run(self, pieces: list[Piece]) -> list[Piece]:
        while (held := self._held.pop(self.expected, None)) is not None:
            self.expected = (self.expected + 1) & 0xFFFF
            self._give(held.position, held.payload, pieces)
        return pieces

    def _give(self, position: int, payload: bytes, pieces: list[Piece]) -> None:
        if payload:
            pieces.append(Piece(position, payload, self._lost))
            self._lost = False
