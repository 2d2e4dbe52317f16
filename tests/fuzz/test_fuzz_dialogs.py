"""A live user agent in calls, and a far end that sends anything: it answers, stays small and ends clean."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sipmessage import Request

sys.path.append(str(Path(__file__).parents[1] / "unit" / "sip"))

from rfc4475 import load

from dialer.errors import SipParseError
from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.digest import Credentials
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.outgoing import InviteSpec
from dialer.sip.registration import RegisterSpec
from dialer.sip.sdp import make_offer
from dialer.sip.useragent import UserAgent

PEER = Addr("127.0.0.1", 5070)
LIMIT = 30
SDP = make_offer("127.0.0.1", 41000, 2).encode()
URI = parse_uri("sip:u@127.0.0.1:5070")

METHODS = [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE",
    "MESSAGE", "REGISTER", "PUBLISH", "NEW",
]  # fmt: skip
BODIES = [
    (b"", ""),
    (SDP, "application/sdp"),
    (b"v=0", "application/sdp"),
    (SDP, "text/plain"),
    (b"Signal=5\r\n", "application/dtmf-relay"),
    (b"Signal=55", "application/dtmf-relay"),
    (b"#", "application/dtmf"),
    (b"SIP/2.0 200 OK\r\n", "message/sipfrag"),
    (b"SIP/2.0 180\r\n", "message/sipfrag"),
    (b"\xff\0", "message/sipfrag"),
    (SDP.replace(b"a=sendrecv", b"a=inactive"), "application/sdp"),
    (b"x" * 2000, "application/sdp"),
]
EXTRA = [
    ("Require", "100rel"),
    ("Require", "timer"),
    ("Require", "unknown"),
    ("Supported", "100rel, timer, replaces"),
    ("Session-Expires", "90;refresher=uas"),
    ("Session-Expires", "1"),
    ("Session-Expires", "x;refresher"),
    ("Min-SE", "99999"),
    ("Min-SE", "-1"),
    ("RSeq", "1"),
    ("RSeq", "0"),
    ("RSeq", "4294967295"),
    ("RAck", "1 1 INVITE"),
    ("RAck", "x"),
    ("Refer-To", "<sip:1@127.0.0.1>"),
    ("Refer-To", "<sip:1@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
    ("Refer-To", "garbage"),
    ("Refer-Sub", "false"),
    ("Event", "refer"),
    ("Event", "refer;id=1"),
    ("Event", "x"),
    ("Subscription-State", "terminated;reason=x"),
    ("Subscription-State", "active"),
    ("Contact", "<sip:b@127.0.0.1>"),
    ("Contact", "<sip:new@127.0.0.1:5099>"),
    ("Contact", "<sip:x@evil>;q=0.1"),
    ("Contact", "*"),
    ("Contact", "<"),
    ("Record-Route", "<sip:127.0.0.1:5070;lr>"),
    ("Record-Route", "<sip:h>, <sip:i>"),
    ("Retry-After", "5"),
    ("Reason", "Q.850;cause=16"),
    ("Reason", ";;;"),
    ("Replaces", "c;to-tag=1;from-tag=2"),
    ("Info-Package", "x"),
    ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),
    ("WWW-Authenticate", "Basic"),
    ("WWW-Authenticate", 'Digest realm="r", nonce="n2", stale=true, algorithm=SHA-512-256'),
    ("Min-Expires", "120"),
    ("Proxy-Authenticate", 'Digest realm="r", nonce="n", algorithm=X'),
    ("Expires", "60"),
    ("Allow", "INVITE"),
    ("Accept", "text/plain"),
    ("Content-Length", "3"),
    ("Max-Forwards", "0"),
    ("To", "<sip:z@h>;tag=other"),
]
CODES = [
    100,
    180,
    183,
    183,
    200,
    200,
    200,
    202,
    302,
    401,
    407,
    408,
    422,
    423,
    481,
    486,
    487,
    491,
    500,
    503,
    603,
]
COMMANDS = [
    "hang_up",
    "hold",
    "resume",
    "keys",
    "refer",
    "attended",
    "ring",
    "answer",
    "reject",
    "invite",
    "wait",
    "long",
]

extra = st.lists(st.sampled_from(EXTRA), max_size=3)
body = st.sampled_from(BODIES)
mutation = st.tuples(st.floats(0, 1), st.integers(0, 10), st.binary(max_size=10))
step = st.one_of(
    st.tuples(
        st.just("request"),
        st.sampled_from(METHODS),
        st.booleans(),
        st.integers(0, 8),
        extra,
        body,
        st.none() | mutation,
    ),
    st.tuples(
        st.just("response"),
        st.sampled_from(CODES),
        st.sampled_from(["", "t1", "t2"]),
        st.integers(0, 3),
        extra,
        body,
        st.none() | mutation,
    ),
    st.tuples(st.just("command"), st.sampled_from(COMMANDS), st.integers(0, 4)),
)


class Victim:
    """The user agent, and what its far end knows of it."""

    def __init__(self, follow_refer: bool) -> None:
        config = UserAgentConfig(
            max_calls=LIMIT, max_server_transactions=LIMIT, follow_refer=follow_refer, max_ring_s=60.0
        )
        self.agent = UserAgent(config, random.Random(1), RegistrarConfig(users={"u": "pw"}))
        self.now, self.count = 0.0, 0
        self.requests: list[Request] = []
        self.invite: Request | None = None
        self.calls: list[int] = []
        self.place()
        self.take()

    def place(self) -> None:
        if len(self.calls) < LIMIT // 2:
            spec = InviteSpec(
                URI,
                URI,
                PEER,
                make_offer("127.0.0.1", 40000, 1),
                credentials=Credentials("u", "p"),
                redirects=2,
            )
            self.calls.append(self.agent.invite(spec, self.now))

    def take(self) -> None:
        """Whatever leaves must be a message; requests are remembered for their responses."""
        for data, _ in self.agent.datagrams_to_send():
            message = parse_message(data)
            if isinstance(message, Request) and message.method != "ACK":
                self.requests = [*self.requests[-3:], message]
                if message.method == "INVITE":
                    self.invite = self.invite or message
        while (event := self.agent.next_event()) is not None:
            number = getattr(event, "call", None)
            if number is not None and number not in self.calls:
                self.calls.append(number)

    def give(self, data: bytes, change: tuple[float, int, bytes] | None) -> None:
        if change is not None:
            at = int(change[0] * len(data))
            data = data[:at] + change[2] + data[at + change[1] :]
        self.agent.receive_datagram(data, PEER, self.now)
        self.take()

    def request(
        self, method: str, inside: bool, seq: int, more: list[tuple[str, str]], content: tuple[bytes, str]
    ) -> bytes:
        self.count += 1
        request = Request(method, parse_uri("sip:u@127.0.0.1:5060"))
        request.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{self.count % 7};rport")
        ours = self.invite
        request.headers.set("From", "<sip:b@127.0.0.1>;tag=t1")
        request.headers.set("To", ours.headers["From"] if inside and ours else "<sip:u@127.0.0.1>")
        request.headers.set("Call-ID", ours.headers["Call-ID"] if inside and ours else f"c{seq}")
        request.headers.set("CSeq", f"{self.count + seq} {method}")
        request.headers.set("Contact", "<sip:b@127.0.0.1:5070>")
        return self._finish(request, more, content)

    def response(
        self, code: int, tag: str, which: int, more: list[tuple[str, str]], content: tuple[bytes, str]
    ) -> bytes:
        request = self.requests[which % len(self.requests)]
        response = response_to(request, code, PEER, to_tag=tag)
        response.headers.set("Contact", "<sip:b@127.0.0.1:5070>")
        return self._finish(response, more, content)

    def _finish(self, message: object, more: list[tuple[str, str]], content: tuple[bytes, str]) -> bytes:
        for name, value in more:
            message.headers.set(name, value)  # type: ignore[attr-defined]
        message.body, kind = content  # type: ignore[attr-defined]
        if kind:
            message.headers.set("Content-Type", kind)  # type: ignore[attr-defined]
        return to_bytes(message)  # type: ignore[arg-type]

    def command(self, name: str, which: int) -> None:
        agent, now = self.agent, self.now
        call = self.calls[which % len(self.calls)]
        match name:
            case "hang_up":
                agent.hang_up(call, "over", now)
            case "hold":
                agent.hold(call, now)
            case "resume":
                agent.resume(call, now)
            case "keys":
                agent.send_keys(call, "1#", now)
            case "refer":
                agent.refer(call, "sip:1@127.0.0.1", 30.0, now)
            case "attended":
                agent.refer(call, "", 30.0, now, self.calls[0])
            case "ring":
                agent.ring(call, now)
            case "answer":
                agent.answer(call, "127.0.0.1", 40002, now)
            case "reject":
                agent.reject(call, 486, now)
            case "invite":
                self.place()
            case _:
                self.pass_time(1.0 if name == "wait" else 45.0)
        self.take()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(500):
            when = self.agent.get_timer()
            if when is None or when > end:
                break
            self.now = max(self.now, when)
            self.agent.handle_timer(self.now)
            self.take()
        self.now = end

    def settle(self) -> None:
        for call in self.calls:
            self.agent.hang_up(call, "end of test", self.now)
        for _ in range(4000):
            self.take()
            when = self.agent.get_timer()
            if when is None:
                break
            self.now = max(self.now, when)
            self.agent.handle_timer(self.now)
        assert self.agent.size == 0, "calls, transactions or timers leaked"


@settings(max_examples=250)
@given(st.lists(step, min_size=1, max_size=25), st.booleans())
def test_whatever_a_far_end_does_in_a_call(steps: list[tuple[object, ...]], follow: bool) -> None:
    victim = Victim(follow)
    for entry in steps:
        victim.now += 0.1
        kind, rest = entry[0], entry[1:]
        if kind == "command":
            victim.command(*rest)  # type: ignore[arg-type]
        else:
            make = victim.request if kind == "request" else victim.response
            victim.give(make(*rest[:-1]), rest[-1])  # type: ignore[arg-type]
        assert victim.agent.size <= 8 * LIMIT, "a far end makes it grow"
    victim.settle()


TORTURE = [message.data for message in load()]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(TORTURE), st.none() | mutation), min_size=1, max_size=10))
def test_torture_messages_in_any_order_and_mutated(
    messages: list[tuple[bytes, tuple[float, int, bytes] | None]],
) -> None:
    victim = Victim(False)
    for data, change in messages:
        victim.now += 0.1
        victim.give(data, change)
        assert victim.agent.size <= 8 * LIMIT
    victim.settle()


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from([*CODES, 0]), extra, st.floats(0.0, 40.0)), min_size=1, max_size=12
    )
)  # fmt: skip
def test_whatever_a_registrar_says(answers: list[tuple[int, list[tuple[str, str]], float]]) -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    spec = RegisterSpec(parse_uri("sip:r"), URI, PEER, Credentials("u", "p"), 60)
    number, now = agent.register(spec, 0.0), 0.0
    for code, more, wait in answers:
        now += wait
        agent.handle_timer(now)
        requests = [parse_message(data) for data, _ in agent.datagrams_to_send()]
        if not requests or code == 0:
            continue
        assert isinstance(requests[-1], Request)
        response = response_to(requests[-1], code, PEER, to_tag="x")
        for name, value in more:
            response.headers.set(name, value)
        try:
            data = to_bytes(response)
        except SipParseError:
            continue
        agent.receive_datagram(data, PEER, now)
        while agent.next_event() is not None:
            pass
    agent.unregister(number, now)
    for _ in range(400):
        agent.datagrams_to_send()
        when = agent.get_timer()
        if when is None:
            break
        now = max(now, when)
        agent.handle_timer(now)
    assert agent.size == 0


def test_no_port_and_no_line_is_left_by_a_far_end_that_answers_everything_with_nonsense() -> None:
    """A bound in numbers: 2,000 requests of every method, then silence."""
    victim = Victim(True)
    chance = random.Random(3)
    for _ in range(2000):
        victim.now += 0.01
        content, more = chance.choice(BODIES), [chance.choice(EXTRA)]
        victim.give(
            victim.request(
                chance.choice(METHODS), chance.random() < 0.5, chance.randrange(40), more, content
            ),
            None,
        )
        assert victim.agent.size <= 8 * LIMIT
    victim.settle()
    assert replace(victim.agent.config) == victim.agent.config
