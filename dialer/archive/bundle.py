"""An export that proves itself: audio, sidecars, the log's entries with their way up to a signed root, a
signed manifest, and ``verify.py`` (``dialer/proof.py``), which checks it without our software."""

from __future__ import annotations

import asyncio
import importlib.resources
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dialer import proof
from dialer.archive import daily
from dialer.archive.config import ArchiveConfig
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.keys import public_hex, signing_key
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, DayRoot, LogEntry
from dialer.ports import ArchiveIndex
from dialer.threads import in_thread

_BLOCK = 1 << 20


async def write_bundle(
    config: ArchiveConfig,
    index: ArchiveIndex,
    room: EvidenceRoom,
    calls: Sequence[CallId],
    folder: Path,
    now: datetime,
    *,
    about: Mapping[str, str] | None = None,
    extra: Mapping[str, bytes] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the export of these calls into ``folder``, which must be empty or not there yet.

    ``about``: what the manifest says of it, e.g. purpose and filing number. ``extra``: further files by name,
    e.g. an index as xlsx. ``progress`` is told how many calls are written. Whoever calls this has told the
    log before (EXPORTED). Raises ArchiveError, StoreError; what was written then isn't signed.
    """
    await asyncio.to_thread(_require_empty, folder)
    listed: list[dict[str, object]] = []
    roots = await index.roots()
    used: dict[DayRoot, list[str]] = {}
    """With the hashes of its entries."""
    for call in calls:
        sealed = await _sealed(index, call)
        name = f"calls/{call:08d}"
        await _copy(room, call, folder / f"{name}.wav")
        await _write(folder / f"{name}.json", (await room.sidecar(call)).encode())
        root = next((one for one in roots if one.first <= sealed.seq <= one.last), None)
        entry: dict[str, object] = {"body": sealed.body, "root": None, "path": []}
        if root is not None:
            if root not in used:
                page = await index.log_page(root.first - 1, root.last - root.first + 1)
                used[root] = await asyncio.to_thread(_leaves, page)
            path = await asyncio.to_thread(proof.merkle_path, used[root], sealed.seq - root.first)
            entry |= {"root": daily.name(root.day), "path": list(path)}
        progress(len(listed) + 1)
        listed.append({"call": call, "audio": f"{name}.wav", "sidecar": f"{name}.json", "entry": entry})
    key = await asyncio.to_thread(signing_key, config.sign_key_file)
    public = public_hex(key)
    for one in listed:
        one["older_key"] = any(root.public_key != public for root in used)
    for root in used:
        await _write(folder / daily.name(root.day), daily.as_file(root))
    await _write(folder / proof.INDEX, proof.canonical({"calls": listed}).encode())
    program = importlib.resources.files("dialer").joinpath("proof.py").read_bytes()
    await _write(folder / "verify.py", program)
    for name, data in (extra or {}).items():
        await _write(folder / name, data)
    manifest = await asyncio.to_thread(_manifest, folder, len(calls), now, about or {})
    signature = {"signature": key.sign(manifest.encode()).hex(), "public_key": public}
    await _write(folder / proof.MANIFEST, manifest.encode())
    await _write(folder / proof.SIGNATURE, proof.canonical(signature).encode())


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ArchiveError(f"{folder} isn't empty: name another folder")


async def _sealed(index: ArchiveIndex, call: CallId) -> LogEntry:
    for one in await index.log_of(call):
        if one.kind is ArchiveEvent.SEALED:
            return one
    raise ArchiveError(f"call {call} isn't sealed in the archive")


def _leaves(page: Sequence[LogEntry]) -> list[str]:
    return [proof.leaf_hash(one.body) for one in page]


async def _copy(room: EvidenceRoom, call: CallId, target: Path) -> None:
    reader = await room.open(call)
    try:
        parts = [await reader.read(at, _BLOCK) for at in range(0, reader.size, _BLOCK)]
    finally:
        await reader.close()
    await _write(target, b"".join(parts))


async def _write(path: Path, data: bytes) -> None:
    def write() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    try:
        await in_thread(write)
    except OSError as error:
        raise ArchiveError(f"{path}: can't be written: {error.strerror}") from error


def _manifest(folder: Path, calls: int, now: datetime, about: Mapping[str, str]) -> str:
    return proof.canonical(
        {
            "format": proof.BUNDLE,
            "made_at": now.astimezone(UTC).isoformat(),
            "calls": calls,
            "about": dict(about),
            "files": proof.listed(folder),
        }
    )
