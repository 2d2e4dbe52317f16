"""Session timers (RFC 4028): what is agreed, who refreshes, and what a silent far end costs."""

from __future__ import annotations

import random

import pytest
from sip_fakes import ANSWER, Peer, codes, events
from sipmessage import Request, Response
from test_sip_modify import ours, theirs
from test_sip_outgoing import Caller

from dialer.sip.config import UserAgentConfig
from dialer.sip.signals import CallAnswered, CallEnded, CallFailed, IncomingCall
from dialer.sip.useragent import UserAgent


def talking(allow: str = "INVITE, ACK, BYE, UPDATE", **headers: str) -> Caller:
    caller = Caller()
    caller.peer.respond(caller.invite, 200, 0.0, body=ANSWER, Allow=allow, **headers)
    caller.peer.sent(), events(caller.agent)
    return caller


def test_what_we_ask_for() -> None:
    headers = Caller().invite.headers
    assert (headers["Session-Expires"], headers["Min-SE"]) == ("1800", "90")
    assert "timer" in headers["Supported"]


@pytest.mark.parametrize(("allow", "method"), [("INVITE, UPDATE", "UPDATE"), ("INVITE, ACK, BYE", "INVITE")])
def test_we_refresh_at_half_time(allow: str, method: str) -> None:
    caller = talking(allow, Session_Expires="120;refresher=uac", Require="timer")
    caller.run(59.9)
    assert caller.peer.sent() == []
    caller.run(60.0)
    refresh = ours(caller, method)
    assert refresh.headers["Session-Expires"] == "120;refresher=uac"
    if method == "INVITE":
        assert refresh.body == caller.invite.body, "the same words, the same version (RFC 4028 7.4)"
    else:
        assert refresh.body == b""
    body = ANSWER if method == "INVITE" else b""
    caller.peer.respond(refresh, 200, 60.1, body=body, Session_Expires="120;refresher=uac")
    caller.peer.sent()
    caller.run(119.0)
    assert caller.peer.sent() == []
    caller.run(120.1)
    assert ours(caller, method)


def test_a_far_end_without_update_after_all_is_refreshed_by_reinvite() -> None:
    caller = talking(Session_Expires="120;refresher=uac")
    caller.run(60.0)
    caller.peer.respond(ours(caller, "UPDATE"), 405, 60.0)
    caller.run(60.0)
    assert ours(caller, "INVITE").body == caller.invite.body


def test_who_does_not_refresh_in_time_is_hung_up_on() -> None:
    caller = talking(Session_Expires="120;refresher=uas")
    caller.run(87.9)
    assert caller.peer.sent() == []
    caller.run(88.0)
    bye = ours(caller, "BYE")
    caller.peer.respond(bye, 200, 88.1)
    (ended,) = events(caller.agent)
    assert ended == CallEnded(caller.call, by_remote=False, reason="session expired")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_their_refresh_keeps_the_call(method: str) -> None:
    caller = talking(Session_Expires="120;refresher=uas")
    caller.run(80.0)
    body = ANSWER if method == "INVITE" else b""
    refresh = theirs(caller, method, 30, body, Session_Expires="120;refresher=uac", Supported="timer")
    caller.peer.give(refresh, 80.0)
    (ok,) = caller.peer.sent()
    assert ok.headers["Session-Expires"] == "120;refresher=uac"
    assert ok.headers["Require"] == "timer"
    caller.peer.give(theirs(caller, "ACK", 30), 80.0)
    assert events(caller.agent) == [], "nothing has moved"
    caller.run(167.0)
    assert caller.peer.sent() == []
    caller.run(168.0)
    assert ours(caller, "BYE")


def test_a_far_end_without_timers_is_left_alone() -> None:
    caller = talking()
    caller.run(100_000.0)
    assert caller.peer.sent() == []


def test_422_is_asked_again_for_longer_once() -> None:
    caller = Caller()
    caller.peer.respond(caller.invite, 422, 0.1, Min_SE="3600")
    ack, second = caller.peer.sent()
    assert codes([ack, second]) == ["ACK", "INVITE"]
    assert (second.headers["Session-Expires"], second.headers["Min-SE"]) == ("3600", "3600")
    assert second.headers["CSeq"] == "2 INVITE"
    caller.peer.respond(second, 422, 0.2, Min_SE="3600")
    assert codes(caller.peer.sent()) == ["ACK"]
    (failed,) = events(caller.agent)
    assert isinstance(failed, CallFailed)
    assert failed.code == 422


def answering(session_expires_s: int = 1800, **headers: str) -> tuple[UserAgent, Peer, Response]:
    """Our agent answers this caller; its 200."""
    agent = UserAgent(UserAgentConfig(session_expires_s=session_expires_s), random.Random(1))
    peer = Peer(agent)
    peer.give(peer.request("INVITE", body=ANSWER, **headers))
    call = next((e.call for e in events(agent) if isinstance(e, IncomingCall)), None)
    if call is not None:
        agent.answer(call, "127.0.0.1", 40000, 0.0)
    response = peer.sent()[-1]
    assert isinstance(response, Response)
    return agent, peer, response


@pytest.mark.parametrize(
    ("headers", "said", "required"),
    [
        ({"Supported": "timer", "Session_Expires": "600"}, "600;refresher=uac", "timer"),
        ({"Supported": "timer", "Session_Expires": "600;refresher=uas"}, "600;refresher=uas", None),
        ({"Supported": "timer", "Session_Expires": "7200"}, "1800;refresher=uac", "timer"),
        (
            {"Supported": "timer", "Session_Expires": "7200", "Min_SE": "3600"},
            "3600;refresher=uac", "timer",
        ),
        ({"Supported": "timer"}, "1800;refresher=uac", "timer"),
        ({"Session_Expires": "600"}, "600;refresher=uas", None),
        ({}, "1800;refresher=uas", None),
    ],
)  # fmt: skip
def test_what_we_answer(headers: dict[str, str], said: str, required: str | None) -> None:
    _, _, ok = answering(**headers)
    assert (ok.code, ok.headers["Session-Expires"], ok.headers.get("Require")) == (200, said, required)


def test_too_short_a_session_is_refused_with_what_we_take() -> None:
    _, _, response = answering(Supported="timer", Session_Expires="60")
    assert (response.code, response.headers["Min-SE"]) == (422, "90")


def test_off_means_that_nothing_is_asked_for_or_agreed() -> None:
    agent, _, ok = answering(0, Supported="timer", Session_Expires="60")
    assert ok.headers.get("Session-Expires") is None
    assert "timer" not in ok.headers["Supported"]
    assert agent.config.session_expires_s == 0


def test_we_refresh_as_callee() -> None:
    agent, peer, ok = answering(Supported="timer", Session_Expires="120;refresher=uas", Allow="UPDATE")
    ack = peer.request("ACK", branch="z9hG4bKa")
    ack.headers.set("To", ok.headers["To"])
    peer.give(ack, 0.1)
    assert isinstance(events(agent)[0], CallAnswered)
    while (at := agent.get_timer()) is not None and at <= 60.0:
        agent.handle_timer(at)
    (update,) = peer.sent()
    assert isinstance(update, Request)
    assert (update.method, update.headers["Session-Expires"]) == ("UPDATE", "120;refresher=uac")
