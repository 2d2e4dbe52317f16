"""Brings finished calls into the archive: evidence and sidecar on disk, the log's entry, then where it stays.

Each step is found in the index, so that whatever was killed goes on where it was: a recording without
evidence is sealed, evidence in the state SEALED is moved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.archive import protocol as p
from dialer.archive import sidecar
from dialer.archive.cipher import SUFFIX
from dialer.archive.config import ArchiveConfig
from dialer.archive.process import Asked
from dialer.archive.retention import longest, retain_until
from dialer.archive.s3 import S3Shelf
from dialer.archive.shelf import LOCAL, S3
from dialer.errors import ArchiveError, StoreError
from dialer.model import ArchiveEvent, CallId, Kept, KeptState, NewEntry
from dialer.ports import ArchiveIndex, CallView

log = logging.getLogger("dialer.archive")

_LOOK_S = 1.0
_TOGETHER = 64
"""Calls whose evidence is made before one transaction tells of them."""
_AGAIN_S = 60.0
"""A recording that can't be sealed, or an object store that is away, is tried again after this."""


class Archivist:
    def __init__(
        self,
        config: ArchiveConfig,
        index: ArchiveIndex,
        worker: Asked,
        node: str,
        clock: Callable[[], datetime],
        *,
        caller: Callable[[CallView], str] = lambda _: "",
        s3: S3Shelf | None = None,
    ) -> None:
        """``caller``: the number that our side showed."""
        self._config, self._index, self._worker, self._s3 = config, index, worker, s3
        self._node, self._clock, self._caller = node, clock, caller
        self._zone = ZoneInfo(config.zone)
        self._settled = CallId(0)
        self._failed: dict[CallId, float] = {}
        """Loop time of the last try."""
        self._away_until = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, and then until nothing is left that can be done now."""
        while True:
            ending = stop.is_set()
            try:
                while await self.work():
                    pass
            except StoreError as error:
                log.error("the archive waits for the database", extra={"why": str(error)})
            if ending:
                return
            try:
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
            except TimeoutError:
                pass

    async def work(self) -> int:
        """One round. Returns how many calls went a step on. Raises StoreError."""
        return await self._seal() + await self._move()

    # --- evidence -----------------------------------------------------------------------------

    async def _seal(self) -> int:
        now = asyncio.get_running_loop().time()
        self._failed = {call: at for call, at in self._failed.items() if now - at < _AGAIN_S}
        views, self._settled = await self._index.unsealed(self._settled, _TOGETHER + len(self._failed))
        wanted = [view for view in views if view.attempt.id not in self._failed]
        made = await asyncio.gather(*(self._keep(view) for view in wanted))
        done = [one for one in made if one is not None]
        if done:
            await self._index.change([(None, kept) for kept, _ in done], [entry for _, entry in done])
        return len(done)

    async def _keep(self, view: CallView) -> tuple[Kept, NewEntry] | None:
        assert view.record is not None
        recording = view.record.recording
        assert recording is not None
        call = view.attempt.id
        request = p.Keep(
            self._worker.next_id(), call, recording.path, recording.sha256,
            sidecar.draft(view, self._caller(view)),
        )  # fmt: skip
        try:
            files = await self._worker.ask(request)
        except ArchiveError as error:
            log.error("recording not archived", extra={"call_id": call, "why": str(error)})
            self._failed[call] = asyncio.get_running_loop().time()
            return None
        assert isinstance(files, p.Files)
        years, because = longest(view, self._config.retain_years, self._config.longer)
        until = retain_until(recording.ended_at.astimezone(self._zone), years)
        at = self._clock()
        stays = self._s3 is None and files.audio.name == recording.path
        kept = Kept(
            call, KeptState.KEPT if stays else KeptState.SEALED, LOCAL,
            files.audio.name, files.audio.sha256, files.audio.size,
            files.sidecar.name, files.sidecar.sha256, files.sidecar.size,
            until, at, because,
        )  # fmt: skip
        return kept, NewEntry(ArchiveEvent.SEALED, call, self._node, at, sealed_details(view, kept, files))

    # --- where it stays -----------------------------------------------------------------------

    async def _move(self) -> int:
        loop = asyncio.get_running_loop()
        moved = 0
        for kept in await self._index.in_state(KeptState.SEALED, CallId(0), _TOGETHER):
            try:
                if self._s3 is not None and kept.place == LOCAL:
                    if loop.time() < self._away_until:
                        continue
                    kept = await self._send(self._s3, kept)
                await self._worker.ask(p.Drop(self._worker.next_id(), _copies(kept)))
            except ArchiveError as error:
                log.error("evidence stays in the spool", extra={"call_id": kept.call_id, "why": str(error)})
                self._away_until = loop.time() + _AGAIN_S
                return moved
            await self._index.change([(kept, replace(kept, state=KeptState.KEPT))], ())
            moved += 1
        return moved

    async def _send(self, s3: S3Shelf, kept: Kept) -> Kept:
        """A crash in between leaves a version that nothing names: locked, and sent once more."""
        root = Path(self._config.root)
        # No store takes a lock that is over already.
        until = max(kept.retain_until, self._clock().astimezone(self._zone).date())
        audio = await s3.put(kept.audio, root / kept.audio, kept.audio_sha256, until)
        beside = await s3.put(kept.sidecar, root / kept.sidecar, kept.sidecar_sha256, until)
        sent = replace(kept, place=S3, audio_version=audio, sidecar_version=beside)
        details = {"audio_version": audio, "sidecar_version": beside, "place": S3}
        entry = NewEntry(ArchiveEvent.STORED, kept.call_id, self._node, self._clock(), details)
        await self._index.change([(kept, sent)], [entry])
        return sent


def _copies(kept: Kept) -> tuple[str, ...]:
    """What lies in the folder and needn't any more."""
    names: Sequence[str] = (kept.audio, kept.sidecar) if kept.place == S3 else ()
    clear = (kept.audio.removesuffix(SUFFIX),) if kept.audio.endswith(SUFFIX) else ()
    return (*names, *clear)


def sealed_details(view: CallView, kept: Kept, files: p.Files) -> dict[str, str | int | float | bool]:
    """What the log says of a sealed recording: all that verification compares rows and files with."""
    assert view.record is not None
    recording = view.record.recording
    assert recording is not None
    return {
        "path": recording.path, "sha256": recording.sha256, "size": recording.size,
        "codec": recording.codec, "duration_s": recording.duration_s,
        "started_at": utc(recording.started_at), "ended_at": utc(recording.ended_at),
        "partial": recording.partial, "audio": kept.audio, "audio_sha256": kept.audio_sha256,
        "audio_size": kept.audio_size, "sidecar": kept.sidecar,
        "sidecar_stored_sha256": kept.sidecar_sha256, "sidecar_stored_size": kept.sidecar_size,
        "sidecar_sha256": files.sidecar_clear_sha256, "retain_until": kept.retain_until.isoformat(),
        "retain_class": kept.retain_class,
    }  # fmt: skip


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
