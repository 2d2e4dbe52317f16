"""The worker process: what it is asked is done, also where it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dialer.archive.process import WorkerProcess
from dialer.errors import ArchiveError
from dialer.testing.archives import TUESDAY, House, house


@pytest.fixture
async def worker_house(tmp_path: Path):  # type: ignore[no-untyped-def]
    async with house(tmp_path) as one:
        worker = WorkerProcess(one.config)
        await worker.start()
        yield House(one.config, one.store, worker=worker)
        await worker.close()


async def test_many_calls_that_end_together(worker_house: House) -> None:
    one = worker_house
    audios = [await one.record(call, TUESDAY) for call in range(1, 41)]
    made = await asyncio.gather(
        *(one.vault.seal(call, audio, TUESDAY, TUESDAY) for call, audio in enumerate(audios, 1))
    )
    assert [recording.call_id for recording in made] == list(range(1, 41))
    assert all((one.config.root / recording.path).exists() for recording in made)


async def test_a_killed_worker_is_started_again_and_nothing_is_lost(worker_house: House) -> None:
    one, worker = worker_house, worker_house.worker
    assert isinstance(worker, WorkerProcess)
    audios = [await one.record(call, TUESDAY) for call in range(1, 61)]
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # it has them all, and answers none
    sealing = [
        asyncio.create_task(one.vault.seal(call, audio, TUESDAY, TUESDAY))
        for call, audio in enumerate(audios, 1)
    ]
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    made = await asyncio.wait_for(asyncio.gather(*sealing), 30)
    assert worker.pid != first
    assert [recording.call_id for recording in made] == list(range(1, 61))
    again = await one.vault.seal(1, audios[0], TUESDAY, TUESDAY)
    assert again == made[0]


async def test_killed_again_and_again_while_calls_go_on_ending(worker_house: House) -> None:
    one, worker = worker_house, worker_house.worker
    assert isinstance(worker, WorkerProcess)
    audios = [await one.record(call, TUESDAY) for call in range(1, 31)]

    async def end(call: int) -> object:
        await asyncio.sleep(0.02 * call)
        return (await one.vault.seal(call, audios[call - 1], TUESDAY, TUESDAY)).call_id

    ending = [asyncio.create_task(end(call)) for call in range(1, 31)]
    for _ in range(3):
        before = worker.pid
        assert before is not None
        await asyncio.sleep(0.15)
        os.kill(before, signal.SIGKILL)
        while worker.pid == before:  # noqa: ASYNC110 - the pid says when it is another
            await asyncio.sleep(0.01)
    made = await asyncio.wait_for(asyncio.gather(*ending), 60)
    assert made == list(range(1, 31))


async def test_a_request_that_kills_the_worker_is_given_up_and_takes_nothing_with_it(
    worker_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, worker = worker_house, worker_house.worker
    assert isinstance(worker, WorkerProcess)
    audios = [await one.record(call, TUESDAY) for call in range(1, 4)]
    send = WorkerProcess._send

    def deadly(self: WorkerProcess, waiting: Any) -> None:
        if waiting.request.call_id == 2 and self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
        else:
            send(self, waiting)

    monkeypatch.setattr(WorkerProcess, "_send", deadly)
    results = await asyncio.wait_for(
        asyncio.gather(
            *(one.vault.seal(call, audio, TUESDAY, TUESDAY) for call, audio in enumerate(audios, 1)),
            return_exceptions=True,
        ),
        60,
    )
    assert [getattr(result, "call_id", None) for result in results] == [1, None, 3]
    assert "died of it 3 times" in str(results[1])


async def test_a_fault_of_one_call_is_that_calls(worker_house: House) -> None:
    one = worker_house
    good, bad = await one.record(1, TUESDAY), await one.record(2, TUESDAY)
    bad.path.write_bytes(b"no recording at all, but long enough to have a header of fifty-eight bytes")
    results = await asyncio.gather(
        one.vault.seal(1, good, TUESDAY, TUESDAY),
        one.vault.seal(2, bad, TUESDAY, TUESDAY),
        return_exceptions=True,
    )
    assert getattr(results[0], "call_id", None) == 1
    assert isinstance(results[1], ArchiveError)
    assert "not a recording" in str(results[1])


async def test_nobody_is_asked_before_the_start_and_after_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        worker = WorkerProcess(one.config)
        idle = House(one.config, one.store, worker=worker)
        audio = await idle.record(1, TUESDAY)
        with pytest.raises(ArchiveError, match="isn't running"):
            await idle.vault.seal(1, audio, TUESDAY, TUESDAY)
        await worker.start()
        await worker.close()
        with pytest.raises(ArchiveError, match="isn't running"):
            await idle.vault.seal(1, audio, TUESDAY, TUESDAY)
