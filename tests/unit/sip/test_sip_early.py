"""Before the answer: reliable provisional responses both ways, early media, several branches."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, B_ADDR, Pair, Peer, codes, events
from sipmessage import Request, Response
from test_sip_outgoing import Caller

from dialer.sip.address import parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import SessionDescription, make_offer
from dialer.sip.signals import (
    CallAnswered,
    CallFailed,
    CallProgress,
    CallUpdated,
    IncomingCall,
)
from dialer.sip.useragent import UserAgent

RELIABLE = {"Require": "100rel"}


def media_at(port: int, *attributes: str) -> bytes:
    body = ANSWER.replace(b"41000", str(port).encode())
    return b"".join([body, *(f"a={line}\r\n".encode() for line in attributes)])


def remote_port(event: object) -> int:
    assert isinstance(event, CallProgress | CallAnswered | CallUpdated)
    assert event.remote is not None
    return event.remote.port


# -- as caller --------------------------------------------------------------------------------


def test_a_reliable_ringing_gets_its_prack_in_the_early_dialog() -> None:
    caller = Caller()
    assert "100rel" in caller.invite.headers["Supported"]
    caller.peer.respond(caller.invite, 180, 0.1, RSeq="7", Record_Route="<sip:127.0.0.1:5090;lr>", **RELIABLE)
    prack = caller.one()
    assert (prack.method, prack.headers["RAck"]) == ("PRACK", "7 1 INVITE")
    assert prack.headers["CSeq"] == "2 PRACK"
    assert str(prack.uri) == "sip:b@127.0.0.1:5070"
    assert prack.headers["Route"] == "<sip:127.0.0.1:5090;lr>"
    assert prack.headers["To"].endswith("tag=b")
    assert events(caller.agent) == [CallProgress(caller.call, 180, early_media=False)]
    caller.peer.respond(prack, 200, 0.2)
    caller.peer.respond(caller.invite, 200, 0.3, body=ANSWER)
    ack = caller.one()
    assert (ack.method, ack.headers["CSeq"]) == ("ACK", "1 ACK")
    caller.agent.bye(caller.call, "done", 1.0)
    assert caller.one().headers["CSeq"] == "3 BYE", "numbers of the early dialog go on"


def test_a_repeated_one_is_acknowledged_again_and_reported_once() -> None:
    caller = Caller()
    for now in (0.1, 0.6):
        caller.peer.respond(caller.invite, 183, now, RSeq="7", **RELIABLE)
    first, again = caller.peer.sent()
    assert str(first.headers) == str(again.headers), "the same PRACK, not one more"
    assert len(events(caller.agent)) == 1


def test_one_that_comes_before_its_turn_waits_for_the_lost_one() -> None:
    caller = Caller()
    for rseq, code in ((7, 180), (9, 183), (8, 182), (9, 183)):
        caller.peer.respond(caller.invite, code, 0.1, RSeq=str(rseq), **RELIABLE)
    assert [m.headers["RAck"] for m in caller.peer.sent()] == [f"{r} 1 INVITE" for r in (7, 8, 9)]
    assert [e.code for e in events(caller.agent) if isinstance(e, CallProgress)] == [180, 182, 183]


@pytest.mark.parametrize("rseq", ["", "x", "0", "99999999999"])
def test_a_reliable_response_without_a_number_is_a_plain_one(rseq: str) -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, RSeq=rseq, **RELIABLE)
    assert caller.peer.sent() == []
    assert len(events(caller.agent)) == 1


def test_early_media_is_connected_and_the_answers_sdp_counts() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, body=media_at(42000))
    caller.peer.respond(caller.invite, 180, 0.2)
    caller.peer.respond(caller.invite, 200, 0.3, body=media_at(43000))
    early, ringing, answered = events(caller.agent)
    assert isinstance(early, CallProgress)
    assert (early.early_media, remote_port(early)) == (True, 42000)
    assert ringing == CallProgress(caller.call, 180, early_media=False)
    assert isinstance(answered, CallAnswered)
    assert remote_port(answered) == 43000


@pytest.mark.parametrize("reliable", [False, True])
def test_an_answer_without_sdp_keeps_what_early_media_said(reliable: bool) -> None:
    caller = Caller()
    extra = {"RSeq": "1", **RELIABLE} if reliable else {}
    caller.peer.respond(caller.invite, 183, 0.1, body=media_at(42000), **extra)
    caller.peer.respond(caller.invite, 200, 0.3)
    answered = events(caller.agent)[-1]
    assert isinstance(answered, CallAnswered)
    assert remote_port(answered) == 42000


def test_sdp_of_no_use_in_a_ringing_does_not_cost_the_call() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, body=b"v=0\r\nm=audio 9 RTP/AVP 18\r\n")
    caller.peer.respond(caller.invite, 200, 0.3, body=ANSWER)
    progress, answered = events(caller.agent)
    assert progress == CallProgress(caller.call, 183, early_media=False)
    assert isinstance(answered, CallAnswered)


def test_media_follows_the_branch_that_answers_and_others_are_ended() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, tag="one", body=media_at(42000))
    caller.peer.respond(caller.invite, 183, 0.2, tag="two", body=media_at(43000))
    caller.peer.respond(caller.invite, 200, 0.3, tag="one", body=media_at(42000))
    assert [remote_port(e) for e in events(caller.agent)] == [42000, 43000, 42000]
    assert codes(caller.peer.sent()) == ["ACK"]
    caller.peer.respond(caller.invite, 200, 0.4, tag="two", body=media_at(43000))
    ack, bye = caller.peer.sent()
    assert codes([ack, bye]) == ["ACK", "BYE"]
    assert bye.headers["To"].endswith("tag=two")
    assert events(caller.agent) == []
    late = inside(caller, "OPTIONS", "two")
    caller.peer.give(late, 0.5)
    assert codes(caller.peer.sent()) == ["481"], "the other branch is no dialog any more"


def test_a_branch_that_is_gone_is_forgotten() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, tag="one")
    caller.peer.respond(caller.invite, 199, 0.2, tag="one")
    assert len(events(caller.agent)) == 1
    caller.peer.give(inside(caller, "OPTIONS", "one"), 0.3)
    assert codes(caller.peer.sent()) == ["481"]


def test_more_branches_than_any_real_call_has_are_not_kept() -> None:
    caller = Caller()
    for number in range(100):
        caller.peer.respond(caller.invite, 180, 0.1, tag=f"t{number}")
    caller.peer.give(inside(caller, "OPTIONS", "t15", cseq=2), 0.3)
    caller.peer.give(inside(caller, "OPTIONS", "t16", cseq=3), 0.3)
    assert codes(caller.peer.sent()) == ["200", "481"]


def inside(caller: Caller, method: str, tag: str, cseq: int = 2, body: bytes = b"") -> Request:
    """A request of a branch of the callee."""
    made = caller.peer.request(method, cseq=cseq, body=body, branch=f"z9hG4bK{method}{tag}{cseq}")
    made.headers.set("From", f"{caller.invite.headers['To']};tag={tag}")
    made.headers.set("To", caller.invite.headers["From"])
    made.headers.set("Call-ID", caller.invite.headers["Call-ID"])
    return made


def test_update_moves_early_media() -> None:
    """An announcement first, then another gateway rings (RFC 3311 5.2)."""
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, body=media_at(42000), RSeq="1", **RELIABLE)
    caller.peer.respond(caller.one(), 200, 0.1)
    caller.peer.give(inside(caller, "UPDATE", "b", 2, media_at(43000)), 0.2)
    (ok,) = caller.peer.sent()
    assert codes([ok]) == ["200"]
    assert b"m=audio 40000 RTP/AVP 8" in ok.body
    assert [remote_port(e) for e in events(caller.agent)] == [42000, 43000]
    caller.peer.respond(caller.invite, 200, 0.3, body=media_at(42000))
    assert remote_port(events(caller.agent)[-1]) == 43000, "the UPDATE is newer than the first answer"


def test_update_while_our_offer_is_open_is_refused() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1)
    caller.peer.give(inside(caller, "UPDATE", "b", 2, media_at(43000)), 0.2)
    caller.peer.give(inside(caller, "INVITE", "b", 3, media_at(43000)), 0.2)
    assert codes(caller.peer.sent()) == ["491", "491"]


def test_we_move_our_early_media_by_update() -> None:
    caller = Caller()
    caller.peer.respond(
        caller.invite, 183, 0.1, body=media_at(42000), RSeq="1", Allow="INVITE, ACK, UPDATE", **RELIABLE
    )
    caller.peer.respond(caller.one(), 200, 0.1)
    caller.agent.move(caller.call, "127.0.0.1", 46000, 0.2)
    update = caller.one()
    assert update.method == "UPDATE"
    assert b"m=audio 46000" in update.body
    caller.peer.respond(update, 200, 0.3, body=media_at(42000))
    caller.peer.respond(caller.invite, 200, 0.4)
    assert codes(caller.peer.sent()) == ["ACK"]


def test_a_branch_that_hangs_up_before_the_answer_ends_the_last_hope() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, tag="one")
    caller.peer.respond(caller.invite, 180, 0.1, tag="two")
    caller.peer.give(inside(caller, "BYE", "one"), 0.2)
    assert codes(caller.peer.sent()) == ["200"]
    caller.peer.give(inside(caller, "BYE", "two"), 0.3)
    assert codes(caller.peer.sent()) == ["200", "CANCEL"]
    caller.peer.respond(caller.invite, 487, 0.4, tag="two")
    assert isinstance(events(caller.agent)[-1], CallFailed)


def test_an_unconfirmed_prack_costs_the_branch_and_not_the_call() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, RSeq="1", **RELIABLE)
    caller.peer.respond(caller.one(), 481, 0.2)
    caller.peer.respond(caller.invite, 200, 0.3, body=ANSWER)
    assert isinstance(events(caller.agent)[-1], CallAnswered)


def test_their_offer_in_a_reliable_ringing_is_answered_in_the_prack() -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent)
    target = parse_uri("sip:1@127.0.0.1:5070")
    offer = make_offer("127.0.0.1", 40000, 1)
    agent.invite(InviteSpec(target, parse_uri("sip:2@x"), B_ADDR, offer, delayed_offer=True), 0.0)
    (invite,) = peer.sent()
    assert invite.body == b""
    assert invite.headers.get("Content-Type") is None
    peer.respond(invite, 183, 0.1, body=media_at(42000), RSeq="1", **RELIABLE)
    (prack,) = peer.sent()
    assert SessionDescription.parse(prack.body).port == 40000
    peer.respond(prack, 200, 0.2)
    peer.respond(invite, 200, 0.3)
    (ack,) = peer.sent()
    assert ack.body == b""
    assert [remote_port(e) for e in events(agent)] == [42000, 42000]


def test_their_offer_in_the_200_is_answered_in_the_ack() -> None:
    pair = Pair()
    pair.invite(delayed_offer=True)
    pair.b.answer(pair.incoming(), "127.0.0.1", 41000, pair.net.now)
    pair.net.deliver()
    assert remote_port(events(pair.a)[-1]) == 41000
    assert remote_port(events(pair.b)[-1]) == 40000


# -- as callee --------------------------------------------------------------------------------


def ringing(**headers: str) -> tuple[UserAgent, Peer, int, Response]:
    """Our agent that rings for a caller who sent these headers; the 180."""
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent)
    peer.give(peer.request("INVITE", body=ANSWER, Record_Route="<sip:127.0.0.1:5090;lr>", **headers))
    call = next(e.call for e in events(agent) if isinstance(e, IncomingCall))
    agent.ring(call, 0.0)
    response = peer.sent()[-1]
    assert isinstance(response, Response)
    return agent, peer, call, response


def prack(peer: Peer, response: Response, rack: str, cseq: int = 2) -> Request:
    made = peer.request("PRACK", cseq=cseq, branch=f"z9hG4bKp{cseq}", RAck=rack)
    made.headers.set("To", response.headers["To"])
    return made


def test_a_caller_that_only_could_gets_a_plain_ringing() -> None:
    _, _, _, response = ringing(Supported="100rel")
    assert (response.code, response.headers.get("RSeq")) == (180, None)
    assert response.headers["Record-Route"] == "<sip:127.0.0.1:5090;lr>"


def test_a_ringing_is_repeated_until_its_prack() -> None:
    agent, peer, call, response = ringing(Require="100rel")
    rseq = int(response.headers["RSeq"])
    assert response.headers["Require"] == "100rel"
    for at in (0.5, 1.5, 3.5):
        agent.handle_timer(at)
        assert codes(peer.sent()) == ["180"]
    peer.give(prack(peer, response, f"{rseq + 1} 1 INVITE"), 4.0)
    peer.give(prack(peer, response, f"{rseq} 1 INVITE", 3), 4.0)
    peer.give(prack(peer, response, f"{rseq} 1 INVITE", 4), 4.0)
    assert codes(peer.sent()) == ["481", "200", "481"]
    agent.handle_timer(20.0)
    assert peer.sent() == []
    agent.answer(call, "127.0.0.1", 40000, 21.0)
    assert codes(peer.sent()) == ["200"]


def test_a_caller_that_acknowledges_nothing_is_refused() -> None:
    agent, peer, _, _ = ringing(Require="100rel")
    while (at := agent.get_timer()) is not None and at <= 32.0:
        agent.handle_timer(at)
    assert codes(peer.sent())[-1] == "504"
    (failed,) = events(agent)
    assert isinstance(failed, CallFailed)


def test_prack_between_two_of_us() -> None:
    """Through a network that loses two datagrams of five."""
    pair = Pair()
    pair.invite(headers=(("Require", "100rel"),))
    theirs = pair.incoming()
    chance = random.Random(3)
    pair.net.drop = lambda source, peer, data: chance.random() < 0.4
    pair.b.ring(theirs, pair.net.now)
    pair.net.advance(10.0)
    assert [e.code for e in events(pair.a) if isinstance(e, CallProgress)] == [180]
    pair.b.answer(theirs, "127.0.0.1", 41000, pair.net.now)
    pair.net.advance(20.0)
    assert any(isinstance(e, CallAnswered) for e in events(pair.a))
    assert any(isinstance(e, CallAnswered) for e in events(pair.b))


def test_update_before_our_answer_is_too_early() -> None:
    agent, peer, _, response = ringing()
    update = peer.request("UPDATE", cseq=2, body=ANSWER, branch="z9hG4bKu")
    update.headers.set("To", response.headers["To"])
    peer.give(update)
    (refusal,) = peer.sent()
    assert codes([refusal]) == ["500"]
    assert 0 <= int(refusal.headers["Retry-After"]) <= 10
    assert agent.size > 0


def test_a_stray_branch_is_ended_with_the_number_after_its_prack() -> None:
    """A BYE with a number that the branch has seen is refused, and its phone would stay off the hook."""
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, tag="one", RSeq="1", **RELIABLE)
    assert caller.one().headers["CSeq"] == "2 PRACK"
    caller.peer.respond(caller.invite, 200, 0.2, tag="two", body=ANSWER)
    caller.peer.respond(caller.invite, 200, 0.3, tag="one", body=ANSWER)
    *_, ack, bye = caller.peer.sent()
    assert [m.headers["CSeq"] for m in (ack, bye)] == ["1 ACK", "3 BYE"]
    caller.agent.bye(caller.call, "done", 1.0)
    assert caller.one().headers["CSeq"] == "2 BYE"


@pytest.mark.parametrize("code", [0, 408, 481, 500])
def test_a_prack_that_fails_after_the_answer_costs_nothing(code: int) -> None:
    """The far end may have forgotten the ringing that we acknowledge: 481 says just that (RFC 3262 3)."""
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, RSeq="1", **RELIABLE)
    prack = caller.one()
    caller.peer.respond(caller.invite, 200, 0.2, body=ANSWER)
    caller.peer.sent(), events(caller.agent)
    if code:
        caller.peer.respond(prack, code, 0.3)
    caller.run(50.0)
    assert not {"BYE"} & set(codes(caller.peer.sent()))
    assert events(caller.agent) == []


def test_a_refused_prack_keeps_what_its_branch_has_agreed() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 183, 0.1, RSeq="1", body=media_at(42000), **RELIABLE)
    caller.peer.respond(caller.one(), 481, 0.2)
    caller.peer.respond(caller.invite, 200, 0.3)
    assert [remote_port(e) for e in events(caller.agent)] == [42000, 42000]
