"""After a crash: nothing is dialled again by itself, nothing recorded is lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from call_house import TUESDAY, task

from dialer.archive.config import ArchiveConfig
from dialer.archive.vault import LocalVault
from dialer.archive.wav import HEADER_SIZE, OPEN_SIZE, WavHeader
from dialer.errors import StoreError
from dialer.model import Attempt, Disposition, Phone, PhoneNumber, TaskId, TaskState
from dialer.policy.verdict import Decision, Dial
from dialer.ports import Claim
from dialer.recovery import Recovered, recover
from dialer.testing.legs import FakeArchive
from dialer.testing.store import MemoryStore

LATER = TUESDAY + timedelta(hours=2)


def clock() -> datetime:
    return LATER


async def dialled(store: MemoryStore, number: int, node: str = "n1") -> tuple[Claim, Attempt]:
    phone = PhoneNumber(f"+861380000{number:04d}")
    await store.add_tasks([task(policy_no=f"P{number}", phones=(Phone(phone),))], TUESDAY)
    claim = await store.claim(TaskId(number), node, 3600, TUESDAY)
    assert claim is not None
    dial = Dial(phone, "2026-11-10/1", TUESDAY + timedelta(hours=1))
    _, attempt = await store.barrier(claim, lambda candidate: Decision(dial, ()), TUESDAY)
    assert attempt is not None
    return claim, attempt


async def left_open(vault: LocalVault, attempt: Attempt, seconds: int) -> Path:
    """A recording as a killed media process leaves it."""
    path = await vault.reserve(attempt.id, TUESDAY)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(WavHeader("PCMA", OPEN_SIZE, OPEN_SIZE, OPEN_SIZE)) + b"\xd5" * 16000 * seconds)
    return path


async def test_an_answered_call_keeps_its_recording(tmp_path: Path) -> None:
    store, vault = MemoryStore(), LocalVault(ArchiveConfig(tmp_path))
    _, attempt = await dialled(store, 1)
    await store.note_ringing(attempt.id, TUESDAY + timedelta(seconds=3))
    await store.note_answered(attempt.id, TUESDAY + timedelta(seconds=9))
    part = await left_open(vault, attempt, 7)
    assert await recover(store, vault, "n1", clock) == Recovered(unknown=1, repaired=1, claims=0)
    view = await store.call(attempt.id)
    assert view is not None
    assert view.record is not None
    assert view.attempt.outcome is Disposition.UNKNOWN
    assert view.attempt.reason == "the daemon stopped during this call"
    assert view.record.ended_at == TUESDAY + timedelta(seconds=16)
    recording = view.record.recording
    assert recording is not None
    assert recording.partial
    assert recording.duration_s == pytest.approx(7)
    assert not part.exists()
    file = tmp_path / recording.path
    header = WavHeader.parse(file.read_bytes()[:HEADER_SIZE])
    assert header.samples == 7 * 8000


async def test_a_call_that_only_rang_is_unknown_and_counted(tmp_path: Path) -> None:
    store, vault = MemoryStore(), LocalVault(ArchiveConfig(tmp_path))
    _, attempt = await dialled(store, 1)
    assert await recover(store, vault, "n1", clock) == Recovered(1, 0, 0)
    candidate = await store.candidate(TaskId(1))
    assert candidate is not None
    (found,) = candidate.attempts
    assert found.outcome is Disposition.UNKNOWN
    assert found.outcome.counts_as_attempt
    assert found.ended_at == attempt.invited_at
    assert candidate.task.state is TaskState.OPEN


async def test_only_this_nodes_calls_and_claims(tmp_path: Path) -> None:
    store, vault = MemoryStore(), FakeArchive()
    await dialled(store, 1, "n1")
    await dialled(store, 2, "n2")
    await store.add_tasks([task(policy_no="P3", phones=(Phone(PhoneNumber("+8613811110003")),))], TUESDAY)
    assert await store.claim(TaskId(3), "n1", 3600, TUESDAY)
    assert await recover(store, vault, "n1", clock) == Recovered(1, 1, 1)
    assert [view.attempt.live for view in await store.calls()] == [False, True]
    assert await store.claim(TaskId(3), "n2", 3600, TUESDAY)
    assert await recover(store, vault, "n1", clock) == Recovered(0, 0, 0)


async def test_a_call_never_ends_before_it_began_or_in_the_future() -> None:
    store = MemoryStore()
    _, attempt = await dialled(store, 1)
    await store.note_answered(attempt.id, TUESDAY - timedelta(seconds=5))
    assert (await recover(store, FakeArchive(), "n1", lambda: TUESDAY)).unknown == 1
    (view,) = await store.calls()
    assert view.attempt.ended_at == TUESDAY


async def test_a_database_that_is_away_stops_the_start() -> None:
    class Away(MemoryStore):
        async def open_attempts(self, node: str) -> list[Attempt]:
            raise StoreError("the database is away")

    with pytest.raises(StoreError):
        await recover(Away(), FakeArchive(), "n1", clock)
