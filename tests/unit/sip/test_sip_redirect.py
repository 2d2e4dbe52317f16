"""3xx: refused by default, followed only within the carrier's hosts."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, Peer, codes, events
from sipmessage import Request, Response

from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.outgoing import InviteSpec
from dialer.sip.redirect import destination, next_target
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallAnswered, CallFailed
from dialer.sip.useragent import UserAgent


def calling(redirects: int) -> tuple[Peer, int]:
    far = Peer(UserAgent(UserAgentConfig(), random.Random(1)))
    target = parse_uri("sip:13812345678@carrier.example")
    peer = Addr("127.0.0.1", 5070, name="carrier.example")
    spec = InviteSpec(target, target, peer, make_offer("127.0.0.1", 40000, 1), redirects=redirects)
    return far, far.agent.invite(spec, 0.0)


def redirect(far: Peer, contact: str, code: int = 302) -> list[Request | Response]:
    invite = next(m for m in far.sent() if isinstance(m, Request) and m.method == "INVITE")
    far.respond(invite, code, Contact=contact)
    return [m for m in far.sent() if isinstance(m, Request)]


def test_by_default_a_redirection_fails_the_call() -> None:
    far, call = calling(0)
    assert codes(redirect(far, "<sip:new@carrier.example>")) == ["ACK"]
    (failed,) = events(far.agent)
    assert isinstance(failed, CallFailed)
    assert (failed.call, failed.code, failed.ours) == (call, 302, False)
    assert "isn't followed" in failed.reason


def test_followed_within_the_carrier_with_the_same_identity() -> None:
    far, call = calling(1)
    ack, again = redirect(far, "<sip:new@carrier.example>;q=0.5, <sip:best@carrier.example:5071>")
    assert (ack.method, again.method) == ("ACK", "INVITE")  # type: ignore[union-attr]
    assert isinstance(again, Request)
    assert str(again.uri) == "sip:best@carrier.example:5071"
    assert again.headers["To"] == "<sip:13812345678@carrier.example>"
    assert again.headers["Call-ID"] == ack.headers["Call-ID"]
    assert (ack.headers["CSeq"], again.headers["CSeq"]) == ("1 ACK", "2 INVITE")
    far.respond(again, 200, body=ANSWER)
    assert [type(event) for event in events(far.agent)] == [CallAnswered]
    assert call


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:1@evil.example>",
        "<tel:+861381>",
        "<sips:x@evil>",
        "",
        "garbage<",
        "<sip:13812345678@carrier.example>",
    ],
)
def test_never_to_anywhere_else(contact: str) -> None:
    far, _ = calling(5)
    assert codes(redirect(far, contact)) == ["ACK"]
    (failed,) = events(far.agent)
    assert isinstance(failed, CallFailed)
    assert failed.reason == "redirected to nowhere that may be called"


def test_no_more_often_than_allowed() -> None:
    far, _ = calling(2)
    for number in range(3):
        invite = next(m for m in far.sent() if isinstance(m, Request) and m.method == "INVITE")
        far.respond(invite, 302, Contact=f"<sip:{number}@carrier.example>")
    assert codes(far.sent()) == ["ACK"]
    (failed,) = events(far.agent)
    assert isinstance(failed, CallFailed)
    assert failed.code == 302


def test_a_cancelled_call_is_not_redirected() -> None:
    far, call = calling(5)
    (invite,) = far.sent()
    far.respond(invite, 180)
    far.agent.hang_up(call, "ring time over", 1.0)
    far.sent()
    far.respond(invite, 302, Contact="<sip:new@carrier.example>")
    assert codes(far.sent()) == ["ACK"]
    assert isinstance(events(far.agent)[-1], CallFailed)


def test_quality_and_order_decide() -> None:
    response = Response(300, "Multiple Choices")
    response.headers.setlist(
        "Contact",
        [
            "<sip:c@h>;q=0.1, <sip:a@h>;q=0.9, <sip:b@h>;q=0.9",
            "<sip:d@h>;q=7",
            "<sip:e@h>;q=nan",
            "<sip:f@other>",
        ],
    )
    assert str(next_target(response, {"h"}, ())) == "sip:a@h"
    assert str(next_target(response, {"h"}, ("sip:a@h",))) == "sip:b@h"
    assert next_target(response, {"x"}, ()) is None


def test_where_the_redirected_invite_goes() -> None:
    peer = Addr("192.0.2.1", 5060)
    assert destination(parse_uri("sip:1@carrier"), peer) == peer
    assert destination(parse_uri("sip:1@carrier:5066"), peer) == Addr("192.0.2.1", 5066)
    assert destination(parse_uri("sip:1@192.0.2.1:5067"), peer) == Addr("192.0.2.1", 5067)
