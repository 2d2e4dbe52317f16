"""Changes of an answered call: re-INVITE and UPDATE both ways, glare, refusals and lost dialogs."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, SILENCE, Pair, codes, events
from sipmessage import Request
from test_sip_outgoing import Caller

from dialer.sip.digest import Credentials
from dialer.sip.message import PHRASES
from dialer.sip.sdp import SessionDescription
from dialer.sip.signals import CallAnswered, CallEnded, CallModified, CallUpdated

HELD = ANSWER.replace(b"a=sendrecv", b"a=sendonly")
CHALLENGE = 'Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"'


def talking(allow: str = "INVITE, ACK, BYE, UPDATE", credentials: Credentials | None = None) -> Caller:
    """Our agent in an answered call with a scripted far end."""
    caller = Caller(credentials)
    if credentials is not None:
        caller.peer.respond(caller.invite, 407, 0.0, Proxy_Authenticate=CHALLENGE)
        caller.invite = caller.peer.sent()[-1]  # type: ignore[assignment]
    caller.peer.respond(caller.invite, 200, 0.1, body=ANSWER, Allow=allow)
    caller.peer.sent(), events(caller.agent)
    return caller


def theirs(caller: Caller, method: str, cseq: int = 20, body: bytes = b"", **headers: str) -> Request:
    made = caller.peer.request(method, cseq=cseq, body=body, branch=f"z9hG4bK{method}{cseq}", **headers)
    made.headers.set("From", f"{caller.invite.headers['To']};tag=b")
    made.headers.set("To", caller.invite.headers["From"])
    made.headers.set("Call-ID", caller.invite.headers["Call-ID"])
    return made


def ours(caller: Caller, method: str) -> Request:
    (message,) = caller.peer.sent()
    assert isinstance(message, Request)
    assert message.method == method
    return message


# -- theirs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize(
    ("said", "answered", "sending"),
    [(b"sendonly", b"recvonly", False), (b"inactive", b"inactive", False), (b"recvonly", b"sendonly", True)],
)
def test_hold_stops_our_media_and_resume_starts_it(
    method: str, said: bytes, answered: bytes, sending: bool
) -> None:
    caller = talking()
    caller.peer.give(theirs(caller, method, 20, ANSWER.replace(b"sendrecv", said)), 1.0)
    (ok,) = caller.peer.sent()
    assert b"a=" + answered in ok.body
    updated = [e for e in events(caller.agent) if isinstance(e, CallUpdated)]
    assert [e.remote.sending for e in updated] == ([] if sending else [False])
    caller.peer.give(theirs(caller, "ACK", 20), 1.0)
    caller.peer.give(theirs(caller, method, 21, ANSWER), 2.0)
    (ok,) = caller.peer.sent()
    assert b"a=sendrecv" in ok.body
    updated = [e for e in events(caller.agent) if isinstance(e, CallUpdated)]
    assert [e.remote.sending for e in updated] == ([] if sending else [True])


def test_hold_by_no_address_keeps_the_address_for_later() -> None:
    caller = talking()
    caller.peer.give(theirs(caller, "INVITE", 20, ANSWER.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0")))
    (updated,) = events(caller.agent)
    assert isinstance(updated, CallUpdated)
    assert (updated.remote.host, updated.remote.port, updated.remote.sending) == ("127.0.0.1", 41000, False)


def test_another_codec_and_address() -> None:
    caller = talking()
    body = ANSWER.replace(b"RTP/AVP 8 0 101", b"RTP/AVP 0 101").replace(b"41000", b"45000")
    caller.peer.give(theirs(caller, "UPDATE", 20, body, Contact="<sip:moved@127.0.0.9:5099>"))
    (ok,) = caller.peer.sent()
    assert b"m=audio 40000 RTP/AVP 0 101" in ok.body
    assert SessionDescription.parse(ok.body).version == 2, "RFC 3264 8: one more than before"
    (updated,) = events(caller.agent)
    assert isinstance(updated, CallUpdated)
    assert (updated.remote.codec, updated.remote.port) == ("PCMU", 45000)
    caller.agent.bye(caller.call, "done", 1.0)
    assert str(ours(caller, "BYE").uri) == "sip:moved@127.0.0.9:5099"


def test_a_reinvite_without_offer_gets_ours_and_answers_in_the_ack() -> None:
    caller = talking()
    caller.peer.give(theirs(caller, "INVITE", 20), 1.0)
    (ok,) = caller.peer.sent()
    assert b"m=audio 40000 RTP/AVP 8 0 101" in ok.body
    caller.peer.give(theirs(caller, "UPDATE", 21, ANSWER), 1.0)
    assert codes(caller.peer.sent()) == ["491"], "our offer is open"
    caller.peer.give(theirs(caller, "ACK", 20, ANSWER.replace(b"41000", b"45000")), 1.1)
    (updated,) = events(caller.agent)
    assert isinstance(updated, CallUpdated)
    assert updated.remote.port == 45000


def test_an_answer_in_the_ack_that_is_none_ends_the_call() -> None:
    caller = talking()
    caller.peer.give(theirs(caller, "INVITE", 20), 1.0)
    caller.peer.sent()
    caller.peer.give(theirs(caller, "ACK", 20), 1.1)
    ours(caller, "BYE")


def test_one_exchange_at_a_time() -> None:
    caller = talking()
    caller.peer.give(theirs(caller, "INVITE", 20, HELD), 1.0)
    caller.peer.give(theirs(caller, "INVITE", 21, ANSWER), 1.0)
    _, refusal = caller.peer.sent()
    assert codes([refusal]) == ["500"]
    assert 0 <= int(refusal.headers["Retry-After"]) <= 10


@pytest.mark.parametrize(
    ("method", "headers", "body", "code"),
    [
        ("INVITE", {"Content_Type": "text/plain"}, b"x", "415"),
        ("UPDATE", {"Content_Type": "text/plain"}, b"x", "415"),
        ("UPDATE", {}, ANSWER.replace(b"8 0 101", b"18"), "488"),
        ("UPDATE", {"Require": "precondition"}, ANSWER, "420"),
        ("UPDATE", {"Require": "100rel"}, ANSWER, "420"),
        ("UPDATE", {"Supported": "timer", "Session_Expires": "60"}, ANSWER, "422"),
    ],
)
def test_changes_that_cannot_be_taken(method: str, headers: dict[str, str], body: bytes, code: str) -> None:
    caller = talking()
    caller.peer.give(theirs(caller, method, 20, body, **headers), 1.0)
    assert codes(caller.peer.sent()) == [code]
    assert events(caller.agent) == []


def test_whoever_hangs_up_is_let_go_whatever_it_requires() -> None:
    caller = talking()
    caller.peer.give(theirs(caller, "BYE", 20, Require="precondition"), 1.0)
    assert codes(caller.peer.sent()) == ["200"]
    assert isinstance(events(caller.agent)[0], CallEnded)


# -- ours -------------------------------------------------------------------------------------


def test_we_hold_and_resume() -> None:
    pair = Pair()
    call, _ = pair.talk()
    pair.a.hold(call, pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [CallModified(call, 200, "")]
    (held,) = events(pair.b)
    assert isinstance(held, CallUpdated)
    assert not held.remote.sending
    pair.a.resume(call, pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [CallModified(call, 200, "")]
    (resumed,) = events(pair.b)
    assert isinstance(resumed, CallUpdated)
    assert resumed.remote.sending
    pair.a.bye(call, "done", pair.net.now)
    pair.net.advance(SILENCE)
    assert (pair.a.size, pair.b.size) == (0, 0)


def test_the_ack_again_for_a_repeated_200_of_our_reinvite() -> None:
    caller = talking()
    caller.agent.move(caller.call, "127.0.0.1", 46000, 1.0)
    invite = ours(caller, "INVITE")
    assert b"m=audio 46000" in invite.body
    assert invite.headers["Contact"] == "<sip:4008@127.0.0.1:5060>"
    for now in (1.1, 1.6):
        caller.peer.respond(invite, 200, now, body=ANSWER)
    first, again = caller.peer.sent()
    assert codes([first, again]) == ["ACK", "ACK"]
    assert str(first.headers) == str(again.headers)
    assert len(events(caller.agent)) == 1


def test_a_wish_waits_for_the_change_under_way() -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.agent.resume(caller.call, 1.0)
    hold = ours(caller, "INVITE")
    assert b"a=sendonly" in hold.body
    caller.peer.respond(hold, 200, 1.1, body=ANSWER.replace(b"sendrecv", b"recvonly"))
    ack, resume = caller.peer.sent()
    assert codes([ack, resume]) == ["ACK", "INVITE"]
    assert b"a=sendrecv" in resume.body
    assert SessionDescription.parse(resume.body).version == 3


def test_glare_is_told_both_and_the_callers_wait_is_the_longer() -> None:
    pair = Pair()
    call, theirs_ = pair.talk()
    pair.a.hold(call, pair.net.now)
    pair.b.hold(theirs_, pair.net.now)
    pair.net.deliver()
    assert pair.net.starts().count("491") == 2
    start, seen = pair.net.now, len(pair.net.sent)
    pair.net.advance(2.0)
    assert sum(d.startswith(b"INVITE") for _, _, d in pair.net.sent[seen:]) == 1, "who was called comes first"
    pair.net.advance(2.1)
    assert sum(d.startswith(b"INVITE") for _, _, d in pair.net.sent[seen:]) == 2
    assert pair.net.now > start
    assert [e for e in events(pair.a) if isinstance(e, CallModified)] == [CallModified(call, 200, "")]
    assert [e for e in events(pair.b) if isinstance(e, CallModified)] == [CallModified(theirs_, 200, "")]


@pytest.mark.parametrize("seed", range(5))
def test_the_wait_after_491_is_of_14_1(seed: int) -> None:
    caller = talking()
    caller.agent._core.randomness = random.Random(seed)
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), 491, 1.0)
    ours(caller, "ACK")
    caller.run(3.09)
    assert caller.peer.sent() == []
    caller.run(5.0)
    assert set(codes(caller.peer.sent())) == {"INVITE"}


def test_500_with_retry_after_is_tried_again_then() -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), 500, 1.0, Retry_After="7")
    ours(caller, "ACK")
    caller.run(7.9)
    assert caller.peer.sent() == []
    caller.run(8.0)
    assert b"a=sendonly" in ours(caller, "INVITE").body


def test_a_refused_change_keeps_the_call_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PHRASES, 488, "Not for 010-62345678")
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), 488, 1.1)
    ours(caller, "ACK")
    assert events(caller.agent) == [CallModified(caller.call, 488, "Not for ****5678")]
    caller.peer.give(theirs(caller, "INVITE", 20, HELD), 2.0)
    assert codes(caller.peer.sent()) == ["200"]


@pytest.mark.parametrize("code", [408, 481])
def test_a_far_end_that_knows_the_call_no_more_ends_it(code: int) -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), code, 1.1)
    ack, bye = caller.peer.sent()
    assert codes([ack, bye]) == ["ACK", "BYE"]
    caller.peer.respond(bye, 481, 1.2)
    (ended,) = events(caller.agent)
    assert isinstance(ended, CallEnded)
    assert str(code) in ended.reason


@pytest.mark.parametrize("trying", [False, True])
def test_a_reinvite_that_is_never_answered_ends_the_call(trying: bool) -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    if trying:
        caller.peer.respond(ours(caller, "INVITE"), 100, 1.1)
    caller.run(33.0)
    assert caller.peer.sent()[-1].method == "BYE"  # type: ignore[union-attr]
    caller.run(200.0)
    assert isinstance(events(caller.agent)[-1], CallEnded)
    assert caller.agent.size == 0


def test_a_challenge_to_our_reinvite_is_answered() -> None:
    caller = talking(credentials=Credentials("u", "p"))
    caller.agent.hold(caller.call, 1.0)
    first = ours(caller, "INVITE")
    caller.peer.respond(first, 407, 1.1, Proxy_Authenticate=CHALLENGE.replace("n1", "n9"))
    ack, second = caller.peer.sent()
    assert codes([ack, second]) == ["ACK", "INVITE"]
    assert 'nonce="n9"' in second.headers["Proxy-Authorization"]
    assert int(second.headers["CSeq"].split()[0]) == int(first.headers["CSeq"].split()[0]) + 1
    caller.peer.respond(second, 200, 1.2, body=ANSWER)
    ack = ours(caller, "ACK")
    assert "Proxy-Authorization" in str(ack.headers)


def test_an_answer_of_no_use_to_our_reinvite_ends_the_call() -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), 200, 1.1, body=b"v=0\r\n")
    assert codes(caller.peer.sent()) == ["ACK", "BYE"]


def test_hanging_up_in_a_change_still_acknowledges_its_answer() -> None:
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    invite = ours(caller, "INVITE")
    caller.agent.bye(caller.call, "done", 1.1)
    bye = ours(caller, "BYE")
    caller.peer.respond(invite, 200, 1.2, body=ANSWER)
    ours(caller, "ACK")
    caller.peer.respond(bye, 200, 1.3)
    assert [type(e) for e in events(caller.agent)] == [CallEnded]


def test_a_wish_before_the_answer_is_sent_after_it() -> None:
    caller = Caller()
    caller.agent.move(caller.call, "127.0.0.1", 46000, 0.1)
    assert caller.peer.sent() == []
    caller.peer.respond(caller.invite, 200, 0.2, body=ANSWER)
    ack, invite = caller.peer.sent()
    assert codes([ack, invite]) == ["ACK", "INVITE"]
    assert b"m=audio 46000" in invite.body
    assert isinstance(events(caller.agent)[0], CallAnswered)


def test_strict_router_in_a_dialog() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 200, 0.1, body=ANSWER, Record_Route="<sip:127.0.0.1:5090>")
    ack = ours(caller, "ACK")
    assert str(ack.uri) == "sip:127.0.0.1:5090"
    assert ack.headers.getlist("Route") == ["<sip:b@127.0.0.1:5070>"]
    caller.agent.hold(caller.call, 1.0)
    invite = ours(caller, "INVITE")
    assert str(invite.uri) == "sip:127.0.0.1:5090"
    assert invite.headers.getlist("Route") == ["<sip:b@127.0.0.1:5070>"]


def test_500_with_retry_after_0_is_tried_again_at_once() -> None:
    """RFC 3261 14.2: the wait is drawn from 0 to 10 s."""
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    caller.peer.respond(ours(caller, "INVITE"), 500, 1.0, Retry_After="0")
    ours(caller, "ACK")
    caller.run(1.0)
    assert b"a=sendonly" in ours(caller, "INVITE").body
    assert events(caller.agent) == []


@pytest.mark.parametrize("who", ["we", "they"])
def test_a_refusal_that_crosses_bye_is_acknowledged(who: str) -> None:
    """Else the far end repeats its 487 for 32 s."""
    caller = talking()
    caller.agent.hold(caller.call, 1.0)
    invite = ours(caller, "INVITE")
    caller.peer.respond(invite, 100, 1.0)
    if who == "they":
        caller.peer.give(theirs(caller, "BYE", 20), 1.1)
        caller.peer.sent()
    else:
        caller.agent.bye(caller.call, "done", 1.1)
        caller.peer.respond(ours(caller, "BYE"), 200, 1.2)
    caller.peer.respond(invite, 487, 1.3)
    ours(caller, "ACK")
    caller.peer.respond(invite, 487, 1.8)
    ours(caller, "ACK")
    caller.run(200.0)
    assert [type(e) for e in events(caller.agent)] == [CallEnded]
    assert caller.agent.size == 0
