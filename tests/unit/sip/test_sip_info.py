"""DTMF keys by INFO, both ways; and one report for a key that comes twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_fakes import Pair, events
from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.info import KeyGuard, read_key
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.signals import CallEnded, KeySignalled, KeysSent


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "5"), (b"Signal= *\r\nDuration= 100", "*"), (b"signal = 0\n", "0"),
        (b"Duration=100\r\nSignal=#", "#"), (b"Signal=10\r\n", "*"), (b"Signal=11", "#"), (b"9", "9"),
        (b" 7\r\n", "7"), (b"d", "D"), (b"Signal=12", "A"), (b"Signal=16", "!"),
        (b"flash", "!"), (b"hf", "!"),
    ],
)  # fmt: skip
def test_a_key_body_in_all_its_forms(body: bytes, key: str) -> None:
    assert read_key(body) == key


@pytest.mark.parametrize("body", [b"", b"Signal=", b"Signal=55", b"Signal=X", b"\xff\xfe", b"17", b"5 6"])
def test_a_body_without_a_key(body: bytes) -> None:
    with pytest.raises(SipParseError):
        read_key(body)


def info(pair: Pair, content_type: str, body: bytes, cseq: int, **headers: str) -> Response:
    """``b``'s INFO in the dialog that ``a`` opened, and ``a``'s answer to it."""
    ack = next(parse_message(data) for _, _, data in pair.net.sent if data.startswith(b"ACK"))
    request = Request("INFO", parse_message(pair.net.sent[0][2]).uri)  # type: ignore[union-attr]
    request.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:5071;branch=z9hG4bKinfo{cseq};rport")
    request.headers.set("From", ack.headers["To"])
    request.headers.set("To", ack.headers["From"])
    request.headers.set("Call-ID", ack.headers["Call-ID"])
    request.headers.set("CSeq", f"{cseq} INFO")
    if content_type:
        request.headers.set("Content-Type", content_type)
    for name, value in headers.items():
        request.headers.set(name.replace("_", "-"), value)
    request.body = body
    address = next(iter(pair.net.agents))._replace(port=5071)
    pair.a.receive_datagram(to_bytes(request), address, pair.net.now)
    (answer,) = [parse_message(data) for data, peer in pair.a.datagrams_to_send() if peer.port == 5071]
    assert isinstance(answer, Response)
    return answer


def test_keys_are_taken_a_flash_and_letters_mean_nothing_other_bodies_are_refused() -> None:
    pair = Pair()
    call, _ = pair.talk()
    assert info(pair, "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", 11).code == 200
    assert info(pair, "Application/DTMF; x=y", b"#", 12).code == 200
    assert info(pair, "application/dtmf-relay", b"Signal=flash\r\n", 13).code == 200
    assert info(pair, "application/dtmf-relay", b"Signal=A\r\n", 14).code == 200
    assert info(pair, "", b"", 15).code == 200
    refused = info(pair, "application/media_control+xml", b"<x/>", 16)
    assert (refused.code, refused.headers["Accept"]) == (415, "application/dtmf-relay, application/dtmf")
    assert info(pair, "application/dtmf-relay", b"Signal=55", 17).code == 400
    package = info(pair, "application/dtmf-relay", b"Signal=5", 18, Info_Package="dtmf")
    assert (package.code, package.headers["Recv-Info"]) == (469, "")
    assert events(pair.a) == [KeySignalled(call, "5"), KeySignalled(call, "#")]


def infos(pair: Pair) -> list[bytes]:
    return [data.partition(b"\r\n\r\n")[2] for _, _, data in pair.net.sent if data.startswith(b"INFO")]


def test_our_keys_leave_one_after_the_other_and_arrive() -> None:
    pair = Pair()
    call, theirs = pair.talk()
    pair.a.send_keys(call, "1#0", pair.net.now)
    pair.net.deliver()
    assert events(pair.b) == [KeySignalled(theirs, key) for key in "1#0"]
    assert events(pair.a) == [KeysSent(call, 3)]
    assert infos(pair)[0] == b"Signal=1\r\nDuration=160\r\n"


def test_a_key_waits_for_the_response_to_the_one_before() -> None:
    pair = Pair()
    call, _ = pair.talk()
    pair.net.drop = lambda _source, peer, _data: peer.port == 5070
    pair.a.send_keys(call, "12", pair.net.now)
    pair.net.deliver()
    assert len(infos(pair)) == 1
    pair.net.drop = lambda *_: False
    pair.net.advance(2.0)
    assert [body[7:8] for body in infos(pair) if body][-1] == b"2"
    assert KeysSent(call, 2) in events(pair.a)


def test_a_far_end_without_dtmf_relay_gets_the_plain_form_and_one_without_both_is_reported() -> None:
    pair = Pair()
    call, _ = pair.talk()
    seen: list[str] = []

    def refuse(_source: object, peer: object, data: bytes) -> bool:
        """``b`` answers INFO with 415, whatever it is, but the plain form with 200 the second time."""
        if not data.startswith(b"INFO"):
            return False
        request = parse_message(data)
        assert isinstance(request, Request)
        seen.append(request.headers["Content-Type"])
        code = 200 if len(seen) == 2 else 415
        answer = response_to(request, code, next(iter(pair.net.agents)))
        pair.a.receive_datagram(to_bytes(answer), next(iter(pair.net.agents)), pair.net.now)
        return True

    pair.net.drop = refuse
    pair.a.send_keys(call, "9", pair.net.now)
    pair.net.deliver()
    assert seen == ["application/dtmf-relay", "application/dtmf"]
    assert events(pair.a) == [KeysSent(call, 1)]
    pair.a.send_keys(call, "9", pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [KeysSent(call, 0, "415")]


def test_keys_end_with_their_call_and_too_many_are_refused() -> None:
    pair = Pair()
    call, _ = pair.talk()
    pair.a.send_keys(call, "1" * 65, pair.net.now)
    assert events(pair.a) == [KeysSent(call, 0, "too many keys wait")]
    pair.net.drop = lambda _source, _peer, data: data.startswith(b"INFO")
    pair.a.send_keys(call, "12", pair.net.now)
    pair.net.deliver()
    pair.a.hang_up(call, "over", pair.net.now)
    pair.net.deliver()
    assert events(pair.a) == [
        KeysSent(call, 0, "the call is over"), CallEnded(call, by_remote=False, reason="over"),
    ]  # fmt: skip
    pair.net.advance(40.0)
    assert pair.a.size == 0


class Phone:
    """What a far end's keys become: the guard in front of a media plane that reports what it is told."""

    def __init__(self) -> None:
        self.guard, self.reported = KeyGuard(1.0), list[str]()

    def rtp(self, digit: str, now: float) -> None:
        if self.guard.heard(digit, now):
            self.reported.append(digit)

    def info(self, digit: str, now: float) -> None:
        if self.guard.signalled(digit, now):
            self.rtp(digit, now)


def test_both_ways_give_one_key_whichever_comes_first() -> None:
    phone = Phone()
    phone.rtp("5", 1.0)
    phone.info("5", 1.2)
    phone.info("6", 3.0)
    phone.rtp("6", 3.1)
    assert phone.reported == ["5", "6"]


def test_each_way_alone_gives_every_key() -> None:
    phone = Phone()
    for at in (1.0, 1.2, 1.4):
        phone.rtp("1", at)
    for at in (5.0, 5.2, 5.4):
        phone.info("2", at)
    assert phone.reported == ["1", "1", "1", "2", "2", "2"]


def test_a_key_long_after_is_another_one() -> None:
    phone = Phone()
    phone.rtp("5", 1.0)
    phone.info("5", 2.5)
    assert phone.reported == ["5", "5"]


@given(
    st.lists(st.tuples(st.sampled_from("123*#"), st.floats(0.15, 2.0)), max_size=12),
    st.floats(0.0, 0.9),
    st.booleans(),
)
def test_every_press_that_comes_twice_is_reported_once(
    presses: list[tuple[str, float]], lag: float, info_first: bool
) -> None:
    """Whatever the lag of one way behind the other, within the window and the order of each way."""
    at, coming = 0.0, []
    for digit, pause in presses:
        at += pause
        coming += [(at, not info_first, digit), (at + lag, info_first, digit)]
    phone = Phone()
    for now, by_info, digit in sorted(coming, key=lambda entry: entry[0]):
        (phone.info if by_info else phone.rtp)(digit, now)
    assert sorted(phone.reported) == sorted(digit for digit, _ in presses)
