from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_peer import Events

from dialer.media import rtp
from dialer.media.config import MediaConfig
from dialer.media.leg import Leg, check_remote
from dialer.media.recorder import Recorder
from dialer.ports import KeyPressed, ListenSpec, RemoteMedia

REMOTE = RemoteMedia("192.0.2.7", 4000, "PCMA", 8, 101)
SOURCE = ("192.0.2.7", 4000)


def new_leg(events: Events | None = None, remote: RemoteMedia | None = REMOTE) -> Leg:
    leg = Leg(MediaConfig(), events if events is not None else Events(), 0xFEED, 0xFFFE, 0xFFFFFF00)
    if remote is not None:
        leg.connect(remote, 0.0)
    return leg


def datagram(sequence: int, stamp: int, payload: bytes = b"x" * 160, kind: int = 8) -> bytes:
    packet = bytearray(12)
    rtp.pack_header(packet, 0, 0x80, kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, 5)
    return bytes(packet) + payload


def ticks(leg: Leg, count: int, first: int = 160) -> list[rtp.RtpPacket]:
    packets = []
    for number in range(count):
        packet = leg.tick(first + number * 160, 0.0)
        assert packet is not None
        packets.append(rtp.parse(bytes(packet)))
    return packets


def test_nothing_leaves_before_connect_then_silence_flows() -> None:
    leg = new_leg(remote=None)
    assert leg.tick(160, 0.0) is None
    leg.connect(REMOTE, 0.0)
    packets = ticks(leg, 3)
    assert [p.marker for p in packets] == [True, False, False], "also on the clock's first tick"
    assert [p.sequence for p in packets] == [0xFFFF, 0, 1]
    assert [p.timestamp for p in packets] == [0xFFFFFFA0, 0x40, 0xE0]
    assert {p.payload for p in packets} == {b"\xd5" * 160}


def test_after_skipped_time_the_timestamp_jumps_and_the_marker_says_so() -> None:
    leg = new_leg()
    ticks(leg, 2)
    (packet,) = ticks(leg, 1, 4800)
    assert packet.marker
    assert packet.sequence == 1
    assert packet.timestamp == (0xFFFFFF00 + 4800) & 0xFFFFFFFF


def test_ours_in_another_law_is_understood_and_other_types_are_not() -> None:
    leg = new_leg()
    leg.record(Recorder("PCMA", 0, 1.0))
    leg.receive(datagram(1, 0, b"\xff" * 160, kind=0), SOURCE, 0, 0.0)
    leg.receive(datagram(2, 160, b"\x11" * 160, kind=13), SOURCE, 160, 0.0)
    leg.receive(b"not rtp at all", SOURCE, 160, 0.0)
    assert leg.recorder is not None
    assert leg.recorder.finish(320)[1::2] == b"\xd5" * 320
    assert leg.stats().received == 2


def test_a_key_has_its_offset_in_the_recording() -> None:
    events = Events()
    leg = new_leg(events)
    leg.receive(datagram(1, 0, bytes([3, 10, 0, 160]), 101), SOURCE, 4000, 1.0)
    leg.record(Recorder("PCMA", 8000, 1.0))
    leg.receive(datagram(2, 9000, bytes([4, 10, 0, 160]), 101), SOURCE, 12000, 2.0)
    assert list(events) == [KeyPressed(1.0, "3", 0.0), KeyPressed(2.0, "4", 0.5)]


def test_who_was_heard_before_a_move_is_not_learnt_by_his_last_packets() -> None:
    leg = new_leg()
    leg.receive(datagram(1, 0), SOURCE, 0, 0.0)
    leg.connect(replace(REMOTE, port=7000), 1.0)
    leg.receive(datagram(2, 160), SOURCE, 160, 1.02)
    assert leg.remote == ("192.0.2.7", 7000)
    leg.receive(datagram(9, 320), ("192.0.2.7", 5000), 320, 1.1)
    assert leg.remote == ("192.0.2.7", 5000), "a NAT of the new one is still learnt"


def test_a_peer_behind_a_nat_that_changes_nothing_is_learnt_again_at_once() -> None:
    leg = new_leg()
    leg.receive(datagram(1, 0), ("192.0.2.7", 5000), 0, 0.0)
    leg.connect(replace(REMOTE, sending=False), 1.0)
    leg.receive(datagram(2, 160), ("192.0.2.7", 5000), 160, 1.02)
    assert leg.remote == ("192.0.2.7", 5000)


def test_learning_needs_the_named_host_and_a_packet_of_ours() -> None:
    leg = new_leg()
    leg.receive(datagram(1, 0), ("192.0.2.8", 4000), 0, 0.0)
    leg.receive(b"\x00" * 40, ("192.0.2.7", 5000), 0, 0.0)
    leg.receive(datagram(1, 0, kind=96), ("192.0.2.7", 5000), 0, 0.0)
    assert leg.remote == SOURCE
    leg.receive(datagram(1, 0), ("192.0.2.7", 5000), 0, 0.0)
    assert leg.remote == ("192.0.2.7", 5000)
    leg.receive(datagram(1, 0), ("192.0.2.7", 6000), 0, 0.0)
    assert leg.remote == ("192.0.2.7", 5000)
    leg.receive(datagram(2, 160), SOURCE, 160, 0.0)
    assert leg.remote == SOURCE, "the named port wins it back"
    assert leg.stats().foreign == 4
    leg.connect(replace(REMOTE, port=7000), 0.0)
    assert leg.remote == ("192.0.2.7", 7000)


def test_a_codec_change_goes_through_prompt_and_recording() -> None:
    leg = new_leg()
    leg.record(Recorder("PCMA", 160, 1.0))
    leg.play([b"\xd5" * 160, b"\x2a" * 160], 1, False, 0.0)
    leg.connect(RemoteMedia("192.0.2.7", 4000, "PCMU", 0, None), 0.0)
    packets = ticks(leg, 2)
    assert [(p.payload_type, p.payload[:1]) for p in packets] == [(0, b"\xfe"), (0, b"\x00")]
    assert leg.recorder is not None
    assert leg.recorder.finish(480)[0::2] == b"\xd5" * 160 + b"\x2a" * 160


@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=400),
            st.sampled_from([0, 8, 101, 13]), st.integers(0, 4000),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_no_packet_of_the_peer_breaks_a_leg(packets: list[tuple[int, int, bytes, int, int]]) -> None:
    """Recording, listening and bridged at once; the clock goes on and the recording has the right length."""
    leg, other = new_leg(), new_leg()
    leg.record(Recorder("PCMA", 0, 0.2))
    leg.listen(ListenSpec())
    leg.bridge(other, 0.0)
    now, audio = 0, b""
    for sequence, stamp, payload, kind, step in packets:
        now += step
        leg.receive(datagram(sequence, stamp, payload, kind), SOURCE, now, 0.0)
        for one in (leg, other):
            packet = one.tick(now, 0.0)
            assert packet is not None
            assert len(packet) == 172
        assert leg.recorder is not None
        audio += leg.recorder.advance(now)
    assert leg.recorder is not None
    assert len(audio + leg.recorder.finish(now)) >= 2 * now


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"codec": "G729"}, "PCMA or PCMU"), ({"port": 0}, "no RTP port"),
        ({"payload_type": 200}, "0 to 127"), ({"dtmf_payload_type": 8}, "different"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_to_is_said(change: dict[str, object], says: str) -> None:
    assert check_remote(REMOTE) == ""
    assert says in check_remote(replace(REMOTE, **change))
