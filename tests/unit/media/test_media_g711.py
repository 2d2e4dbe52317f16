from __future__ import annotations

import numpy as np
import pytest

from dialer.media import g711

EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize("codec", [g711.PCMA, g711.PCMU])
def test_every_code_survives_decoding_and_encoding(codec: str) -> None:
    again = g711.encode(g711.decode(EVERY_BYTE, codec), codec)
    twins = {0x7F: 0xFF} if codec == g711.PCMU else {}  # mu-law has a minus zero
    assert again == bytes(twins.get(code, code) for code in EVERY_BYTE)


def test_known_values_of_the_standard() -> None:
    assert g711.decode(b"\xd5\x55\xaa\x2a", g711.PCMA).tolist() == [8, -8, 32256, -32256]
    assert g711.decode(b"\xff\x7f\x80\x00", g711.PCMU).tolist() == [0, 0, 32124, -32124]
    loudest = np.array([32767, -32768, 0], dtype=np.int16)
    assert g711.encode(loudest, g711.PCMA) == b"\xaa\x2a\xd5"
    assert g711.encode(loudest, g711.PCMU) == b"\x80\x00\xff"


@pytest.mark.parametrize("codec", [g711.PCMA, g711.PCMU])
def test_quantisation_error_is_within_a_step(codec: str) -> None:
    pcm = np.arange(-32000, 32000, 7, dtype=np.int16)
    error = np.abs(g711.decode(g711.encode(pcm, codec), codec).astype(np.int32) - pcm)
    assert np.all(error <= np.maximum(16, np.abs(pcm.astype(np.int32)) // 16))


def test_translate() -> None:
    assert g711.translate(b"abc", g711.PCMA, g711.PCMA) == b"abc"
    there = g711.translate(EVERY_BYTE, g711.PCMA, g711.PCMU)
    error = g711.decode(there, g711.PCMU).astype(int) - g711.decode(EVERY_BYTE, g711.PCMA)
    assert np.abs(error).max() <= 644
    assert g711.translate(g711.SILENCE["PCMU"], "PCMU", "PCMA") == g711.SILENCE["PCMA"]
