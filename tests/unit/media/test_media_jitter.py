from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.media.conceal import conceal
from dialer.media.g711 import PCMA
from dialer.media.jitter import JitterBuffer

SILENCE = b"\xd5"


def frame(number: int) -> bytes:
    return bytes([number % 200]) * 160


def test_waits_for_its_delay_then_plays_in_order_of_position() -> None:
    buffer = JitterBuffer(2, PCMA)
    assert buffer.take() is None
    buffer.put(1160, frame(1))
    assert buffer.take() is None
    buffer.put(1000, frame(0))
    assert [buffer.take(), buffer.take()] == [frame(0), frame(1)]


def test_a_hole_is_concealed_and_a_latecomer_is_dropped() -> None:
    buffer = JitterBuffer(3, PCMA)
    for number in (0, 1, 3, 4):
        buffer.put(number * 160, frame(number))
    assert [buffer.take(), buffer.take()] == [frame(0), frame(1)]
    assert buffer.take() == conceal(frame(0) + frame(1), PCMA, 0, 160)
    buffer.put(320, frame(2))
    assert [buffer.take(), buffer.take()] == [frame(3), frame(4)]


def test_a_long_hole_fades_to_silence() -> None:
    buffer = JitterBuffer(2, PCMA)
    for number in (0, 1, 6, 7):
        buffer.put(number * 160, frame(number))
    past = frame(0) + frame(1)
    got = [buffer.take() for _ in range(8)]
    assert got[2:5] == [conceal(past, PCMA, start, 160) for start in (0, 160, 320)]
    assert got[5:] == [SILENCE * 160, frame(6), frame(7)]


def test_running_dry_fades_too_and_then_waits_anew() -> None:
    buffer = JitterBuffer(2, PCMA)
    for number in (0, 1):
        buffer.put(number * 160, frame(number))
    got = [buffer.take() for _ in range(7)]
    assert got[2:] == [
        *(conceal(frame(0) + frame(1), PCMA, start, 160) for start in (0, 160, 320)),
        None,
        None,
    ]
    buffer.put(900, frame(9))
    assert buffer.take() is None
    buffer.put(1060, frame(10))
    assert [buffer.take(), buffer.take()] == [frame(9), frame(10)]


def test_packets_of_other_lengths_are_cut_to_frames() -> None:
    buffer = JitterBuffer(2, PCMA)
    audio = bytes(range(240)) * 4
    for at in range(0, 480, 240):
        buffer.put(at, audio[at : at + 240])
    assert b"".join(buffer.take() or b"" for _ in range(3)) == audio[:480]
    for at in range(480, 960, 80):
        buffer.put(at, audio[at : at + 80])
    assert (buffer.take() or b"") == audio[480:640]


def test_too_much_audio_loses_the_oldest() -> None:
    buffer = JitterBuffer(2, PCMA)
    for number in range(20):
        buffer.put(number * 160, frame(number))
    got = [buffer.take() for _ in range(6)]
    assert got[:5] == [frame(number) for number in range(15, 20)]


@given(st.lists(st.tuples(st.integers(0, 20000), st.binary(min_size=1, max_size=500)), max_size=60))
def test_anything_in_whole_frames_out_and_bounded(packets: list[tuple[int, bytes]]) -> None:
    buffer = JitterBuffer(2, PCMA)
    for number, (position, payload) in enumerate(packets):
        buffer.put(position, payload)
        if number % 2:
            taken = buffer.take()
            assert taken is None or len(taken) == 160
    left = 0
    while buffer.take() is not None:
        left += 1
        assert left < 200
