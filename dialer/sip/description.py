"""SDP (RFC 4566): one audio stream read and written, with its RTCP port and SRTP keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dialer.errors import SdpError
from dialer.sip.sdes import Crypto

PTIME_MS = 20
TELEPHONE_EVENT = "telephone-event"
COMFORT_NOISE = "CN"
PLAIN, SECURE = "RTP/AVP", "RTP/SAVP"
VOICE = ("PCMA", "PCMU")
"""In order of preference."""
_STATIC = {0: "PCMU", 8: "PCMA", 13: COMFORT_NOISE}
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^/\s]+)/([0-9]{1,6})(?:/[0-9]+)?", re.ASCII)
_MEDIA = re.compile(r"(\S+)\s+([0-9]{1,5})(?:/[0-9]+)?\s+(\S+)\s*(.*)", re.ASCII)
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", re.ASCII)
_MAX_MEDIA = 16
_MAX_CRYPTO = 16


class Direction(StrEnum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @classmethod
    def of(cls, sends: bool, receives: bool) -> Direction:
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


_DIRECTIONS = frozenset(direction.value for direction in Direction)


@dataclass(frozen=True, slots=True)
class Codec:
    payload_type: int
    name: str
    rate: int = 8000
    fmtp: str = ""

    @property
    def is_voice(self) -> bool:
        return self.name in VOICE and self.rate == 8000

    @property
    def is_dtmf(self) -> bool:
        return self.name == TELEPHONE_EVENT and self.rate == 8000

    @property
    def is_noise(self) -> bool:
        return self.name == COMFORT_NOISE and self.rate == 8000


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """One audio stream; other m= lines are kept only to be refused in their places."""

    host: str
    port: int
    codecs: tuple[Codec, ...]
    direction: Direction = Direction.SENDRECV
    session_id: int = 0
    version: int = 0
    ptime: int = PTIME_MS
    origin_host: str = ""
    """Address in o=; empty: ``host``."""
    before: tuple[str, ...] = ()
    """m= lines that stand before ours, without ``m=``."""
    after: tuple[str, ...] = ()
    profile: str = PLAIN
    crypto: tuple[Crypto, ...] = ()
    """The keys of the one who wrote this, best first."""
    rtcp_port: int | None = None
    """a=rtcp (RFC 3605); None: the port above."""
    rtcp_mux: bool = False
    """RTCP on the port of RTP (RFC 5761)."""

    @property
    def held(self) -> bool:
        """The far end doesn't listen now (hold)."""
        return self.host == "0.0.0.0" or self.direction in (Direction.SENDONLY, Direction.INACTIVE)

    @classmethod
    def parse(cls, body: bytes | str, *, prefer: str = "") -> SessionDescription:
        """Raises SdpError where it isn't SDP or holds no RTP audio on IPv4.

        ``prefer``: the profile to take where audio is offered twice, plain and secure.
        """
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
        if not lines or lines[0] != "v=0":
            raise SdpError("the body isn't SDP: it must start with v=0")
        sections: list[list[str]] = [[]]
        for line in lines:
            if len(line) < 2 or line[1] != "=":
                raise SdpError("an SDP line isn't type=value")
            if line.startswith("m="):
                sections.append([])
            sections[-1].append(line)
        return _read(sections[0], sections[1:], prefer)

    def __str__(self) -> str:
        origin = f"o=- {self.session_id} {self.version} IN IP4 {self.origin_host or self.host}"
        lines = ["v=0", origin, "s=-", f"c=IN IP4 {self.host}", "t=0 0"]
        lines += [f"m={line}" for line in self.before]
        payloads = " ".join(str(codec.payload_type) for codec in self.codecs)
        lines.append(f"m=audio {self.port} {self.profile} {payloads}")
        for codec in self.codecs:
            lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.rate}")
            if codec.fmtp:
                lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
        lines += [f"a=crypto:{line}" for line in self.crypto]
        lines += [f"a=ptime:{self.ptime}", f"a={self.direction}"]
        if self.rtcp_port is not None:
            lines.append(f"a=rtcp:{self.rtcp_port}")
        if self.rtcp_mux:
            lines.append("a=rtcp-mux")
        lines += [f"m={line}" for line in self.after]
        return "\r\n".join(lines) + "\r\n"

    def encode(self) -> bytes:
        return str(self).encode("utf-8")


def _read(session: list[str], media: list[list[str]], prefer: str) -> SessionDescription:
    if len(media) > _MAX_MEDIA:
        raise SdpError(f"more than {_MAX_MEDIA} media lines")
    usable: dict[str, tuple[int, int, str]] = {}
    for index, section in enumerate(media):
        match = _MEDIA.fullmatch(section[0][2:])
        if match is None:
            raise SdpError("an m= line isn't: m=audio PORT RTP/AVP FORMATS")
        kind, port, profile, formats = match.groups()
        if int(port) > 65535:
            raise SdpError("a media port is beyond 65535")
        if kind == "audio" and profile in (PLAIN, SECURE) and int(port):
            usable.setdefault(profile, (index, int(port), formats))
    if not usable:
        raise SdpError("no audio stream: an m=audio line with RTP/AVP or RTP/SAVP and a port is needed")
    profile = prefer if prefer in usable else next(iter(usable))
    index, port_, formats = usable[profile]
    before = tuple(s[0][2:] for s in media[:index])
    after = tuple(s[0][2:] for s in media[index + 1 :])
    return _audio(session, media[index], port_, profile, formats, before, after)


def _audio(
    session: list[str],
    section: list[str],
    port: int,
    profile: str,
    formats: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> SessionDescription:
    host = _connection(section) or _connection(session)
    if not host:
        raise SdpError("no IPv4 connection address: c=IN IP4 ADDRESS is needed")
    session_id, version, origin = _origin(session)
    ptime = _attribute(section, "ptime") or _attribute(session, "ptime")
    return SessionDescription(
        host=host,
        port=port,
        codecs=_codecs(section, formats),
        direction=_direction(section) or _direction(session) or Direction.SENDRECV,
        session_id=session_id,
        version=version,
        ptime=int(ptime) if ptime.isascii() and ptime.isdigit() and len(ptime) < 4 else PTIME_MS,
        origin_host=origin,
        before=before,
        after=after,
        profile=profile,
        crypto=_crypto(section),
        rtcp_port=_rtcp_port(section),
        rtcp_mux="a=rtcp-mux" in section,
    )


def _crypto(section: list[str]) -> tuple[Crypto, ...]:
    lines = [line.removeprefix("a=crypto:") for line in section if line.startswith("a=crypto:")]
    return tuple(found for line in lines[:_MAX_CRYPTO] if (found := Crypto.parse(line)) is not None)


def _rtcp_port(section: list[str]) -> int | None:
    port = _attribute(section, "rtcp").partition(" ")[0]
    if not (port.isascii() and port.isdigit() and len(port) < 6):
        return None
    return int(port) if 0 < int(port) < 65536 else None


def _connection(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("c="):
            parts = line[2:].split()
            if len(parts) != 3 or parts[:2] != ["IN", "IP4"]:
                raise SdpError("the connection isn't IPv4: c=IN IP4 ADDRESS is needed")
            host = parts[2].partition("/")[0]
            if not _IPV4.fullmatch(host) or any(int(byte) > 255 for byte in host.split(".")):
                raise SdpError("the connection address isn't a dotted IPv4 address")
            return host
    return ""


def _origin(lines: list[str]) -> tuple[int, int, str]:
    for line in lines:
        if line.startswith("o="):
            parts = line[2:].split()
            if len(parts) == 6 and all(p.isascii() and p.isdigit() and len(p) < 25 for p in parts[1:3]):
                return int(parts[1]), int(parts[2]), parts[5]
    return 0, 0, ""


def _attribute(lines: list[str], name: str) -> str:
    prefix = f"a={name}:"
    return next((line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)), "")


def _direction(lines: list[str]) -> Direction | None:
    for line in lines:
        if line.startswith("a=") and line[2:] in _DIRECTIONS:
            return Direction(line[2:])
    return None


def _codecs(section: list[str], formats: str) -> tuple[Codec, ...]:
    named: dict[int, tuple[str, int]] = {}
    fmtp: dict[int, str] = {}
    for line in section:
        if line.startswith("a=rtpmap:") and (match := _RTPMAP.match(line[9:])):
            name = match[2].lower() if match[2].lower() == TELEPHONE_EVENT else match[2].upper()
            named[int(match[1])] = (name, int(match[3]))
        elif line.startswith("a=fmtp:"):
            number, _, value = line[7:].partition(" ")
            if number.isascii() and number.isdigit() and len(number) < 4:
                fmtp[int(number)] = value.strip()
    codecs: list[Codec] = []
    for number in formats.split():
        if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < 128):
            raise SdpError("a payload type isn't 0-127")
        payload_type = int(number)
        name, rate = named.get(payload_type, (_STATIC.get(payload_type, ""), 8000))
        if name:
            codecs.append(Codec(payload_type, name, rate, fmtp.get(payload_type, "")))
    return tuple(codecs)
