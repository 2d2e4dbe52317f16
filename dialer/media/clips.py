"""Prompt clips: WAV files to G.711 frames of 20 ms, encoded once.

Read on the loader's thread, played on the clock's; the cache is touched by the loader only.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from pathlib import Path
from typing import Final

import numpy as np

from dialer.errors import MediaError
from dialer.media.g711 import FRAME, PCMA, PCMU, SAMPLE_RATE, SILENCE, encode, translate

PCM: Final = 1
_LAW: Final = {6: PCMA, 7: PCMU}
_EXTENSIBLE: Final = 0xFFFE
_fmt: Final = struct.Struct("<HHIIHH")
_WANTED: Final = "make it 8000 Hz mono, 16-bit PCM, A-law or mu-law"

Frames = tuple[bytes, ...]


def read_clip(data: bytes, codec: str, name: str) -> Frames:
    """Frames of one WAV file, the last padded with silence. Raises MediaError naming the file."""
    tag, audio = _find_audio(data, name)
    if tag == PCM:
        law = encode(np.frombuffer(audio[: len(audio) & ~1], dtype="<i2").astype(np.int16), codec)
    else:
        law = translate(audio, _LAW[tag], codec)
    if not law:
        raise MediaError(f"{name}: the clip holds no audio")
    law += SILENCE[codec] * (-len(law) % FRAME)
    return tuple(law[at : at + FRAME] for at in range(0, len(law), FRAME))


def _find_audio(data: bytes, name: str) -> tuple[int, bytes]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise MediaError(f"{name}: not a WAV file; {_WANTED}")
    tag = 0
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            tag = _check_format(body, name)
        elif kind == b"data":
            if not tag:
                raise MediaError(f"{name}: audio before its format; {_WANTED}")
            return tag, body
        at += 8 + size + size % 2
    raise MediaError(f"{name}: the WAV file has no audio; {_WANTED}")


def _check_format(body: bytes, name: str) -> int:
    if len(body) < _fmt.size:
        raise MediaError(f"{name}: broken WAV format chunk; {_WANTED}")
    tag, channels, rate, _, _, bits = _fmt.unpack_from(body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    wanted_bits = 16 if tag == PCM else 8
    if (tag != PCM and tag not in _LAW) or channels != 1 or rate != SAMPLE_RATE or bits != wanted_bits:
        found = f"format {tag}, {channels} channel(s), {rate} Hz, {bits} bits"
        raise MediaError(f"{name}: {found}; {_WANTED}")
    return int(tag)


class ClipCache:
    """Encoded clips by file, its date and codec; beyond ``limit`` bytes the least recently used go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._clips: OrderedDict[tuple[str, int, int, str], Frames] = OrderedDict()

    def get(self, path: str, codec: str) -> Frames:
        """From memory, or read and encoded now. Raises MediaError where the file can't be used."""
        try:
            stat = Path(path).stat()
            key = (path, stat.st_mtime_ns, stat.st_size, codec)
            frames = self._clips.get(key)
            if frames is not None:
                self._clips.move_to_end(key)
                return frames
            frames = read_clip(Path(path).read_bytes(), codec, path)
        except OSError as error:
            raise MediaError(f"{path}: can't read the clip: {error.strerror}") from error
        self._clips[key] = frames
        self._size += len(frames) * FRAME
        while self._size > self._limit and len(self._clips) > 1:
            _, old = self._clips.popitem(last=False)
            self._size -= len(old) * FRAME
        return frames
