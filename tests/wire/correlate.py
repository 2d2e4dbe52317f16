"""Whether one piece of audio is heard in another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
RATE = 8000


def read(file: Path) -> Samples:
    """Any audio file as samples, one row per channel, by sox."""
    channels = int(subprocess.run(["soxi", "-c", str(file)], check=True, capture_output=True).stdout)
    command = ["sox", str(file), "-t", "raw", "-r", str(RATE), "-e", "signed", "-b", "16", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, dtype="<i2").astype(np.float64).reshape(-1, channels).T


def loudest(samples: Samples, seconds: float) -> Samples:
    """The loudest stretch of that length: what is easiest to find again."""
    length = min(int(seconds * RATE), len(samples))
    energy = np.convolve(samples**2, np.ones(length), "valid")
    start = int(energy.argmax())
    return samples[start : start + length]


def likeness(heard: Samples, piece: Samples) -> float:
    """Peak of the normalised cross-correlation: 1 where ``heard`` holds ``piece`` unchanged."""
    piece = piece - piece.mean()
    if len(heard) < len(piece):
        return 0.0
    size = 1 << (len(heard) + len(piece)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.fft.rfft(piece[::-1], size)
    products = np.fft.irfft(spectrum, size)[len(piece) - 1 : len(heard)]
    sums = np.cumsum(np.concatenate(([0.0], heard**2)))
    energy = sums[len(piece) :] - sums[: -len(piece)]
    # Where almost nothing is heard, the quotient would be noise.
    norm = np.sqrt(np.maximum(energy, (piece**2).sum() * 1e-3) * (piece**2).sum())
    return float((products / norm).max())
