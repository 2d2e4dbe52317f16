from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.media.conceal import LONGEST, conceal
from dialer.media.g711 import FRAME, PCMA, PCMU, SILENCE, decode, encode


def vowel(samples: int, pitch: float = 130.0, codec: str = PCMA) -> bytes:
    time = np.arange(samples) / 8000
    wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3, 5))
    return encode((5000 * wave).astype(np.int16), codec)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
@pytest.mark.parametrize("pitch", [90.0, 130.0, 190.0])
def test_a_hole_in_a_vowel_is_filled_with_the_vowel(codec: str, pitch: float) -> None:
    whole = decode(vowel(3 * FRAME, pitch, codec), codec).astype(float)
    filled = decode(conceal(vowel(2 * FRAME, pitch, codec), codec, 0, FRAME), codec).astype(float)
    likeness = float(np.corrcoef(filled[:120], whole[320:440])[0, 1])
    assert likeness > 0.9


def test_full_for_10_ms_then_fades_to_silence_at_60() -> None:
    filled = decode(conceal(vowel(2 * FRAME), PCMA, 0, 800), PCMA).astype(float)
    level = [float((part**2).mean()) ** 0.5 for part in filled.reshape(10, 80)]
    assert level[0] > 3000
    assert level[0] > level[2] > level[4] > 100
    assert conceal(vowel(2 * FRAME), PCMA, 0, 800)[LONGEST:] == SILENCE[PCMA] * (800 - LONGEST)


def test_piece_by_piece_is_the_same_as_at_once() -> None:
    history = vowel(2 * FRAME)
    pieces = b"".join(conceal(history, PCMA, start, FRAME) for start in range(0, 4 * FRAME, FRAME))
    assert pieces == conceal(history, PCMA, 0, 4 * FRAME)


def test_without_a_past_there_is_silence() -> None:
    assert conceal(b"", PCMA, 0, FRAME) == SILENCE[PCMA] * FRAME
    assert conceal(b"\xd5" * 100, PCMU, 0, 10) == SILENCE[PCMU] * 10


@given(st.binary(max_size=400), st.sampled_from((PCMA, PCMU)), st.integers(0, 1000), st.integers(0, 1000))
def test_any_past_gives_the_length_that_was_asked(past: bytes, codec: str, start: int, count: int) -> None:
    assert len(conceal(past, codec, start, count)) == count
