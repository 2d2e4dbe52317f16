"""Transfers without I/O: REFER, its NOTIFYs, and INVITE with Replaces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sip_fakes import ANSWER, B_ADDR, SILENCE, Net, Pair, Peer, events
from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.address import Addr, parse_uri
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.outgoing import InviteSpec
from dialer.sip.replaces import Replaces, cut_replaces
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallEnded, IncomingCall, ReferReceived, TransferEnded, TransferOutcome

TARGET = "sip:agent@127.0.0.1:5090"


class Referred(Pair):
    """``a`` talks to a hand-made far end at B_ADDR, whose dialog it keeps."""

    def __init__(self) -> None:
        super().__init__()
        del self.net.agents[B_ADDR]
        self.far = Peer(self.a)
        self.call = self.invite()
        self.ack_of: Request | None = None
        invite = parse_message(self.net.sent[-1][2])
        assert isinstance(invite, Request)
        self.invite_ = invite
        self.far.respond(invite, 200, self.net.now, tag="far", body=ANSWER)
        self.far.sent()
        events(self.a)
        self.seq = 100

    def refer(self, target: str = TARGET, wait_s: float = 60.0) -> tuple[int, Request]:
        number = self.a.refer(self.call, target, wait_s, self.net.now)
        assert number is not None
        (request,) = self.far.sent()
        assert isinstance(request, Request)
        return number, request

    def in_dialog(self, method: str, body: bytes = b"", **headers: str) -> Request:
        self.seq += 1
        request = self.far.request(method, cseq=self.seq, branch=f"z9hG4bKr{self.seq}", body=body, **headers)
        request.headers.set("From", f"{self.invite_.headers['To']};tag=far")
        request.headers.set("To", self.invite_.headers["From"])
        request.headers.set("Call-ID", self.invite_.headers["Call-ID"])
        return request

    def notify(self, frag: str, state: str = "active;expires=60", event: str = "refer") -> int:
        """NOTIFY with a sipfrag; the code of its answer."""
        body = f"{frag}\r\n".encode() if frag else b""
        request = self.in_dialog("NOTIFY", body, Event=event, Subscription_State=state)
        if frag:
            request.headers.set("Content-Type", "message/sipfrag;version=2.0")
        self.far.give(request, self.net.now)
        (answer,) = [m for m in self.far.sent() if isinstance(m, Response)]
        return answer.code

    def end(self) -> TransferEnded:
        (found,) = [event for event in events(self.a) if isinstance(event, TransferEnded)]
        return found


def test_a_blind_transfer_is_followed_to_its_final_report() -> None:
    call = Referred()
    number, refer = call.refer()
    assert refer.headers["Refer-To"] == f"<{TARGET}>"
    assert refer.headers["Referred-By"] == "<sip:4008@127.0.0.1>"
    assert "REFER" in refer.headers.get("CSeq", "")
    call.far.respond(refer, 202, call.net.now)
    assert call.notify("SIP/2.0 100 Trying") == 200
    assert call.notify("SIP/2.0 180 Ringing") == 200
    assert events(call.a) == []
    assert call.notify("SIP/2.0 200 OK", "terminated;reason=noresource") == 200
    assert call.end() == TransferEnded(number, TransferOutcome.ACCEPTED, 200, "OK")
    assert call.notify("SIP/2.0 200 OK") == 481, "the subscription is over"
    call.net.advance(SILENCE)
    assert call.a.size == 1, "only the call is left"


@pytest.mark.parametrize(
    ("frag", "state", "outcome", "code"),
    [
        ("SIP/2.0 486 Busy Here", "terminated;reason=noresource", TransferOutcome.REFUSED, 486),
        ("SIP/2.0 603 Decline", "active", TransferOutcome.REFUSED, 603),
        ("SIP/2.0 404 No 138-1234-5678 here", "active", TransferOutcome.REFUSED, 404),
        ("SIP/2.0 180 Ringing", "terminated;reason=giveup", TransferOutcome.TIMED_OUT, 180),
        ("", "terminated;reason=timeout", TransferOutcome.TIMED_OUT, 0),
    ],
)
def test_how_a_transfer_can_end(frag: str, state: str, outcome: TransferOutcome, code: int) -> None:
    call = Referred()
    _, refer = call.refer()
    call.far.respond(refer, 202, call.net.now)
    assert call.notify(frag, state) == 200
    end = call.end()
    assert (end.outcome, end.code) == (outcome, code)
    assert "1234" not in end.reason


def test_a_refused_refer_says_why() -> None:
    call = Referred()
    number, refer = call.refer()
    call.far.respond(refer, 603, call.net.now, Reason="Q.850;cause=21")
    assert call.end() == TransferEnded(
        number, TransferOutcome.REFUSED, 603, "Decline; Q.850 21 Call rejected"
    )


def test_a_far_end_without_a_subscription_has_accepted() -> None:
    """RFC 4488: it answers Refer-Sub: false and reports nothing."""
    call = Referred()
    _, refer = call.refer()
    call.far.respond(refer, 200, call.net.now, Refer_Sub="false")
    assert call.end().outcome is TransferOutcome.ACCEPTED


def test_no_report_in_time() -> None:
    call = Referred()
    number, refer = call.refer(wait_s=20.0)
    call.far.respond(refer, 202, call.net.now)
    assert call.notify("SIP/2.0 183 Session Progress") == 200
    call.net.advance(21.0)
    assert call.end() == TransferEnded(number, TransferOutcome.TIMED_OUT, 183, "no final report in time")


def test_the_report_may_come_after_the_far_ends_bye() -> None:
    call = Referred()
    number, refer = call.refer()
    call.far.respond(refer, 202, call.net.now)
    call.far.give(call.in_dialog("BYE"), call.net.now)
    call.far.sent()
    assert [type(event) for event in events(call.a)] == [CallEnded]
    assert call.notify("SIP/2.0 200 OK", "terminated") == 200
    assert call.end() == TransferEnded(number, TransferOutcome.ACCEPTED, 200, "OK")
    assert call.notify("SIP/2.0 200 OK") == 481
    call.net.advance(SILENCE)
    assert call.a.size == 0


def test_the_call_ends_before_refer_is_answered() -> None:
    call = Referred()
    call.refer()
    call.far.give(call.in_dialog("BYE"), call.net.now)
    assert call.end().outcome is TransferOutcome.TIMED_OUT
    call.net.advance(SILENCE)
    assert call.a.size == 0


def test_notify_that_is_none_of_ours() -> None:
    call = Referred()
    assert call.notify("SIP/2.0 200 OK", event="presence") == 489
    assert call.notify("SIP/2.0 200 OK") == 481
    _, refer = call.refer()
    call.far.respond(refer, 202, call.net.now)
    assert call.notify("garbage") == 400
    assert call.notify("SIP/2.0 999 X") == 400
    assert events(call.a) == []


def test_one_transfer_at_a_time_and_only_in_an_answered_call() -> None:
    call = Referred()
    call.refer()
    call.a.refer(call.call, TARGET, 60.0, call.net.now)
    assert call.end().reason == "a transfer is under way"
    ringing = Pair()
    number = ringing.invite()
    ringing.a.refer(number, TARGET, 60.0, ringing.net.now)
    (end,) = [event for event in events(ringing.a) if isinstance(event, TransferEnded)]
    assert (end.outcome, end.reason) == (TransferOutcome.REFUSED, "the call isn't answered")
    assert ringing.a.refer(999, TARGET, 60.0, ringing.net.now) is None


# --- the far end's REFER


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (f"<{TARGET}>", 603), ("<tel:+861381>", 416), ("<mailto:a@b>", 416), ("<sip:a@b", 400), ("", 400),
        (f"<{TARGET}>, <{TARGET}>", 400), ("<sip:a@b?Replaces=x>", 400),
    ],
)  # fmt: skip
def test_refer_is_refused_unless_it_may_be_followed(value: str, code: int) -> None:
    call = Referred()
    call.far.give(call.in_dialog("REFER", Refer_To=value), call.net.now)
    (answer,) = call.far.sent()
    assert isinstance(answer, Response)
    assert answer.code == code
    assert events(call.a) == []


def test_subscribe_is_not_taken() -> None:
    call = Referred()
    call.far.give(call.in_dialog("SUBSCRIBE", Event="refer"), call.net.now)
    assert [m.code for m in call.far.sent() if isinstance(m, Response)] == [405]


def following(call: Referred) -> Referred:
    core = call.a._core
    core.config = replace(core.config, follow_refer=True)
    return call


def test_a_followed_refer_is_reported_and_kept_informed() -> None:
    call = following(Referred())
    target = f"<{TARGET}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=evil>"
    call.far.give(call.in_dialog("REFER", Refer_To=target, Referred_By="<sip:boss@127.0.0.1>"), call.net.now)
    accepted, first = call.far.sent()
    assert isinstance(accepted, Response)
    assert accepted.code == 202
    (event,) = events(call.a)
    assert isinstance(event, ReferReceived)
    assert (event.target, event.replaces) == (TARGET, Replaces("x@y", "1", "2"))
    assert event.referred_by == "<sip:boss@127.0.0.1>"
    call.a.report_refer(event.refer, 180, call.net.now)
    call.a.report_refer(event.refer, 200, call.net.now)
    call.a.report_refer(event.refer, 200, call.net.now)
    notifies = [first, *call.far.sent()]
    assert [m.body for m in notifies] == [
        b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 180 Ringing\r\n", b"SIP/2.0 200 OK\r\n",
    ]  # fmt: skip
    assert {m.headers["Event"] for m in notifies} == {"refer;id=101"}
    assert [m.headers["Subscription-State"].partition(";")[0] for m in notifies] == [
        "active", "active", "terminated",
    ]  # fmt: skip
    assert isinstance(first, Request)
    call.far.respond(first, 481, call.net.now)
    assert call.a.size > 0
    assert events(call.a) == [], "a lost subscription doesn't end the call"


def test_refer_without_a_subscription_gets_no_notify() -> None:
    call = following(Referred())
    call.far.give(call.in_dialog("REFER", Refer_To=f"<{TARGET}>", Refer_Sub="false"), call.net.now)
    (accepted,) = call.far.sent()
    assert (accepted.headers["Refer-Sub"], accepted.headers.get("Contact") is not None) == ("false", True)
    call.far.give(call.in_dialog("REFER", Refer_To=f"<{TARGET}>"), call.net.now)
    assert [m.code for m in call.far.sent() if isinstance(m, Response)] == [491]


# --- Replaces


@pytest.mark.parametrize(
    "replaces",
    [
        Replaces("a@b", "t1", "t2"),
        Replaces("a;b, c@[::1]", "t", "f", early_only=True),
        Replaces("x?&=%", "1", "2"),
    ],
)
def test_replaces_both_ways_and_in_a_uri(replaces: Replaces) -> None:
    if ";" not in replaces.call_id:
        assert Replaces.parse(str(replaces)) == replaces
    uri = f"sip:u?r@127.0.0.1:5060;lr?{replaces.in_uri}"
    if ";" not in replaces.call_id:
        assert cut_replaces(uri) == ("sip:u?r@127.0.0.1:5060;lr", replaces)
    assert cut_replaces("sip:u?r@127.0.0.1") == ("sip:u?r@127.0.0.1", None)


def test_octets_that_are_no_text_go_into_a_uri_as_they_came() -> None:
    assert Replaces("\udc80a@b", "\udcff", "f").in_uri == "Replaces=%80a%40b%3Bto-tag%3D%FF%3Bfrom-tag%3Df"


@pytest.mark.parametrize(
    "text", ["", "a@b", "a@b;to-tag=1", "a@b;from-tag=1", ";to-tag=1;from-tag=2", "a;to-tag;from-tag"]
)
def test_an_incomplete_replaces(text: str) -> None:
    with pytest.raises(SipParseError):
        Replaces.parse(text)


class Attended:
    """``a`` talks to ``b`` and to ``c``; then ``b`` is asked to take its place with ``c``."""

    def __init__(self) -> None:
        self.net = Net()
        self.a, self.b, self.c = (self.net.add(port) for port in (5060, 5070, 5080))
        core = self.b._core
        core.config = replace(core.config, follow_refer=True)
        self.with_b, self.at_b = self.talk(self.b, 5070)
        self.with_c, self.at_c = self.talk(self.c, 5080)

    def talk(self, callee: object, port: int) -> tuple[int, int]:
        target = parse_uri(f"sip:x@127.0.0.1:{port}")
        spec = InviteSpec(target, target, Addr("127.0.0.1", port), make_offer("127.0.0.1", 40000, 1))
        call = self.a.invite(spec, self.net.now)
        self.net.deliver()
        agent = self.net.agents[Addr("127.0.0.1", port)]
        theirs = next(e.call for e in events(agent) if isinstance(e, IncomingCall))
        agent.answer(theirs, "127.0.0.1", 41000, self.net.now)
        self.net.deliver()
        events(self.a), events(agent)
        return call, theirs


def test_an_attended_transfer_between_three_agents() -> None:
    three = Attended()
    net = three.net
    number = three.a.refer(three.with_b, "", 60.0, net.now, three.with_c)
    net.deliver()
    (wanted,) = [event for event in events(three.b) if isinstance(event, ReferReceived)]
    assert wanted.replaces is not None
    assert wanted.target == "sip:127.0.0.1:5080"
    target = parse_uri(wanted.target)
    headers = (("Replaces", str(wanted.replaces)),)
    spec = InviteSpec(
        target, target, Addr("127.0.0.1", 5080), make_offer("127.0.0.1", 42000, 3), headers=headers
    )
    three.b.invite(spec, net.now)
    net.deliver()
    (incoming,) = [event for event in events(three.c) if isinstance(event, IncomingCall)]
    assert incoming.replaces == three.at_c
    three.c.answer(incoming.call, "127.0.0.1", 41000, net.now)
    three.c.hang_up(three.at_c, "replaced", net.now)
    net.deliver()
    three.b.report_refer(wanted.refer, 200, net.now)
    net.deliver()
    found = events(three.a)
    assert TransferEnded(number or 0, TransferOutcome.ACCEPTED, 200, "OK") in found
    assert [event.call for event in found if isinstance(event, CallEnded)] == [three.with_c]


def replacing(call: Referred, replaces: str, source: Addr = B_ADDR) -> int:
    """A new INVITE with Replaces to ``a``: the code of its answer."""
    call.seq += 1
    request = call.far.request(
        "INVITE", branch=f"z9hG4bKn{call.seq}", body=ANSWER, Replaces=replaces, Require="replaces",
        Call_ID=f"new-{call.seq}", Content_Type="application/sdp",
    )  # fmt: skip
    call.a.receive_datagram(to_bytes(request), source, call.net.now)
    answers = [parse_message(data) for data, _ in call.a.datagrams_to_send()]
    return max(m.code for m in answers if isinstance(m, Response))


def test_which_invite_may_replace_a_call() -> None:
    call = Referred()
    call_id, ours = call.invite_.headers["Call-ID"], call.invite_.headers["From"].partition("tag=")[2]
    right = f"{call_id};to-tag={ours};from-tag=far"
    assert replacing(call, f"{call_id};to-tag=other;from-tag=far") == 481
    assert replacing(call, f"{call_id};to-tag=far;from-tag={ours}") == 481, "tags are ours and theirs"
    assert replacing(call, f"{right};early-only") == 486
    assert replacing(call, "nonsense") == 400
    assert replacing(call, right, Addr("192.0.2.9", 5060)) == 403, "a stranger must not hear the customer"
    assert replacing(call, right) == 100
    (incoming,) = [event for event in events(call.a) if isinstance(event, IncomingCall)]
    assert incoming.replaces == call.call
    call.a.hang_up(call.call, "over", call.net.now)
    call.a.datagrams_to_send()
    assert replacing(call, right) == 603


def test_the_answer_to_refer_may_be_lost() -> None:
    """REFER is repeated, and the far end's 202 ends that."""
    call = Referred()
    _, refer = call.refer()
    call.net.now += 0.6
    call.a.handle_timer(call.net.now)
    (again,) = call.far.sent()
    assert to_bytes(again) == to_bytes(refer)
    call.far.give(response_to(refer, 202, B_ADDR), call.net.now)
    call.net.now += 5
    call.a.handle_timer(call.net.now)
    assert call.far.sent() == []


@pytest.mark.parametrize("hidden", ["%0d%0aX-Evil:1", "%0aX", " x", "%00"])
@pytest.mark.parametrize(
    "text", ["a{};to-tag=1;from-tag=2", "a;to-tag=1{};from-tag=2", "a;to-tag=1;from-tag=2{}"]
)
def test_a_replaces_cannot_bring_headers_of_its_own(text: str, hidden: str) -> None:
    """It is copied into an INVITE of ours."""
    with pytest.raises(SipParseError):
        cut_replaces("sip:x@h?Replaces=" + text.format(hidden))
