"""URIs, addresses and parameters, cut in linear time and written back as they were read.

``sipmessage``'s own parsers refuse hosts such as ``pbx1``, re-quote parameters on the way out and
backtrack on hostile quoting, so only its types are used here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote

from sipmessage import URI, Address, Parameters

from dialer.errors import SipParseError

DEFAULT_PORT = 5060
TLS_PORT = 5061
_REMEMBERED = 512
"""Longer values aren't kept: what a stranger sends must not fill the memory."""
KNOWN_SCHEMES = ("sip", "sips", "tel")


class Addr(NamedTuple):
    """Where a message goes to or came from."""

    host: str
    """IP address without brackets, or a host name that the shell resolves."""
    port: int
    """0: not said, SRV records or the transport's default tell (RFC 3263 4.2)."""
    transport: str = "udp"
    """``udp``, ``tcp`` or ``tls``."""
    name: str = ""
    """The domain that ``host`` was found by: a TLS certificate must be for it (RFC 5922 4)."""
    fixed: bool = False
    """Whether somebody chose UDP: then a large request isn't moved to TCP (RFC 3261 18.1.1)."""
    upgraded: bool = False
    """UDP would have been used for a smaller message."""

    @property
    def reliable(self) -> bool:
        """A stream: no retransmissions (RFC 3261 17)."""
        return self.transport != "udp"


def default_port(transport: str) -> int:
    return TLS_PORT if transport == "tls" else DEFAULT_PORT


@lru_cache(maxsize=1024)
def is_numeric(host: str) -> bool:
    """An IPv4 or IPv6 address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """As a host stands in a URI or Via: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


HOST_PATTERN = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+"
_SIP_URI = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<user>[^@\s<>\"]*)@)?(?P<host>{HOST_PATTERN})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<params>;[^?\s<>\"]*)?(?P<headers>\?[^\s<>\"]*)?",
    re.IGNORECASE,
)
_OTHER_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):[^\s<>\"]+")
"""Anything with a scheme: nothing can be sent there, but the header that holds it can be read."""
_TEL_URI = re.compile(r"tel:(?P<user>[0-9A-Fa-f+*#\-.()]+)(?P<params>;[^?\s<>\"]*)?", re.IGNORECASE)
_PLAIN_ADDRESS = re.compile(
    r"[A-Za-z0-9 .\-]*<sips?:(?:[A-Za-z0-9+.\-]*@)?[A-Za-z0-9.\-]+(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?>"
    r"(?:;tag=(?P<tag>[A-Za-z0-9\-.!%*_+`'~]+))?"
)
"""Almost every From and To: what ``parse_address`` says of it is known at a glance."""


@dataclass(frozen=True)
class ExactURI(URI):
    """A URI that is written as it was read."""

    text: str = ""

    def __str__(self) -> str:
        return self.text or super().__str__()


def split_address(text: str, port: int) -> tuple[str, int]:
    """``192.0.2.53``, ``192.0.2.53:5353``, ``2001:db8::53``, ``[2001:db8::53]:5353``. Raises ValueError."""
    host, said = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        said = rest.removeprefix(":") if closed else "?"
    elif text.count(":") == 1:
        host, _, said = text.partition(":")
    said = said or str(port)
    if not is_numeric(host) or not (said.isascii() and said.isdigit() and 0 < int(said) < 65536):
        raise ValueError(f"write an IP address, or address:port, not {text!r}")
    return host, int(said)


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at ``separator`` outside double quotes and angle brackets."""
    if separator not in text:
        return [text.strip()]
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts: list[str] = []
    start, quoted, angle, skip = 0, False, False, False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == separator and not angle:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return parts


def parse_parameters(text: str) -> dict[str, str | None]:
    """``;a=b;c`` -> ``{"a": "b", "c": None}``; names in lower case, quotes taken off.

    Raises SipParseError for two semicolons in a row.
    """
    found: dict[str, str | None] = {}
    parts = split_quoted(text, ";")
    for index, part in enumerate(parts):
        if not part:
            if 0 < index < len(parts) - 1:
                raise SipParseError("a parameter is missing between two semicolons")
            continue
        name, equals, value = part.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        found[name.strip().lower()] = value if equals else None
    return found


def parse_port(text: str | None) -> int | None:
    if not text:
        return None
    port = int(text)
    if not 0 < port < 65536:
        raise SipParseError(f"port {port} doesn't exist: use 1-65535")
    return port


def _parameters(text: str | None) -> Parameters:
    values = parse_parameters(text or "")
    if "self" in values:
        raise SipParseError("a parameter may not be called self")
    return Parameters(**values)


def parse_uri(text: str) -> ExactURI:
    """A sip, sips or tel URI. Raises SipParseError."""
    text = text.strip()
    if match := _SIP_URI.fullmatch(text):
        user, _, password = (match["user"] or "").partition(":")
        return ExactURI(
            scheme=match["scheme"].lower(), host=match["host"], user=unquote(user) or None,
            password=unquote(password) or None, port=parse_port(match["port"]),
            parameters=_parameters(match["params"]), text=text,
        )  # fmt: skip
    if match := _TEL_URI.fullmatch(text):
        return ExactURI(
            scheme="tel", host="", user=match["user"], parameters=_parameters(match["params"]), text=text
        )
    raise SipParseError("not a SIP URI: write it like sip:1001@192.0.2.1:5060")


def has_headers(text: str) -> bool:
    """A SIP URI with ``?name=value`` at its end."""
    match = _SIP_URI.fullmatch(text.strip())
    return match is not None and match["headers"] is not None


def _parse_any_uri(text: str) -> ExactURI:
    try:
        return parse_uri(text)
    except SipParseError:
        scheme = text.strip().partition(":")[0].lower()
        if scheme in KNOWN_SCHEMES or not _OTHER_URI.fullmatch(text.strip()):
            raise
        return ExactURI(scheme=scheme, host="", text=text.strip())


def parse_address(text: str) -> Address:
    """One From, To, Contact, Route or Record-Route value, with a URI of any scheme. Raises SipParseError."""
    text = text.strip()
    left = _angle(text)
    if left < 0:
        uri, semicolon, rest = text.partition(";")
        if "?" in uri:
            raise SipParseError("a URI with headers must stand in <> (RFC 3261 20)")
        return Address(uri=_parse_any_uri(uri), parameters=_parameters(semicolon + rest))
    right = text.find(">", left)
    if right < 0:
        raise SipParseError("an address has < without >")
    name = text[:left].strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1]
    rest = text[right + 1 :].strip()
    if rest and not rest.startswith(";"):
        raise SipParseError("text after an address: parameters start with ;")
    return Address(uri=_parse_any_uri(text[left + 1 : right]), name=name, parameters=_parameters(rest))


def _angle(text: str) -> int:
    """Index of the < that opens the URI, outside the quoted display name; -1 for none."""
    if '"' not in text:
        return text.find("<")
    quoted, skip = False, False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quoted and char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif char == "<" and not quoted:
            return index
    return -1


def tag_of(text: str) -> str:
    """The tag of a From or To value, empty for none. Raises SipParseError."""
    return _tag_of(text) if len(text) <= _REMEMBERED else _tag_of.__wrapped__(text)


@lru_cache(maxsize=1024)
def _tag_of(text: str) -> str:
    """Every message of a dialog has the same two."""
    if plain := _PLAIN_ADDRESS.fullmatch(text):
        return plain["tag"] or ""
    return parse_address(text).parameters.get("tag") or ""


def uri_destination(uri: URI) -> Addr:
    """Where a request for this URI goes (RFC 3263 4.1). Names are resolved by the shell.

    ``sips`` means TLS. A transport that isn't spoken here stays in the address: sending to it fails.
    """
    said = (uri.parameters.get("transport") or "").lower()
    transport = "tls" if uri.scheme == "sips" else said or "udp"
    domain = uri.host.strip("[]")
    host = (uri.parameters.get("maddr") or domain).strip("[]")
    port = uri.port or (default_port(transport) if is_numeric(host) else 0)
    return Addr(host, port, transport, name=domain if transport == "tls" else "", fixed=said == "udp")
