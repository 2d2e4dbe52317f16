from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.media.jitter import JitterBuffer

SILENCE = b"\xd5"


def frame(number: int) -> bytes:
    return bytes([number % 200]) * 160


def test_waits_for_its_delay_then_plays_in_order_of_position() -> None:
    buffer = JitterBuffer(2, SILENCE)
    assert buffer.take() is None
    buffer.put(1160, frame(1))
    assert buffer.take() is None
    buffer.put(1000, frame(0))
    assert [buffer.take(), buffer.take(), buffer.take()] == [frame(0), frame(1), None]


def test_a_hole_is_silence_and_a_latecomer_is_dropped() -> None:
    buffer = JitterBuffer(2, SILENCE)
    for number in (0, 2, 3):
        buffer.put(number * 160, frame(number))
    assert buffer.take() == frame(0)
    assert buffer.take() == SILENCE * 160
    buffer.put(160, frame(1))
    assert [buffer.take(), buffer.take()] == [frame(2), frame(3)]


def test_packets_of_other_lengths_are_cut_to_frames() -> None:
    buffer = JitterBuffer(2, SILENCE)
    audio = bytes(range(240)) * 4
    for at in range(0, 480, 240):
        buffer.put(at, audio[at : at + 240])
    assert b"".join(buffer.take() or b"" for _ in range(3)) == audio[:480]
    for at in range(480, 960, 80):
        buffer.put(at, audio[at : at + 80])
    assert (buffer.take() or b"") == audio[480:640]


def test_too_much_audio_loses_the_oldest() -> None:
    buffer = JitterBuffer(2, SILENCE)
    for number in range(20):
        buffer.put(number * 160, frame(number))
    got = [buffer.take() for _ in range(6)]
    assert got == [*(frame(number) for number in range(15, 20)), None]


@given(st.lists(st.tuples(st.integers(0, 20000), st.binary(min_size=1, max_size=500)), max_size=60))
def test_anything_in_whole_frames_out_and_bounded(packets: list[tuple[int, bytes]]) -> None:
    buffer = JitterBuffer(2, SILENCE)
    for number, (position, payload) in enumerate(packets):
        buffer.put(position, payload)
        if number % 2:
            taken = buffer.take()
            assert taken is None or len(taken) == 160
    left = 0
    while buffer.take() is not None:
        left += 1
        assert left < 200
