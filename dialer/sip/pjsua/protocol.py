"""What the daemon and a PJSIP process say to each other over one stream socket.

A message is a 4-byte big-endian length and that many bytes of MessagePack, a tagged array::

    daemon -> PJSIP   Configure (first) · Place HangUp Register Refresh Unregister Ask
    PJSIP -> daemon   Ready or Unable (to Configure) · Placed or NotPlaced (to Place)
                      Provisional Answered Offered Key Over · RegisterResult · AskResult · Pulse

``call``, ``registration`` and ``request`` are the daemon's numbers. ``message``: a SIP message as it came.
The daemon's EOF ends the PJSIP process. Imports nothing but msgspec: the process may run in an interpreter
that has only that and PJSIP's bindings.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

MAX_MESSAGE: Final = 1 << 18
LENGTH: Final = struct.Struct("!I")


class ProtocolError(Exception):
    """The other side sent what isn't a message. Never meets a caller: the connection ends."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


# --- daemon -> PJSIP ----------------------------------------------------------------------------


class Configure(Message, frozen=True, array_like=True, tag=True):
    """``identity``: the SIP URI that Contact's user comes from. ``realm``: ``*`` for any."""

    host: str
    port: int
    public_host: str
    transport: str
    identity: str
    username: str
    password: str
    realm: str
    user_agent: str
    max_calls: int
    session_expires_s: int
    min_se_s: int

    def __repr__(self) -> str:
        return "Configure(...)"  # the password is in it


class Place(Message, frozen=True, array_like=True, tag=True):
    """``routes``: Route values, the first of them where the INVITE goes; ``not_after``: CLOCK_MONOTONIC."""

    call: int
    target: str
    from_uri: str
    routes: list[str]
    headers: list[tuple[str, str]]
    sdp: str
    not_after: float | None


class HangUp(Message, frozen=True, array_like=True, tag=True):
    call: int


class Register(Message, frozen=True, array_like=True, tag=True):
    registration: int
    registrar: str
    aor: str
    routes: list[str]
    expires_s: int
    retry_s: int


class Refresh(Message, frozen=True, array_like=True, tag=True):
    registration: int


class Unregister(Message, frozen=True, array_like=True, tag=True):
    registration: int


class Ask(Message, frozen=True, array_like=True, tag=True):
    """OPTIONS."""

    request: int
    target: str
    routes: list[str]


# --- PJSIP -> daemon ----------------------------------------------------------------------------


class Ready(Message, frozen=True, array_like=True, tag=True):
    """``host`` and ``port`` are bound."""

    version: str
    host: str
    port: int


class Unable(Message, frozen=True, array_like=True, tag=True):
    """It can't start; the process ends."""

    reason: str


class Placed(Message, frozen=True, array_like=True, tag=True):
    call: int


class NotPlaced(Message, frozen=True, array_like=True, tag=True):
    """Nothing left this host."""

    call: int
    reason: str


class Provisional(Message, frozen=True, array_like=True, tag=True):
    call: int
    code: int
    message: bytes


class Answered(Message, frozen=True, array_like=True, tag=True):
    """ACK has left. ``message``: the 2xx, empty where an earlier message had brought the SDP."""

    call: int
    message: bytes


class Offered(Message, frozen=True, array_like=True, tag=True):
    """A re-INVITE or UPDATE of the far end brought this SDP; PJSIP answers it."""

    call: int
    sdp: str


class Key(Message, frozen=True, array_like=True, tag=True):
    """By INFO."""

    call: int
    digit: str


class Over(Message, frozen=True, array_like=True, tag=True):
    """``message``: the final response or the BYE that ended it; empty: PJSIP ended it itself."""

    call: int
    code: int
    reason: str
    message: bytes


class RegisterResult(Message, frozen=True, array_like=True, tag=True):
    """``code`` 0: no response."""

    registration: int
    code: int
    reason: str
    expires_s: int


class AskResult(Message, frozen=True, array_like=True, tag=True):
    request: int
    code: int


class Pulse(Message, frozen=True, array_like=True, tag=True):
    """Once a second: it lives."""


Command = Configure | Place | HangUp | Register | Refresh | Unregister | Ask
Event = (
    Ready | Unable | Placed | NotPlaced | Provisional | Answered | Offered | Key | Over
    | RegisterResult | AskResult | Pulse
)  # fmt: skip

_encoder: Final = msgspec.msgpack.Encoder()
_commands: Final[msgspec.msgpack.Decoder[Command]] = msgspec.msgpack.Decoder(Command)
_events: Final[msgspec.msgpack.Decoder[Event]] = msgspec.msgpack.Decoder(Event)


def encode(message: Command | Event) -> bytes:
    """Length and body, ready for the socket."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def decode_command(body: bytes) -> Command:
    try:
        return _commands.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


def decode_event(body: bytes) -> Event:
    try:
        return _events.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


class Splitter:
    """Cuts a byte stream into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies that are complete now. Raises ProtocolError where a length is absurd."""
        self._buffer += data
        bodies: list[bytes] = []
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MAX_MESSAGE:
                raise ProtocolError(f"message of {length} bytes")
            end = LENGTH.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[LENGTH.size : end]))
            del self._buffer[:end]
        return bodies
