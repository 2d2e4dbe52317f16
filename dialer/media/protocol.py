"""What control and media process say to each other over one stream socket.

A message is a 4-byte big-endian length and that many bytes of MessagePack, a tagged array. Control sends
commands with ``id``; each gets exactly one reply with the same ``id``. Notices come unasked.

::

    control -> media   Configure Open Connect Play StopPlaying Listen SetWatch Record StopRecording
                       Bridge Unbridge SendKeys KeySignalled Close
    media -> control   Done Refused Opened RecordingClosed Closed (replies) · Notice Pulse (unasked)

The first command is Configure. Control's EOF ends the media process.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from dialer.media.config import MediaConfig
from dialer.model import RtpStats
from dialer.ports import (
    AnswererJudged,
    KeyPressed,
    ListenSpec,
    MediaEvent,
    MediaFailed,
    MediaTimeout,
    Played,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    ToneHeard,
    Watch,
)

MAX_MESSAGE: Final = 1 << 20
LENGTH: Final = struct.Struct("!I")


class ProtocolError(Exception):
    """The other side sent what isn't a message. Never meets a caller: the connection ends."""


class Command(msgspec.Struct, frozen=True, array_like=True, tag=True):
    id: int


class StreamCommand(Command, frozen=True, array_like=True, tag=True):
    stream: int


class Configure(Command, frozen=True, array_like=True, tag=True):
    config: MediaConfig


class Open(Command, frozen=True, array_like=True, tag=True):
    pass


class Connect(StreamCommand, frozen=True, array_like=True, tag=True):
    remote: RemoteMedia


class Play(StreamCommand, frozen=True, array_like=True, tag=True):
    clips: list[str]
    play_id: int
    loop: bool


class StopPlaying(StreamCommand, frozen=True, array_like=True, tag=True):
    pass


class Listen(StreamCommand, frozen=True, array_like=True, tag=True):
    spec: ListenSpec | None


class SetWatch(StreamCommand, frozen=True, array_like=True, tag=True):
    what: Watch | None


class Record(StreamCommand, frozen=True, array_like=True, tag=True):
    path: str


class StopRecording(StreamCommand, frozen=True, array_like=True, tag=True):
    pass


class Bridge(StreamCommand, frozen=True, array_like=True, tag=True):
    other: int


class Unbridge(StreamCommand, frozen=True, array_like=True, tag=True):
    pass


class SendKeys(StreamCommand, frozen=True, array_like=True, tag=True):
    digits: str


class KeySignalled(StreamCommand, frozen=True, array_like=True, tag=True):
    digit: str


class Close(StreamCommand, frozen=True, array_like=True, tag=True):
    pass


class Done(Command, frozen=True, array_like=True, tag=True):
    pass


class Refused(Command, frozen=True, array_like=True, tag=True):
    """The command failed and changed nothing; ``reason`` becomes a MediaError."""

    reason: str


class Opened(Command, frozen=True, array_like=True, tag=True):
    stream: int
    host: str
    port: int


class RecordingClosed(Command, frozen=True, array_like=True, tag=True):
    path: str
    codec: str
    duration_s: float
    size: int


class Closed(Command, frozen=True, array_like=True, tag=True):
    stats: RtpStats


class Notice(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One MediaEvent of one stream. ``kind``: the event's class name."""

    stream: int
    kind: str
    body: msgspec.Raw


class Pulse(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Once a second: the media process lives, and how well it kept time since the last pulse."""

    at: float
    streams: int
    turns: int
    """Sub-ticks run."""
    late: int
    """Sub-ticks whose last packet left more than 5 ms after its time."""
    skipped: int
    """Sub-ticks given up after a stall."""
    worst_ms: float


AnyCommand = (
    Configure | Open | Connect | Play | StopPlaying | Listen | SetWatch | Record | StopRecording
    | Bridge | Unbridge | SendKeys | KeySignalled | Close
)  # fmt: skip
Reply = Done | Refused | Opened | RecordingClosed | Closed
AnyMessage = Reply | Notice | Pulse

_encoder: Final = msgspec.msgpack.Encoder()
_commands: Final[msgspec.msgpack.Decoder[AnyCommand]] = msgspec.msgpack.Decoder(AnyCommand)
_messages: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(AnyMessage)
_events: Final[dict[str, msgspec.msgpack.Decoder[MediaEvent]]] = {
    kind.__name__: msgspec.msgpack.Decoder(kind)
    for kind in (
        Played, KeyPressed, SpeechStarted, SpeechAudio, SpeechEnded, MediaTimeout, MediaFailed,
        ToneHeard, AnswererJudged,
    )
}  # fmt: skip


def encode(message: AnyCommand | AnyMessage) -> bytes:
    """Length and body, ready for the socket."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def decode_command(body: bytes) -> AnyCommand:
    try:
        return _commands.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


def decode_message(body: bytes) -> AnyMessage:
    try:
        return _messages.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


def notice(stream: int, event: MediaEvent) -> Notice:
    return Notice(stream, type(event).__name__, msgspec.Raw(_encoder.encode(event)))


def event_of(message: Notice) -> MediaEvent:
    decoder = _events.get(message.kind)
    if decoder is None:
        raise ProtocolError(f"unknown event {message.kind!r}")
    try:
        return decoder.decode(message.body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


class Splitter:
    """Cuts a byte stream into message bodies."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies that are complete now. Raises ProtocolError where a length is absurd."""
        if self._buffer:
            data = self._buffer + data
        bodies: list[bytes] = []
        start, size = 0, len(data)
        while size - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, start)
            if length > MAX_MESSAGE:
                raise ProtocolError(f"message of {length} bytes")
            end = start + LENGTH.size + length
            if size < end:
                break
            bodies.append(data[start + LENGTH.size : end])
            start = end
        self._buffer = data[start:]
        return bodies
