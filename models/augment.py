"""A telephone line for clean speech: speed, noise, band, gain, clipping, G.711 and lost frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter

Wave = npt.NDArray[np.float32]

RATE = 8000
FRAME = RATE // 50
_BAND = butter(2, [300, 3400], "band", fs=RATE)
_LOW = butter(2, 2800, "low", fs=RATE)


def alaw(x: Wave) -> Wave:
    a = 87.6
    scale = 1 + np.log(a)
    size = np.abs(x)
    y = np.where(size < 1 / a, a * size, 1 + np.log(np.maximum(size, 1 / a) * a)) / scale
    y = (np.floor(y * 127.999) + 0.5) / 128
    size = np.where(y < 1 / scale, y * scale / a, np.exp(y * scale - 1) / a)
    return (size * np.where(x < 0, -1, 1)).astype(np.float32)


def ulaw(x: Wave) -> Wave:
    mu = 255.0
    y = np.round(np.log1p(mu * np.abs(x)) / np.log1p(mu) * 127) / 127
    return (np.sign(x) * np.expm1(y * np.log1p(mu)) / mu).astype(np.float32)


def noise(size: int, rng: np.random.Generator) -> Wave:
    """White to brown noise, sometimes with mains hum; unit power."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.arange(1, len(spectrum) + 1) ** (rng.uniform(0, 1))
    wave = np.fft.irfft(spectrum, size)
    wave /= wave.std() + 1e-9
    if rng.random() < 0.2:
        hum = np.sin(2 * np.pi * rng.choice([50, 100, 150]) * np.arange(size) / RATE)
        wave += rng.uniform(0.3, 1.5) * hum
    return (wave / (wave.std() + 1e-9)).astype(np.float32)


def telephone(speech: Wave, rng: np.random.Generator, babble: Wave | None = None) -> Wave:
    """One call's worth of damage to ``speech`` (full scale 1.0), with silence around it."""
    speed = rng.uniform(0.85, 1.18)
    count = int(len(speech) / speed)
    x = np.interp(np.linspace(0, len(speech) - 1, count), np.arange(len(speech)), speech).astype(np.float32)
    x /= np.abs(x).max() + 1e-6
    before, after = rng.integers(200, 4800), rng.integers(400, 5600)
    y = np.concatenate([np.zeros(before), x, np.zeros(after)]).astype(np.float32)
    power = x.std() + 1e-6
    y += noise(len(y), rng) * power * np.float32(10 ** (-rng.uniform(6, 40) / 20))
    if babble is not None:
        crowd = np.resize(babble, len(y)) / (babble.std() + 1e-6)
        y += crowd * power * np.float32(10 ** (-rng.uniform(14, 26) / 20))
    choice = rng.random()
    if choice < 0.55:
        y = lfilter(*_BAND, y)
    elif choice < 0.7:
        y = lfilter(*_LOW, y)
    if rng.random() < 0.2:
        y = np.clip(y * rng.uniform(1, 2.5), -0.9, 0.9)
    return line(y / (np.abs(y).max() + 1e-6) * 10 ** (rng.uniform(-28, -1) / 20), rng)


def line(y: npt.NDArray[np.floating], rng: np.random.Generator) -> Wave:
    """G.711 and now and then a lost 20 ms frame; some lines are digitally silent between words."""
    y = (alaw if rng.random() < 0.5 else ulaw)(y.astype(np.float32))
    if rng.random() < 0.3:
        lost = rng.random(len(y) // FRAME + 1) < rng.uniform(0, 0.05)
        y = y * ~np.repeat(lost, FRAME)[: len(y)]
    if rng.random() < 0.1:
        y = np.where(np.abs(y) < 0.003, 0, y)
    return y.astype(np.float32)


def no_speech(rng: np.random.Generator, voices: list[Wave]) -> Wave:
    """What must give no word: silence, noise, clicks, tones, chords, a room of talkers."""
    size = int(rng.uniform(0.5, 3.0) * RATE)
    t = np.arange(size) / RATE
    kind = rng.integers(0, 7)
    envelope = np.interp(t, np.sort(rng.uniform(0, t[-1], 8)), rng.uniform(0.02, 1, 8))
    if kind == 0:
        y = np.zeros(size) + (rng.standard_normal(size) * 1e-4 if rng.random() < 0.7 else 0)
    elif kind == 1:
        y = noise(size, rng)
    elif kind == 2:
        y = noise(size, rng) * envelope**3
    elif kind == 3:
        clicks = (rng.random(size) < 0.0005) * rng.standard_normal(size)
        y = np.convolve(clicks, np.exp(-np.arange(400) / rng.uniform(5, 90)))[:size]
    elif kind == 4:
        tones = rng.choice([450, 400, 440, 697, 770, 852, 941, 1209, 1336, 1477, 950, 1400], 2, replace=False)
        y = np.sin(2 * np.pi * tones[0] * t) + rng.integers(0, 2) * np.sin(2 * np.pi * tones[1] * t)
        y *= t % 1.0 < rng.uniform(0.2, 1.0)
    elif kind == 5:
        notes = 110 * 2 ** (rng.integers(0, 36, size=(4, 3)) / 12)
        beat = (t * 2 % 4).astype(int)
        tones = 2 * np.pi * notes[:, :, None] * t
        chords = [np.sin(chord).sum(0) * (beat == i) for i, chord in enumerate(tones)]
        y = np.sum(chords, 0)
    else:
        y = np.zeros(size)
        for _ in range(rng.integers(5, 9)):
            voice = np.roll(voices[rng.integers(len(voices))], rng.integers(4000))
            y += np.resize(voice, size) / (voice.std() + 1e-6)
    y = y + noise(size, rng) * 10 ** (-rng.uniform(20, 50) / 20) * (np.std(y) + 1e-4)
    level = 10 ** (rng.uniform(-50, -8) / 20)
    return line(y / (np.abs(y).max() + 1e-6) * level, rng)
