"""``EvidenceRoom``: a call's evidence to be read, wherever it lies, deciphered as far as it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePosixPath

from dialer import proof
from dialer.archive import cipher
from dialer.archive.config import ArchiveConfig
from dialer.archive.keys import Wrapping, wrapping
from dialer.archive.sealing import about
from dialer.archive.shelf import LOCAL, LocalShelf, Shelf
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, Kept, KeptState
from dialer.ports import ArchiveIndex, RangeReader


class EvidenceRoom:
    """Implements ``dialer.ports.Evidence``. ``shelves``: what there is beside the folder, by place."""

    def __init__(
        self, config: ArchiveConfig, index: ArchiveIndex, shelves: Mapping[str, Shelf] | None = None
    ) -> None:
        self._config, self._index = config, index
        self.shelves: Mapping[str, Shelf] = {LOCAL: LocalShelf(config.root), **(shelves or {})}

    async def open(self, call_id: CallId) -> RangeReader:
        kept = await self._find(call_id)
        return await self.reader(kept, kept.audio, kept.audio_version, kept.audio_size)

    async def sidecar(self, call_id: CallId) -> str:
        text = await self.sidecar_of(await self._find(call_id))
        log = await self._index.log_of(call_id)
        sealed = next((one.details for one in log if one.kind is ArchiveEvent.SEALED), {})
        if sealed.get("sidecar_sha256") != proof.text_sha256(text):
            raise ArchiveError(f"the sidecar of call {call_id} isn't the one that was sealed")
        return text

    async def sidecar_of(self, kept: Kept) -> str:
        reader = await self.reader(kept, kept.sidecar, kept.sidecar_version, kept.sidecar_size)
        return (await reader.read(0, reader.size)).decode("utf-8", "replace")

    async def reader(self, kept: Kept, name: str, version: str, size: int) -> RangeReader:
        """Of one of its files. Raises ArchiveError."""
        shelf = self.shelf(kept)
        clear = _Clear(shelf, name, version, size)
        if not name.endswith(cipher.SUFFIX):
            return clear
        try:
            where = cipher.layout(await clear.read(0, cipher.FIRST_READ))
        except ValueError as error:
            raise ArchiveError(f"{name}: {error}") from None
        plain = PurePosixPath(name).name.removesuffix(cipher.SUFFIX)
        if (where.head.call, where.head.name, where.size) != (kept.call_id, plain, size):
            raise ArchiveError(f"{name}: holds another call's recording")
        if self._wrapping is None:
            raise ArchiveError(f"{name}: is enciphered, and neither archive.key_file nor key_command is set")
        key = await asyncio.to_thread(self._wrapping.unwrap, where.head.wrapped, about(kept.call_id, plain))
        return _Deciphered(clear, where, key)

    def shelf(self, kept: Kept) -> Shelf:
        try:
            return self.shelves[kept.place]
        except KeyError:
            raise ArchiveError(
                f"call {kept.call_id} lies in {kept.place}, which isn't set: write archive.s3_bucket"
            ) from None

    @cached_property
    def _wrapping(self) -> Wrapping | None:
        return wrapping(self._config)

    async def _find(self, call_id: CallId) -> Kept:
        kept = await self._index.kept(call_id)
        if kept is None:
            raise ArchiveError(f"call {call_id} has nothing in the archive")
        if kept.state in (KeptState.EXPIRING, KeptState.EXPIRED):
            raise ArchiveError(f"the recording of call {call_id} was deleted when its retention was over")
        return kept


class _Clear:
    def __init__(self, shelf: Shelf, name: str, version: str, size: int) -> None:
        self._shelf, self.name, self._version, self._size = shelf, name, version, size

    @property
    def size(self) -> int:
        return self._size

    async def read(self, offset: int, length: int) -> bytes:
        length = min(length, self._size - offset)
        if offset < 0 or length <= 0:
            return b""
        return await self._shelf.read(self.name, self._version, offset, length)

    async def close(self) -> None:
        pass


class _Deciphered:
    def __init__(self, stored: _Clear, where: cipher.Layout, key: bytes) -> None:
        self._stored, self._where, self._key = stored, where, key

    @property
    def size(self) -> int:
        return self._where.head.size

    async def read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        first, begin, size = self._where.stored(offset, length)
        stored = await self._stored.read(begin, size)
        try:
            clear = cipher.decipher(self._where, self._key, first, stored)
        except ValueError as error:
            raise ArchiveError(f"{self._stored.name}: {error}") from None
        skip = offset - first * self._where.head.chunk
        return clear[skip : skip + length]

    async def close(self) -> None:
        self._key = b""
