"""Sounds that nobody speaks: a soft melody for the hold and a beep."""

from __future__ import annotations

import numpy as np

from dialer.tts.audio import RATE, Wave

HOLD = "hold.wav"
BEEP = "beep.wav"
_PENTATONIC = {"1": 261.63, "2": 293.66, "3": 329.63, "5": 392.0, "6": 440.0, "8": 523.25}
_TUNE = "3 5 6 5 8 6 5 3 2 3 5 2 1"
_BEAT_S = 0.45


def _note(frequency: float, length_s: float) -> Wave:
    """A plucked sound: three partials that die away."""
    time = np.arange(int(length_s * RATE)) / RATE
    body = np.zeros(len(time))
    for n in (1, 2, 3):
        body += np.sin(2 * np.pi * frequency * n * time) * np.exp(-time * 3 * n) / n**1.5
    attack = np.minimum(time / 0.01, 1)
    release = np.minimum((length_s - time) / 0.05, 1)
    note: Wave = (body * attack * release).astype(np.float32)
    return note


def melody() -> Wave:
    """Some six seconds, quiet, fit to be looped."""
    tune = _TUNE.split()
    out = np.zeros(int((len(tune) + 2) * _BEAT_S * RATE), np.float32)
    for place, name in enumerate(tune):
        start = int(place * _BEAT_S * RATE)
        sound = _note(_PENTATONIC[name], 2 * _BEAT_S)
        out[start : start + len(sound)] += sound[: len(out) - start]
    out *= np.float32(0.12) / np.abs(out).max()
    return out


def beep() -> Wave:
    """200 ms of 440 Hz."""
    time = np.arange(RATE // 5) / RATE
    edge = np.minimum(np.minimum(time, 0.2 - time) / 0.01, 1)
    return np.asarray(0.2 * np.sin(2 * np.pi * 440 * time) * edge, dtype=np.float32)
