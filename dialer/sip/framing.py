"""Cutting a TCP or TLS stream into SIP messages (RFC 3261 18.3) and keep-alives (RFC 5626 3.5.1).

How the bytes were split on their way never changes what comes out. Memory is bounded by one message.
"""

from __future__ import annotations

import re
from enum import Enum

from dialer.errors import SipParseError

_END = b"\r\n\r\n"
_FOLD = re.compile(rb"\r\n[ \t]+")
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)


class KeepAlive(Enum):
    PING = b"\r\n\r\n"
    """The peer asks whether we are there; it gets PONG."""
    PONG = b"\r\n"
    """Its answer to our PING."""


class BrokenStream(SipParseError):
    """What comes next on this stream can't be told: say 400 to ``head``, then close.

    ``head`` is the message as far as its headers go; empty where they never ended.
    """

    def __init__(self, reason: str, head: bytes) -> None:
        super().__init__(reason)
        self.head = head


Frame = bytes | KeepAlive
"""A whole message, or a keep-alive."""


class StreamFramer:
    """``feed`` what was read, get what is complete."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._needed = 0
        self._crlf = False
        self._pings = 0

    @property
    def inside(self) -> bool:
        """A message has begun and isn't complete."""
        return bool(self._buffer) and not self._buffer.startswith(b"\r")

    def pinged(self) -> None:
        """A PING of ours has left: the next bare CRLF is its PONG."""
        self._pings += 1

    def feed(self, data: bytes) -> tuple[list[Frame], BrokenStream | None]:
        """What is complete now, and why nothing can follow. After that, feed no more."""
        self._buffer += data
        found: list[Frame] = []
        try:
            while (frame := self._next()) is not None:
                found.extend(frame)
        except BrokenStream as error:
            return found, error
        return found, None

    def _next(self) -> list[Frame] | None:
        """None: more bytes are needed. An empty list: go on."""
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            del buffer[:2]
            return self._bare_crlf()
        if not buffer or buffer == b"\r":
            return None
        self._crlf = False
        if not self._needed:
            self._needed = self._measure()
        if not self._needed or len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._searched = self._needed = 0
        return [message]

    def _bare_crlf(self) -> list[Frame]:
        if self._pings and not self._crlf:
            self._pings -= 1
            return [KeepAlive.PONG]
        self._crlf = not self._crlf
        return [] if self._crlf else [KeepAlive.PING]

    def _measure(self) -> int:
        """Length of the message that has begun, 0 where its headers aren't complete."""
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            if len(self._buffer) >= self._max:
                raise BrokenStream(f"no end of the headers within {self._max} bytes", b"")
            return 0
        head = bytes(self._buffer[: end + len(_END)])
        lengths = {value.strip() for value in _LENGTH.findall(_FOLD.sub(b" ", head))}
        if not lengths:
            raise BrokenStream("Content-Length is mandatory on a stream", head)
        length = lengths.pop()
        if lengths or not (length.isdigit() and len(length) < 8):
            raise BrokenStream("Content-Length must be one number", head)
        total = len(head) + int(length)
        if total > self._max:
            raise BrokenStream(f"a message may have {self._max} bytes", head)
        return total
