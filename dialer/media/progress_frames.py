"""What each 20 ms of received audio sounds like: its power, and one or two tones in it. Free of I/O.

A window of 40 ms over each frame and the one before it goes through one short Fourier transform; several
frames are taken at once, which is what makes it cheap. Two tones closer than some 80 Hz (440 + 480 Hz) are
seen as one between them; their cadence tells what they are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dialer.media.g711 import FRAME, SAMPLE_RATE, Int16

_SIZE: Final = 512
_BIN_HZ: Final = SAMPLE_RATE / _SIZE
_LOW, _HIGH = round(250 / _BIN_HZ), round(3500 / _BIN_HZ)
"""Mains hum and what lies over the telephone band count for nothing."""
_LOBE: Final = 4
"""Bins on either side that belong to one tone (62 Hz)."""
_TWIST: Final = 0.15
"""The weaker of two tones has at least this share of the stronger one's power (8 dB)."""
_WINDOW: Final = np.hanning(2 * FRAME).astype(np.float32)
_OFFSETS: Final = np.arange(-_LOBE, _LOBE + 1)


class Sound(NamedTuple):
    """One frame. ``first`` and ``second``: Hz, the stronger first; 0.0 where there is no such tone."""

    power: float
    """Mean square of the 16-bit samples."""
    first: float = 0.0
    second: float = 0.0


def sounds(before: Int16, pcm: Int16, floor: float, purity: float) -> list[Sound]:
    """``before``: the frame before ``pcm``, which has whole frames.

    A frame over ``floor`` (mean square) holds a tone where one or two narrow peaks have at least the share
    ``purity`` of the power between 250 and 3500 Hz.
    """
    frames = np.concatenate((before, pcm)).astype(np.float32).reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", frames, frames)[1:] / FRAME
    levels: list[float] = power.tolist()
    if not (power > floor).any():
        return [Sound(level) for level in levels]
    windows = np.concatenate((frames[:-1], frames[1:]), axis=1) * _WINDOW
    transform = np.fft.rfft(windows, _SIZE, axis=1)
    spectrum = (transform.real**2 + transform.imag**2)[:, : _HIGH + 2 * _LOBE].astype(np.float64)
    total = spectrum[:, _LOW:_HIGH].sum(axis=1) + 1e-9
    first, share = _take_peak(spectrum)
    second, other = _take_peak(spectrum)
    share, other = share / total, other / total
    both = (other >= _TWIST * share) & (share + other >= purity)
    tonal = (power > floor) & (both | (share >= purity))
    return [
        Sound(level, hz if is_tone else 0.0, also if is_tone and two else 0.0)
        for level, is_tone, two, hz, also in zip(
            levels, tonal.tolist(), both.tolist(), first.tolist(), second.tolist(), strict=True
        )
    ]


def _take_peak(
    spectrum: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Hz and power of each row's highest peak, which is then taken out."""
    rows = np.arange(len(spectrum))[:, None]
    columns = spectrum[:, _LOW:_HIGH].argmax(axis=1)[:, None] + _LOW + _OFFSETS
    lobe = spectrum[rows, columns]
    power = lobe.sum(axis=1)
    hertz = (lobe * columns).sum(axis=1) / (power + 1e-9) * _BIN_HZ
    spectrum[rows, columns] = 0.0
    return hertz, power
