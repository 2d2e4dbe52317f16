"""URIs and addresses: read leniently, written as read, refused clearly."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import SipParseError
from dialer.sip.address import Addr, parse_address, parse_uri, split_quoted, tag_of, uri_destination


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:1001@192.0.2.1:5070", "1001", "192.0.2.1", 5070),
        ("sip:pbx1", None, "pbx1", None),
        ("SIP:a%20b@host-1.example.com;transport=udp;lr", "a b", "host-1.example.com", None),
        ("sip:+8613812345678@[2001:db8::1]:5060;x=a+b*c", "+8613812345678", "[2001:db8::1]", 5060),
        ("sip:a@h?Subject=x", "a", "h", None),
        ("tel:+86-138-1234-5678;phone-context=x", "+86-138-1234-5678", "", None),
    ],
)
def test_uris_are_read_and_written_back_unchanged(
    text: str, user: str | None, host: str, port: int | None
) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host, uri.port, str(uri)) == (user, host, port, text)


@pytest.mark.parametrize(
    "text", ["", "sip:", "sip:@", "http://x", "sip:a@b:0", "sip:a@b:70000", "sip:a b@c", "sip:a@b;self=1"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_uri(text)


def test_the_address_in_angle_brackets_after_any_name() -> None:
    address = parse_address('"Li \\"<sip:evil@x>\\" Wei" <sip:1001@h;lr>;tag=t;expires=60')
    assert address.uri.user == "1001"
    assert address.uri.parameters.get("lr", "absent") is None
    assert (address.parameters["tag"], address.parameters["expires"]) == ("t", "60")
    assert tag_of("sip:1001@h;tag=x") == "x"
    assert tag_of("<sip:1001@h;tag=x>") == ""


def test_values_are_split_outside_quotes_and_brackets() -> None:
    assert split_quoted('"a,b" <sip:x@h,y>, <sip:z@h>', ",") == ['"a,b" <sip:x@h,y>', "<sip:z@h>"]


def test_maddr_decides_where_a_request_goes() -> None:
    assert uri_destination(parse_uri("sip:a@h:5070;maddr=192.0.2.9")) == Addr("192.0.2.9", 5070)
    assert uri_destination(parse_uri("sip:a@192.0.2.9"))[:3] == ("192.0.2.9", 5060, "udp")
    assert uri_destination(parse_uri("sip:a@h"))[:3] == ("h", 0, "udp")
    assert uri_destination(parse_uri("sips:a@[2001:db8::1]"))[:3] == ("2001:db8::1", 5061, "tls")
    tcp = uri_destination(parse_uri("sip:a@h:5062;transport=TCP"))
    assert tcp == Addr("h", 5062, "tcp")
    assert tcp.reliable
    assert uri_destination(parse_uri("sip:a@h;transport=tls")) == Addr("h", 0, "tls", name="h")
    assert uri_destination(parse_uri("sip:a@h;transport=udp")).fixed


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with contextlib.suppress(SipParseError):
        parse_address(text)


_PIECES = st.sampled_from(
    ["<", ">", "sip:", "sips:", "tel:", "a", "1001", "@", "h.x", ":", "5060", "0", "70000", ";", "tag=",
     "z9-!%", '"', " ", "lr", ",", "?"]
)  # fmt: skip


@given(st.one_of(
    st.lists(_PIECES, max_size=14).map("".join),
    st.from_regex(r"[A-Z ]{0,3}<sips?:[a-c]{0,2}@?h(:[0-9]{1,5})?>(;tag=[a-z~]{1,4})?", fullmatch=True),
))  # fmt: skip
def test_the_short_way_to_a_tag_says_what_the_long_one_does(text: str) -> None:
    try:
        expected = parse_address(text).parameters.get("tag") or ""
    except SipParseError:
        with pytest.raises(SipParseError):
            tag_of(text)
    else:
        assert tag_of(text) == expected
