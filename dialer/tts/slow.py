"""Prompts for who asked for slower speech: the same clip, longer and at the same pitch, made once and kept.

Waveform similarity overlap-add (Verhelst and Roelands, ICASSP 1993): pieces of the clip are laid further
apart, each moved by a few milliseconds to where it fits the one before.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from dialer.tts.audio import Wave, clip_wave, wav

log = logging.getLogger("dialer.tts")

LONGER = 1.3
_PIECE = 240
"""30 ms at 8 kHz: two periods of the deepest voice."""
_HOP = _PIECE // 2
_SEARCH = 80


def stretch(wave: Wave, factor: float = LONGER) -> Wave:
    """``factor`` times as long. What is shorter than a few pieces stays as it is."""
    if len(wave) < 4 * _PIECE:
        return wave
    window = np.hanning(_PIECE + 1)[:_PIECE].astype(np.float32)
    padded = np.concatenate([wave, np.zeros(2 * _PIECE + _SEARCH, np.float32)])
    count = int(len(wave) * factor) // _HOP
    out = np.zeros((count + 2) * _HOP, np.float32)
    at = 0
    for index in range(count):
        if index:
            wanted = min(int(index * _HOP / factor), len(wave) - 1)
            after = padded[at + _HOP : at + _HOP + _PIECE]
            low = max(wanted - _SEARCH, 0)
            around = padded[low : wanted + _SEARCH + _PIECE]
            at = low + int(np.argmax(np.correlate(around, after, "valid")))
        out[index * _HOP : index * _HOP + _PIECE] += window * padded[at : at + _PIECE]
    out[:_HOP] = wave[:_HOP]
    return out[: int(len(wave) * factor)]


def slowed(clip: Path, folder: Path) -> Path:
    """The slow twin of ``clip`` in ``folder``; where it can't be made, ``clip`` itself: speech goes on."""
    try:
        stat = clip.stat()
        twin = folder / f"{clip.stem}-{stat.st_mtime_ns:x}-{stat.st_size:x}.wav"
        if not twin.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            part = twin.with_name(f"{twin.name}.{os.getpid()}.part")
            part.write_bytes(wav(stretch(clip_wave(clip))))
            part.replace(twin)
    except (OSError, ValueError) as error:
        log.warning("no slow clip", extra={"clip": clip.name, "why": str(error)})
        return clip
    return twin
