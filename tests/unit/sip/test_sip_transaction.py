"""The four machines against the timer table of RFC 3261 (T1 = 0.5 s)."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from dialer.sip.address import Addr, parse_uri
from dialer.sip.message import response_to
from dialer.sip.timers import TimerValues
from dialer.sip.transaction import (
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    State,
    Transaction,
)

PEER = Addr("192.0.2.9", 5060)
VALUES = TimerValues()


def request(method: str = "INVITE") -> Request:
    made = Request(method, parse_uri("sip:1@192.0.2.9"))
    for name, value in (
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("From", "<sip:a@h>;tag=a"), ("To", "<sip:b@h>"),
        ("Call-ID", "c"), ("CSeq", f"1 {method}"), ("Route", "<sip:proxy;lr>"),
    ):  # fmt: skip
        made.headers.set(name, value)
    return made


def answer(code: int, method: str = "INVITE") -> Response:
    return response_to(request(method), code, PEER, to_tag="b")


class Wire:
    def __init__(self, peer: Addr = PEER) -> None:
        self.peer = peer
        self.sent: list[bytes] = []
        self.times: list[float] = []
        self.now = 0.0

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        assert peer == self.peer
        self.sent.append(data)
        self.times.append(self.now)

    def run(self, machine: Transaction, until: float = 200.0) -> list[bool]:
        reports = []
        while (at := machine.deadline) is not None and at <= until:
            self.now = at
            assert isinstance(machine, InviteClient | NonInviteClient | InviteServer | NonInviteServer)
            reports.append(machine.on_timer(at))
        return reports


def test_invite_doubles_without_limit_and_times_out_after_64_t1() -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0)
    reports = wire.run(machine)
    assert wire.times == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert reports.count(True) == 1
    assert (machine.terminated, wire.now) == (True, 32.0)


def test_a_shorter_silence_is_reported_early_and_a_late_ringing_still_heard() -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0, no_response_s=2.0)
    assert wire.run(machine, 2.0)[-1] is True
    assert machine.receive(answer(180), 3.0)
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0, no_response_s=2.0)
    assert wire.run(machine).count(True) == 1
    assert len(wire.sent) == 3, "no retransmission after the report"
    assert (machine.terminated, wire.now) == (True, 32.0)


def test_a_provisional_response_stops_retransmission_for_good() -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0)
    assert machine.receive(answer(100), 0.1)
    assert machine.deadline is None
    assert machine.receive(answer(180), 50.0)


def test_a_refusal_is_acknowledged_each_time_but_reported_once() -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0)
    assert machine.receive(answer(486), 1.0)
    assert not machine.receive(answer(486), 2.0)
    acks = wire.sent[1:]
    assert acks[0] == acks[1]
    for part in (
        b"ACK sip:1@192.0.2.9 SIP/2.0",
        b"branch=z9hG4bK1",
        b"To: <sip:b@h>;tag=b",
        b"CSeq: 1 ACK",
        b"Route: <sip:proxy;lr>",
    ):
        assert part in acks[0]
    assert machine.deadline == 33.0, "timer D"


def test_answers_are_passed_on_until_timer_m() -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0)
    assert machine.receive(answer(200), 1.0)
    assert machine.receive(answer(200), 2.0)
    assert not machine.receive(answer(486), 2.5)
    assert len(wire.sent) == 1, "the ACK of a 2xx is the user's"
    assert machine.deadline == 33.0


def test_other_requests_double_to_t2_and_time_out() -> None:
    wire = Wire()
    machine = NonInviteClient(request("BYE"), PEER, VALUES, wire.send, 0.0)
    reports = wire.run(machine)
    assert wire.times[:7] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    assert reports.count(True) == 1
    assert wire.now == 32.0


def test_after_a_provisional_other_requests_repeat_every_t2() -> None:
    wire = Wire()
    machine = NonInviteClient(request("BYE"), PEER, VALUES, wire.send, 0.0)
    assert machine.receive(answer(100, "BYE"), 0.1)
    wire.run(machine, 9.0)
    assert wire.times == [0.0, 0.5, 4.5, 8.5]
    assert machine.receive(answer(200, "BYE"), 9.0)
    assert not machine.receive(answer(200, "BYE"), 9.1)
    assert machine.deadline == 14.0, "timer K"


def test_a_refusal_of_ours_is_repeated_until_its_ack() -> None:
    wire = Wire()
    machine = InviteServer(request(), PEER, VALUES, wire.send)
    machine.respond(answer(180), 0.0)
    machine.receive_again()
    machine.respond(answer(486), 0.0)
    wire.run(machine, 12.0)
    assert wire.times == [0.0, 0.0, 0.0, 0.5, 1.5, 3.5, 7.5, 11.5]
    machine.receive_ack(12.0)
    assert (machine.state, machine.deadline) == (State.CONFIRMED, 17.0)
    wire.run(machine)
    assert machine.terminated


def test_a_refusal_nobody_acknowledges_ends_after_timer_h() -> None:
    wire = Wire()
    machine = InviteServer(request(), PEER, VALUES, wire.send)
    machine.respond(answer(486), 0.0)
    assert not any(wire.run(machine))
    assert (machine.terminated, wire.now) == (True, 32.0)


def test_after_our_2xx_a_repeated_invite_is_absorbed_until_timer_l() -> None:
    wire = Wire()
    machine = InviteServer(request(), PEER, VALUES, wire.send)
    machine.respond(answer(200), 0.0)
    machine.receive_again()
    machine.respond(answer(486), 0.1)
    assert len(wire.sent) == 1
    assert (machine.state, machine.deadline) == (State.ACCEPTED, 32.0)


def test_a_repeated_request_gets_the_same_final_response() -> None:
    wire = Wire()
    machine = NonInviteServer(request("BYE"), PEER, VALUES, wire.send)
    machine.receive_again()
    assert not wire.sent
    machine.respond(answer(200, "BYE"), 0.0)
    machine.receive_again()
    machine.respond(answer(500, "BYE"), 0.0)
    assert len(set(wire.sent)) == 1
    assert len(wire.sent) == 2
    assert machine.deadline == 32.0, "timer J"


@pytest.mark.parametrize("code", [100, 180, 200, 486])
def test_nothing_is_heard_after_the_end(code: int) -> None:
    wire = Wire()
    machine = InviteClient(request(), PEER, VALUES, wire.send, 0.0)
    machine.abandon()
    assert not machine.receive(answer(code), 1.0)
    assert machine.deadline is None


# -- over a stream: nothing is repeated (RFC 3261 17.1.1.2, 17.1.2.2, 17.2) ---------------------------

STREAM = PEER._replace(transport="tcp")


@pytest.mark.parametrize("peer", [STREAM, PEER._replace(transport="tls")])
def test_requests_over_a_stream_leave_once_and_still_time_out(peer: Addr) -> None:
    wire = Wire(peer)
    calling = InviteClient(request(), peer, VALUES, wire.send, 0.0)
    assert wire.run(calling).count(True) == 1
    assert (wire.times, wire.now) == ([0.0], 32.0)
    wire = Wire(peer)
    asking = NonInviteClient(request("OPTIONS"), peer, VALUES, wire.send, 0.0)
    assert wire.run(asking).count(True) == 1
    assert (wire.times, wire.now) == ([0.0], 32.0)
    wire = Wire(peer)
    asking = NonInviteClient(request("OPTIONS"), peer, VALUES, wire.send, 0.0)
    assert asking.receive(answer(100, "OPTIONS"), 1.0)
    wire.run(asking)
    assert wire.times == [0.0]


def test_over_a_stream_completed_transactions_end_at_once() -> None:
    wire = Wire(STREAM)
    refused = InviteClient(request(), STREAM, VALUES, wire.send, 0.0)
    refused.receive(answer(486), 1.0)
    asked = NonInviteClient(request("OPTIONS"), STREAM, VALUES, wire.send, 0.0)
    asked.receive(answer(200, "OPTIONS"), 1.0)
    replied = NonInviteServer(request("OPTIONS"), STREAM, VALUES, wire.send)
    replied.respond(answer(200, "OPTIONS"), 1.0)
    refusing = InviteServer(request(), STREAM, VALUES, wire.send)
    refusing.respond(answer(486), 0.5)
    refusing.receive_ack(1.0)
    for machine in (refused, asked, replied, refusing):
        assert machine.deadline == 1.0
        machine.on_timer(1.0)
        assert machine.terminated


def test_over_a_stream_a_refusal_is_said_once_and_its_ack_waited_for() -> None:
    wire = Wire(STREAM)
    refusing = InviteServer(request(), STREAM, VALUES, wire.send)
    refusing.respond(answer(486), 0.0)
    wire.run(refusing)
    assert (len(wire.sent), wire.now) == (1, 32.0)


def test_an_answered_invite_over_a_stream_still_listens_for_forks_answers() -> None:
    wire = Wire(STREAM)
    calling = InviteClient(request(), STREAM, VALUES, wire.send, 0.0)
    assert calling.receive(answer(200), 1.0)
    assert calling.deadline == 33.0
    assert calling.receive(answer(200), 10.0)


def test_a_request_that_never_left_moves_to_another_place_within_its_time() -> None:
    wire = Wire(STREAM)
    calling = InviteClient(request(), STREAM, VALUES, wire.send, 0.0)
    wire.peer, wire.now = PEER, 1.0
    calling.move(PEER, 1.0)
    assert wire.run(calling).count(True) == 1
    assert wire.times == [0.0, 1.0, 1.5, 2.5, 4.5, 8.5, 16.5]
    assert wire.now == 32.0
