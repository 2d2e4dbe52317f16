"""Offer and answer: what is offered, what is taken, what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import SdpError
from dialer.sip.sdp import Codec, Direction, SessionDescription, make_answer, make_offer, remote_media


def offer(media: str = "m=audio 4000 RTP/AVP 0 8 101", *attributes: str, host: str = "192.0.2.7") -> str:
    lines = ["v=0", "o=x 5 6 IN IP4 192.0.2.7", "s=-", f"c=IN IP4 {host}", "t=0 0", media, *attributes]
    return "\r\n".join(lines) + "\r\n"


OURS = make_offer("192.0.2.1", 40000, 1)
DTMF = "a=rtpmap:101 telephone-event/8000"


def test_our_offer_names_both_codecs_events_and_20_ms() -> None:
    text = str(make_offer("192.0.2.1", 40000, 9))
    assert "m=audio 40000 RTP/AVP 8 0 101\r\n" in text
    for line in ("a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", DTMF, "a=ptime:20", "a=sendrecv"):
        assert f"{line}\r\n" in text
    assert "c=IN IP4 192.0.2.1\r\n" in text


@given(
    st.ip_addresses(v=4).map(str),
    st.integers(1, 65535),
    st.integers(0, 2**31),
    st.sampled_from(list(Direction)),
    st.integers(1, 999),
)
def test_parse_reads_what_str_writes(
    host: str, port: int, session: int, direction: Direction, ptime: int
) -> None:
    codecs = (Codec(8, "PCMA"), Codec(101, "telephone-event", fmtp="0-16"))
    written = SessionDescription(
        host, port, codecs, direction, session, session, ptime, host, ("video 0 RTP/AVP 31",)
    )
    assert SessionDescription.parse(str(written)) == written


def test_the_answer_prefers_pcma_and_keeps_the_offers_payload_types() -> None:
    theirs = SessionDescription.parse(
        offer("m=audio 4000 RTP/AVP 0 97 96", "a=rtpmap:97 pcma/8000", "a=rtpmap:96 TELEPHONE-EVENT/8000")
    )
    answer = make_answer(theirs, OURS)
    assert [(c.payload_type, c.name) for c in answer.codecs] == [(97, "PCMA"), (96, "telephone-event")]
    media = remote_media(OURS, theirs, we_answered=True)
    assert (media.host, media.port, media.codec) == ("192.0.2.7", 4000, "PCMA")
    assert (media.payload_type, media.dtmf_payload_type) == (97, 96)


def test_the_first_voice_codec_of_their_answer_counts() -> None:
    media = remote_media(OURS, SessionDescription.parse(offer("m=audio 4000 RTP/AVP 0 8")))
    assert (media.codec, media.payload_type, media.dtmf_payload_type) == ("PCMU", 0, None)


@pytest.mark.parametrize(
    ("said", "answered"),
    [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")],
)
def test_hold_is_mirrored(said: str, answered: str) -> None:
    theirs = SessionDescription.parse(offer("m=audio 4000 RTP/AVP 8", f"a={said}"))
    assert f"a={answered}\r\n" in str(make_answer(theirs, OURS))
    assert theirs.held == (said in ("sendonly", "inactive"))


def test_hold_as_rfc_2543_had_it() -> None:
    theirs = SessionDescription.parse(offer("m=audio 4000 RTP/AVP 8", host="0.0.0.0"))
    assert theirs.held
    assert make_answer(theirs, OURS).direction is Direction.INACTIVE


def test_other_streams_are_refused_in_their_places() -> None:
    text = offer("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 8", "m=application 9 UDP/BFCP *")
    answer = str(make_answer(SessionDescription.parse(text), OURS))
    media = [line for line in answer.split("\r\n") if line.startswith("m=")]
    assert media == ["m=video 0 RTP/AVP 31", "m=audio 40000 RTP/AVP 8", "m=application 0 UDP/BFCP *"]


def test_the_connection_of_the_stream_wins() -> None:
    text = offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 198.51.100.9")
    assert remote_media(OURS, SessionDescription.parse(text)).host == "198.51.100.9"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "v=0"),
        ("hello", "v=0"),
        ("v=0\r\nnonsense", "type=value"),
        (offer("m=video 4000 RTP/AVP 31"), "m=audio"),
        (offer("m=audio 0 RTP/AVP 8"), "m=audio"),
        (offer("m=audio 4000 UDP/TLS/RTP/SAVP 8"), "m=audio"),
        (offer("m=audio 70000 RTP/AVP 8"), "65535"),
        (offer("m=audio RTP/AVP"), "m= line"),
        (offer("m=audio 4000 RTP/AVP x"), "payload type"),
        (offer("m=audio 4000 RTP/AVP 8", host="999.1.1.1"), "dotted"),
        (offer("m=audio 4000 RTP/AVP 8", "c=IN IP6 ::1"), "IPv4"),
        ("v=0\r\nm=audio 4000 RTP/AVP 8\r\n", "connection"),
        (offer() + "m=audio 0 RTP/AVP 8\r\n" * 20, "16"),
    ],
)
def test_bad_bodies_say_what_is_wrong(body: str, says: str) -> None:
    with pytest.raises(SdpError, match=says):
        SessionDescription.parse(body)


def test_no_common_codec() -> None:
    theirs = SessionDescription.parse(offer("m=audio 4000 RTP/AVP 18 9"))
    with pytest.raises(SdpError, match="PCMA"):
        make_answer(theirs, OURS)
    with pytest.raises(SdpError, match="PCMA"):
        remote_media(OURS, theirs)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_anything_else_is_an_sdp_error(body: str | bytes) -> None:
    with contextlib.suppress(SdpError):
        SessionDescription.parse(body)
