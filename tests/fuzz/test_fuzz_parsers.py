"""Everything that reads text of a peer: it succeeds or raises its documented error, in linear time."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.errors import DigestError, SdpError, SipParseError
from dialer.sip.address import parse_address, parse_parameters, split_quoted, tag_of
from dialer.sip.digest import Credentials, DigestClient, DigestServer, choose, parse_challenges
from dialer.sip.framing import KeepAlive, StreamFramer
from dialer.sip.info import read_key
from dialer.sip.reason import Reason
from dialer.sip.replaces import Replaces, cut_replaces
from dialer.sip.sdp import SessionDescription, make_answer, make_offer, remote_media

MAX_STREAM = 4096

SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
b=AS:64
t=0 0
m=audio 40000 RTP/AVP 8 0 13 101
c=IN IP4 127.0.0.2
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp:40001
a=rtcp-mux
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:32
a=sendonly
m=video 0 RTP/AVP 31
""".replace("\n", "\r\n")
LINES = [line for line in SDP.split("\r\n") if line]
OURS = make_offer("127.0.0.1", 30000, 7)


@st.composite
def sdp(draw: st.DrawFn) -> str:
    """SDP whose lines were dropped, doubled, moved and partly rewritten."""
    lines = draw(st.lists(st.sampled_from(LINES), max_size=24))
    for _ in range(draw(st.integers(0, 5))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        lines[at] = line[:cut] + draw(st.text(max_size=12)) + line[cut + draw(st.integers(0, 6)) :]
    return draw(st.sampled_from(["\r\n", "\n", "\r"])).join(["v=0", *lines] if draw(st.booleans()) else lines)


@settings(max_examples=300)
@given(sdp() | st.text(max_size=200), st.booleans())
def test_sdp_is_read_or_refused(text: str, we_answered: bool) -> None:
    try:
        offer = SessionDescription.parse(text.encode("utf-8", "surrogatepass"))
        again = SessionDescription.parse(offer.encode())
        assert (again.port, again.codecs) == (offer.port, offer.codecs)
        media = remote_media(OURS, offer, we_answered=we_answered)
        answer = make_answer(offer, OURS)
    except SdpError:
        return
    assert 0 < media.port < 65536
    assert 0 <= media.payload_type < 128
    SessionDescription.parse(answer.encode())


CHALLENGE_PARTS = [
    'realm="r"', "realm=r", 'nonce="n"', 'nonce="a\\"b"', "algorithm=MD5", "algorithm=SHA-256",
    "algorithm=SHA-512-256", "algorithm=MD5-sess", "algorithm=X", 'qop="auth"', 'qop="auth-int"',
    'qop="auth,auth-int"', 'qop=""', "qop", "stale=true", "stale=TRUE", 'opaque=""', 'opaque="\x00"',
    ",", '"', "Digest", "Basic", " ", "=", "\\", 'domain="sip:x"', "userhash=true",
]  # fmt: skip
challenge = st.lists(
    st.sampled_from(CHALLENGE_PARTS) | st.text(max_size=8), max_size=10
).map(lambda parts: "Digest " + ", ".join(parts))  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(challenge | st.text(max_size=60), min_size=1, max_size=3),
    st.sampled_from([401, 407]),
    st.binary(),
)
def test_a_challenge_is_answered_or_refused(headers: list[str], code: int, body: bytes) -> None:
    client = DigestClient(Credentials("u", "p"), random.Random(1))
    try:
        choose(parse_challenges(headers))
        client.accept(code, headers)
    except DigestError:
        assert not client.ready
        return
    name, value = client.authorise("INVITE", "sip:1@x", body)
    assert name.endswith("Authorization")
    assert "\r" not in value.replace("\\", "") or any("\r" in header for header in headers)


@settings(max_examples=200)
@given(challenge | st.text(max_size=80), st.sampled_from(["REGISTER", "INVITE"]))
def test_no_forged_credentials_are_taken(header: str, method: str) -> None:
    server = DigestServer("r", random.Random(2))
    verdict, user = server.check(header, method, {"u": "p", "": ""}, 1.0)
    assert (verdict.value, user) == ("refused", "")


@settings(max_examples=300)
@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from([*'<>"\\;,?=* ', "sip:", "a@b", "tag=x", "[::1]", ":5060"]),
        max_size=14,
    ).map("".join)
)  # fmt: skip
def test_addresses_are_read_or_refused(text: str) -> None:
    for read in (parse_address, tag_of, parse_parameters, Reason.parse, Replaces.parse, cut_replaces):
        try:
            value = read(text)
        except SipParseError:
            continue
        if isinstance(value, Reason):
            assert Reason.parse(str(value)) == value
    assert text.count(",") >= len(split_quoted(text, ",")) - 1


@given(
    st.binary(max_size=60) | st.sampled_from([b"Signal=5", b"Signal=", b"\r\nSignal = 10\r\n", b"D", b"16"])
)
def test_a_key_body_is_one_key_or_refused(body: bytes) -> None:
    with suppress(SipParseError):
        assert read_key(body) in set("0123456789*#ABCD!")


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabc", b"\r\n\r\n", b"\r\n", b"\r",
                b"SIP/2.0 200 OK\r\nl:0\r\n\r\n", b"l: 99999999999\r\n\r\n", b"INVITE x\r\n\r\n",
                b"Content-Length: -1\r\n\r\n", b"\0\0", b"A: " + b"b" * 700, b"\r\n ",
                b"Content-Length:5\r\n",
            ]
        )
        | st.binary(max_size=40),
        max_size=24,
    ),
    st.integers(1, 50),
)  # fmt: skip
def test_a_stream_is_cut_or_ends(pieces: list[bytes], step: int) -> None:
    framer, data = StreamFramer(MAX_STREAM), b"".join(pieces)
    taken = 0
    for at in range(0, len(data), step):
        frames, error = framer.feed(data[at : at + step])
        for frame in frames:
            taken += len(frame.value if isinstance(frame, KeepAlive) else frame)
        if error is not None:
            assert isinstance(error, SipParseError)
            break
    assert taken <= len(data)


@pytest.mark.parametrize(
    "unit", ['"', "\\", "<", ">", ";", ",", "a=", "\r\n ", "(", "%", "sip:", "Digest a=b,", "="]
)
def test_hostile_repetition_costs_linear_time(unit: str) -> None:
    """Ten times as long must not take a hundred times as long: the large one is bounded in seconds."""
    text = unit * (60_000 // len(unit))
    started = time.perf_counter()
    for read in (parse_address, parse_parameters, Reason.parse, Replaces.parse, SessionDescription.parse):
        try:
            read(text)
        except (SipParseError, SdpError):
            continue
    with suppress(DigestError):
        parse_challenges([text])
    DigestServer("r", random.Random(1)).check(text, "REGISTER", {}, 0.0)
    assert time.perf_counter() - started < 5.0
