"""An object store with object lock: each object COMPLIANCE-locked until its recording's retention is over.

Needs the extra ``s3``. What was sent is read back and hashed before the copy here goes: older servers
don't check the SHA-256 that travels with it (Ceph before Quincy ignores it; it checks the MD5).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dialer.archive.config import ArchiveConfig
from dialer.archive.shelf import locked_until
from dialer.errors import ArchiveError

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_CONNECT_S, _READ_S = 5, 60
_BLOCK = 1 << 20
_MISSING = ("NoSuchKey", "NoSuchVersion", "404", "NotFound")


class S3Shelf:
    """One bucket. Open with ``async with S3Shelf.open(config)``."""

    def __init__(
        self, config: ArchiveConfig, client: S3Client, failures: tuple[type[Exception], ...]
    ) -> None:
        self._bucket, self._prefix = config.s3_bucket, config.s3_prefix
        self._zone = ZoneInfo(config.zone)
        self._client, self._failures = client, failures
        self._locks = False
        self._unlocked = f"the bucket {self._bucket} doesn't lock its objects: make it with object lock"

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: ArchiveConfig, environ: Mapping[str, str] | None = None
    ) -> AsyncIterator[S3Shelf]:
        """Raises ArchiveError where the extra isn't installed. Connects when first used."""
        environ = os.environ if environ is None else environ
        try:
            aioboto3: Any = importlib.import_module("aioboto3")
            exceptions: Any = importlib.import_module("botocore.exceptions")
            settings: Any = importlib.import_module("botocore.config")
        except ImportError:
            raise ArchiveError(
                "archive.s3_bucket needs the extra s3: pip install 'huifang-dialer[s3]'"
            ) from None
        session = aioboto3.Session(
            aws_access_key_id=environ.get(config.s3_key_id_env),
            aws_secret_access_key=environ.get(config.s3_key_env),
            region_name=config.s3_region,
        )
        how = settings.Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"max_attempts": 2},
        )
        failures = (exceptions.ClientError, exceptions.BotoCoreError, OSError)
        async with session.client("s3", endpoint_url=config.s3_endpoint or None, config=how) as client:
            yield cls(config, client, failures)

    async def put(self, name: str, path: Path, sha256: str, retain_until: date) -> str:
        """Send, locked until the day after ``retain_until``. Returns the version id, once what arrived was
        read back and is the same. Raises ArchiveError."""
        data = await asyncio.to_thread(path.read_bytes)
        until = datetime.combine(locked_until(retain_until), time(), self._zone).astimezone(UTC)
        digest = bytes.fromhex(sha256)
        await self._require_lock()
        try:
            sent = await self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + name,
                Body=data,
                ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                ChecksumSHA256=base64.b64encode(digest).decode(),
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=until,
                Metadata={"sha256": sha256},
            )
            version = sent.get("VersionId", "")
            locked = await self._client.get_object_retention(
                Bucket=self._bucket, Key=self._prefix + name, VersionId=version
            )
        except self._failures as error:
            raise ArchiveError(f"{name}: not stored: {error}") from error
        lock = locked.get("Retention", {})
        if not version or lock.get("Mode") != "COMPLIANCE" or lock["RetainUntilDate"] < until:
            raise ArchiveError(f"{name}: {self._unlocked}")
        if await self.digest(name, version) != (sha256, len(data)):
            raise ArchiveError(f"{name}: what the object store holds isn't what was sent")
        return version

    async def _require_lock(self) -> None:
        """Once: a bucket can't lose its lock."""
        if self._locks:
            return
        try:
            found = await self._client.get_object_lock_configuration(Bucket=self._bucket)
        except self._failures as error:
            if _code(error) == "ObjectLockConfigurationNotFoundError":
                raise ArchiveError(self._unlocked) from None
            raise ArchiveError(f"the bucket {self._bucket} can't be asked: {error}") from error
        if found["ObjectLockConfiguration"].get("ObjectLockEnabled") != "Enabled":
            raise ArchiveError(self._unlocked)
        self._locks = True

    async def read(self, name: str, version: str, offset: int, length: int) -> bytes:
        try:
            got = await self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + name, VersionId=version,
                Range=f"bytes={offset}-{offset + length - 1}",
            )  # fmt: skip
            return await got["Body"].read()
        except self._failures as error:
            if _code(error) == "InvalidRange":
                return b""
            raise ArchiveError(f"{name}: can't be read: {error}") from error

    async def digest(self, name: str, version: str) -> tuple[str, int] | None:
        digest, size = hashlib.sha256(), 0
        try:
            got = await self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + name, VersionId=version
            )
            async for block in got["Body"].iter_chunks(_BLOCK):
                digest.update(block)
                size += len(block)
        except self._failures as error:
            if _code(error) in _MISSING:
                return None
            raise ArchiveError(f"{name}: can't be read: {error}") from error
        return digest.hexdigest(), size

    async def remove(self, name: str, version: str) -> None:
        try:
            await self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)
            await self._client.head_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)
        except self._failures as error:
            if _code(error) in _MISSING:
                return
            raise ArchiveError(f"{name}: not removed: {error}") from error
        raise ArchiveError(f"{name}: is still there after its removal")

    async def hold(self, name: str, version: str, on: bool) -> None:
        try:
            await self._client.put_object_legal_hold(
                Bucket=self._bucket, Key=self._prefix + name, VersionId=version,
                LegalHold={"Status": "ON" if on else "OFF"},
            )  # fmt: skip
        except self._failures as error:
            raise ArchiveError(f"{name}: the legal hold isn't set: {error}") from error


def _code(error: Exception) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
