"""A key that was pressed can be heard in the recording."""

from __future__ import annotations

import numpy as np
import pytest

from dialer.media.dtmf import DIGITS
from dialer.media.g711 import decode
from dialer.media.keytone import TONE_S, key_tone

FREQUENCIES = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477),
}  # fmt: skip


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
@pytest.mark.parametrize("digit", list(DIGITS))
def test_the_tone_has_the_two_frequencies_of_its_key(digit: str, codec: str) -> None:
    tone = decode(key_tone(digit, codec), codec).astype(float)
    assert len(tone) == int(TONE_S * 8000)
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 8000))
    low = int(np.argmax(spectrum[:1100]))
    high = int(np.argmax(spectrum[1100:])) + 1100
    assert abs(low - FREQUENCIES[digit][0]) <= 10
    assert abs(high - FREQUENCIES[digit][1]) <= 10


@pytest.mark.parametrize("digit", ["A", "", "12"])
def test_anything_else_is_refused(digit: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        key_tone(digit, "PCMA")
