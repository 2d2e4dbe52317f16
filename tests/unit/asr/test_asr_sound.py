from __future__ import annotations

import numpy as np
import pytest

from dialer.asr.sound import Meter

RATE = 8000


def heard(*parts: tuple[float, float], noise: float = 10.0) -> float:
    """Parts of (seconds, amplitude) over noise."""
    rng = np.random.default_rng(1)
    wave = np.concatenate([rng.normal(size=round(s * RATE)) * a for s, a in parts])
    wave += rng.normal(size=len(wave)) * noise
    pcm = np.clip(wave, -32768, 32767).astype("<i2").tobytes()
    meter = Meter()
    for at in range(0, len(pcm), 1601):  # odd pieces
        meter.feed(pcm[at : at + 1601])
    return meter.snr_db()


QUIET, WORD = (0.4, 0.0), (0.5, 3000.0)


@pytest.mark.parametrize(("noise", "snr_db"), [(10.0, 50), (300.0, 20), (1000.0, 10)])
def test_how_far_speech_stands_out(noise: float, snr_db: float) -> None:
    assert heard(QUIET, WORD, QUIET, noise=noise) == pytest.approx(snr_db, abs=2.5)


def test_next_to_nothing_is_silence() -> None:
    assert Meter().snr_db() == 0.0
    assert heard((0.01, 0.0)) == 0.0
