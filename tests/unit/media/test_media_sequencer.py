from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from dialer.media.sequencer import HOLD, MAX_HELD, Piece, Sequencer

FRAME = 160


def payload(number: int) -> bytes:
    return number.to_bytes(4, "big")


def feed(order: list[int], sequencer: Sequencer | None = None) -> list[Piece]:
    sequencer = sequencer or Sequencer()
    out = []
    for step, number in enumerate(order):
        out += sequencer.put(number & 0xFFFF, number * FRAME, payload(number), step * FRAME)
    return out + sequencer.overdue(len(order) * FRAME + HOLD)


def numbers(pieces: list[Piece]) -> list[int]:
    return [int.from_bytes(piece.payload, "big") for piece in pieces]


def test_in_order_nothing_waits() -> None:
    sequencer = Sequencer()
    for number in range(65_530, 65_550):
        out = sequencer.put(number & 0xFFFF, number * FRAME, payload(number), 0)
        assert numbers(out) == [number]
        assert not sequencer.waiting


def test_a_packet_that_was_overtaken_finds_its_place() -> None:
    assert numbers(feed([1, 3, 2, 4])) == [1, 2, 3, 4]
    assert numbers(feed([1, 5, 4, 3, 2, 6])) == [1, 2, 3, 4, 5, 6]
    assert not any(piece.lost for piece in feed([1, 3, 2, 4]))


def test_a_lost_packet_holds_the_next_ones_for_100_ms_only() -> None:
    sequencer = Sequencer()
    sequencer.put(1, 160, b"a", 0)
    assert sequencer.put(3, 480, b"c", 100) == []
    assert sequencer.put(4, 640, b"d", 260) == []
    assert sequencer.overdue(100 + HOLD - 1) == []
    assert sequencer.overdue(100 + HOLD) == [Piece(480, b"c", True), Piece(640, b"d", False)]
    assert sequencer.put(2, 320, b"b", 1000) == [], "too late"
    assert sequencer.put(5, 800, b"e", 1000) == [Piece(800, b"e", False)]


def test_a_second_hole_has_its_own_time() -> None:
    sequencer = Sequencer()
    sequencer.put(1, 160, b"a", 0)
    sequencer.put(3, 480, b"c", 100)
    sequencer.put(5, 800, b"e", 700)
    assert [piece.payload for piece in sequencer.overdue(100 + HOLD)] == [b"c"]
    assert sequencer.waiting
    assert [piece.payload for piece in sequencer.overdue(700 + HOLD)] == [b"e"]


def test_packets_without_audio_keep_their_number() -> None:
    sequencer = Sequencer()
    sequencer.put(1, 160, b"a", 0)
    assert sequencer.put(2, 0, b"", 0) == [], "a key"
    assert sequencer.put(3, 99_999, b"c", 0) == [Piece(99_999, b"c", False)], (
        "time jumps, numbers don't: no loss"
    )


def test_a_source_that_begins_anew_lets_everything_go() -> None:
    sequencer = Sequencer()
    sequencer.put(1, 160, b"a", 0)
    sequencer.put(3, 480, b"c", 0)
    assert [piece.payload for piece in sequencer.restart()] == [b"c"]
    assert sequencer.put(40_000, 640, b"x", 0) == [Piece(640, b"x", False)]


def test_memory_is_bounded() -> None:
    sequencer = Sequencer()
    sequencer.put(0, 0, b"a", 0)
    for number in range(2, 3000, 2):
        sequencer.put(number, number * FRAME, b"x", 0)
        assert len(sequencer._held) <= MAX_HELD


@given(st.integers(0, 0xFFFF), st.randoms(use_true_random=False), st.floats(0, 0.3))
def test_whatever_the_network_does_audio_comes_in_order_and_once(
    first: int, chance: random.Random, loss: float
) -> None:
    sent = [first + n for n in range(120)]
    arrival = {n: n * FRAME + chance.randrange(0, 480) for n in sent}
    kept = sorted((n for n in sent if n == first or chance.random() >= loss), key=arrival.__getitem__)
    sequencer, out = Sequencer(), []
    for n in kept:
        out += sequencer.overdue(arrival[n])
        out += sequencer.put(n & 0xFFFF, n * FRAME, payload(n), arrival[n])
    out += sequencer.overdue(10**9)
    got = numbers(out)
    assert got == sorted(set(got))
    start = kept[0]
    assert got == [n for n in sorted(kept) if n >= start], "60 ms of jitter lose nothing"
