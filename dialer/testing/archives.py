"""An archive with calls in it, for tests and benches: a real database, real files, legal time that is set."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from dialer.archive import ArchiveConfig, LocalVault
from dialer.archive.archivist import Archivist
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.examine import Examiner
from dialer.archive.finding import Finding
from dialer.archive.mirror import LogMirror
from dialer.archive.process import Asked, InThread
from dialer.archive.s3 import S3Shelf
from dialer.archive.shelf import S3, Shelf
from dialer.archive.sweeper import Sweeper
from dialer.archive.wav import WavHeader
from dialer.model import (
    Answer,
    AnswerClass,
    AnswerSource,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    QuestionKind,
    RtpStats,
    Task,
    TaskId,
)
from dialer.policy.verdict import Decision, Dial
from dialer.policy.verdict import Finding as Found
from dialer.ports import Candidate, RecordedAudio
from dialer.store import SqlStore

CHINA = timezone(timedelta(hours=8))
TUESDAY = datetime(2026, 11, 10, 10, 0, tzinfo=CHINA)
SECONDS = 6


def audio(call: int, seconds: int = SECONDS) -> bytes:
    """Another one for each call: both sides sound."""
    block = hashlib.sha512(str(call).encode()).digest()
    return (block * (16000 * seconds // len(block) + 1))[: 16000 * seconds]


@dataclass
class House:
    config: ArchiveConfig
    store: SqlStore
    now: datetime = TUESDAY
    worker: Asked | None = None
    s3: S3Shelf | None = None
    made: list[CallId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = self.worker or InThread(self.config)
        self.vault = LocalVault(self.config, self.worker)
        self.index = self.store.archive
        self.mirror = LogMirror(self.config.root, self.index)
        self.open()

    def open(self) -> None:
        """Anew, as after a restart."""
        shelves: dict[str, Shelf] = {} if self.s3 is None else {S3: self.s3}
        self.room = EvidenceRoom(self.config, self.index, shelves)
        self.sweeper = Sweeper(self.config, self.index, self.room)
        assert self.worker is not None
        self.archivist = Archivist(
            self.config, self.index, self.worker, "n1", lambda: self.now, caller=lambda _: "4008001234",
            s3=self.s3,
        )  # fmt: skip

    async def call(self, seconds: int = SECONDS, recorded: bool = True, **more: Any) -> CallId:
        """A finished call with its recording."""
        number = len(self.made) + 1
        phone = PhoneNumber.parse(f"1381234{number:04d}")
        task = Task(
            TaskId(0), "new-policy", f"P{number}", Policyholder("王芳", "女士"), (Phone(phone),), "安心年金",
            Decimal(12000), 10, "new-policy/short",
        )  # fmt: skip
        await self.store.add_tasks([task], self.now)
        claim = await self.store.claim(TaskId(number), "n1", 60.0, self.now)
        assert claim is not None
        _, attempt = await self.store.barrier(claim, _dial, self.now)
        assert attempt is not None
        call, start = attempt.id, self.now + timedelta(seconds=5)
        end = start + timedelta(seconds=seconds)
        recording = None
        if recorded:
            recording = await self.vault.seal(call, await self.record(call, start, seconds), start, end)
        record = CallRecord(
            call, attempt.task_id, Disposition.COMPLETED, end, ringing_at=self.now, answered_at=start,
            sip_code=200, hung_up_by="customer", answers=(ANSWER,), recording=recording,
            rtp=RtpStats(sent=50 * seconds, received=50 * seconds), script_version="3",
        )  # fmt: skip
        await self.store.finish(claim, replace(record, **more))
        self.made.append(call)
        self.now = end + timedelta(seconds=20)
        return call

    async def record(self, call: CallId, at: datetime, seconds: int = SECONDS) -> RecordedAudio:
        """What the recorder leaves."""
        data = audio(call, seconds)
        path = await self.vault.reserve(call, at)
        path.write_bytes(bytes(WavHeader.closed("PCMA", len(data))) + data)
        return RecordedAudio(path, "PCMA", seconds, path.stat().st_size)

    async def settle(self) -> None:
        """All that can be done now is done."""
        while await self.archivist.work():
            pass
        await self.mirror.catch_up()

    async def verify(self) -> list[Finding]:
        return [one async for one in Examiner(self.config, self.index, self.room, self.now).everything()]

    async def path(self, call: CallId, sidecar: bool = False) -> Path:
        kept = await self.index.kept(call)
        assert kept is not None
        return self.config.root / (kept.sidecar if sidecar else kept.audio)


ANSWER = Answer(
    "received", QuestionKind.POS, AnswerClass.YES, "收到了", 0.97, AnswerSource.ASR, 1.0, 2.5, 3.25,
    decided_by="收到",
)  # fmt: skip


def _dial(candidate: Candidate) -> Decision:
    dial = Dial(candidate.task.phones[0].number, "2026-11-10/0", TUESDAY + timedelta(hours=1))
    return Decision(dial, (Found("R44", "pass", "open"),))


@asynccontextmanager
async def house(folder: Path, **settings: Any) -> AsyncIterator[House]:
    config = replace(
        ArchiveConfig(folder / "recordings", min_free_bytes=0, sign_key_file=folder / "keys/sign.pem"),
        **settings,
    )
    store = await SqlStore.open(folder / "dialer.sqlite")
    try:
        yield House(config, store)
    finally:
        await store.close()


def copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))
