from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.media import rtp


def build(
    payload: bytes = b"x" * 160, kind: int = 8, sequence: int = 1, stamp: int = 2, ssrc: int = 3
) -> bytes:
    packet = bytearray(rtp.HEADER_SIZE)
    rtp.pack_header(packet, 0, 0x80, kind, sequence, stamp, ssrc)
    return bytes(packet) + payload


@given(
    st.binary(min_size=1, max_size=400), st.integers(0, 127), st.booleans(), st.integers(0, 65535),
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_parse_gives_back_what_was_built(
    payload: bytes, kind: int, marker: bool, sequence: int, stamp: int, ssrc: int
) -> None:
    packet = rtp.parse(build(payload, kind | marker << 7, sequence, stamp, ssrc))
    assert packet == (kind, marker, sequence, stamp, ssrc, payload)


@given(st.binary(max_size=300))
def test_garbage_is_none_or_a_packet_of_sane_size(data: bytes) -> None:
    packet = rtp.parse(data)
    assert packet is None or 0 < len(packet.payload) <= rtp.MAX_PAYLOAD


def test_csrc_extension_and_padding_are_stripped() -> None:
    plain = build(b"")
    csrc_ext = bytes([0x80 | 0x10 | 2]) + plain[1:] + b"c" * 8 + b"\xbe\xde\x00\x01" + b"e" * 4 + b"audio"
    assert rtp.parse(csrc_ext).payload == b"audio"
    padded = bytes([0xA0]) + plain[1:] + b"audio" + b"\x00\x00\x03"
    assert rtp.parse(padded).payload == b"audio"
    assert rtp.parse(bytes([0xA0]) + plain[1:] + b"\x09") is None
    assert rtp.parse(bytes([0x40]) + plain[1:] + b"audio") is None
    assert rtp.parse(build(b"x" * 1601)) is None


@given(
    st.integers(0, 65535),
    st.lists(st.sampled_from(["ok", "lost", "swap", "twice"]), min_size=1, max_size=300),
)
def test_timeline_counts_what_the_network_did(first: int, fates: list[str]) -> None:
    """Loss, swaps and duplicates in any mixture, over the wrap of the sequence number."""
    line = rtp.Timeline()
    line.take(first, 7)
    number, lost, swapped, twice = first, 0, 0, 0
    for fate in [*fates, "ok"]:
        number += 1
        if fate == "lost":
            lost += 1
        elif fate == "swap":
            assert line.take((number + 1) & 0xFFFF, 7) == rtp.IN_ORDER
            assert line.take(number & 0xFFFF, 7) == rtp.REORDERED
            number, swapped = number + 1, swapped + 1
        else:
            assert line.take(number & 0xFFFF, 7) == rtp.IN_ORDER
            if fate == "twice":
                assert line.take(number & 0xFFFF, 7) == rtp.DUPLICATE
                twice += 1
    assert (line.lost, line.reordered, line.duplicated) == (lost, swapped, twice)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2)), max_size=200))
def test_timeline_takes_anything(packets: list[tuple[int, int]]) -> None:
    line = rtp.Timeline()
    for sequence, ssrc in packets:
        assert line.take(sequence, ssrc) in range(5)
    assert line.lost >= 0
    assert line.received == len(packets)


def test_a_new_ssrc_or_a_confirmed_jump_restarts_and_a_stray_does_not() -> None:
    line = rtp.Timeline()
    assert line.take(10, 1) == rtp.RESTARTED
    assert line.take(11, 1) == rtp.IN_ORDER
    assert line.take(40000, 1) == rtp.STRAY
    assert line.take(12, 1) == rtp.IN_ORDER
    assert line.take(30000, 1) == rtp.STRAY
    assert line.take(30001, 1) == rtp.RESTARTED
    assert line.take(5, 2) == rtp.RESTARTED
    assert line.lost == 0


STEP = 160


def test_placement_follows_timestamps_not_jitter() -> None:
    place = rtp.Placement()
    jitter = [0, 300, 1500, 40, 0, 900]
    got = [place.place(n * STEP, 1000 + n * STEP + late) for n, late in enumerate(jitter)]
    assert got == [1000 + n * STEP for n in range(6)]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 1600), min_size=1, max_size=100))
def test_placement_never_strays_from_arrival(first: int, delays: list[int]) -> None:
    """Whatever jitter up to 200 ms does, audio lies between 200 ms before and 40 ms after its arrival."""
    place = rtp.Placement()
    arrival = 0
    for number, delay in enumerate(delays):
        arrival = max(arrival, number * STEP + delay)
        at = place.place((first + number * STEP) & 0xFFFFFFFF, arrival)
        assert arrival - 1600 - 16000 <= at <= arrival + rtp.Placement.SLACK


def test_placement_anchor_moves_when_it_was_wrong() -> None:
    place = rtp.Placement()
    assert place.place(0, 5000) == 5000
    assert place.place(STEP, 4000 + STEP) == 4000 + STEP, "the first packet had been 125 ms late"
    assert place.place(2 * STEP, 4000 + 2 * STEP) == 4000 + 2 * STEP
    assert place.place(900000, 5000) == 5000, "timestamps jumped ahead"
    assert place.place(100, 6000) == 6000, "and far back"


def test_placement_accepts_a_longer_path_after_half_a_second_only() -> None:
    place = rtp.Placement()
    place.place(0, 0)
    late = [place.place(n * STEP, n * STEP + 2400) for n in range(1, 60)]
    moved = [at - n * STEP for n, at in enumerate(late, 1)]
    assert moved[:25] == [0] * 25
    assert moved[-1] == 2400
    burst = rtp.Placement()
    burst.place(0, 0)
    assert [burst.place(n * STEP, 8000) for n in range(1, 50)] == [n * STEP for n in range(1, 50)]


def test_a_reordered_packet_goes_to_its_own_place_and_moves_nothing() -> None:
    place = rtp.Placement()
    place.place(0, 0)
    place.place(2 * STEP, 2 * STEP)
    assert place.place(STEP, 2 * STEP + 10, in_order=False) == STEP
    assert place.place(3 * STEP, 3 * STEP) == 3 * STEP
