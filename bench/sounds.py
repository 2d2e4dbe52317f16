"""Generated sounds that several benches put together: tones, noise, espeak-ng's voices, levels.

espeak-ng runs as a program of its own; its sentences are kept in build/speech.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dialer.tts.audio import normalise, resample, trim
from dialer.tts.espeak import find_program, speak

Pcm = npt.NDArray[np.float64]
RATE = 8000
CACHE = Path("build/speech")


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE))


def tone(seconds: float, *hertz: float) -> Pcm:
    time = np.arange(round(seconds * RATE)) / RATE
    wave: Pcm = np.sum([np.sin(2 * np.pi * f * time) for f in hertz], axis=0) / len(hertz)
    edge = min(40, len(wave) // 4)
    if edge:
        wave[:edge] *= np.linspace(0, 1, edge)
        wave[-edge:] *= np.linspace(1, 0, edge)
    return wave


def at_level(wave: Pcm, dbov: float) -> Pcm:
    """Scaled so that its loud parts have this level (dB below overload)."""
    if not len(wave):
        return wave
    blocks = wave[: len(wave) // 160 * 160].reshape(-1, 160) if len(wave) >= 160 else wave[None, :]
    power = (blocks**2).mean(axis=1)
    loud = power[power >= power.max() * 0.05]
    return wave * (10 ** (dbov / 20) / (np.sqrt(loud.mean()) + 1e-12))


def say(text: str, voice: str, speed: int = 200, pitch: int = 50, language: str = "cmn-latn-pinyin") -> Pcm:
    """espeak-ng's words at full scale."""
    key = hashlib.sha256(f"{language}|{voice}|{speed}|{pitch}|{text}".encode()).hexdigest()[:16]
    file = CACHE / f"{key}.npy"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        wave, rate = speak(find_program("espeak-ng"), text, f"{language}+{voice}", speed, pitch)
        part = file.with_suffix(f".{os.getpid()}.npy")  # other processes may want the same sentence
        np.save(part, trim(normalise(resample(wave, rate)), 0.02, 0.02).astype(np.float32))
        part.replace(file)
    spoken: Pcm = np.load(file).astype(np.float64)
    return spoken


def coloured(rng: np.random.Generator, seconds: float, slope: float) -> Pcm:
    """Noise whose amplitude falls with frequency to the power of ``slope``."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / RATE), 60.0) ** -slope
    noise: Pcm = np.fft.irfft(spectrum, count)
    return noise
