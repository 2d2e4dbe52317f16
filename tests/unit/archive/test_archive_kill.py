"""kill -9 at a hundred random points of sealing, spooling and expiring: nothing lost, nothing half-indexed.

Each try is a process of its own that kills itself at the n-th change that it makes to the disk or the
database; then the archive is opened again, as after a restart, and goes on.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.archive import sealing
from dialer.archive.wav import HEADER_SIZE
from dialer.model import CallId, KeptState
from dialer.store.sqlite import SqliteDatabase
from dialer.testing.archives import TUESDAY, House, audio, copy, house

CALLS = 3
LONG_AFTER = TUESDAY + timedelta(days=3 * 366 + 2)
KEY = "cd" * 32


class FolderStore:
    """The object store's side of ``S3Shelf``, as a folder: versions are never overwritten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, name: str, path: Path, sha256: str, retain_until: object) -> str:
        return self._put(name, path)

    def _put(self, name: str, path: Path) -> str:
        number = next(n for n in itertools.count() if not self._place(name, str(n)).exists())
        target = self._place(name, str(number))
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_suffix(".new")
        new.write_bytes(path.read_bytes())
        os.rename(new, target)
        return str(number)

    async def read(self, name: str, version: str, offset: int, length: int) -> bytes:
        return self._place(name, version).read_bytes()[offset : offset + length]

    async def digest(self, name: str, version: str) -> tuple[str, int] | None:
        from dialer import proof

        path = self._place(name, version)
        return (proof.file_sha256(path), path.stat().st_size) if path.exists() else None

    async def remove(self, name: str, version: str) -> None:
        self._place(name, version).unlink(missing_ok=True)

    async def hold(self, name: str, version: str, on: bool) -> None:
        pass

    def _place(self, name: str, version: str) -> Path:
        return self.folder / f"{name}@{version}"


def kill_at(point: int) -> None:
    """From now on, this process kills itself just before, or just after, its ``point``-th change."""
    left = [point]

    def counting(function: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and point % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return changed

    for name in ("fsync", "rename", "unlink"):
        setattr(os, name, counting(getattr(os, name)))
    sealing.sync_folder = counting(sealing.sync_folder)
    Path.unlink = counting(Path.unlink)  # type: ignore[method-assign]
    real = SqliteDatabase.write_much

    async def write_much(self: SqliteDatabase, work: Any) -> Any:
        counting(lambda: None)()
        return await real(self, work)

    SqliteDatabase.write_much = counting(write_much)  # type: ignore[method-assign]


def in_a_process(work: Callable[[], Awaitable[None]], point: int) -> bool:
    """Returns whether it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            kill_at(point)
            asyncio.run(work())  # type: ignore[arg-type]
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert not (os.WIFEXITED(status) and os.WEXITSTATUS(status)), "the work itself failed"
    return os.WIFSIGNALED(status)


def opened(folder: Path, kind: str) -> Any:
    settings: dict[str, object] = {"expire_after_days": 1} if kind == "expiring" else {}
    if kind != "sealing":
        settings["key_file"] = folder / "key"
    return house(folder, **settings)


def furnish(one: House, folder: Path, kind: str) -> None:
    if kind == "spooling":
        one.s3 = FolderStore(folder / "bucket")  # type: ignore[assignment]
        one.open()


async def prepare(folder: Path, kind: str) -> None:
    (folder / "key").write_text(KEY)
    async with opened(folder, kind) as one:
        for _ in range(CALLS):
            await one.call()
        if kind == "expiring":
            await one.settle()
            one.now = LONG_AFTER
            assert len(await one.sweeper.list_due(one.now, "lin")) == CALLS


async def work(folder: Path, kind: str) -> None:
    async with opened(folder, kind) as one:
        furnish(one, folder, kind)
        if kind == "expiring":
            one.now = LONG_AFTER + timedelta(days=2)
            swept = await one.sweeper.sweep(one.now, "n1")
            assert not swept.waiting
            await one.mirror.catch_up()
        else:
            one.now = TUESDAY + timedelta(hours=1)
            await one.settle()


async def check_half_way(folder: Path, kind: str) -> None:
    """Right after the kill: every call is either as before, or whole in its new place."""
    async with opened(folder, kind) as one:
        furnish(one, folder, kind)
        one.now = (LONG_AFTER + timedelta(days=2)) if kind == "expiring" else TUESDAY + timedelta(minutes=5)
        assert [finding for finding in await one.verify() if finding.what != "file"] == []
        for filed in await one.index.filed(CallId(0), 99):
            if filed.kept is not None and filed.kept.state not in (KeptState.EXPIRING, KeptState.EXPIRED):
                await same_audio(one, filed.call_id)


async def same_audio(one: House, call: CallId) -> None:
    reader = await one.room.open(call)
    assert (await reader.read(HEADER_SIZE, reader.size)) == audio(call)
    assert await reader.read(HEADER_SIZE + 65530, 20) == audio(call)[65530:65550]


async def check_end(folder: Path, kind: str) -> None:
    async with opened(folder, kind) as one:
        furnish(one, folder, kind)
        one.now = LONG_AFTER + timedelta(days=2)
        assert await one.verify() == []
        filed = await one.index.filed(CallId(0), 99)
        assert [one_.call_id for one_ in filed] == [1, 2, 3]
        states = {one_.kept.state for one_ in filed if one_.kept}
        assert states == {KeptState.EXPIRED if kind == "expiring" else KeptState.KEPT}
        if kind != "expiring":
            for call in (1, 2, 3):
                await same_audio(one, CallId(call))
        left = [path for path in one.config.root.glob("2026/**/*") if path.is_file()]
        assert len(left) == {"sealing": 2 * CALLS, "spooling": 0, "expiring": 0}[kind], left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tries", "points"), [("sealing", 34, 18), ("spooling", 33, 60), ("expiring", 33, 24)]
)
def test_killed_at_random_points(
    tmp_path_factory: pytest.TempPathFactory, kind: str, tries: int, points: int
) -> None:
    chance, killed = random.Random(7), 0
    start = tmp_path_factory.mktemp("start")
    asyncio.run(prepare(start, kind))
    for number in range(tries):
        folder = copy(start, tmp_path_factory.mktemp("try") / "house")
        for _ in range(chance.choice((1, 1, 2))):
            killed += in_a_process(lambda: work(folder, kind), chance.randint(1, points))  # noqa: B023
            if number % 3 == 0:
                asyncio.run(check_half_way(folder, kind))
        asyncio.run(work(folder, kind))
        asyncio.run(check_end(folder, kind))
    assert killed >= tries, "most tries must be cut, or nothing was tested"
