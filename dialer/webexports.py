"""Exports for the pages: packed one at a time, kept as zip files while their grant is in force."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dialer.access.requests import AccessRequest, may_leave
from dialer.archiving import Archiving
from dialer.errors import UNFORESEEN, AccessRefused, DialerError, NodeRunning
from dialer.locks import only_one
from dialer.model import Reason, english
from dialer.packing import Form, pack_request
from dialer.threads import beside, in_thread, whole
from dialer.web.exportstate import ExportState

log = logging.getLogger("dialer.web")

SWEEP_S = 60.0
"""What was made outlives the end of its grant by this much at most."""

RequestOf = Callable[[int], Awaitable[AccessRequest | None]]
"""The request as it stands now. Raises StoreError."""


@dataclass(slots=True)
class _Job:
    request: AccessRequest
    state: ExportState
    stopped: bool = False
    work: asyncio.Task[None] = field(init=False)

    def go_on(self, _: object = None) -> None:
        """Asked between two files, not by cancelling: a thread that still writes can't be cancelled, and
        what it wrote after the clean-up would lie there in clear. Raises AccessRefused.
        """
        if self.stopped:
            raise AccessRefused(Reason("导出已中止", "the export was stopped"))

    @property
    def lost(self) -> bool:
        """Somebody took its file away."""
        return self.state.file is not None and not os.path.exists(self.state.file)


class WebExports:
    """Implements ``dialer.web.exportstate.Exports``."""

    def __init__(
        self,
        archive: Archiving,
        request_of: RequestOf,
        folder: Path,
        form: Callable[[str], Form],
        clock: Callable[[], datetime],
    ) -> None:
        """``folder``: its own, emptied at the start and the end; ``form``: of a language."""
        self._archive, self._request_of, self._folder = archive, request_of, folder
        self._form, self._clock = form, clock
        self._jobs: dict[int, _Job] = {}
        self._works: set[asyncio.Task[None]] = set()
        """Also those of jobs that are stopped, until they have cleaned up."""
        self._one = asyncio.Semaphore(1)

    def state(self, request: AccessRequest, now: datetime) -> ExportState | None:
        job = self._jobs.get(request.id)
        if job is not None and (job.lost or not request.in_force(now)):
            self._drop(request.id)
            return None
        return None if job is None else job.state

    def start(self, request: AccessRequest, lang: str) -> None:
        before = self._jobs.get(request.id)
        if before is not None and before.state.fault is None and not before.lost:
            return
        job = self._jobs[request.id] = _Job(request, ExportState(len(request.calls)))
        job.work = asyncio.create_task(self._make(job, self._form(lang)))
        self._works.add(job.work)
        job.work.add_done_callback(self._works.discard)

    async def keep(self, every_s: float = SWEEP_S) -> None:
        """Until cancelled: looks whether what is made, or being made, is still granted."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.sweep()
            except UNFORESEEN as error:
                log.error("grants not looked at, they will be again", exc_info=error)

    async def sweep(self) -> None:
        """Where the database can't be asked, a grant ends when it was known to end."""
        for number, job in list(self._jobs.items()):
            try:
                found = await self._request_of(number)
            except DialerError as error:
                log.warning("grant not read", extra={"request": number, "why": str(error)})
                found = job.request
            if found is None or not found.in_force(self._clock()):
                self._drop(number)

    async def close(self) -> None:
        for job in self._jobs.values():
            job.stopped = True
        await asyncio.gather(*self._works, return_exceptions=True)

    def _drop(self, number: int) -> None:
        """The file is gone at once; what is under way clears up at its next step.

        What can't be removed is tried again at the next look.
        """
        if (job := self._jobs.get(number)) is None:
            return
        job.stopped = True
        try:
            if job.state.file is not None:
                job.state.file.unlink(missing_ok=True)
        except OSError as error:
            log.error("export not removed", extra={"request": number, "why": str(error)})
        else:
            del self._jobs[number]

    async def _make(self, job: _Job, form: Form) -> None:
        number = job.request.id
        try:
            async with self._one:
                job.request = may_leave(await self._request_of(number), self._clock())
                job.go_on()
                await self._pack(job, form)
        except AccessRefused as refused:
            log.info("export stopped", extra={"request": number, "why": english(refused.args[0])})
            if self._jobs.get(number) is job:
                del self._jobs[number]
        except (DialerError, OSError) as error:
            log.error("export not made", extra={"request": number, "why": str(error)})
            job.state = replace(
                job.state,
                fault=Reason("导出失败,请联系管理员查看日志", "it failed: see the log of the pages"),
            )

    async def _pack(self, job: _Job, form: Form) -> None:
        folder = self._folder / f"export-{job.request.id}"
        part, file = folder.with_suffix(".part"), folder.with_suffix(".zip")

        def progress(done: int) -> None:
            job.go_on()
            job.state = replace(job.state, done=done)

        try:
            await in_thread(_own_folder, self._folder)
            await pack_request(self._archive, job.request, folder, form, self._clock(), progress)
            size = await in_thread(_zipped, folder, part, job.go_on)
            job.go_on()
            part.replace(file)  # with the state, in one step: whoever drops the job knows the file
            job.state = replace(job.state, file=file, size=size)
        finally:
            part.unlink(missing_ok=True)
            await in_thread(shutil.rmtree, folder, ignore_errors=True)


def _zipped(folder: Path, part: Path, go_on: Callable[[], None]) -> int:
    """Bytes. Stored, not deflated: recordings hardly shrink, and whoever checks them needs no patience."""
    private = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(private, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made:
        for path in sorted(folder.rglob("*")):
            go_on()
            made.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return part.stat().st_size


def _own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _own_folder(folder)


@asynccontextmanager
async def open_exports(
    archive: Archiving,
    request_of: RequestOf,
    folder: Path,
    form: Callable[[str], Form],
    clock: Callable[[], datetime],
    sweep_s: float = SWEEP_S,
) -> AsyncIterator[WebExports]:
    """Nothing that was made outlives the pages, nor its grant. Raises NodeRunning: others use the folder."""

    def taken(process: str) -> NodeRunning:
        return NodeRunning(f"another dialer web runs on {folder.parent} (process {process}): stop it first")

    with only_one(folder.with_suffix(".lock"), taken):
        await in_thread(_emptied, folder)
        exports = WebExports(archive, request_of, folder, form, clock)
        care = beside(exports.keep(sweep_s), log, "exports aren't removed at their grant's end any more")

        async def cleared() -> None:
            care.cancel()
            await asyncio.wait([care])
            await exports.close()
            await in_thread(shutil.rmtree, folder, ignore_errors=True)

        try:
            yield exports
        finally:
            await whole(cleared())
