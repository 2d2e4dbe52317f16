"""A day's log under one signed Merkle root: kept in the database, as a file, and told to all subscribers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dialer import proof
from dialer.archive.config import ArchiveConfig
from dialer.archive.keys import public_hex, signing_key
from dialer.archive.mirror import LogMirror
from dialer.errors import ArchiveError
from dialer.model import DayRoot, LogEntry
from dialer.ports import ArchiveIndex

FOLDER = "roots"
_PAGE = 5000


async def sign_days(config: ArchiveConfig, index: ArchiveIndex, now: datetime) -> list[DayRoot]:
    """Sign every day that is over and has entries, once they lie in the log's files, too. Returns what was
    signed now.

    Raises ArchiveError (key, disk), StoreError.
    """
    zone = ZoneInfo(config.zone)
    await LogMirror(config.root, index).catch_up()
    before = await index.roots()
    entries = await _entries(index, before[-1].last if before else 0)
    made: list[DayRoot] = []
    for day, group in by_day(entries, zone, now.astimezone(zone).date()):
        key = await asyncio.to_thread(signing_key, config.sign_key_file)
        last = (*before, *made)[-1:]
        root = sign(day, group, last[0] if last else None, key)
        await index.add_root(root, now)
        made.append(root)
    for root in (*before, *made):
        await asyncio.to_thread(publish, config.root, root)
    return made


async def _entries(index: ArchiveIndex, after: int) -> list[LogEntry]:
    found: list[LogEntry] = []
    while page := await index.log_page(found[-1].seq if found else after, _PAGE):
        found += page
    return found


def by_day(entries: Sequence[LogEntry], zone: ZoneInfo, today: date) -> Iterator[tuple[date, list[LogEntry]]]:
    """Days that are over, in the order of the log. An entry whose clock was behind goes with the day under
    way, so that every root covers a stretch of the log."""
    group: list[LogEntry] = []
    day = date.min
    for one in entries:
        its = one.at.astimezone(zone).date()
        if its >= today:
            break
        if its > day and group:
            yield day, group
            group = []
        day = max(day, its)
        group.append(one)
    if group:
        yield day, group


def sign(day: date, entries: Sequence[LogEntry], before: DayRoot | None, key: Ed25519PrivateKey) -> DayRoot:
    public = public_hex(key)
    leaves = [proof.leaf_hash(one.body) for one in entries]
    prior = proof.GENESIS if before is None else proof.text_sha256(before.text)
    text = proof.statement(day.isoformat(), leaves, entries[0].seq, leaves[-1], prior, public)
    signature = key.sign(text.encode()).hex()
    first, last = entries[0].seq, entries[-1].seq
    return DayRoot(day, first, last, proof.merkle_root(leaves), text, signature, public)


def as_file(root: DayRoot) -> bytes:
    """What lies in ``roots/`` and in every export."""
    told = {"text": root.text, "signature": root.signature, "public_key": root.public_key}
    return msgspec.json.format(msgspec.json.encode(told)) + b"\n"


def name(day: date) -> str:
    return f"{FOLDER}/{day.isoformat()}.json"


def publish(root_folder: Path, root: DayRoot) -> None:
    """Raises ArchiveError. A file that is there is left as it is: the verifier compares it."""
    path = root_folder / name(root.day)
    if path.exists():
        return
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with new.open("wb") as out:
            out.write(as_file(root))
            out.flush()
            os.fsync(out.fileno())
        new.rename(path)
    except OSError as error:
        raise ArchiveError(f"{path}: can't be written: {error.strerror}") from error
