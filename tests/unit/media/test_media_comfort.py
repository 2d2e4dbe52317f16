from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.media import comfort
from dialer.media.comfort import ComfortNoise
from dialer.media.g711 import FRAME, PCMA, PCMU, decode
from dialer.media.vad import Endpointer, Started, level_dbov, new_detector
from dialer.ports import ListenSpec


def level(payload: bytes, codec: str) -> float:
    return level_dbov(float((decode(payload, codec).astype(float) ** 2).mean()))


def test_packets_read_back() -> None:
    assert comfort.level_of(comfort.packet(60)) == 60
    assert comfort.level_of(comfort.packet(200)) == 127
    assert comfort.level_of(b"\xbc\x10\x20") == 60, "the first bit is reserved"


@pytest.mark.parametrize("codec", [PCMA, PCMU])
@pytest.mark.parametrize("wanted", [56, 62, 66])
def test_noise_has_the_level_that_was_told(codec: str, wanted: int) -> None:
    noise = ComfortNoise(-50.0)
    noise.start(0, comfort.packet(wanted))
    found = noise.until(8000, codec)
    assert found is not None
    assert abs(level(found[1], codec) + wanted) < 1.5


def test_noise_sounds_like_noise_and_not_like_a_tone() -> None:
    noise = ComfortNoise(-50.0)
    noise.start(0, comfort.packet(56))
    found = noise.until(8000, PCMU)
    assert found is not None
    spectrum = np.abs(np.fft.rfft(decode(found[1], PCMU).astype(float)))[1:]
    assert spectrum.max() < 6 * spectrum.mean()


@pytest.mark.parametrize("told", [0, 20, 45, 60, 127])
def test_a_listener_never_takes_it_for_speech(told: int) -> None:
    noise = ComfortNoise(-50.0)
    noise.start(0, comfort.packet(told))
    listener = Endpointer(ListenSpec(), PCMA, -50.0, 0.2, new_detector(0))
    for position in range(FRAME, 10 * 8000, FRAME):
        found = noise.until(position, PCMA)
        assert found is not None
        assert not any(isinstance(item, Started) for item in listener.feed(*found))


def test_noise_is_without_seams_until_audio_is_back() -> None:
    noise = ComfortNoise(-50.0)
    assert not noise.active
    noise.start(1000, b"\x40")
    positions = []
    for until in (1160, 1170, 1170, 1500):
        found = noise.until(until, PCMA)
        if found is not None:
            positions.append((found[0], len(found[1])))
    assert positions == [(1000, 160), (1160, 10), (1170, 330)]
    noise.start(1600, b"\x50")
    found = noise.until(1700, PCMA)
    assert found is not None
    assert found[0] == 1500, "another level goes on where the first ended"
    noise.stop()
    assert not noise.active


@given(st.lists(st.integers(0, 100_000), max_size=30))
def test_never_more_than_a_second_at_once(positions: list[int]) -> None:
    noise = ComfortNoise(-50.0)
    noise.start(0, b"\x40")
    for position in positions:
        found = noise.until(position, PCMU)
        if found is not None:
            assert len(found[1]) <= 8000
            assert found[0] + len(found[1]) == position


def test_frames_for_a_bridge_are_20_ms() -> None:
    noise = ComfortNoise(-50.0)
    noise.start(0, b"\x40")
    frames = [noise.frame(PCMA) for _ in range(60)]
    assert {len(frame) for frame in frames} == {FRAME}
    assert len(set(frames)) == 50
