"""Recordings enciphered at rest: AES-256-GCM in chunks, so that a range is read without the whole.

A file::

    0   "HFSEAL1\\n"
    8   u32 big-endian: length of the head
    12  the head, JSON: {"call", "chunk", "name", "size", "wrapped"}
        ``wrapped``: the file's own data key, wrapped by the archive's key
    ..  chunks of ``chunk`` bytes (the last may be shorter), each followed by its 16-byte tag

Chunk n has nonce n (96 bits; a data key serves one file only). Its additional data are the SHA-256 of head
and n: a chunk fits no other file, no other place and no other size.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"HFSEAL1\n"
CHUNK = 1 << 16
"""4 s of a call."""
KEY_SIZE = 32
SUFFIX = ".sealed"
_TAG = 16
_LENGTH = struct.Struct(">I")
_HEAD_MAX = 16384
FIRST_READ = 4096
"""Holds the head of every file but one whose key is wrapped very long."""


class Head(msgspec.Struct, frozen=True):
    """What is said in clear of an enciphered file."""

    call: int
    name: str
    """The clear file's name, without folders."""
    size: int
    """Bytes in clear."""
    wrapped: str
    chunk: int = CHUNK


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the chunks of one enciphered file lie."""

    head: Head
    start: int
    """Where the first chunk begins."""
    bound: bytes
    """What every chunk is bound to: the SHA-256 of the head."""

    @property
    def size(self) -> int:
        """Of the whole enciphered file."""
        return self.start + self.head.size + _TAG * self.chunks

    @property
    def chunks(self) -> int:
        return -(-self.head.size // self.head.chunk)

    def stored(self, offset: int, length: int) -> tuple[int, int, int]:
        """(first chunk, stored offset, stored length) that hold these clear bytes."""
        first, last = offset // self.head.chunk, (offset + length - 1) // self.head.chunk
        step = self.head.chunk + _TAG
        begin = self.start + first * step
        return first, begin, min(self.start + (last + 1) * step, self.size) - begin


def encipher(clear: bytes, head: Head, key: bytes) -> Iterator[bytes]:
    """The file's parts in order."""
    raw = msgspec.json.encode(head)
    yield MAGIC + _LENGTH.pack(len(raw)) + raw
    cipher, bound = AESGCM(key), hashlib.sha256(raw).digest()
    for number, at in enumerate(range(0, len(clear), head.chunk)):
        yield cipher.encrypt(_nonce(number), clear[at : at + head.chunk], bound + _nonce(number))


def head_size(beginning: bytes) -> int:
    """How many bytes from the start hold magic, length and head. Raises ValueError: not such a file."""
    if beginning[:8] != MAGIC or len(beginning) < 12:
        raise ValueError("not an enciphered recording")
    (length,) = _LENGTH.unpack_from(beginning, 8)
    if length > _HEAD_MAX:
        raise ValueError(f"a head of {length} bytes is too long")
    return 12 + int(length)


def layout(beginning: bytes) -> Layout:
    """``beginning``: at least ``head_size`` bytes. Raises ValueError."""
    end = head_size(beginning)
    raw = beginning[12:end]
    try:
        head = msgspec.json.decode(raw, type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"its head can't be read: {error}") from None
    if len(beginning) < end or head.chunk < 1 or head.size < 0:
        raise ValueError("its head can't be right")
    return Layout(head, end, hashlib.sha256(raw).digest())


def decipher(where: Layout, key: bytes, first: int, stored: bytes) -> bytes:
    """Clear bytes of whole chunks from number ``first`` on. Raises ValueError where they were changed."""
    cipher, clear = AESGCM(key), []
    step = where.head.chunk + _TAG
    for number, at in enumerate(range(0, len(stored), step), first):
        try:
            clear.append(cipher.decrypt(_nonce(number), stored[at : at + step], where.bound + _nonce(number)))
        except (InvalidTag, ValueError):
            raise ValueError(f"chunk {number} was changed") from None
    return b"".join(clear)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
