"""A leg in its usual state, as numbers: what a leg hands over to ``lanes`` and takes back. Free of I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.media.recorder import Recorder
from dialer.media.vad import Endpointer


@dataclass(slots=True)
class Steady:
    """Positions are samples on the media clock, of the clock's tick or of a packet's first sample."""

    # out
    sequence: int
    """Of the last packet sent."""
    timestamp: int
    """RTP timestamp at position 0."""
    ssrc: int
    kind: int
    """Payload type."""
    frames: Sequence[bytes]
    """What is sent: the prompt, or one frame of silence over and over."""
    frame: int
    """Index of the next one."""
    loop: bool
    prompt: bool
    next_tick: int
    sent: int
    """Packets sent since it was handed over, or since its leg was last told."""
    # in
    awaited: int
    """Sequence number of the next packet."""
    run: int
    """Packets heard since it was handed over, or since its leg was last told."""
    heard: bool
    """Whether there were any at all."""
    source: int
    """SSRC."""
    plain: int
    """First 16 bits of its packets."""
    newest: int
    """RTP timestamp of the last packet."""
    place: int
    """And its position."""
    transit: int
    jitter: float
    heard_at: float
    """Loop time of its arrival."""
    # beside
    codec: str
    listener: Endpointer | None
    held: bytes
    """Whole frames that the listener has heard, but not looked at."""
    tail: bytes
    """The two frames before them."""
    recorder: Recorder | None
