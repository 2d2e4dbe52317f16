"""Whatever arrives, the user agent raises nothing and holds a bounded amount of state."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from sipmessage import URI

from dialer.sip.address import Addr
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import make_offer
from dialer.sip.useragent import UserAgent

PEER = Addr("127.0.0.1", 5070)
LIMIT = 40

INVITE = b"""INVITE sip:13812345678@127.0.0.1:5060 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-abc;rport
Max-Forwards: 70
Record-Route: <sip:127.0.0.1:5070;lr>
From: "\xd5\xc5\xc8\xfd" <sip:1001@127.0.0.1>;tag=a1
To: <sip:13812345678@127.0.0.1>
Call-ID: call-1
CSeq: 1 INVITE
Contact: <sip:1001@127.0.0.1:5070>
Authorization: Digest username="u", realm="dialer", nonce="n", uri="sip:x", response="r", algorithm=MD5
Content-Type: application/sdp
Content-Length: 131

v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 8 101
a=rtpmap:101 telephone-event/8000
a=sendrecv
""".replace(b"\n", b"\r\n")

METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "FOO", "MESSAGE"]
HEADERS = [
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Record-Route", "Route", "Expires", "Require",
    "Content-Length", "Content-Type", "Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Reason",
    "Retry-After", "v", "f", "t", "i", "m", "l", "Max-Forwards", "Min-Expires",
]  # fmt: skip
NASTY = [
    "", '"', "<", ">", ";;;", "a=", "=,=", "sip:", "sip:@", "sip:a@b:99999", "<sip:a@b>;tag=", "self=1",
    "<sip:a@b>;self=1", "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1", "SIP/2.0/UDP pbx1", "4294967296 BYE",
    "1 BYE", "1 INVITE", "-1 INVITE", "٣ INVITE", "Digest", 'Digest realm="a', 'Digest realm="a", nonce="b"',
    'Digest ' + 'a="b",' * 60, "\udcff\udcfe", "*", "<sip:x@127.0.0.1:5070>", "9" * 20, "0", "-5",
    "application/sdp", "text/plain", "tel:+8613812345678", "<sips:a@b;lr>", "a" * 500, "%zz%", "\x00",
]  # fmt: skip


def agent() -> UserAgent:
    config = UserAgentConfig(max_calls=LIMIT, max_server_transactions=LIMIT)
    return UserAgent(config, random.Random(1), RegistrarConfig(users={"u": "secret"}))


def settle(user_agent: UserAgent, start: float) -> None:
    """Time goes on until nothing is left; every event and datagram is taken."""
    now = start
    for _ in range(2000):
        user_agent.datagrams_to_send()
        while user_agent.next_event() is not None:
            pass
        when = user_agent.get_timer()
        if when is None:
            break
        now = max(now, when)
        user_agent.handle_timer(now)
    assert user_agent.size == 0, "calls, transactions or timers leaked"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from([INVITE, INVITE.replace(b"INVITE", b"OPTIONS")])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        data[at : at + length] = draw(st.binary(max_size=12))
    return bytes(data)


header_line = st.tuples(st.sampled_from(HEADERS), st.sampled_from(NASTY) | st.text(max_size=40))


@st.composite
def assembled(draw: st.DrawFn) -> bytes:
    """A plausible request whose headers are partly nasty."""
    method = draw(st.sampled_from(METHODS))
    uri = draw(st.sampled_from(["sip:1@127.0.0.1", "sips:1@h", "tel:+861381", "http://x", "sip:", "urn:x"]))
    branch = draw(st.sampled_from(["z9hG4bK1", "z9hG4bK2", "old"]))
    headers = {
        "Via": f"SIP/2.0/UDP 127.0.0.1:5070;branch={branch}",
        "From": "<sip:a@127.0.0.1>;tag=f",
        "To": draw(st.sampled_from(["<sip:u@127.0.0.1>", "<sip:u@127.0.0.1>;tag=x"])),
        "Call-ID": "c",
        "CSeq": f"{draw(st.integers(0, 3))} {method}",
        "Contact": "<sip:a@127.0.0.1:5070>",
    }
    headers.update(draw(st.lists(header_line, max_size=4)))
    lines = [f"{method} {uri} SIP/2.0", *(f"{k}: {v}" for k, v in headers.items())]
    body = draw(st.sampled_from([b"", INVITE.partition(b"\r\n\r\n")[2], b"v=0\r\nm=audio 1 RTP/AVP 8\r\n"]))
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=300) | mutated() | assembled(), min_size=1, max_size=8))
def test_garbage_and_near_misses_never_raise(datagrams: list[bytes]) -> None:
    user_agent = agent()
    for index, data in enumerate(datagrams):
        user_agent.receive_datagram(data, PEER, 100.0 + index)
    settle(user_agent, 200.0)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([100, 180, 183, 200, 200, 302, 401, 407, 486, 503, 600]),
            st.lists(header_line, max_size=4),
            st.sampled_from(["t1", "t2", ""]),
            st.sampled_from([b"", b"garbage", INVITE.partition(b"\r\n\r\n")[2]]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 5),
)
def test_any_responses_to_our_invite_end_without_leaks(
    responses: list[tuple[int, list[tuple[str, str]], str, bytes]], cancel_at: int
) -> None:
    user_agent = agent()
    target = URI(scheme="sip", user="1", host="127.0.0.1", port=5070)
    spec = InviteSpec(target, target, PEER, make_offer("127.0.0.1", 40000, 1))
    call = user_agent.invite(spec, 0.0)
    invite = user_agent.datagrams_to_send()[0][0].decode()
    copied = {line.split(":")[0]: line.partition(": ")[2] for line in invite.split("\r\n") if ": " in line}
    for index, (code, extra, tag, body) in enumerate(responses):
        if index == cancel_at:
            user_agent.cancel(call, float(index))
        headers = {name: copied[name] for name in ("Via", "From", "To", "Call-ID", "CSeq")}
        headers["To"] += f";tag={tag}" if tag else ""
        headers |= dict(extra)
        lines = [f"SIP/2.0 {code} X", *(f"{k}: {v}" for k, v in headers.items())]
        data = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
        user_agent.receive_datagram(data, PEER, float(index))
    user_agent.hang_up(call, "end of test", 50.0)
    settle(user_agent, 50.0)


def test_a_flood_of_invites_stays_within_the_limits() -> None:
    user_agent = agent()
    for index in range(500):
        data = INVITE.replace(b"z9hG4bK-abc", b"z9hG4bK-%d" % index).replace(b"call-1", b"call-%d" % index)
        user_agent.receive_datagram(data, PEER, 1.0)
        user_agent.datagrams_to_send()
        while user_agent.next_event() is not None:
            pass
    assert user_agent.size <= 4 * LIMIT
    settle(user_agent, 1.0)
