"""What the daemon asks of the archive's worker and what comes back: a line of JSON each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from dialer.archive.config import ArchiveConfig
from dialer.model import CallId, Recording


class Configure(msgspec.Struct, frozen=True, tag=True):
    """The first line."""

    config: ArchiveConfig


class Seal(msgspec.Struct, frozen=True, tag=True):
    """Close a recording: on disk, hashed, renamed. ``size``: bytes that the recorder wrote."""

    id: int
    call_id: CallId
    path: str
    size: int
    started_at: datetime
    ended_at: datetime


class Keep(msgspec.Struct, frozen=True, tag=True):
    """Make the evidence of a sealed recording: enciphered where a key is set, its sidecar beside it."""

    id: int
    call_id: CallId
    audio: str
    """From the root."""
    sha256: str
    sidecar: str
    """JSON without what only the audio tells."""


class Drop(msgspec.Struct, frozen=True, tag=True):
    """Remove copies, and see that they are gone."""

    id: int
    names: tuple[str, ...]


Request = Seal | Keep | Drop


class Sealed(msgspec.Struct, frozen=True, tag=True):
    id: int
    recording: Recording


class File(msgspec.Struct, frozen=True):
    """As it lies there."""

    name: str
    sha256: str
    size: int


class Files(msgspec.Struct, frozen=True, tag=True):
    id: int
    audio: File
    sidecar: File
    sidecar_clear_sha256: str


class Dropped(msgspec.Struct, frozen=True, tag=True):
    id: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    id: int
    why: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker's first word."""

    id: int = 0


Reply = Sealed | Files | Dropped | Failed | Ready


def _write(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _read(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


_encoder = msgspec.json.Encoder(enc_hook=_write)
_configs = msgspec.json.Decoder(Configure, dec_hook=_read)
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Seal | Keep | Drop)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Sealed | Files | Dropped | Failed | Ready)


def encode(message: Configure | Request | Reply) -> bytes:
    return _encoder.encode(message) + b"\n"


def configuration(line: bytes) -> ArchiveConfig:
    return _configs.decode(line).config


def request(line: bytes) -> Request:
    return _requests.decode(line)


def reply(line: bytes) -> Reply:
    return _replies.decode(line)
