from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.media.dtmf import DIGITS, KeyReceiver, KeySender


def event(code: int, duration: int, end: bool = False) -> bytes:
    return bytes([code, (0x80 if end else 0) | 10]) + duration.to_bytes(2)


def press(code: int, updates: int = 4) -> list[bytes]:
    return [event(code, 160 * (n + 1)) for n in range(updates)] + [event(code, 160 * updates, True)] * 3


@given(
    st.lists(st.integers(0, 11), min_size=1, max_size=8), st.integers(0, 2**32 - 1), st.data()
)  # fmt: skip
def test_each_press_once_whatever_is_lost_or_doubled(
    codes: list[int], start: int, data: st.DataObject
) -> None:
    """At least one packet of each press comes through."""
    keys = KeyReceiver()
    heard: list[str] = []
    stamp = start
    for code in codes:
        packets = press(code)
        kept = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=9).map(sorted))
        for index in kept:
            digit = keys.take(stamp, index == 0, packets[index])
            if digit:
                heard.append(digit)
        stamp = (stamp + 4 * 160 + 800) & 0xFFFFFFFF
    assert heard == [DIGITS[code] for code in codes]


def test_same_digit_twice_with_all_ends_lost() -> None:
    keys = KeyReceiver()
    assert keys.take(1000, True, event(5, 160)) == "5"
    assert keys.take(1000, False, event(5, 320)) is None
    assert keys.take(1000 + 320 + 400, False, event(5, 160)) == "5"


def test_a_sender_that_moves_the_timestamp_and_a_segmented_press_count_once() -> None:
    keys = KeyReceiver()
    digits = [keys.take(1000 + n * 160, n == 0, event(7, 160 * (n + 1))) for n in range(6)]
    assert digits == ["7", None, None, None, None, None]
    keys = KeyReceiver()
    assert keys.take(1000, True, event(1, 0xFFFF)) == "1"
    assert keys.take(1000 + 0xFFFF, False, event(1, 160)) is None


def test_late_packets_of_an_old_press_and_letters_say_nothing() -> None:
    keys = KeyReceiver()
    assert keys.take(1000, True, event(1, 160)) == "1"
    assert keys.take(9000, True, event(2, 160)) == "2"
    assert keys.take(1000, False, event(1, 640, True)) is None
    assert keys.take(20000, True, event(13, 160)) is None
    assert keys.take(30000, True, b"\x01") is None
    keys.reset()
    assert keys.take(5, True, event(3, 160)) == "3"


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.booleans(), st.binary(max_size=6)), max_size=60))
def test_garbage_never_raises(packets: list[tuple[int, bool, bytes]]) -> None:
    keys = KeyReceiver()
    for packet in packets:
        digit = keys.take(*packet)
        assert digit is None or digit in DIGITS


def test_sender_plays_updates_three_ends_and_a_pause() -> None:
    sender = KeySender(key_s=0.08, gap_s=0.1)
    assert not sender.active
    sender.press("5#")
    packets = [sender.next(position) for position in range(8000, 8000 + 160 * 24, 160)]
    first = packets[:6]
    assert [p.payload for p in first if p] == [
        event(5, 160), event(5, 320), event(5, 480), *[event(5, 640, True)] * 3
    ]  # fmt: skip
    assert {p.start for p in first if p} == {8000}
    assert [p.marker for p in first if p] == [True, *[False] * 5]
    assert packets[6:11] == [None] * 5
    assert packets[11] is not None
    assert packets[11].payload == event(11, 160)
    assert not sender.active
    with pytest.raises(ValueError, match="0-9"):
        sender.press("1x")
    assert not sender.active


def test_after_an_end_the_same_digit_is_a_new_press_however_soon() -> None:
    keys = KeyReceiver()
    assert keys.take(1000, True, event(5, 160)) == "5"
    assert keys.take(1000, False, event(5, 320, True)) is None
    assert keys.take(1000 + 400, False, event(5, 160)) == "5", "its marked packet was lost"
