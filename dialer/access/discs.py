"""Recordings shared out over discs (R33): in the order of the calls, none cut in two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.model import CallId

PER_CALL = 16_384
"""What a call needs beside its sound: sidecar, lines of the indexes and the manifest."""
PER_DISC = 1_000_000
"""What each disc holds of its own: verifier, signed roots, indexes' frames."""


@dataclass(frozen=True, slots=True)
class Disc:
    calls: tuple[CallId, ...]
    size: int
    """Bytes, reckoned on the safe side."""


def share_out(sizes: Iterable[tuple[CallId, int]], disc_bytes: int) -> list[Disc]:
    """``sizes``: bytes of each call's sound. Raises ValueError: one of them doesn't fit on a disc alone."""
    discs: list[Disc] = []
    calls: list[CallId] = []
    filled = PER_DISC
    for call, size in sizes:
        needed = size + PER_CALL
        if needed + PER_DISC > disc_bytes:
            raise ValueError(f"call {call} has {size} bytes: no disc of {disc_bytes} bytes holds it")
        if calls and filled + needed > disc_bytes:
            discs.append(Disc(tuple(calls), filled))
            calls, filled = [], PER_DISC
        calls.append(call)
        filled += needed
    if calls:
        discs.append(Disc(tuple(calls), filled))
    return discs
