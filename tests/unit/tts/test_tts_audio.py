"""Audio for the telephone: low-pass, silences, level, and A-law that the media plane agrees with."""

from __future__ import annotations

import numpy as np
import pytest

from dialer.media.clips import read_clip
from dialer.media.g711 import PCMA, encode
from dialer.tts.audio import RATE, Wave, alaw, frame_levels, normalise, pcm_of_wav, resample, trim, wav
from dialer.tts.tones import melody


def tone(frequency: float, seconds: float, rate: int = RATE, level: float = 0.3) -> Wave:
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def strength(wave: Wave, frequency: float) -> float:
    time = np.arange(len(wave)) / RATE
    return float(2 * abs(np.mean(wave * np.exp(-2j * np.pi * frequency * time))))


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_speech_frequencies_pass_unchanged(frequency: float) -> None:
    out = resample(tone(frequency, 1, 22050), 22050)
    assert len(out) == RATE
    assert strength(out[800:-800], frequency) == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize("frequency", [4600, 6000, 9000])
def test_what_would_fold_back_is_gone(frequency: float) -> None:
    out = resample(tone(frequency, 1, 22050), 22050)
    assert np.abs(out[800:-800]).max() < 0.003


def test_silence_at_both_ends_is_cut_to_measure() -> None:
    quiet = np.zeros(RATE, np.float32)
    out = trim(np.concatenate([quiet, tone(500, 0.5), quiet]), 0.04, 0.12)
    assert len(out) / RATE == pytest.approx(0.66, abs=0.02)
    assert not np.abs(out[:200]).any()
    assert len(trim(quiet, 0.04, 0.04)) == 0


@pytest.mark.parametrize("level", [0.01, 0.9])
def test_loud_and_soft_come_out_alike(level: float) -> None:
    out = normalise(tone(500, 1, level=level))
    assert frame_levels(out).mean() == pytest.approx(-20, abs=0.3)
    assert np.abs(out).max() < 0.9


def test_alaw_is_the_media_planes_alaw() -> None:
    samples = np.arange(-32768, 32768, 8, dtype=np.int16)
    assert alaw((samples / np.float32(32768)).astype(np.float32)) == encode(samples, PCMA)


def test_a_clip_plays_as_it_was_written() -> None:
    wave = melody()
    frames = read_clip(wav(wave), PCMA, "hold")
    assert b"".join(frames)[: len(wave)] == alaw(wave)


@pytest.mark.parametrize("size", [0x7FFFFFFF, 8])
def test_a_pipes_wav_header_may_guess_its_size(size: int) -> None:
    body = np.array([0, 16384, -16384, 0], dtype="<i2").tobytes()
    head = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0\x22\x56\0\0\x44\xac\0\0\2\0\x10\0data"
    wave, rate = pcm_of_wav(head + size.to_bytes(4, "little") + body)
    assert (rate, wave.tolist()) == (22050, [0, 0.5, -0.5, 0])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"nonsense" * 9])
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="WAV"):
        pcm_of_wav(data)
