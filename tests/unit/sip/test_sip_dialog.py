"""Route sets and sequence numbers."""

from __future__ import annotations

import pytest

from dialer.errors import SipParseError
from dialer.sip.address import Addr, parse_uri
from dialer.sip.dialog import Dialog
from dialer.sip.message import essentials, parse_message


def dialog(*routes: str) -> Dialog:
    return Dialog(
        "c", "l", "r", "<sip:a@h>;tag=l", "<sip:b@h>;tag=r", parse_uri("sip:b@192.0.2.7:5070"), routes
    )


def test_without_routes_straight_to_the_contact() -> None:
    uri, routes, peer = dialog().path()
    assert (str(uri), routes, peer) == ("sip:b@192.0.2.7:5070", (), Addr("192.0.2.7", 5070))


def test_over_a_loose_router() -> None:
    uri, routes, peer = dialog("<sip:192.0.2.1:5080;lr>", "<sip:192.0.2.2;lr>").path()
    assert str(uri) == "sip:b@192.0.2.7:5070"
    assert routes == ("<sip:192.0.2.1:5080;lr>", "<sip:192.0.2.2;lr>")
    assert peer == Addr("192.0.2.1", 5080)


def test_over_a_strict_router() -> None:
    uri, routes, peer = dialog("<sip:192.0.2.1>", "<sip:192.0.2.2;lr>").path()
    assert str(uri) == "sip:192.0.2.1"
    assert routes == ("<sip:192.0.2.2;lr>", "<sip:b@192.0.2.7:5070>")
    assert peer == Addr("192.0.2.1", 5060)


def test_sequence_numbers_only_go_up() -> None:
    one = dialog()
    assert [one.next_seq(), one.next_seq()] == [1, 2]
    assert one.in_order(5)
    assert not one.in_order(4)
    assert one.in_order(6)


def invite(*extra: str) -> bytes:
    lines = [
        "INVITE sip:b@h SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@h>;tag=1",
        "To: <sip:b@h>", "Call-ID: c", "CSeq: 3 INVITE", *extra,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_a_callee_keeps_the_routes_in_order_and_needs_a_contact() -> None:
    message = parse_message(invite("Contact: <sip:a@192.0.2.5>", "Record-Route: <sip:p1;lr>, <sip:p2;lr>"))
    made = Dialog.as_callee(message, essentials(message), "me")  # type: ignore[arg-type]
    assert made.id == ("c", "me", "1")
    assert made.routes == ("<sip:p1;lr>", "<sip:p2;lr>")
    assert made.local == "<sip:b@h>;tag=me"
    assert not made.in_order(2)
    for bad in ((), ("Contact: *",), ("Contact: <sip:a@h>, <sip:b@h>",), ("Contact: <tel:1>",)):
        message = parse_message(invite(*bad))
        with pytest.raises(SipParseError, match="Contact"):
            Dialog.as_callee(message, essentials(message), "me")  # type: ignore[arg-type]


@pytest.mark.parametrize("routes", [(), ("<sip:192.0.2.1;lr>",), ("<sip:192.0.2.1>",)])
def test_a_dialog_over_tls_never_leaves_it(routes: tuple[str, ...]) -> None:
    """A Contact that forgets to say transport=tls would send the keys of the next SDP in clear."""
    secure = dialog(*routes)
    peer = Addr("203.0.113.1", 5061, "tls", "carrier.example")
    secure.keep_secret(peer)
    assert secure.path()[2] == peer
    secure.target = parse_uri("sip:b@192.0.2.7:5070;transport=tls")
    secure.routes = ()
    assert secure.path()[2][:3] == ("192.0.2.7", 5070, "tls"), "another place is fine if it is TLS"
    plain = dialog(*routes)
    plain.keep_secret(peer._replace(transport="tcp"))
    assert plain.path()[2].transport == "udp"
