"""Speech audio for the telephone: 22,050 to 8,000 Hz, trimmed, of one loudness, as an A-law WAV.

Arrays are float32, mono, -1..1. A-law as in ITU-T G.711; WAV format tag 6 (RFC 2361).
"""

from __future__ import annotations

import math
import struct
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]

RATE = 8000
SPEECH_DBOV = -20.0
"""Mean level of speech frames, dB relative to full scale."""
PEAK = 0.89
_CUTOFF = 0.46
"""Low-pass edge as a share of the output rate: 3,680 Hz, above the telephone band."""
_HALF_TAPS = 40
_FRAME = RATE // 100
_FLOOR_DB = 42.0
"""A frame this far below the loudest one is silence."""
_fmt = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")


def resample(wave: Wave, rate: int) -> Wave:
    """To 8 kHz by windowed-sinc interpolation (Blackman, 81 taps at the output's cut-off)."""
    if rate == RATE:
        return wave
    common = math.gcd(rate, RATE)
    up, down = RATE // common, rate // common
    cutoff = min(_CUTOFF * RATE / rate, 0.5)
    reach = int(_HALF_TAPS * max(1.0, rate / RATE))
    offsets = np.arange(-reach, reach + 1)
    distance = offsets[None, :] - (np.arange(up) / up)[:, None]
    window = (
        0.42
        + 0.5 * np.cos(np.pi * distance / (reach + 1))
        + 0.08 * np.cos(2 * np.pi * distance / (reach + 1))
    )
    bank = 2 * cutoff * np.sinc(2 * cutoff * distance) * window
    bank /= bank.sum(axis=1, keepdims=True)
    count = len(wave) * up // down
    ticks = np.arange(count) * down
    centre, phase = ticks // up, ticks % up
    padded = np.concatenate([np.zeros(reach), wave, np.zeros(reach + 1)])
    out = np.empty(count, np.float32)
    for start in range(0, count, RATE):
        part = slice(start, start + RATE)
        out[part] = np.einsum("ij,ij->i", padded[centre[part, None] + offsets + reach], bank[phase[part]])
    return out


def frame_levels(wave: Wave) -> npt.NDArray[np.float64]:
    """Level of each 10 ms frame in dB relative to full scale."""
    count = len(wave) // _FRAME
    frames = wave[: count * _FRAME].reshape(count, _FRAME).astype(np.float64)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    return levels


def trim(wave: Wave, lead_s: float, tail_s: float) -> Wave:
    """Cut the silence at both ends down to ``lead_s`` and ``tail_s``. Silence alone becomes empty."""
    levels = frame_levels(wave)
    loud = np.flatnonzero(levels > max(levels.max(initial=-100.0) - _FLOOR_DB, -70.0))
    if not len(loud):
        return wave[:0]
    first, last = int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME
    speech = np.concatenate([np.zeros(RATE, np.float32), wave, np.zeros(RATE, np.float32)])
    return speech[first + RATE - int(lead_s * RATE) : last + RATE + int(tail_s * RATE)]


def normalise(wave: Wave, level_db: float = SPEECH_DBOV) -> Wave:
    """Bring the speech frames to one mean level without clipping."""
    levels = frame_levels(wave)
    active = levels[levels > levels.max(initial=-100.0) - 25]
    if not len(active):
        return wave
    mean = 10 * math.log10(float(np.mean(10 ** (active / 10))))
    gain = min(10 ** ((level_db - mean) / 20), PEAK / max(float(np.abs(wave).max()), 1e-6))
    return (wave * gain).astype(np.float32)


def alaw(wave: Wave) -> bytes:
    """13-bit samples to A-law octets with the even bits inverted (G.711, table 1a)."""
    value = np.clip(np.round(wave * 4096), -4096, 4095).astype(np.int32)
    negative = value < 0
    size = np.where(negative, -value - 1, value).clip(0, 4095)
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 4, 0)
    step = (size >> np.maximum(segment, 1)) & 0x0F
    octet = (segment << 4 | step) ^ np.where(negative, 0x55, 0xD5)
    data: bytes = octet.astype(np.uint8).tobytes()
    return data


@cache
def _alaw_values() -> Wave:
    """What each octet stands for: the middle of all samples that ``alaw`` makes it of."""
    samples: Wave = np.arange(-4096, 4096, dtype=np.float32) / np.float32(4096)
    octets = np.frombuffer(alaw(samples), dtype=np.uint8)
    sums = np.bincount(octets, samples, 256) / np.maximum(np.bincount(octets, minlength=256), 1)
    values: Wave = sums.astype(np.float32)
    return values


def clip_wave(path: Path) -> Wave:
    """The samples of a clip, A-law or 16-bit PCM. Raises OSError, ValueError."""
    data = path.read_bytes()
    if data[20:22] != b"\x06\x00":
        wave, rate = pcm_of_wav(data)
        return resample(wave, rate)
    start = data.index(b"data") + 8
    size = int.from_bytes(data[start - 4 : start], "little")
    return _alaw_values()[np.frombuffer(data[start : start + size], dtype=np.uint8)]


def wav(wave: Wave) -> bytes:
    """A whole A-law WAV file."""
    data = alaw(wave)
    pad = b"\0" * (len(data) % 2)
    head = _fmt.pack(
        b"RIFF", 4 + 26 + 12 + 8 + len(data) + len(pad), b"WAVE",
        b"fmt ", 18, 6, 1, RATE, RATE, 1, 8, 0,
        b"fact", 4, len(data), b"data", len(data),
    )  # fmt: skip
    return head + data + pad


def pcm_of_wav(data: bytes) -> tuple[Wave, int]:
    """16-bit mono WAV, as espeak-ng writes it to a pipe (its sizes are guesses). Raises ValueError."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    at, rate = 12, 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"fmt " and at + 24 <= len(data):
            tag, channels, rate = struct.unpack_from("<HHI", data, at + 8)
            if (tag, channels) != (1, 1):
                raise ValueError(f"expected 16-bit mono PCM, not format {tag} with {channels} channels")
        elif kind == b"data" and rate:
            body = data[at + 8 : at + 8 + size]
            samples = np.frombuffer(body[: len(body) & ~1], dtype="<i2")
            return (samples / np.float32(32768)).astype(np.float32), rate
        at += 8 + size + size % 2
    raise ValueError("the WAV file holds no audio")


def clip_fault(path: Path) -> str | None:
    """Why a clip can't be played, or None: WAV, 8 kHz, mono, 16-bit PCM, A-law or mu-law."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"can't be read: {error.strerror}"
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE" or data[12:16] != b"fmt " or len(data) < 36:
        return "not a WAV file"
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, 20)
    if (tag, bits) not in ((1, 16), (6, 8), (7, 8)) or channels != 1 or rate != RATE:
        return f"format {tag}, {channels} channel(s), {rate} Hz, {bits} bits"
    at = 12
    while at + 8 < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data" and size:
            return None
        at += 8 + size + size % 2
    return "the WAV file holds no audio"
