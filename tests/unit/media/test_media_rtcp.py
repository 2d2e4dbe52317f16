from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from dialer.media import rtcp
from dialer.media.rtcp import Compound, ReportBlock, SenderInfo

word = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock, word, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), word, word, word, word
)
senders = st.builds(SenderInfo, st.integers(0, 2**64 - 1), word, word, word)
names = st.text("abcdefghijklmnop0123456789+/", min_size=1, max_size=30)


@given(word, st.none() | senders, st.lists(blocks, max_size=31), names, st.booleans())
def test_what_is_built_is_read_back(
    ssrc: int, sender: SenderInfo | None, found: list[ReportBlock], cname: str, bye: bool
) -> None:
    data = rtcp.build(ssrc, sender, found, cname, bye)
    assert len(data) % 4 == 0
    assert rtcp.is_rtcp(data)
    left = (ssrc,) if bye else ()
    assert rtcp.parse(data) == Compound(ssrc, sender, tuple(found), cname, left)


def test_a_sender_report_byte_by_byte() -> None:
    """RFC 3550 6.4.1, 6.5, 6.6."""
    block = ReportBlock(0x0A0B0C0D, 64, -2, 0x00010203, 80, 0x11112222, 0x00018000)
    data = rtcp.build(1, SenderInfo(0x0000000500000000, 0xFFFFFFFF, 3, 480), [block], "abc", bye=True)
    assert data.hex() == (
        "81c8000c00000001" "0000000500000000" "ffffffff" "00000003" "000001e0"
        "0a0b0c0d" "40fffffe" "00010203" "00000050" "11112222" "00018000"
        "81ca0003" "00000001" "0103616263000000"
        "81cb0001" "00000001"
    )  # fmt: skip


def test_counts_beyond_their_fields_are_cut_as_the_rfc_says() -> None:
    block = ReportBlock(1, 255, 99_999_999, 0, 0, 0, 0)
    found = rtcp.parse(rtcp.build(1, SenderInfo(1, 2, 2**32 + 5, 2**33 + 6), [block], "x"))
    assert found is not None
    assert found.sender == SenderInfo(1, 2, 5, 6)
    assert found.blocks[0].lost == 0x7FFFFF


def test_types_that_we_do_not_use_are_passed_over() -> None:
    report = rtcp.build(7, None, [], "me")
    extra = struct.pack("!BBHI", 0x81, 206, 2, 7) + b"FEED" + struct.pack("!BBHI", 0x80, 204, 2, 7) + b"APPL"
    assert rtcp.parse(report + extra) == Compound(7, None, (), "me")


def test_anothers_cname_is_not_the_authors() -> None:
    def chunk(ssrc: int, name: bytes) -> bytes:
        return struct.pack("!I", ssrc) + bytes((1, len(name))) + name + bytes(4 - (len(name) + 2) % 4)

    body = chunk(9, b"other") + chunk(7, b"mine")
    data = struct.pack("!BBHI", 0x80, 201, 1, 7) + struct.pack("!BBH", 0x82, 202, len(body) // 4) + body
    found = rtcp.parse(data)
    assert found is not None
    assert found.cname == "mine"


def test_padding_belongs_at_the_end() -> None:
    padded = struct.pack("!BBHI", 0xA0, 201, 2, 7) + b"\0\0\0\x04"
    assert rtcp.parse(padded) == Compound(7, None, ())
    assert rtcp.parse(padded + rtcp.build(7, None, [], "x")) is None


def test_what_is_not_rtcp_is_dropped_whole() -> None:
    good = rtcp.build(7, SenderInfo(1, 2, 3, 4), [ReportBlock(1, 0, 0, 0, 0, 0, 0)], "name")
    assert rtcp.parse(good) is not None
    assert rtcp.parse(b"") is None
    assert rtcp.parse(good[:-1]) is None, "a length that lies"
    assert rtcp.parse(bytes((good[0] & 0x3F,)) + good[1:]) is None, "version 0"
    assert rtcp.parse(bytes((0x9F,)) + good[1:]) is None, "31 blocks announced, one there"
    assert rtcp.parse(rtcp.build(7, None, [], "x")[8:]) is None, "begins with SDES"
    assert rtcp.parse(good * 30) is None, "longer than any datagram of ours"
    assert not rtcp.is_rtcp(bytes((0x80, 8)) + bytes(160))
    assert not rtcp.is_rtcp(bytes((0x80, 0x88)) + bytes(160)), "PCMA with marker"


@given(st.binary(max_size=2000))
def test_no_datagram_raises(data: bytes) -> None:
    rtcp.is_rtcp(data)
    rtcp.parse(data)


@given(
    st.lists(st.tuples(st.integers(0x80, 0xBF), st.integers(192, 223), st.binary(max_size=80)), max_size=20)
)
def test_no_well_formed_nonsense_raises(parts: list[tuple[int, int, bytes]]) -> None:
    data = struct.pack("!BBHI", 0x80, 201, 1, 7)
    for first, kind, body in parts:
        body = body[: len(body) & ~3]
        data += struct.pack("!BBH", first, kind, len(body) // 4) + body
    found = rtcp.parse(data)
    if found is not None:
        assert found.ssrc == 7
        assert len(found.blocks) <= 62
