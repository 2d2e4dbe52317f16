"""Backups (R93): the database, the configuration, the archive's log and signed days, under a signed manifest.

A backup is a folder ``YYYYMMDDTHHMMSSZ-NODE``; it gets that name once it has been restored to a scratch
database and found to hold what was copied. Not in it: keys and secrets, which must not lie beside what they
open, and recordings, whose files never change once they are sealed (docs/operations.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dialer import proof
from dialer.archive import daily, mirror
from dialer.archive.keys import public_hex, signing_key
from dialer.archive.sealing import sync_folder
from dialer.errors import BackupError
from dialer.locks import only_one
from dialer.settings import Settings, load_settings
from dialer.store.copies import FILES, SQLITE, Content, content_of, copy_to, put_back
from dialer.threads import in_thread

FORMAT = "huifang-backup/1"
_NAME = re.compile(r"\d{8}T\d{6}Z-.+")
_PART = ".part"
LOCK = "backup.lock"
"""Held by who makes one."""
_CONFIG = "config"
_ARCHIVE = (mirror.FOLDER, daily.FOLDER)
"""Of the archive: its log and its signed days."""


@dataclass(frozen=True, slots=True)
class Backup:
    folder: Path
    made_at: datetime
    node: str
    content: Content
    size: int
    """Bytes of its files."""


async def make_backup(home: Path, settings: Settings, folder: Path, now: datetime) -> Backup:
    """Make one below ``folder``, prove it, remove those beyond ``backup.keep``. Raises DialerError."""

    def taken(process: str) -> BackupError:
        return BackupError(f"another backup is being made in {folder} (process {process}): wait for it")

    try:
        await in_thread(_private, folder)
        with only_one(folder / LOCK, taken):
            done = await _made(home, settings, folder, now)
            for old in backups_in(folder)[settings.backup.keep :]:
                await in_thread(shutil.rmtree, old.folder)
    except OSError as error:
        raise BackupError(f"{folder}: can't be written: {error.strerror}") from error
    return read_backup(done)


def backups_in(folder: Path) -> list[Backup]:
    """Those that are whole, newest first; what can't be read isn't one. Raises OSError."""
    try:
        there = list(folder.iterdir())
    except FileNotFoundError:
        return []
    found = []
    for one in there:
        if _NAME.fullmatch(one.name) and not one.name.endswith(_PART) and one.is_dir():
            try:
                found.append(read_backup(one))
            except BackupError:
                continue
    return sorted(found, key=lambda one: (one.made_at, one.folder.name), reverse=True)


def read_backup(folder: Path) -> Backup:
    """What its manifest says. Raises BackupError."""
    told = _manifest(folder)
    try:
        return Backup(
            folder, datetime.fromisoformat(told["made_at"]), str(told["node"]), Content(**told["content"]),
            sum(int(one["size"]) for one in told["files"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{folder / proof.MANIFEST}: broken ({error})") from error


async def faults_of(folder: Path, settings: Settings, temporary: Path | None = None) -> list[str]:
    """Everything that doesn't fit, one line each: signature, files, and what the restored database holds.

    ``temporary``: as for ``content_of``. Raises BackupError where it is no backup, StoreError where no
    scratch database can be had.
    """
    backup = read_backup(folder)
    found = await asyncio.to_thread(lambda: list(_signed_faults(folder, settings.archive.sign_key_file)))
    if any(line.startswith(FILES[backup.content.kind]) for line in found):
        return found
    restored = await content_of(folder, backup.content.kind, settings.store, temporary)
    return found + list(_differences(backup.content, restored))


async def restore(folder: Path, home: Path) -> list[str]:
    """Configuration, database, log and signed days come back, where there are none. Returns what did.

    Raises BackupError where the backup isn't whole; ConfigError where its settings name files that are still
    missing; StoreError where there is a database already.
    """
    backup = read_backup(folder)
    config = home / _CONFIG
    if faults := await asyncio.to_thread(lambda: list(_signed_faults(folder, None))):
        raise BackupError(f"{folder}: {faults[0]}")
    made: list[str] = []
    if (folder / _CONFIG).is_dir() and not config.exists():
        await in_thread(shutil.copytree, folder / _CONFIG, config)
        made.append(_CONFIG)
    settings = load_settings(home)
    await put_back(folder, backup.content.kind, settings.site.database, settings.store)
    if backup.content.kind == SQLITE:
        await in_thread(sync_folder, settings.site.database.parent)
    made.append(FILES[backup.content.kind])
    for name, target in _places(home, settings):
        if (folder / name).is_dir() and not target.exists():
            await in_thread(shutil.copytree, folder / name, target)
            made.append(name)
    return made


# --- inside -------------------------------------------------------------------------------------------


async def _made(home: Path, settings: Settings, folder: Path, now: datetime) -> Path:
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{settings.site.node}"
    done, part = folder / name, folder / f"{name}{_PART}"
    if done.exists():
        raise BackupError(f"{done} is there already")
    try:
        await in_thread(_begin, folder, part)
        # The log's copy before the database: whatever it tells, the database knows, too.
        await in_thread(_copy_files, home, settings, part)
        content = await copy_to(part, settings.site.database, settings.store)
        await in_thread(_sign, part, content, settings, now)
        # Restored in there: should this process be killed, the next backup removes the plain copy, too.
        if faults := await faults_of(part, settings, part):
            raise BackupError(f"the copy isn't what was copied: {faults[0]}")
        await in_thread(_name, part, done)
    finally:
        await in_thread(shutil.rmtree, part, True)
    return done


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _begin(folder: Path, part: Path) -> None:
    for left in folder.glob(f"*{_PART}"):
        if _NAME.fullmatch(left.name):
            shutil.rmtree(left)
    part.mkdir(mode=0o700)


def _places(home: Path, settings: Settings) -> list[tuple[str, Path]]:
    return [(_CONFIG, home / "config"), *((name, settings.archive.root / name) for name in _ARCHIVE)]


def _copy_files(home: Path, settings: Settings, part: Path) -> None:
    secret = {path.resolve() for path in secret_files(home)}
    for name, source in _places(home, settings):
        for file in sorted(source.rglob("*")):
            if file.is_file() and file.resolve() not in secret:
                target = part / name / file.relative_to(source)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(file, target)


def secret_files(home: Path) -> Iterator[Path]:
    """Every file that the settings name by a key ``..._file``: passwords, keys, certificates."""
    file = home / "config" / "dialer.toml"
    if file.exists():
        yield from (home / name for name in _named(tomllib.loads(file.read_text(encoding="utf-8-sig"))))


def _named(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key.endswith("_file") and isinstance(one, str):
                yield one
            yield from _named(one)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one)


def _sign(part: Path, content: Content, settings: Settings, now: datetime) -> None:
    text = proof.canonical(
        {
            "format": FORMAT,
            "made_at": now.astimezone(UTC).isoformat(),
            "node": settings.site.node,
            "content": asdict(content),
            "files": proof.listed(part),
        }
    )
    key = signing_key(settings.archive.sign_key_file)
    signed = {"signature": key.sign(text.encode()).hex(), "public_key": public_hex(key)}
    (part / proof.MANIFEST).write_text(text, encoding="utf-8")
    (part / proof.SIGNATURE).write_text(proof.canonical(signed), encoding="utf-8")


def _name(part: Path, done: Path) -> None:
    """Once all of it is on the disk."""
    for one in part.rglob("*"):
        if one.is_file():
            handle = os.open(one, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    for folder in (part, *(one for one in part.rglob("*") if one.is_dir())):
        sync_folder(folder)
    part.rename(done)
    sync_folder(done.parent)


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / proof.MANIFEST
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupError(f"{file}: missing or broken ({error})") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise BackupError(f"{file}: not the manifest of a backup ({FORMAT})")
    return told


def _signed_faults(folder: Path, own: Path | None) -> Iterator[str]:
    """``own``: this installation's signing key, where it must have been that one."""
    told = _manifest(folder)
    text = (folder / proof.MANIFEST).read_text(encoding="utf-8")
    try:
        signed = json.loads((folder / proof.SIGNATURE).read_text(encoding="utf-8"))
        signature, key = str(signed["signature"]), str(signed["public_key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{proof.SIGNATURE}: missing or broken ({error})"
        return
    if not proof.signature_fits(text, signature, key):
        yield f"{proof.MANIFEST}: changed, its signature doesn't fit"
    if own is not None and own.exists() and public_hex(signing_key(own)) != key:
        yield f"{proof.SIGNATURE}: signed by another installation's key: {key}"
    yield from proof.check_files(folder, told)


def _differences(told: Content, found: Content) -> Iterator[str]:
    pairs: dict[str, tuple[object, object]] = {
        "revision": (told.revision, found.revision),
        "entries of the archive's log": (told.entries, found.entries),
        "head of the archive's log": (told.head, found.head),
    }
    for table in sorted(told.rows.keys() | found.rows.keys()):
        pairs[f"rows of {table}"] = told.rows.get(table), found.rows.get(table)
    for what, (before, after) in pairs.items():
        if before != after:
            yield f"{what}: {after} in the restored database, {before} in the manifest"


def tell(found: Sequence[Backup]) -> list[tuple[str, ...]]:
    """Rows of a table."""
    return [
        (
            one.folder.name, one.made_at.isoformat(timespec="seconds"), one.node, one.content.kind,
            str(one.content.rows.get("attempts", 0)), str(one.content.entries), f"{one.size / 1e6:.1f}",
        )
        for one in found
    ]  # fmt: skip
