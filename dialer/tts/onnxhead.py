"""What an ONNX file says of itself, read without loading it: its metadata, and whether it is whole.

A file is a protobuf message (``ModelProto`` of onnx.proto); only its outermost fields are walked, so that a
model of any size takes a moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_METADATA = 14
_GRAPH = 7
_MOST = 1 << 16
"""Bytes of one metadata entry that are read."""


def read_head(file: Path) -> dict[str, str]:
    """Its metadata. Raises ValueError: not ONNX, or cut off; OSError."""
    found: dict[str, str] = {}
    fields: set[int] = set()
    size = file.stat().st_size
    with file.open("rb") as source:
        while source.tell() < size:
            field, body = _field(source, size)
            fields.add(field)
            if field == _METADATA and len(body) <= _MOST:
                key, value = _entry(body)
                found[key] = value
    if _GRAPH not in fields:
        raise ValueError("not an ONNX model")
    return found


def _field(source: BinaryIO, size: int) -> tuple[int, bytes]:
    """The next field's number, and its bytes where they are few. Raises ValueError."""
    tag = _varint(source)
    number, kind = tag >> 3, tag & 7
    body = b""
    match kind:
        case 0:
            _varint(source)
        case 2:
            length = _varint(source)
            if source.tell() + length > size:
                raise ValueError("cut off: parts are missing at its end")
            if number == _METADATA and length <= _MOST:
                body = source.read(length)
            else:
                source.seek(length, 1)
        case _:
            raise ValueError("not an ONNX model")
    return number, body


def _entry(body: bytes) -> tuple[str, str]:
    """``StringStringEntryProto``: key is field 1, value field 2."""
    parts: dict[int, str] = {}
    at = 0
    while at < len(body):
        number = body[at] >> 3
        length, at = _length(body, at + 1)
        parts[number] = body[at : at + length].decode(errors="replace")
        at += length
    return parts.get(1, ""), parts.get(2, "")


def _length(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(body):
        octet = body[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at
    raise ValueError("not an ONNX model")


def _varint(source: BinaryIO) -> int:
    value = shift = 0
    while octet := source.read(1):
        value |= (octet[0] & 0x7F) << shift
        shift += 7
        if octet[0] < 0x80 or shift > 63:
            return value
    raise ValueError("cut off: parts are missing at its end")
