"""Inside a dialog: BYE both ways, re-INVITE, out-of-order and unknown requests."""

from __future__ import annotations

import pytest
from sip_fakes import ANSWER, SILENCE, Pair, Peer, codes, events
from sipmessage import Request

from dialer.sip.message import parse_message
from dialer.sip.signals import CallEnded, CallUpdated

CLEARED = "Q.850 16 Normal call clearing"


def in_dialog(pair: Pair, method: str, cseq: int, body: bytes = b"", branch: str = "z9hG4bKq") -> Request:
    """A request of ``b`` in the dialog that ``a`` opened, made by hand."""
    ack = next(parse_message(d) for _, _, d in pair.net.sent if d.startswith(b"ACK"))
    made = Peer(pair.a).request(method, cseq=cseq, body=body, branch=branch)
    made.headers.set("From", ack.headers["To"])
    made.headers.set("To", ack.headers["From"])
    made.headers.set("Call-ID", ack.headers["Call-ID"])
    return made


def test_we_hang_up() -> None:
    pair = Pair()
    call, theirs = pair.talk()
    pair.a.bye(call, "done", pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [CallEnded(call, by_remote=False, reason="done")]
    assert events(pair.b) == [CallEnded(theirs, by_remote=True, reason=CLEARED)]
    pair.net.advance(SILENCE)
    assert (pair.a.size, pair.b.size) == (0, 0)


def test_they_hang_up() -> None:
    pair = Pair()
    call, theirs = pair.talk()
    pair.b.bye(theirs, "", pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [CallEnded(call, by_remote=True, reason=CLEARED)]
    pair.a.hang_up(call, "too late", pair.net.now)
    assert events(pair.a) == []


def test_both_hang_up_at_once() -> None:
    pair = Pair()
    call, theirs = pair.talk()
    pair.a.bye(call, "done", pair.net.now)
    pair.b.bye(theirs, "done", pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [CallEnded(call, by_remote=False, reason="done")]
    assert events(pair.b) == [CallEnded(theirs, by_remote=False, reason="done")]


def test_an_unconfirmed_bye_does_not_hold_the_call_up() -> None:
    pair = Pair()
    call, _ = pair.talk()
    pair.net.drop = lambda source, peer, data: True
    pair.a.bye(call, "done", pair.net.now)
    pair.net.advance(4.9)
    assert events(pair.a) == []
    pair.net.advance(0.2)
    assert events(pair.a) == [CallEnded(call, by_remote=False, reason="done")]
    assert pair.net.starts().count("BYE") >= 4


def test_a_repeated_bye_is_confirmed_again_and_a_new_one_has_no_dialog() -> None:
    pair = Pair()
    pair.talk()
    peer = Peer(pair.a)
    for branch in ("z9hG4bKq", "z9hG4bKq", "z9hG4bKr"):
        peer.give(in_dialog(pair, "BYE", 5, branch=branch), pair.net.now)
    assert codes(peer.sent()) == ["200", "200", "481"]
    assert len(events(pair.a)) == 1


@pytest.mark.parametrize(("direction", "answered"), [("sendonly", "recvonly"), ("sendrecv", "sendrecv")])
def test_a_reinvite_is_answered_and_its_media_reported(direction: str, answered: str) -> None:
    pair = Pair()
    call, _ = pair.talk()
    peer = Peer(pair.a)
    body = ANSWER.replace(b"41000", b"42000").replace(b"a=sendrecv", b"a=" + direction.encode())
    peer.give(in_dialog(pair, "INVITE", 7, body), pair.net.now)
    (ok,) = peer.sent()
    assert codes([ok]) == ["200"]
    assert b"a=" + answered.encode() in ok.body
    assert b"m=audio 40000 RTP/AVP 8 101" in ok.body
    (updated,) = events(pair.a)
    assert isinstance(updated, CallUpdated)
    assert (updated.call, updated.remote.port) == (call, 42000)
    peer.give(in_dialog(pair, "INVITE", 8, body, "z9hG4bKs"), pair.net.now)
    assert codes(peer.sent()) == ["500"], "one INVITE at a time"
    peer.give(in_dialog(pair, "ACK", 7, branch="z9hG4bKt"), pair.net.now)
    pair.a.handle_timer(pair.net.now + 1)
    assert "200" not in codes(peer.sent()), "acknowledged"
    peer.give(in_dialog(pair, "INVITE", 9, branch="z9hG4bKu"), pair.net.now + 1)
    (ok,) = peer.sent()
    assert b"m=audio 40000" in ok.body, "no offer in it: our own description"


def test_a_reinvite_without_common_codec_leaves_the_call_as_it_was() -> None:
    pair = Pair()
    call, _ = pair.talk()
    peer = Peer(pair.a)
    peer.give(
        in_dialog(pair, "INVITE", 7, b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 18\r\n"), pair.net.now
    )
    assert codes(peer.sent()) == ["488"]
    assert events(pair.a) == []
    pair.a.bye(call, "done", pair.net.now)
    assert codes(peer.sent()) == ["BYE"]


def test_old_sequence_numbers_and_other_methods() -> None:
    pair = Pair()
    pair.talk()
    peer = Peer(pair.a)
    peer.give(in_dialog(pair, "SUBSCRIBE", 10, branch="z9hG4bK1"), pair.net.now)
    peer.give(in_dialog(pair, "MESSAGE", 11, branch="z9hG4bK2"), pair.net.now)
    peer.give(in_dialog(pair, "OPTIONS", 12, branch="z9hG4bK3"), pair.net.now)
    peer.give(in_dialog(pair, "OPTIONS", 11, branch="z9hG4bK4"), pair.net.now)
    sent = peer.sent()
    assert codes(sent) == ["405", "405", "200", "500"]
    assert "BYE" in sent[0].headers["Allow"]
    assert events(pair.a) == []
