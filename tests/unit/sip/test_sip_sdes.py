"""SRTP in SDP: which keys are offered, answered and taken, and when a call without them ends."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_fakes import B_ADDR, Peer, codes, events

from dialer.errors import SdpError
from dialer.ports import Srtp
from dialer.sip.address import parse_uri
from dialer.sip.config import UserAgentConfig
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdes import Crypto, SrtpPolicy, new_keys, policy_for
from dialer.sip.sdp import SessionDescription, make_answer, make_offer, remote_media
from dialer.sip.signals import CallAnswered, CallFailed
from dialer.sip.useragent import UserAgent

OFF, OPTIONAL, REQUIRED = SrtpPolicy
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"


def side(policy: SrtpPolicy, seed: int = 1, port: int = 40000) -> SessionDescription:
    return make_offer("192.0.2.1", port, 1, srtp=policy, randomness=random.Random(seed))


@pytest.mark.parametrize(
    ("offerer", "answerer", "secure"),
    [
        (OFF, OFF, False), (OFF, OPTIONAL, False), (OPTIONAL, OFF, False),
        (OPTIONAL, OPTIONAL, True), (OPTIONAL, REQUIRED, True), (REQUIRED, OPTIONAL, True),
        (REQUIRED, REQUIRED, True),
    ],
)  # fmt: skip
def test_what_two_policies_come_to(offerer: SrtpPolicy, answerer: SrtpPolicy, secure: bool) -> None:
    offer = SessionDescription.parse(str(side(offerer, 1)))
    answer = SessionDescription.parse(str(make_answer(offer, side(answerer, 2, 41000))))
    assert answer.profile == offer.profile, "an answer keeps the offer's profile"
    mine, theirs = remote_media(offer, answer).srtp, remote_media(answer, offer, we_answered=True).srtp
    assert (mine is not None) == (theirs is not None) == secure
    if mine is not None and theirs is not None:
        assert mine.suite is Srtp.AES_CM_128_HMAC_SHA1_80
        assert (mine.send, mine.receive) == (theirs.receive, theirs.send)
        assert mine.send != mine.receive
        assert len(mine.send) == 30


@pytest.mark.parametrize(("offerer", "answerer"), [(OFF, REQUIRED), (REQUIRED, OFF)])
def test_policies_that_do_not_go_together(offerer: SrtpPolicy, answerer: SrtpPolicy) -> None:
    with pytest.raises(SdpError, match="SRTP"):
        make_answer(side(offerer, 1), side(answerer, 2))


def test_optional_is_a_plain_offer_with_keys() -> None:
    """RFC 8643: who doesn't know keys sees nothing but an RTP/AVP offer."""
    text = str(side(OPTIONAL))
    assert "m=audio 40000 RTP/AVP 8 0 101\r\n" in text
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in text
    assert "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" in text


def test_of_audio_offered_twice_the_policy_takes_one() -> None:
    text = str(side(REQUIRED)).replace("a=sendrecv\r\n", "a=sendrecv\r\nm=audio 40002 RTP/AVP 8\r\n")
    for policy, ports in ((OFF, "0 40002"), (REQUIRED, "40000 0")):
        ours = side(policy, 2, 5000)
        offer = SessionDescription.parse(text, prefer="RTP/SAVP" if ours.crypto else "RTP/AVP")
        lines = [line for line in str(make_answer(offer, ours)).split("\r\n") if line.startswith("m=audio")]
        assert [line.split()[1] != "0" for line in lines] == [port != "0" for port in ports.split()]


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1048576 WSH=64",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} -X",
    ],
)
def test_lines_that_are_taken(line: str) -> None:
    found = Crypto.parse(line)
    assert found is not None
    assert (found.tag, found.key) == (1, bytes(range(30)))


@pytest.mark.parametrize(
    "line",
    [
        "", "1 AES_CM_128_HMAC_SHA1_80", f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}", "1 AES_CM_128_HMAC_SHA1_80 inline:AAEC",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:4", f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP",
    ],
)  # fmt: skip
def test_lines_that_are_not(line: str) -> None:
    assert Crypto.parse(line) is None


@given(st.integers(1, 999_999_999), st.sampled_from(list(Srtp)), st.binary(min_size=30, max_size=30))
def test_parse_reads_what_str_writes(tag: int, suite: Srtp, key: bytes) -> None:
    assert Crypto.parse(str(Crypto(tag, suite, key))) == Crypto(tag, suite, key)


@given(st.text(max_size=200))
def test_any_text_is_a_line_or_none(text: str) -> None:
    with contextlib.suppress(SdpError):
        Crypto.parse(text)


def test_keys_are_not_shown() -> None:
    crypto = new_keys(random.Random(1))[0]
    assert "key" not in repr(crypto)


def test_keys_are_only_sent_where_nobody_reads_them() -> None:
    assert policy_for(OPTIONAL, encrypted=False) is OFF
    assert policy_for(OPTIONAL, encrypted=True) is OPTIONAL
    assert policy_for(REQUIRED, encrypted=False, anyway=True) is REQUIRED
    assert policy_for(OFF, encrypted=False) is OFF
    with pytest.raises(SdpError, match="tls"):
        policy_for(REQUIRED, encrypted=False)


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED])
def test_a_plain_answer(policy: SrtpPolicy) -> None:
    """It ends a call that must be encrypted, with a reason that says so."""
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent)
    uri = parse_uri("sip:1@127.0.0.1:5070")
    agent.invite(InviteSpec(uri, uri, B_ADDR, side(policy)), 0.0)
    (invite,) = peer.sent()
    peer.respond(invite, 200, 0.1, body=str(side(OFF)).encode())
    (event,) = events(agent)
    if policy is OPTIONAL:
        assert isinstance(event, CallAnswered)
        assert event.remote.srtp is None
        return
    assert codes(peer.sent()) == ["ACK", "BYE"]
    assert isinstance(event, CallFailed)
    assert "SRTP" in event.reason


def test_an_offer_that_insists_is_refused_where_it_is_off() -> None:
    agent = UserAgent(UserAgentConfig(), random.Random(1))
    peer = Peer(agent)
    peer.give(peer.request("INVITE", body=str(side(REQUIRED)).encode()))
    (refusal,) = peer.sent()
    assert codes([refusal]) == ["488"]
    assert "SRTP" in getattr(refusal, "phrase", "")


def test_comfort_noise_and_rtcp_are_agreed() -> None:
    ours = make_offer("192.0.2.1", 40000, 1, comfort_noise=True)
    lines = str(make_offer("192.0.2.7", 4000, 1, comfort_noise=True)).replace("a=rtcp-mux", "a=rtcp:4055")
    media = remote_media(ours, SessionDescription.parse(lines))
    assert (media.comfort_noise_payload_type, media.rtcp_port) == (13, 4055)
    plain = make_offer("192.0.2.7", 4000, 1)
    assert remote_media(ours, plain).comfort_noise_payload_type is None
    assert remote_media(plain, ours).comfort_noise_payload_type is None
    assert remote_media(ours, plain).rtcp_port == 4000
    bare = SessionDescription.parse(str(plain).replace("a=rtcp-mux\r\n", ""))
    assert remote_media(ours, bare).rtcp_port == 4001
    assert "a=rtcp-mux" not in str(make_answer(bare, ours))
