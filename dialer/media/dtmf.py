"""DTMF as telephone events (RFC 4733 section 2). Free of I/O."""

from __future__ import annotations

import struct
from collections import deque
from typing import Final, NamedTuple

from dialer.media.g711 import FRAME
from dialer.media.rtp import timestamp_step

DIGITS: Final = "0123456789*#"
"""Index = event code. A-D (12-15) and line events are nobody's answer and are left out."""
_payload: Final = struct.Struct("!BBH")
_END: Final = 0x80
_VOLUME: Final = 10
"""-10 dBm0, as most senders do."""


class KeyReceiver:
    """Turns event packets into digits, each once, at its first packet.

    The timestamp names the event: its updates, its three end packets and duplicates share it. Where end
    packets were lost the next press has another timestamp. A press longer than 8 s is cut into segments
    (section 2.5.1.3), and some senders move the timestamp with each update: an event of the same code
    that follows on without a pause, and without a marker, is the same press.
    """

    __slots__ = ("_code", "_duration", "_ended", "_started", "_timestamp")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The source's time base is new."""
        self._started = False
        self._timestamp = 0
        self._code = -1
        self._duration = 0
        self._ended = True

    def take(self, timestamp: int, marker: bool, payload: bytes) -> str | None:
        """The digit that this packet begins, else None (an update, a letter, not an event)."""
        if len(payload) < _payload.size:
            return None
        code, flags, duration = _payload.unpack_from(payload)
        step = timestamp_step(timestamp, self._timestamp)
        if self._started and step <= 0:
            if step == 0 and code == self._code:
                self._duration = max(self._duration, duration)
                self._ended = self._ended or bool(flags & _END)
            return None
        same = (
            self._started and code == self._code and not marker and not self._ended
            and step <= self._duration + FRAME
        )  # fmt: skip
        self._started, self._timestamp, self._code = True, timestamp, code
        self._duration, self._ended = duration, bool(flags & _END)
        return DIGITS[code] if not same and code < len(DIGITS) else None


class KeyPacket(NamedTuple):
    """``start``: position of the event's first sample; its timestamp in every packet."""

    payload: bytes
    start: int
    marker: bool


class KeySender:
    """Plays out queued digits, one packet each 20 ms: updates, then the end three times, then a pause."""

    REPEATED_END: Final = 3

    __slots__ = ("_code", "_frames", "_gap", "_queue", "_start", "_step", "active")

    def __init__(self, key_s: float, gap_s: float) -> None:
        self.active = False
        """Whether there is, or was at the last ``next``, anything to send."""
        self._frames = max(2, round(key_s * 50))
        self._gap = max(1, round(gap_s * 50))
        self._queue: deque[int] = deque()
        self._code = -1
        self._step = 0
        self._start = 0

    def press(self, digits: str) -> None:
        """Queue digits. Raises ValueError for anything but 0-9 * #; nothing is queued then."""
        codes = [DIGITS.find(digit) for digit in digits]
        if -1 in codes:
            raise ValueError("keys are 0-9, * and #")
        self._queue.extend(codes)
        self.active = bool(self._queue)

    def next(self, position: int) -> KeyPacket | None:
        """The packet of this 20 ms; None in the pause after a digit and when all is sent."""
        if self._code < 0:
            if not self._queue:
                self.active = False
                return None
            self._code, self._step, self._start = self._queue.popleft(), 0, position
        self._step += 1
        updates = self._frames - 1
        last = updates + self.REPEATED_END
        if self._step > last:
            if self._step >= last + self._gap:
                self._code = -1
            return None
        end = self._step > updates
        duration = min(self._step, self._frames) * FRAME
        payload = _payload.pack(self._code, (_END if end else 0) | _VOLUME, min(duration, 0xFFFF))
        return KeyPacket(payload, self._start, self._step == 1)
