"""Reason headers: read, written, and reported (RFC 3326)."""

from __future__ import annotations

import random

import pytest
from sip_fakes import Pair, Peer, events
from sipmessage import Response

from dialer.errors import SipParseError
from dialer.sip.address import parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.outgoing import InviteSpec
from dialer.sip.reason import Reason, described, q850, why_cancelled, why_ended
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallEnded, CallFailed
from dialer.sip.useragent import UserAgent


@pytest.mark.parametrize(
    ("value", "compact"),
    [
        ('Q.850;cause=16;text="Terminated"', "Q.850 16 Terminated"),
        ("Q.850;cause=20", "Q.850 20 Subscriber absent"),
        ("q.850 ; cause=1", "Q.850 1 Unallocated number"),
        ('SIP;cause=200;text="Call completed elsewhere"', "SIP 200 Call completed elsewhere"),
        ("SIP ;cause=600 ;text=Busy", "SIP 600 Busy"),
        ("Q.850;cause=999", "Q.850 999"),
        ("Q.850;cause=-1;text=odd", "Q.850 odd"),
        ("X-Vendor;code=7", "X-Vendor"),
    ],
)
def test_a_value_in_compact_form(value: str, compact: str) -> None:
    reason = Reason.parse(value)
    assert reason.compact == compact
    assert Reason.parse(str(reason)) == reason


@pytest.mark.parametrize("value", ["", ";cause=16", "Q.850;a;;cause=16"])
def test_what_is_no_reason(value: str) -> None:
    with pytest.raises(SipParseError):
        Reason.parse(value)


def test_a_message_says_all_its_reasons_and_which_are_malformed_doesnt_matter() -> None:
    response = Response(480, "Temporarily Unavailable")
    response.headers.setlist("Reason", ['Q.850;cause=20;text="x, y", ;bad', "SIP;cause=480"])
    assert described("Temporarily Unavailable", response) == "Temporarily Unavailable; Q.850 20 x, y; SIP 480"
    response.headers.set("Reason", "Q.850;cause=26")
    assert described("", response) == "call completed elsewhere; Q.850 26 Non-selected user clearing"
    assert described("", Response(486, "Busy Here")) == ""


def test_our_words_stay_here() -> None:
    assert why_cancelled("ring time over") == (
        'SIP;cause=487;text="Request Terminated", Q.850;cause=19;text="No answer from the user"'
    )
    assert why_cancelled("customer 张三 asked") == (
        'SIP;cause=487;text="Request Terminated", Q.850;cause=31;text="Normal, unspecified"'
    )
    assert why_ended("script over") == 'Q.850;cause=16;text="Normal call clearing"'
    assert why_ended("media failed") == 'Q.850;cause=41;text="Temporary failure"'
    assert why_ended("no ACK") == 'Q.850;cause=102;text="Recovery on timer expiry"'
    assert str(q850(77)) == "Q.850;cause=77"


def test_cancel_and_bye_carry_a_reason_and_the_far_end_reports_it() -> None:
    pair = Pair()
    call = pair.invite()
    theirs = pair.incoming()
    pair.b.ring(theirs, pair.net.now)
    pair.net.deliver()
    pair.a.hang_up(call, "ring time over", pair.net.now)
    pair.net.deliver()
    (failed,) = [event for event in events(pair.b) if isinstance(event, CallFailed)]
    assert failed.reason == (
        "cancelled by the caller; SIP 487 Request Terminated; Q.850 19 No answer from the user"
    )
    events(pair.a)
    call, theirs = pair.talk()
    pair.a.hang_up(call, "script over", pair.net.now)
    pair.net.deliver()
    (ended,) = events(pair.b)
    assert ended == CallEnded(theirs, by_remote=True, reason="Q.850 16 Normal call clearing")
    (ours,) = events(pair.a)
    assert ours == CallEnded(call, by_remote=False, reason="script over")


def test_a_refusal_with_a_reason_says_it() -> None:
    far = Peer(UserAgent(UserAgentConfig(), random.Random(1)))
    target = parse_uri("sip:1@127.0.0.1:5070")
    far.agent.invite(InviteSpec(target, target, far.addr, make_offer("127.0.0.1", 40000, 1)), 0.0)
    (invite,) = far.sent()
    far.respond(invite, 404, Reason="Q.850;cause=1")
    (failed,) = events(far.agent)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.reason) == (404, "Not Found; Q.850 1 Unallocated number")
