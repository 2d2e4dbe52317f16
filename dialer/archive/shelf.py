"""Where evidence lies: a folder here; ``s3.py`` has the other one."""

from __future__ import annotations

import asyncio
import os
from datetime import date
from pathlib import Path
from typing import Protocol

from dialer import proof
from dialer.errors import ArchiveError

LOCAL, S3 = "local", "s3"


class Shelf(Protocol):
    """Files by name and version. Every coroutine may raise ArchiveError: the shelf can't be reached."""

    async def read(self, name: str, version: str, offset: int, length: int) -> bytes:
        """Fewer bytes at the end. Raises ArchiveError where it is missing."""
        ...

    async def digest(self, name: str, version: str) -> tuple[str, int] | None:
        """(SHA-256, size) of what lies there now, read whole; None: missing."""
        ...

    async def remove(self, name: str, version: str) -> None:
        """What is gone already is fine. Raises ArchiveError where it may not go, or is still there."""
        ...

    async def hold(self, name: str, version: str, on: bool) -> None:
        """Tell the shelf of a legal hold, where it can enforce one."""
        ...


class LocalShelf:
    """Below the archive's root. A name that leads out of it is refused."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, name: str, version: str, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(self._read, name, offset, length)

    async def digest(self, name: str, version: str) -> tuple[str, int] | None:
        return await asyncio.to_thread(self._digest, name)

    async def remove(self, name: str, version: str) -> None:
        await asyncio.to_thread(self._remove, name)

    async def hold(self, name: str, version: str, on: bool) -> None:
        """A folder can't: the index and the log keep it."""

    def _place(self, name: str) -> Path:
        path = self._root / name
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise ArchiveError(f"{name}: leads out of the archive")
        return path

    def _read(self, name: str, offset: int, length: int) -> bytes:
        try:
            with self._place(name).open("rb") as file:
                return os.pread(file.fileno(), length, offset)
        except OSError as error:
            raise ArchiveError(f"{name}: can't be read: {error.strerror}") from error

    def _digest(self, name: str) -> tuple[str, int] | None:
        path = self._place(name)
        try:
            return (proof.file_sha256(path), path.stat().st_size) if path.is_file() else None
        except OSError as error:
            raise ArchiveError(f"{name}: can't be read: {error.strerror}") from error

    def _remove(self, name: str) -> None:
        path = self._place(name)
        try:
            path.unlink(missing_ok=True)
            if os.path.lexists(path):
                raise ArchiveError(f"{name}: is still there after its removal")
            if path.parent.is_dir():
                handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as error:
            raise ArchiveError(f"{name}: can't be removed: {error.strerror}") from error


def locked_until(retain_until: date) -> date:
    """The first day on which a lock may be over."""
    return date.fromordinal(retain_until.toordinal() + 1)
