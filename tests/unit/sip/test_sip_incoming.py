"""Calls that come to us."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, SILENCE, Pair, Peer, codes, events

from dialer.sip.config import UserAgentConfig
from dialer.sip.signals import CallAnswered, CallEnded, CallFailed, CallProgress, IncomingCall
from dialer.sip.useragent import UserAgent


def callee(**options: object) -> Peer:
    return Peer(UserAgent(UserAgentConfig(**options), random.Random(1)))  # type: ignore[arg-type]


def test_trying_at_once_then_ringing_and_an_answer_from_the_offer() -> None:
    pair = Pair()
    call = pair.invite()
    (incoming,) = events(pair.b)
    assert isinstance(incoming, IncomingCall)
    assert (incoming.caller, incoming.called) == ("4008", "13812345678")
    pair.b.ring(incoming.call, pair.net.now)
    media = pair.b.answer(incoming.call, "127.0.0.1", 41000, pair.net.now)
    assert media is not None
    assert (media.port, media.codec, media.dtmf_payload_type) == (40000, "PCMA", 101)
    pair.net.deliver()
    assert pair.net.starts() == ["INVITE", "100", "180", "200", "ACK"]
    progress, answered = events(pair.a)
    assert progress == CallProgress(call, 180, early_media=False)
    assert isinstance(answered, CallAnswered)
    assert (answered.remote.codec, answered.remote.dtmf_payload_type) == ("PCMA", 101)
    assert isinstance(events(pair.b)[0], CallAnswered)


def test_a_refusal_with_reason_and_retry_after() -> None:
    pair = Pair()
    pair.invite()
    pair.b.reject(pair.incoming(), 503, pair.net.now, "Full\r\nX: 1", 20)
    pair.net.deliver()
    (failed,) = events(pair.a)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.reason, failed.retry_after_s) == (503, "FullX: 1", 20.0)
    pair.net.advance(SILENCE)
    assert (pair.a.size, pair.b.size) == (0, 0)


def test_cancel_gets_its_200_and_the_invite_487() -> None:
    pair = Pair()
    call = pair.invite()
    pair.b.ring(pair.incoming(), pair.net.now)
    pair.net.deliver()
    pair.a.cancel(call, pair.net.now)
    pair.net.deliver()
    assert pair.net.starts()[3:] == ["CANCEL", "200", "487", "ACK"]
    (failed,) = events(pair.b)
    assert isinstance(failed, CallFailed)
    assert failed.code == 487
    assert failed.reason.startswith("cancelled by the caller")


def test_our_200_is_repeated_until_its_ack_and_then_given_up_with_bye() -> None:
    pair = Pair()
    pair.invite()
    theirs = pair.incoming()
    pair.net.drop = lambda source, peer, data: data.startswith(b"ACK")
    pair.b.answer(theirs, "127.0.0.1", 41000, pair.net.now)
    pair.net.advance(SILENCE)
    assert pair.net.starts().count("200") >= 10
    ended = events(pair.b)[-1]
    assert ended == CallEnded(theirs, by_remote=False, reason="no ACK")
    assert isinstance(events(pair.a)[-1], CallEnded)
    pair.net.advance(SILENCE)
    assert (pair.a.size, pair.b.size) == (0, 0)


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    pair = Pair()
    pair.invite()
    theirs = pair.incoming()
    pair.b.answer(theirs, "127.0.0.1", 41000, pair.net.now)
    pair.b.hang_up(theirs, "changed my mind", pair.net.now)
    pair.net.deliver()
    assert pair.net.starts()[-3:] == ["ACK", "BYE", "200"]


def test_an_invite_without_offer_gets_ours_and_its_answer_in_the_ack() -> None:
    peer = callee()
    peer.give(peer.request("INVITE"))
    (incoming,) = events(peer.agent)
    assert isinstance(incoming, IncomingCall)
    assert peer.agent.answer(incoming.call, "127.0.0.1", 41000, 0.0) is None
    ok = peer.sent()[-1]
    assert b"m=audio 41000 RTP/AVP 8 0 101" in ok.body
    peer.give(peer.request("ACK", branch="z9hG4bKy", To=ok.headers["To"], body=ANSWER), 0.1)
    (answered,) = events(peer.agent)
    assert isinstance(answered, CallAnswered)
    assert answered.remote.port == 41000


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content_Type": "text/plain"}, b"hi", "415"),
        ({}, b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 18\r\n", "488"),
        ({"Contact": "<tel:1>"}, ANSWER, "400"),
        ({"Record_Route": "<urn:x>"}, ANSWER, "400"),
        ({"Require": "timer, precondition"}, ANSWER, "420"),
        ({"To": "<sip:1001@h>;tag=ghost"}, ANSWER, "481"),
    ],
)
def test_invites_that_cannot_be_taken(headers: dict[str, str], body: bytes, code: str) -> None:
    peer = callee()
    peer.give(peer.request("INVITE", body=body, **headers))
    (response,) = peer.sent()
    assert codes([response]) == [code]
    assert events(peer.agent) == []
    if code == "420":
        assert response.headers["Unsupported"] == "precondition"


def test_the_same_invite_over_two_ways_is_taken_once() -> None:
    peer = callee()
    peer.give(peer.request("INVITE", body=ANSWER))
    peer.give(peer.request("INVITE", body=ANSWER, branch="z9hG4bKother"))
    assert codes(peer.sent()) == ["100", "482"]
    assert len(events(peer.agent)) == 1


def test_a_repeated_invite_gets_the_last_response_again() -> None:
    peer = callee()
    for _ in range(2):
        peer.give(peer.request("INVITE", body=ANSWER))
    assert codes(peer.sent()) == ["100", "100"]
    assert len(events(peer.agent)) == 1


def test_more_calls_than_configured_are_refused() -> None:
    peer = callee(max_calls=1)
    peer.give(peer.request("INVITE", body=ANSWER))
    peer.give(peer.request("INVITE", body=ANSWER, branch="z9hG4bK2", Call_ID="other"))
    refusal = peer.sent()[-1]
    assert codes([refusal]) == ["503"]
    assert refusal.headers["Retry-After"] == "30"


def test_cancel_of_nothing() -> None:
    peer = callee()
    peer.give(peer.request("CANCEL"))
    assert codes(peer.sent()) == ["481"]
