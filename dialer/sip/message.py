"""Reading and writing SIP messages over ``sipmessage``'s types, in linear time and without surprises.

The library's own parser refuses folded lines and bytes outside UTF-8 (carriers send GBK display names).
So the text is cut here, kept byte for byte, and everything malformed becomes ``SipParseError``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sipmessage import CSeq, Request, Response
from sipmessage.message import COMPACT_FORMS

from dialer.errors import SipParseError
from dialer.sip.address import (
    DEFAULT_PORT,
    HOST_PATTERN,
    Addr,
    ExactURI,
    has_headers,
    parse_parameters,
    parse_port,
    parse_uri,
    split_quoted,
    tag_of,
)
from dialer.sip.headers import new_request, new_response

Message = Request | Response

MAGIC_COOKIE = "z9hG4bK"
MAX_HEADERS = 256
"""More header lines than any real message has; a bound for hostile ones."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_VIA = re.compile(
    rf"SIP\s*/\s*[0-9]{{1,3}}\.[0-9]{{1,3}}\s*/\s*(?P<transport>[A-Za-z0-9\-]+)\s+(?P<host>{HOST_PATTERN})"
    r"(?:\s*:\s*(?P<port>[0-9]{1,5}))?\s*(?P<params>;.*)?"
)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]*):")
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards")
_CSEQ = re.compile(r"([0-9]{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)")
_CONTROL = re.compile(r"[\r\n]")
"""Inside a line, where some read a line's end: no header of ours may carry that on."""
_RETRY_AFTER = re.compile(r"\s*([0-9]{1,9})")

PHRASES = {
    100: "Trying", 180: "Ringing", 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
    505: "Version Not Supported", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ViaHop:
    """The topmost Via value: where the response goes, and which transaction it is of."""

    transport: str
    host: str
    port: int | None
    branch: str
    rport: bool
    alias: bool = False
    """The sender's other requests may use the connection of this one (RFC 5923)."""


@dataclass(frozen=True, slots=True)
class Essentials:
    """What matching needs from every message (RFC 3261 8.1.1)."""

    via: ViaHop
    call_id: str
    cseq: CSeq
    from_tag: str
    to_tag: str


def parse_via(text: str) -> ViaHop:
    """One Via value. Raises SipParseError."""
    match = _VIA.fullmatch(text.strip())
    if match is None:
        raise SipParseError("not a Via header: write it like SIP/2.0/UDP host:port;branch=z9hG4bK...")
    parameters = parse_parameters(match["params"] or "")
    branch, rport = parameters.get("branch") or "", "rport" in parameters
    port, alias = parse_port(match["port"]), "alias" in parameters
    return ViaHop(match["transport"], match["host"], port, branch, rport, alias)


def sent_by(text: str) -> ViaHop:
    """What a response needs of a Via whose parameters may be malformed. Raises SipParseError."""
    hop, _, parameters = text.partition(";")
    return replace(parse_via(hop), rport=re.search(r"\brport\b", parameters) is not None)


def parse_message(data: bytes, *, strict: bool = True) -> Message:
    """Cut a datagram into start line, headers and body. Raises SipParseError.

    ``strict`` false skips what is malformed, just to be able to say 400 to its sender.
    """
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise SipParseError("no empty line after the headers")
    lines = _unfold(head.decode("utf-8", "surrogateescape").split("\r\n"))
    if len(lines) > MAX_HEADERS:
        raise SipParseError(f"more than {MAX_HEADERS} header lines")
    message = _start_line(lines[0], body)
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            if not strict:
                continue
            raise SipParseError("a header line isn't name: value, or holds a part of a line end")
        message.headers.add(COMPACT_FORMS.get(name.lower(), name), value.strip())
    length = message.headers.get("Content-Length")
    if length is not None and strict:
        if len(message.headers.getlist("Content-Length")) > 1:
            raise SipParseError("more than one Content-Length")
        if not (length.isascii() and length.isdigit() and len(length) < 8) or int(length) > len(body):
            raise SipParseError("Content-Length is longer than the body")
        message.body = body[: int(length)]
    return message


def _unfold(lines: Iterable[str]) -> list[str]:
    unfolded: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1].append(line.strip())
        else:
            unfolded.append([line])
    return [" ".join(parts) for parts in unfolded]


def _start_line(line: str, body: bytes) -> Message:
    first, _, rest = line.rstrip(" ").partition(" ")
    if first.upper() == "SIP/2.0":
        code, _, phrase = rest.partition(" ")
        if not (code.isascii() and code.isdigit() and len(code) == 3 and 100 <= int(code) <= 699):
            raise SipParseError("the status code isn't 100-699")
        return new_response(int(code), phrase, body)
    uri, _, version = rest.rpartition(" ")
    if not _TOKEN.fullmatch(first) or not version.upper().startswith("SIP/") or not uri:
        raise SipParseError("neither a SIP request nor a response")
    try:
        if has_headers(uri):
            raise SipParseError("a Request-URI has no headers (RFC 3261 19.1.1)")
        parsed = parse_uri(uri)
    except SipParseError:
        # The request can still be answered (400 or 416), so the text is kept with an unusable scheme.
        scheme = _SCHEME.match(uri)
        parsed = ExactURI(scheme=f"?{scheme[1].lower() if scheme else ''}", host="", text=uri)
    request = new_request(first, parsed, body)
    if version.upper() != "SIP/2.0":
        request.headers.set("X-Bad-Version", version)
    return request


def essentials(message: Message) -> Essentials:
    """Raises SipParseError where a mandatory header is absent or malformed."""
    headers = message.headers
    via, call_id, cseq = headers.get("Via"), headers.get("Call-ID"), headers.get("CSeq")
    from_, to = headers.get("From"), headers.get("To")
    if via is None or not call_id or cseq is None or from_ is None or to is None:
        raise SipParseError("Via, From, To, Call-ID and CSeq are mandatory")
    if any(len(headers.getlist(name)) > 1 for name in _SINGLE):
        raise SipParseError(f"only one of each is allowed: {', '.join(_SINGLE)}")
    match = _CSEQ.fullmatch(cseq)
    if match is None or int(match[1]) >= 2**31:
        raise SipParseError("CSeq is a number below 2**31 and a method")
    if isinstance(message, Request) and match[2] != message.method:
        raise SipParseError("CSeq names another method than the request line")
    vias = split_quoted(via, ",")
    if not all(vias):
        raise SipParseError("a Via value is missing between two commas")
    return Essentials(
        via=parse_via(vias[0]),
        call_id=call_id,
        cseq=CSeq(int(match[1]), match[2]),
        from_tag=tag_of(from_),
        to_tag=tag_of(to),
    )


def header_values(message: Message, name: str) -> list[str]:
    """Every value of a comma-separated header, in order, as written."""
    return [part for line in message.headers.getlist(name) for part in split_quoted(line, ",") if part]


def retry_after_s(response: Response) -> float:
    match = _RETRY_AFTER.match(response.headers.get("Retry-After") or "")
    return float(match[1]) if match else 0.0


def clean(text: str) -> str:
    """Text that is safe inside a header: no line breaks, no quotes."""
    return "".join(char for char in text if char.isprintable() and char not in '"\\')


def to_bytes(message: Message) -> bytes:
    """The wire form, with a right Content-Length."""
    message.headers.set("Content-Length", str(len(message.body)))
    if isinstance(message, Request):
        start = f"{message.method} {message.uri} SIP/2.0"
    else:
        start = f"SIP/2.0 {message.code} {message.phrase}"
    return f"{start}\r\n{message.headers}".encode("utf-8", "surrogateescape") + message.body


def response_to(request: Request, code: int, source: Addr, *, to_tag: str = "", phrase: str = "") -> Response:
    """A response with the headers of RFC 3261 8.2.6.2; the topmost Via carries received and rport."""
    response = new_response(code, clean(phrase) or PHRASES.get(code, "Response"))
    vias = list(request.headers.getlist("Via"))
    if vias:
        first, *others = split_quoted(vias[0], ",")
        vias[0] = ", ".join([_stamped(first, source), *others])
        response.headers.setlist("Via", vias)
    for name in ("From", "To", "Call-ID", "CSeq"):
        if (value := request.headers.get(name)) is not None:
            response.headers.set(name, value)
    to = request.headers.get("To") or ""
    if to_tag and to and ";tag=" not in to.lower().replace(" ", ""):
        response.headers.set("To", f"{to};tag={to_tag}")
    return response


def _stamped(via: str, source: Addr) -> str:
    """RFC 3261 18.2.1 and RFC 3581 4: what the sender's address looked like from here."""
    kept = [p for p in via.split(";") if not re.match(r"\s*(rport|received)\s*(=|$)", p, re.IGNORECASE)]
    if len(kept) != len(via.split(";")) and re.search(r";\s*rport\b", via, re.IGNORECASE):
        kept.append(f"rport={source[1]}")
    return ";".join([*(p.strip() for p in kept), f"received={source[0]}"])


def response_destination(via: ViaHop, source: Addr) -> Addr:
    """RFC 3581 4, RFC 3261 18.2.2; on a stream, the connection that the request came on."""
    return source if via.rport or source.reliable else source._replace(port=via.port or DEFAULT_PORT)
