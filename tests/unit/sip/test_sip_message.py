"""Messages: cut, kept byte for byte, answered with the right headers."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.address import Addr
from dialer.sip.message import (
    essentials,
    header_values,
    parse_message,
    parse_via,
    response_destination,
    response_to,
    retry_after_s,
    to_bytes,
)

SOURCE = Addr("198.51.100.1", 6000)
REQUEST = (
    b"OPTIONS sip:dialer@192.0.2.1 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP pbx1:5070;branch=z9hG4bK+a*b;rport, SIP/2.0/UDP far\r\n"
    b'From: "\xd5\xc5" <sip:a@h>\r\n ;tag=1\r\n'
    b"t : <sip:b@h>\r\n"
    b"Call-ID: x\r\nCSeq: 7   OPTIONS\r\nl: 2\r\n\r\nabcdef"
)


def test_compact_folded_and_not_utf8() -> None:
    message = parse_message(REQUEST)
    assert isinstance(message, Request)
    found = essentials(message)
    assert (found.via.host, found.via.branch, found.via.rport) == ("pbx1", "z9hG4bK+a*b", True)
    assert (found.from_tag, found.to_tag, found.cseq.sequence) == ("1", "", 7)
    assert message.body == b"ab"
    assert b"\xd5\xc5" in to_bytes(message)


def test_the_response_goes_back_the_way_it_came() -> None:
    request = parse_message(REQUEST)
    assert isinstance(request, Request)
    response = response_to(request, 200, SOURCE, to_tag="me")
    via = response.headers["Via"]
    assert via == (
        "SIP/2.0/UDP pbx1:5070;branch=z9hG4bK+a*b;rport=6000;received=198.51.100.1, SIP/2.0/UDP far"
    )
    assert response.headers["To"] == "<sip:b@h>;tag=me"
    assert response_destination(essentials(request).via, SOURCE) == SOURCE
    old = parse_via("SIP/2.0/UDP pbx1:5070;branch=a")
    assert response_destination(old, SOURCE) == Addr("198.51.100.1", 5070)


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a@h SIP/2.0\r\n",
        b"hello world\r\n\r\n",
        b"OPTIONS sip:a@h SIP/2.0\r\nnocolon\r\n\r\n",
        b"OPTIONS sip:a@h SIP/2.0\r\nbad name: x\r\n\r\n",
        b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 9\r\n\r\nshort",
        b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"SIP/2.0 99 X\r\n\r\n",
        b"SIP/2.0 2x0 X\r\n\r\n",
        b"OPTIONS sip:a@h SIP/2.0\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_cannot_be_cut_is_refused(data: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_message(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CSeq: 7   OPTIONS", b"CSeq: 7 BYE"),
        (b"CSeq: 7   OPTIONS", b"CSeq: 2147483648 OPTIONS"),
        (b"Call-ID: x\r\n", b""),
        (b"SIP/2.0/UDP pbx1:5070", b"SIP/2.0/UDP"),
        (b"<sip:b@h>", b"<sip:b@h"),
        (b"pbx1:5070", b"pbx1:99999"),
    ],
)
def test_mandatory_headers(old: bytes, new: bytes) -> None:
    assert old in REQUEST
    with pytest.raises(SipParseError):
        essentials(parse_message(REQUEST.replace(old, new)))


def test_a_status_line_needs_no_phrase() -> None:
    message = parse_message(b"SIP/2.0 486\r\n\r\n")
    assert isinstance(message, Response)
    assert message.code == 486


def test_text_of_ours_cannot_break_out_of_its_line() -> None:
    request = parse_message(REQUEST)
    assert isinstance(request, Request)
    response = response_to(request, 480, SOURCE, phrase="no\r\nX-Evil: 1")
    assert b"\r\nX-Evil" not in to_bytes(response)


def test_small_helpers() -> None:
    message = parse_message(
        b"SIP/2.0 503 X\r\nRetry-After: 120 (soon);duration=5\r\nContact: <sip:a@h>, <sip:b@h>\r\n\r\n"
    )
    assert isinstance(message, Response)
    assert retry_after_s(message) == 120.0
    assert header_values(message, "contact") == ["<sip:a@h>", "<sip:b@h>"]


@pytest.mark.parametrize("control", [b"\nX", b"\rX", b"\nX-Evil: 1"])
@pytest.mark.parametrize("place", [b"tag=1", b"Call-ID: x"])
def test_half_a_line_end_in_a_header_is_refused(place: bytes, control: bytes) -> None:
    """Whoever takes it for a whole one would find a stranger's header in messages of ours."""
    data = REQUEST.replace(b"Call-ID: x", b"Call-ID: x" + (control if place.startswith(b"Call") else b""))
    data = data.replace(b";tag=1", b";tag=1" + (control if place == b"tag=1" else b""))
    assert data != REQUEST
    with pytest.raises(SipParseError):
        parse_message(data)
    lenient = parse_message(data, strict=False)
    assert isinstance(lenient, Request)
    assert b"Evil" not in to_bytes(response_to(lenient, 400, SOURCE))
