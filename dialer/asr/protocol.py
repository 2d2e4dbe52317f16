"""What the service and a recogniser worker say to each other: msgpack values, each after its length."""

from __future__ import annotations

import struct

import msgspec

from dialer.model import Heard

MAX_FRAME = 4 * 1024 * 1024
"""Bytes. More is a broken peer."""
_LENGTH = struct.Struct("!I")


class Open(msgspec.Struct, frozen=True, tag=True):
    """Start listening. Answered by Opened or Failed."""

    stream: int
    phrases: tuple[str, ...]


class Feed(msgspec.Struct, frozen=True, tag=True):
    """8 kHz mono signed 16-bit little-endian. Never answered."""

    stream: int
    pcm: bytes


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Answered by Words or Failed; the stream is over either way."""

    stream: int


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Forget the stream. Never answered."""

    stream: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded. ``trouble``: why it can't be used; the worker then ends."""

    trouble: str = ""


class Opened(msgspec.Struct, frozen=True, tag=True):
    stream: int
    dropped: tuple[str, ...] = ()
    """Phrases that the model's vocabulary can't make up."""


class Words(msgspec.Struct, frozen=True, tag=True):
    stream: int
    heard: Heard
    """Without length and level: who fed it knows them."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    stream: int
    reason: str


Request = Open | Feed | Finish | Cancel
Reply = Ready | Opened | Words | Failed

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class ProtocolError(Exception):
    """The other side sent something that isn't a frame of this protocol."""


def encode(message: Request | Reply) -> bytes:
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Bytes as they come -> whole frame bodies."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Raises ProtocolError on a length beyond MAX_FRAME."""
        self._held += data
        bodies: list[bytes] = []
        while len(self._held) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._held)
            if size > MAX_FRAME:
                raise ProtocolError("a frame is longer than allowed")
            end = _LENGTH.size + size
            if len(self._held) < end:
                break
            bodies.append(bytes(self._held[_LENGTH.size : end]))
            del self._held[:end]
        return bodies


def request(body: bytes) -> Request:
    """Raises ProtocolError."""
    try:
        return _requests.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError("not a request of this protocol") from error


def reply(body: bytes) -> Reply:
    """Raises ProtocolError."""
    try:
        return _replies.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError("not a reply of this protocol") from error
