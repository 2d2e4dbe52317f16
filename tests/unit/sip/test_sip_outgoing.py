"""Calls that we place: every way an INVITE can end."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, B_ADDR, SILENCE, Pair, Peer, codes, events
from sipmessage import Request

from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.digest import Credentials, parse_parameters
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import (
    CallAnswered,
    CallAnsweredLate,
    CallEnded,
    CallFailed,
    CallProgress,
    IncomingCall,
)
from dialer.sip.useragent import UserAgent


class Caller:
    """Our agent with one INVITE out, and a scripted far end."""

    def __init__(self, credentials: Credentials | None = None, no_response_s: float | None = None) -> None:
        self.agent = UserAgent(UserAgentConfig(), random.Random(1))
        self.peer = Peer(self.agent)
        target = parse_uri("sip:13812345678@127.0.0.1:5070")
        offer = make_offer("127.0.0.1", 40000, 1)
        spec = InviteSpec(
            target, parse_uri("sip:4008@carrier.cn"), B_ADDR, offer, "Huifang", credentials, no_response_s
        )
        self.call = self.agent.invite(spec, 0.0)
        self.invite = self.one()

    def one(self) -> Request:
        (message,) = self.peer.sent()
        assert isinstance(message, Request)
        return message

    def run(self, until: float) -> None:
        while (at := self.agent.get_timer()) is not None and at <= until:
            self.agent.handle_timer(at)


def test_the_invite_has_what_rfc_3261_asks_for() -> None:
    headers = Caller().invite.headers
    assert headers["Via"].startswith("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK")
    assert headers["Via"].endswith(";rport")
    assert headers["Max-Forwards"] == "70"
    assert headers["From"].startswith('"Huifang" <sip:4008@carrier.cn>;tag=')
    assert headers["To"] == "<sip:13812345678@127.0.0.1:5070>"
    assert headers["Contact"] == "<sip:4008@127.0.0.1:5060>"
    assert "BYE" in headers["Allow"]
    assert headers["User-Agent"] == "Huifang"
    assert headers["Content-Type"] == "application/sdp"


def test_ringing_answer_and_the_ack_again_for_a_repeated_200() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 100, 0.1)
    caller.peer.respond(caller.invite, 183, 0.2, body=ANSWER)
    caller.peer.respond(
        caller.invite, 200, 0.3, body=ANSWER, Record_Route="<sip:p2;lr>, <sip:127.0.0.1:5090;lr>"
    )
    progress, answered = events(caller.agent)
    assert isinstance(progress, CallProgress)
    assert (progress.code, progress.early_media) == (183, True)
    assert isinstance(answered, CallAnswered)
    assert answered.remote.port == 41000
    ack = caller.one()
    assert ack.method == "ACK"
    assert str(ack.uri) == "sip:b@127.0.0.1:5070"
    assert ack.headers.getlist("Route") == ["<sip:127.0.0.1:5090;lr>", "<sip:p2;lr>"]
    assert ack.headers["Via"] != caller.invite.headers["Via"]
    caller.peer.respond(caller.invite, 200, 0.8, body=ANSWER)
    again = caller.one()
    assert str(again.headers) == str(ack.headers)
    assert events(caller.agent) == []


@pytest.mark.parametrize(
    ("code", "rang", "ours"),
    [
        (486, True, False), (486, False, False), (404, False, False), (603, False, False),
        (480, False, False), (500, False, True), (503, False, True), (503, True, False),
        (408, False, True), (408, True, False),
        (302, False, False), (407, False, True),
    ],
)  # fmt: skip
def test_whose_fault_a_failure_is(code: int, rang: bool, ours: bool) -> None:
    caller = Caller()
    if rang:
        caller.peer.respond(caller.invite, 180, 0.1)
    caller.peer.respond(caller.invite, code, 0.2, Retry_After="30")
    failed = events(caller.agent)[-1]
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.ours, failed.retry_after_s) == (code, ours, 0.0 if code == 407 else 30.0)
    assert codes(caller.peer.sent()) == ["ACK"]


def test_no_response_at_all_is_ours_and_a_late_ringing_is_cancelled() -> None:
    caller = Caller(no_response_s=6.0)
    caller.run(6.0)
    (failed,) = events(caller.agent)
    assert failed == CallFailed(caller.call, 0, "no response", ours=True)
    caller.peer.sent()
    caller.peer.respond(caller.invite, 180, 8.0)
    cancel = caller.one()
    assert cancel.method == "CANCEL"
    assert cancel.headers["Via"] == caller.invite.headers["Via"]
    caller.peer.respond(caller.invite, 200, 8.1, body=ANSWER)
    assert codes(caller.peer.sent()) == ["ACK", "BYE"]
    assert events(caller.agent) == []
    caller.run(200.0)
    assert caller.agent.size == 0


def test_cancel_waits_for_a_provisional_response() -> None:
    caller = Caller()
    caller.agent.cancel(caller.call, 0.1)
    assert caller.peer.sent() == []
    caller.peer.respond(caller.invite, 100, 0.2)
    cancel = caller.one()
    assert (cancel.method, cancel.headers["CSeq"]) == ("CANCEL", "1 CANCEL")
    assert cancel.headers["To"] == caller.invite.headers["To"]
    caller.peer.respond(cancel, 200, 0.3)
    caller.peer.respond(caller.invite, 487, 0.4)
    assert codes(caller.peer.sent()) == ["ACK"]
    (failed,) = events(caller.agent)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.ours) == (487, False)


def test_a_cancelled_call_without_final_response_ends_after_64_t1() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1)
    caller.agent.cancel(caller.call, 1.0)
    caller.run(32.9)
    assert not any(isinstance(e, CallFailed) for e in events(caller.agent))
    caller.run(33.0)
    (failed,) = events(caller.agent)
    assert failed == CallFailed(caller.call, 0, "no final response after CANCEL", ours=False)
    caller.run(300.0)
    assert caller.agent.size == 0


def test_a_200_that_crosses_cancel_is_acknowledged_ended_and_reported_so() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1)
    caller.agent.cancel(caller.call, 1.0)
    caller.peer.sent()
    caller.peer.respond(caller.invite, 200, 1.1, body=ANSWER)
    ack, bye = caller.peer.sent()
    assert codes([ack, bye]) == ["ACK", "BYE"]
    caller.peer.respond(bye, 200, 1.2)
    assert events(caller.agent)[1:] == [
        CallAnsweredLate(caller.call),
        CallEnded(caller.call, by_remote=False, reason="answer crossed CANCEL"),
    ]


def test_the_first_fork_is_kept_and_the_others_ended() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 180, 0.1, tag="one")
    caller.peer.respond(caller.invite, 180, 0.1, tag="two")
    caller.peer.respond(caller.invite, 200, 0.2, tag="two", body=ANSWER)
    assert codes(caller.peer.sent()) == ["ACK"]
    caller.peer.respond(caller.invite, 200, 0.3, tag="one", body=ANSWER)
    ack, bye = caller.peer.sent()
    assert codes([ack, bye]) == ["ACK", "BYE"]
    assert bye.headers["To"].endswith("tag=one")
    answered = [e for e in events(caller.agent) if isinstance(e, CallAnswered | CallEnded | CallFailed)]
    assert len(answered) == 1


def test_an_answer_without_usable_sdp_is_acknowledged_and_ended() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 200, 0.2, body=b"v=0\r\n")
    assert codes(caller.peer.sent()) == ["ACK", "BYE"]
    (failed,) = events(caller.agent)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.ours) == (200, False)


CHALLENGE = 'Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"'


def test_one_answer_to_a_challenge_then_a_clear_failure() -> None:
    caller = Caller(Credentials("u", "p"))
    caller.peer.respond(caller.invite, 407, 0.1, Proxy_Authenticate=CHALLENGE)
    ack, second = caller.peer.sent()
    assert codes([ack, second]) == ["ACK", "INVITE"]
    assert second.headers["CSeq"] == "2 INVITE"
    assert second.headers["Call-ID"] == caller.invite.headers["Call-ID"]
    assert second.headers["Via"] != caller.invite.headers["Via"]
    assert (
        parse_parameters(second.headers["Proxy-Authorization"])[1]["uri"] == "sip:13812345678@127.0.0.1:5070"
    )
    caller.peer.respond(second, 407, 0.2, Proxy_Authenticate=CHALLENGE.replace("n1", "n2"))
    assert codes(caller.peer.sent()) == ["ACK"]
    (failed,) = events(caller.agent)
    assert isinstance(failed, CallFailed)
    assert (failed.code, failed.ours) == (407, True)
    assert "check user name and password" in failed.reason


def test_an_unwanted_answer_is_ended_with_the_credentials() -> None:
    """A carrier that asks for a password would refuse the BYE, and the customer would hear silence."""
    caller = Caller(Credentials("u", "p"))
    caller.peer.respond(caller.invite, 407, 0.1, Proxy_Authenticate=CHALLENGE)
    _, second = caller.peer.sent()
    caller.peer.respond(second, 200, 0.2, body=b"v=0\r\n")
    _, bye = caller.peer.sent()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert 'nonce="n1"' in bye.headers["Proxy-Authorization"]


def test_a_stale_nonce_is_worth_one_more_try_and_the_ack_carries_the_credentials() -> None:
    caller = Caller(Credentials("u", "p"))
    caller.peer.respond(caller.invite, 401, 0.1, WWW_Authenticate=CHALLENGE)
    second = caller.peer.sent()[-1]
    caller.peer.respond(second, 401, 0.2, WWW_Authenticate=CHALLENGE.replace("n1", "n2") + ", stale=true")
    third = caller.peer.sent()[-1]
    assert 'nonce="n2"' in third.headers["Authorization"]
    caller.peer.respond(third, 200, 0.3, body=ANSWER)
    ack = caller.one()
    assert ack.headers["Authorization"] == third.headers["Authorization"]
    assert ack.headers["CSeq"] == "3 ACK"


def test_an_unknown_algorithm_fails_by_name() -> None:
    caller = Caller(Credentials("u", "p"))
    caller.peer.respond(caller.invite, 401, 0.1, WWW_Authenticate=CHALLENGE.replace("MD5", "SHA-3"))
    (failed,) = events(caller.agent)
    assert isinstance(failed, CallFailed)
    assert "SHA-3" in failed.reason


def test_ringing_without_end_is_cancelled_by_timer_c() -> None:
    pair = Pair(max_ring_s=30.0)
    pair.invite()
    pair.b.ring(pair.incoming(), pair.net.now)
    pair.net.advance(31.0)
    assert any(isinstance(e, CallFailed) for e in events(pair.a))
    assert any(isinstance(e, CallFailed) for e in events(pair.b))
    pair.net.advance(SILENCE)
    assert (pair.a.size, pair.b.size) == (0, 0)


def test_a_dead_network_fails_what_waits_and_is_ours() -> None:
    caller = Caller()
    caller.agent.transport_failed(B_ADDR, "can't send: Network is unreachable", 0.1)
    (failed,) = events(caller.agent)
    assert failed == CallFailed(caller.call, 0, "can't send: Network is unreachable", ours=True)
    assert caller.agent.size == 0


@pytest.mark.parametrize("ring", [False, True])
def test_a_carrier_that_never_has_enough_is_given_up(ring: bool) -> None:
    """Each round would be a further INVITE, as fast as the network is."""
    caller = Caller(Credentials("u", "p"))
    invite, sent = caller.invite, 1
    for number in range(200):
        if ring:
            caller.peer.respond(invite, 183, 0.1, tag=f"t{number}")
            caller.peer.respond(invite, 401, 0.1, WWW_Authenticate=CHALLENGE.replace("n1", f"n{number}"))
        else:
            caller.peer.respond(invite, 422, 0.1, Min_SE=str(2000 + number))
        last = caller.peer.sent()[-1]
        if not isinstance(last, Request) or last.method != "INVITE":
            break
        invite, sent = last, sent + 1
    assert sent <= 20
    assert isinstance(events(caller.agent)[-1], CallFailed)


def test_a_stray_answer_is_ended_also_where_its_bye_is_challenged() -> None:
    caller = Caller(Credentials("u", "p"))
    caller.peer.respond(caller.invite, 200, 0.1, tag="one", body=ANSWER)
    caller.peer.respond(caller.invite, 200, 0.2, tag="two", body=ANSWER)
    bye = caller.peer.sent()[-1]
    caller.peer.respond(bye, 407, 0.3, Proxy_Authenticate=CHALLENGE)
    again = caller.one()
    assert (again.method, again.headers["CSeq"]) == ("BYE", "3 BYE")
    assert "Proxy-Authorization" in str(again.headers)
    assert again.headers["To"].endswith("tag=two")


TLS = Addr("203.0.113.1", 5061, "tls", "carrier.example")


@pytest.mark.parametrize("early", [False, True])
def test_a_call_over_tls_stays_on_tls_whatever_the_contact_says(early: bool) -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent, TLS)
    target = parse_uri("sip:13812345678@carrier.example")
    call = agent.invite(InviteSpec(target, parse_uri("sip:1@x"), TLS, make_offer("127.0.0.1", 40000, 1)), 0.0)
    (invite,) = peer.sent()
    if early:
        peer.respond(invite, 183, 0.1, body=ANSWER, Require="100rel", RSeq="1")
    peer.respond(invite, 200, 0.2, body=ANSWER)
    agent.hold(call, 1.0)
    agent.bye(call, "done", 1.1)
    sent = agent.datagrams_to_send()
    assert len(sent) == 3 + early
    assert {to for _, to in sent} == {TLS}
    assert all(b"SIP/2.0/TLS " in data for data, _ in sent)


def test_a_taken_call_over_tls_stays_on_tls() -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent, Addr("203.0.113.1", 40123, "tls"))
    peer.give(peer.request("INVITE", body=ANSWER, Contact="<sip:far@192.0.2.77:5070>"))
    (call,) = [e.call for e in events(agent) if isinstance(e, IncomingCall)]
    agent.answer(call, "127.0.0.1", 41000, 0.1)
    ack = peer.request("ACK")
    ack.headers.set("To", peer.sent()[-1].headers["To"])
    peer.give(ack, 0.2)
    agent.bye(call, "done", 0.3)
    assert [to for _, to in agent.datagrams_to_send()] == [peer.addr]
