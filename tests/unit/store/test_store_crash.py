"""kill -9 at the worst moments, and several processes at once: what must still be true afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.errors import Fenced
from dialer.model import CallRecord, Disposition, Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.store import SqlStore

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
LIMIT_S = 60.0
TASKS = 8

NODE = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from dialer.model import TaskId
from dialer.policy.verdict import Decision, Dial
from dialer.store import SqlStore

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)

def check(candidate):
    number = candidate.task.phones[0].number
    return Decision(Dial(number, "2026-11-10/0", NOW + timedelta(hours=1)), ())

async def main(path, node, mode, tasks):
    store = await SqlStore.open(path)
    if mode == "race":
        print("ready", flush=True)
        sys.stdin.readline()
        for task in range(1, int(tasks) + 1):
            claim = await store.claim(TaskId(task), node, 60.0, NOW)
            if claim is not None:
                _, attempt = await store.barrier(claim, check, NOW)
                print("dialled", task, attempt.id, flush=True)
        await store.close()
        return
    claim = await store.claim(TaskId(1), node, 60.0, NOW)
    if mode != "claim":
        await store.barrier(claim, check, NOW)
    print("ready", flush=True)
    if mode == "answered":
        await store.note_answered(1, NOW)
        print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def a_task(n: int) -> Task:
    phone = Phone(PhoneNumber.parse(f"138{n:08d}"))
    return Task(TaskId(0), "c", f"P{n}", Policyholder("王芳"), (phone,), "安心年金", Decimal(1), 10, "s")


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(path)
    await store.add_tasks([a_task(n) for n in range(TASKS)], NOW)
    await store.close()
    yield path
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def start(path: Path, node: str, mode: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", NODE, str(path), node, mode, str(TASKS), stdin=PIPE, stdout=PIPE
    )


async def says(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode().strip()


async def killed(path: Path, mode: str, lines: int = 1) -> SqlStore:
    """A node that got as far as ``mode`` and was killed there; the store opened again."""
    process = await start(path, "n1", mode)
    try:
        for _ in range(lines):
            assert await says(process) == "ready"
    finally:
        process.kill()
        await asyncio.wait_for(process.wait(), LIMIT_S)
    return await SqlStore.open(path)


async def test_killed_after_the_claim_the_task_is_ready_again(path: Path) -> None:
    store = await killed(path, "claim")
    assert TaskId(1) not in [c.task.id for c in await store.candidates(NOW, 50)], "its lease still runs"
    assert await store.open_attempts("n1") == []
    assert await store.drop_claims("n1") == 1
    found = await store.candidates(NOW, 50)
    assert found[0].task.id == 1
    assert found[0].attempts == ()
    claim = await store.claim(TaskId(1), "n1", 60.0, NOW)
    assert claim is not None
    assert claim.fence == 2
    await store.close()


@pytest.mark.parametrize(("mode", "lines"), [("barrier", 1), ("answered", 2)])
async def test_killed_after_the_barrier_nobody_redials(path: Path, mode: str, lines: int) -> None:
    store = await killed(path, mode, lines)
    assert await store.drop_claims("n1") == 0
    assert await store.claim(TaskId(1), "n1", 60.0, NOW) is None
    (left,) = await store.open_attempts("n1")
    assert left.live
    assert (left.answered_at == NOW) == (mode == "answered")
    await store.close_unknown(CallRecord(left.id, left.task_id, Disposition.UNKNOWN, NOW))
    found = {c.task.id: c for c in await store.candidates(NOW, 50)}
    assert [a.outcome for a in found[TaskId(1)].attempts] == [Disposition.UNKNOWN]
    await store.close()


async def test_three_processes_never_dial_a_task_twice(path: Path) -> None:
    nodes = [await start(path, f"n{n}", "race") for n in range(3)]
    try:
        for node in nodes:
            assert await says(node) == "ready"
        for node in nodes:
            assert node.stdin is not None
            node.stdin.write(b"go\n")
        outs = await asyncio.wait_for(asyncio.gather(*(node.communicate() for node in nodes)), LIMIT_S)
    finally:
        for node in nodes:
            if node.returncode is None:
                node.kill()
                await node.wait()
    assert [node.returncode for node in nodes] == [0, 0, 0]
    dialled = [line.split()[1:] for out, _ in outs for line in out.decode().splitlines()]
    assert sorted(int(task) for task, _ in dialled) == list(range(1, TASKS + 1))
    assert len({call for _, call in dialled}) == TASKS


async def test_a_node_that_was_recovered_cannot_finish(path: Path) -> None:
    store = await SqlStore.open(path)
    claim = await store.claim(TaskId(1), "n1", 60.0, NOW)
    assert claim is not None
    other = await SqlStore.open(path)
    assert await other.drop_claims("n1") == 1
    with pytest.raises(Fenced):
        await store.renew(claim, 60.0)
    await other.close()
    await store.close()
