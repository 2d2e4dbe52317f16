"""Slow speech: longer, as loud, at the same pitch, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialer.model import Say, SayKind
from dialer.tts.audio import RATE, Wave, clip_fault, clip_wave, wav
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.config import PromptConfig
from dialer.tts.slow import LONGER, slowed, stretch


def tone(hertz: float, seconds: float) -> Wave:
    ticks = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * ticks)).astype(np.float32)


def pitch(wave: Wave) -> float:
    spectrum = np.abs(np.fft.rfft(wave))
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize("hertz", [120.0, 240.0, 1000.0])
def test_slow_speech_is_longer_at_the_same_pitch_and_level(hertz: float) -> None:
    usual = tone(hertz, 1.0)
    slow = stretch(usual)
    assert len(slow) == pytest.approx(LONGER * RATE, abs=1)
    assert pitch(slow) == pytest.approx(hertz, rel=0.02)
    inner = slow[400:-800]
    assert float(np.sqrt(np.mean(inner**2))) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_a_click_is_left_alone() -> None:
    assert len(stretch(tone(500, 0.05))) == int(0.05 * RATE)


def test_what_was_encoded_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(300, 0.5)))
    assert np.abs(clip_wave(path) - tone(300, 0.5)).max() < 0.01


@pytest.fixture
def book(tmp_path: Path) -> PromptBook:
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    (recorded / clip_name("您好")).write_bytes(wav(tone(200, 1.0)))
    return PromptBook(PromptConfig(recorded, tmp_path / "synthetic", tmp_path / "built"))


def test_the_book_gives_the_slow_twin_and_makes_it_once(book: PromptBook, tmp_path: Path) -> None:
    say = (Say(SayKind.TEXT, "您好"),)
    (usual,), (slow,) = book.clips(say), book.clips(say, slow=True)
    assert clip_fault(slow) is None
    assert len(clip_wave(slow)) == pytest.approx(LONGER * len(clip_wave(usual)), abs=2)
    made = slow.stat().st_mtime_ns
    assert book.clips(say, slow=True) == [slow]
    assert slow.stat().st_mtime_ns == made
    usual.write_bytes(wav(tone(200, 2.0)))
    (again,) = book.clips(say, slow=True)
    assert again != slow, "a new recording has a new twin"


def test_a_clip_that_cannot_be_slowed_is_said_as_it_is(tmp_path: Path) -> None:
    clip = tmp_path / "a.wav"
    clip.write_bytes(b"no audio")
    assert slowed(clip, tmp_path / "slow") == clip
    assert slowed(tmp_path / "gone.wav", tmp_path / "slow") == tmp_path / "gone.wav"
