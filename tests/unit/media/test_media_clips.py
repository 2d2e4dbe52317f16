from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_peer import vowel, write_wav

from dialer.errors import MediaError
from dialer.media.clips import ClipCache, read_clip
from dialer.media.g711 import decode, encode


def law_wav(tag: int, audio: bytes) -> bytes:
    fmt = struct.pack("<HHIIHHH", tag, 1, 8000, 8000, 1, 8, 0)
    body = b"WAVEfmt " + struct.pack("<I", 18) + fmt + b"LIST\x03\x00\x00\x00abc\x00"
    body += b"data" + struct.pack("<I", len(audio)) + audio
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_pcm_is_encoded_and_padded(tmp_path: Path) -> None:
    data = write_wav(tmp_path / "a.wav", vowel(0.03)).read_bytes()
    frames = read_clip(data, "PCMA", "a.wav")
    assert [len(frame) for frame in frames] == [160, 160]
    assert b"".join(frames) == encode(vowel(0.03), "PCMA") + b"\xd5" * 80


def test_law_files_are_taken_as_they_are_or_translated() -> None:
    audio = bytes(range(256)) + bytes(64)
    assert b"".join(read_clip(law_wav(6, audio), "PCMA", "x")) == audio
    ulaw = b"".join(read_clip(law_wav(6, audio), "PCMU", "x"))
    assert np.abs(decode(ulaw, "PCMU").astype(int) - decode(audio, "PCMA")).max() < 700


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_bytes(b"hello"), "not a WAV file"),
        (lambda p: write_wav(p, vowel(0.1), rate=16000), "16000 Hz"),
        (lambda p: write_wav(p, vowel(0.1), channels=2), r"2 channel\(s\)"),
        (lambda p: write_wav(p, vowel(0)), "no audio"),
        (lambda p: p.write_bytes(law_wav(6, b"x")[:30]), "broken WAV format"),
        (lambda p: p.write_bytes(law_wav(49, b"x")), "format 49"),
        (lambda p: None, "can't read"),
    ],
)
def test_a_clip_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, make, says: str) -> None:
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(MediaError, match=r"bad\.wav") as caught:
        ClipCache(1000).get(str(path), "PCMA")
    assert caught.match(says)


@given(st.binary(max_size=200).map(lambda data: b"RIFF\x00\x00\x00\x00WAVE" + data))
def test_garbage_gives_frames_or_the_documented_error(data: bytes) -> None:
    try:
        frames = read_clip(data, "PCMA", "x")
    except MediaError:
        return
    assert all(len(frame) == 160 for frame in frames)


def test_cache_keeps_the_recent_and_sees_a_new_file(tmp_path: Path) -> None:
    paths = [str(write_wav(tmp_path / f"{n}.wav", vowel(0.1, 1000 * (n + 1)))) for n in range(3)]
    cache = ClipCache(1700)
    first = cache.get(paths[0], "PCMA")
    assert cache.get(paths[0], "PCMA") is first
    cache.get(paths[1], "PCMA")
    cache.get(paths[0], "PCMA")
    cache.get(paths[2], "PCMA")
    assert cache.get(paths[0], "PCMA") is first, "1 was used longer ago"
    write_wav(Path(paths[0]), vowel(0.1, 9999))
    os.utime(paths[0], ns=(1, 1))
    assert cache.get(paths[0], "PCMA") != first
