"""Exports for the pages: packed one at a time, kept as zip files while their grant is in force."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dialer.access.requests import AccessRequest
from dialer.archiving import Archiving
from dialer.errors import DialerError
from dialer.model import Reason
from dialer.packing import Form, pack_request
from dialer.web.exportstate import ExportState

log = logging.getLogger("dialer.web")


@dataclass(slots=True)
class _Job:
    state: ExportState
    work: asyncio.Task[None] = field(init=False)


class WebExports:
    """Implements ``dialer.web.exportstate.Exports``."""

    def __init__(
        self,
        archive: Archiving,
        folder: Path,
        form: Callable[[str], Form],
        clock: Callable[[], datetime],
    ) -> None:
        """``folder``: its own, emptied at the start and the end; ``form``: of a language."""
        self._archive, self._folder, self._form, self._clock = archive, folder, form, clock
        self._jobs: dict[int, _Job] = {}
        self._one = asyncio.Semaphore(1)

    def state(self, request: AccessRequest, now: datetime) -> ExportState | None:
        job = self._jobs.get(request.id)
        if job is not None and not request.in_force(now):
            del self._jobs[request.id]
            job.work.cancel()
            self._zip(request).unlink(missing_ok=True)
            return None
        return None if job is None else job.state

    def start(self, request: AccessRequest, lang: str) -> None:
        before = self._jobs.get(request.id)
        if before is not None and before.state.fault is None:
            return
        job = self._jobs[request.id] = _Job(ExportState(len(request.calls)))
        job.work = asyncio.create_task(self._make(job, request, self._form(lang)))

    async def close(self) -> None:
        for job in self._jobs.values():
            job.work.cancel()
        await asyncio.gather(*(job.work for job in self._jobs.values()), return_exceptions=True)

    async def _make(self, job: _Job, request: AccessRequest, form: Form) -> None:
        folder = self._folder / f"export-{request.id}"

        def progress(done: int) -> None:
            job.state = replace(job.state, done=done)

        try:
            async with self._one:
                await pack_request(self._archive, request, folder, form, self._clock(), progress)
                file = self._zip(request)
                size = await asyncio.to_thread(_zipped, folder, file)
                job.state = replace(job.state, file=file, size=size)
        except (DialerError, OSError) as error:
            log.error("export not made", extra={"request": request.id, "why": str(error)})
            job.state = replace(
                job.state,
                fault=Reason("导出失败,请联系管理员查看日志", "it failed: see the log of the pages"),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _zip(self, request: AccessRequest) -> Path:
        return self._folder / f"export-{request.id}.zip"


def _zipped(folder: Path, file: Path) -> int:
    """Bytes. Stored, not deflated: recordings hardly shrink, and whoever checks them needs no patience."""
    part = file.with_suffix(".part")
    private = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(private, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made:
        for path in sorted(folder.rglob("*")):
            made.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    part.replace(file)
    return file.stat().st_size


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


@asynccontextmanager
async def open_exports(
    archive: Archiving, folder: Path, form: Callable[[str], Form], clock: Callable[[], datetime]
) -> AsyncIterator[WebExports]:
    """Nothing that was made outlives the pages."""
    await asyncio.to_thread(_emptied, folder)
    exports = WebExports(archive, folder, form, clock)
    try:
        yield exports
    finally:
        await exports.close()
        shutil.rmtree(folder, ignore_errors=True)
