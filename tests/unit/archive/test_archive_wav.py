from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.archive.wav import HEADER_SIZE, MAX_DATA, OPEN_SIZE, WavHeader
from dialer.media.recorder import wav_header

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no wrong result."""

CODECS = st.sampled_from(["PCMA", "PCMU"])


@UNHURRIED
@given(CODECS, st.integers(0, MAX_DATA // 2))
def test_what_is_written_is_what_is_read(codec: str, frames: int) -> None:
    header = WavHeader.closed(codec, frames * 2)
    raw = bytes(header)
    assert len(raw) == HEADER_SIZE
    assert WavHeader.parse(raw) == header
    assert header.duration_s == frames / 8000


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_the_recorder_writes_the_same_header(codec: str) -> None:
    assert wav_header(codec, 4000) == bytes(WavHeader.closed(codec, 8000))
    live = WavHeader.parse(wav_header(codec, None))
    assert live.data_size == live.riff_size == OPEN_SIZE


@UNHURRIED
@given(st.binary(max_size=80))
def test_garbage_is_refused_plainly(raw: bytes) -> None:
    with pytest.raises(ValueError, match="recording"):
        WavHeader.parse(raw)


@UNHURRIED
@given(st.integers(0, HEADER_SIZE - 1), st.integers(1, 255))
def test_one_wrong_byte_never_crashes(at: int, flip: int) -> None:
    raw = bytearray(bytes(WavHeader.closed("PCMA", 16)))
    raw[at] ^= flip
    with suppress(ValueError):
        assert WavHeader.parse(bytes(raw)) != WavHeader.closed("PCMA", 16)


@pytest.mark.parametrize("size", [-2, 3, MAX_DATA + 3])
def test_only_whole_frames_that_fit(size: int) -> None:
    with pytest.raises(ValueError, match="whole frames"):
        WavHeader.closed("PCMA", size)
