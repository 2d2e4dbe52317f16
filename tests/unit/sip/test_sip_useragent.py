"""What the user agent answers outside of calls, and OPTIONS of our own."""

from __future__ import annotations

import random

import pytest
from sip_fakes import B_ADDR, Net, Peer, codes, events

from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.message import to_bytes
from dialer.sip.signals import OptionsAnswered
from dialer.sip.useragent import UserAgent


def peer() -> Peer:
    return Peer(UserAgent(UserAgentConfig(), random.Random(1)))


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("OPTIONS", "200"), ("BYE", "481"), ("REGISTER", "405"), ("INFO", "405"), ("UPDATE", "405"),
        ("SUBSCRIBE", "405"), ("FLY", "501"),
    ],
)  # fmt: skip
def test_requests_outside_of_calls(method: str, code: str) -> None:
    far = peer()
    far.give(far.request(method))
    (response,) = far.sent()
    assert codes([response]) == [code]
    assert "tag=" in response.headers["To"]
    assert response.headers["Server"] == "Huifang"
    if code in ("200", "405"):
        assert "INVITE" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b" SIP/2.0\r\nVia", b" SIP/3.0\r\nVia", "505"),
        (b"sip:1001@127.0.0.1:5060 ", b"http://x ", "416"),
        (b"sip:1001@127.0.0.1:5060 ", b"sip:@@ ", "400"),
        (b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS", "400"),
        (b"Call-ID: call-1\r\n", b"", "400"),
        (b"Contact:", b"Con tact:", "400"),
        (b"Content-Length: 0", b"Content-Length: 99", "400"),
    ],
)
def test_malformed_requests_are_told_so(old: bytes, new: bytes, code: str) -> None:
    far = peer()
    data = to_bytes(far.request("OPTIONS"))
    assert old in data
    far.agent.receive_datagram(data.replace(old, new), B_ADDR, 0.0)
    assert codes(far.sent()) == [code]


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\0\0", b"hello", b"SIP/2.0 200 OK\r\n\r\n", b"ACK sip:a@b SIP/2.0\r\n\r\n"]
)
def test_noise_is_dropped(data: bytes) -> None:
    far = peer()
    far.agent.receive_datagram(data, B_ADDR, 0.0)
    assert far.sent() == []
    assert far.agent.size == 0


def test_we_ask_whether_a_peer_is_alive() -> None:
    net = Net()
    asking = net.add(5060)
    net.add(5070)
    alive = asking.options(parse_uri("sip:127.0.0.1:5070"), B_ADDR, net.now)
    dead = asking.options(parse_uri("sip:127.0.0.1:5099"), Addr("127.0.0.1", 5099), net.now)
    net.advance(40.0)
    assert events(asking) == [OptionsAnswered(alive, 200), OptionsAnswered(dead, 0)]


def test_an_old_peer_without_magic_cookie_is_matched_by_its_headers() -> None:
    far = peer()
    for _ in range(2):
        far.give(far.request("OPTIONS", branch="1"))
    far.give(far.request("OPTIONS", branch="1", cseq=2))
    sent = far.sent()
    assert codes(sent) == ["200", "200", "200"]
    assert sent[0].headers["To"] == sent[1].headers["To"], "the same transaction"
    assert sent[0].headers["To"] != sent[2].headers["To"]


def test_answered_requests_make_room_for_new_ones() -> None:
    """At many calls a second their BYEs, each kept 32 s for its retransmissions, filled the table."""
    far = Peer(UserAgent(UserAgentConfig(max_server_transactions=3), random.Random(1)))
    requests = [far.request("OPTIONS", branch=f"z9hG4bK{n}", cseq=n + 1) for n in range(9)]
    for request in requests:
        far.give(request)
    assert codes(far.sent()) == ["200"] * 9
    assert far.agent.size <= 6, "a flood's memory stays bounded: three requests, a timer each"
    for request in requests[-3:]:  # those answered last still know their answer
        far.give(request)
    assert codes(far.sent()) == ["200"] * 3
    assert far.agent.size <= 6
    far.agent.handle_timer(100.0)
    assert far.agent.size == 0
