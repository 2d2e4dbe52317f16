"""Whatever comes in on a media port: it is read or dropped, and what is kept stays small."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.media import comfort, dtmf, rtcp, rtp
from dialer.media.srtp import SrtpContext
from dialer.ports import Srtp, SrtpKeys

word16, word32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@st.composite
def rtp_packets(draw: st.DrawFn) -> bytes:
    """Nearly right: any flags, counts that may lie, sequence numbers that jump."""
    first = draw(st.sampled_from([0x80, 0x80, 0x90, 0xA0, 0xB0, 0x8F, 0x9F, 0x00, 0x40, 0xFF]))
    second = draw(st.sampled_from([8, 0, 13, 101, 0x88, 0xE5, 200, 201, 255]))
    head = struct.pack(
        "!BBHII", first, second, draw(word16), draw(word32), draw(st.sampled_from([1, 2, 2**32 - 1]))
    )
    body = draw(
        st.binary(max_size=40) | st.sampled_from([b"\xd5" * 160, b"\x05\x0a\x00\xa0", b"\x05\x8a\x03\x20"])
    )
    data = head + body
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@settings(max_examples=300)
@given(st.lists(rtp_packets() | st.binary(max_size=80), max_size=40))
def test_rtp_is_read_or_dropped(packets: list[bytes]) -> None:
    timeline, placement, keys = rtp.Timeline(), rtp.Placement(), dtmf.KeyReceiver()
    taken = 0
    for index, data in enumerate(packets):
        packet = rtp.parse(data)
        if packet is None:
            continue
        assert 0 < len(packet.payload) <= rtp.MAX_PAYLOAD
        taken += 1
        order = timeline.take(packet.sequence, packet.ssrc)
        if order == rtp.RESTARTED:
            placement.reset()
        placement.place(packet.timestamp, index * 160, order == rtp.IN_ORDER)
        pressed = keys.take(packet.timestamp, packet.marker, packet.payload)
        assert pressed is None or pressed in "0123456789*#"
        comfort.level_of(packet.payload)
    assert timeline.received <= taken
    assert timeline.lost >= 0


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x80, 0x81, 0x82, 0x9F, 0xA1, 0x40]),
            st.sampled_from([200, 201, 202, 203, 204, 205, 0]),
            st.integers(0, 12),
            st.binary(max_size=60),
        ),
        max_size=6,
    ).map(lambda parts: b"".join(struct.pack("!BBH", a, b, c) + d for a, b, c, d in parts))
    | st.binary(max_size=200)
)  # fmt: skip
def test_rtcp_is_read_or_dropped(data: bytes) -> None:
    rtcp.is_rtcp(data)
    found = rtcp.parse(data)
    if found is not None:
        assert len(found.blocks) <= rtcp.MAX_SIZE // 24
        assert len(found.left) <= rtcp.MAX_SIZE // 4
        assert len(found.cname) <= 255


@settings(max_examples=100)
@given(st.lists(rtp_packets() | st.binary(max_size=80), max_size=10))
def test_what_was_not_encrypted_with_our_keys_is_dropped(packets: list[bytes]) -> None:
    context = SrtpContext(SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_80, b"a" * 30, b"b" * 30))
    for data in packets:
        assert context.unprotect(data) is None
        assert context.unprotect_rtcp(data) is None
