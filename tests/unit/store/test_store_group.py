"""Group commit: who shares a transaction, and what one caller's fault does to the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from dialer.errors import Fenced, StoreError
from dialer.model import CallId, Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.verdict import Decision, Dial, Wait
from dialer.ports import Candidate
from dialer.store import SqlStore, StoreConfig
from dialer.store.group import GroupWriter, Kind
from dialer.store.sqlite import SqliteDatabase

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)


def tasks(count: int) -> list[Task]:
    return [
        Task(
            TaskId(0), "c", f"P{n}", Policyholder("王芳"), (Phone(PhoneNumber.parse(f"138{n:08d}")),),
            "安心年金", Decimal(1), 10, "s",
        )
        for n in range(count)
    ]  # fmt: skip


def dial(candidate: Candidate) -> Decision:
    return Decision(Dial(candidate.task.phones[0].number, "s", NOW + timedelta(hours=1)), ())


class Commits:
    """Counts the write transactions of a store."""

    def __init__(self, store: SqlStore) -> None:
        assert isinstance(store._database, SqliteDatabase)
        self.count = 0
        event.listen(store._database.engine, "begin", self._begin)

    def _begin(self, connection: Connection) -> None:
        self.count += bool(connection.get_execution_options().get("dialer_write"))


@pytest.mark.parametrize(("gather_s", "group_size", "most"), [(0.2, 200, 1), (0.2, 10, 4), (0.0, 200, 3)])
async def test_callers_share_a_transaction(
    gather_s: float, group_size: int, most: int, tmp_path: Path
) -> None:
    config = StoreConfig(gather_s=gather_s, group_size=group_size)
    store = await SqlStore.open(tmp_path / "dialer.sqlite", config)
    await store.add_tasks(tasks(40), NOW)
    commits = Commits(store)
    began = asyncio.get_running_loop().time()
    claims = await asyncio.gather(*(store.claim(TaskId(n), "n1", 60, NOW) for n in range(1, 41)))
    assert all(claims)
    assert commits.count <= most
    assert asyncio.get_running_loop().time() - began >= gather_s
    await store.close()


async def test_a_whole_call_of_forty_customers_is_few_transactions(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05))
    await store.add_tasks(tasks(40), NOW)
    commits = Commits(store)

    async def call(n: int) -> int:
        claim = await store.claim(TaskId(n), "n1", 60, NOW)
        assert claim is not None
        _, attempt = await store.barrier(claim, dial, NOW)
        assert attempt is not None
        await store.note_ringing(attempt.id, NOW)
        return attempt.id

    calls = await asyncio.gather(*(call(n) for n in range(1, 41)))
    assert len(set(calls)) == 40
    assert commits.count <= 10
    await store.close()


async def test_every_caller_hears_its_own_result(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05))
    await store.add_tasks(tasks(5), NOW)
    claims = [await store.claim(TaskId(n), "n1", 0.0 if n == 2 else 60.0, NOW) for n in range(1, 5)]

    def broken(candidate: Candidate) -> Decision:
        raise LookupError("no calendar")

    def closed(candidate: Candidate) -> Decision:
        return Decision(Wait(NOW + timedelta(hours=1), "R44", "closed"), ())

    checks = (dial, dial, broken, closed)
    said: list[Any] = await asyncio.gather(
        *(store.barrier(claim, check, NOW) for claim, check in zip(claims, checks, strict=True) if claim),
        store.note_ringing(CallId(99), NOW),
        store.claim(TaskId(5), "n1", 60, NOW),
        store.claim(TaskId(5), "n2", 60, NOW),
        return_exceptions=True,
    )
    assert said[0][1] is not None
    assert isinstance(said[1], Fenced)
    assert isinstance(said[2], LookupError)
    assert said[3][1] is None
    assert isinstance(said[4], StoreError)
    assert sum(claim is not None for claim in said[5:]) == 1
    assert [view.attempt.task_id for view in await store.calls()] == [1]
    await store.close()


async def test_one_callers_refused_row_leaves_the_others(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05))
    await store.add_tasks(tasks(9), NOW)

    def forbid(connection: Connection, _: object) -> None:
        connection.execute(
            text(
                "CREATE TRIGGER t BEFORE INSERT ON claims WHEN NEW.task_id = 4"
                " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        )

    await store._database.write(forbid)
    said = await asyncio.gather(
        *(store.claim(TaskId(n), "n1", 60, NOW) for n in range(1, 10)), return_exceptions=True
    )
    assert [n for n, one in enumerate(said, 1) if isinstance(one, StoreError)] == [4]
    assert {c.task.id for c in await store.candidates(NOW, 20)} == {4}
    await store.close()


async def test_a_failed_commit_is_everybodys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await SqlStore.open(
        tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05, busy_timeout_s=0.05, busy_retries=0)
    )
    await store.add_tasks(tasks(5), NOW)
    other = await SqlStore.open(tmp_path / "dialer.sqlite")
    holding, let_go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(connection: Connection, in_loop: Any) -> None:
        connection.execute(text("DELETE FROM outbox"))
        loop.call_soon_threadsafe(holding.set)
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(20)

    job = asyncio.create_task(other._database.write_much(hold))
    await holding.wait()
    said = await asyncio.gather(
        *(store.claim(TaskId(n), "n1", 60, NOW) for n in range(1, 6)), return_exceptions=True
    )
    assert all(isinstance(one, StoreError) and "locked" in str(one) for one in said)
    let_go.set()
    await job
    assert len(await store.candidates(NOW, 20)) == 5
    await other.close()
    await store.close()


async def test_the_check_runs_in_the_loop(tmp_path: Path) -> None:
    """It reads what the loop's code changes."""
    store = await SqlStore.open(tmp_path / "dialer.sqlite")
    await store.add_tasks(tasks(1), NOW)
    claim = await store.claim(TaskId(1), "n1", 60, NOW)
    assert claim is not None
    ran_in: list[object] = []

    def check(candidate: Candidate) -> Decision:
        ran_in.append(asyncio.get_running_loop())
        return dial(candidate)

    await store.barrier(claim, check, NOW)
    assert ran_in == [asyncio.get_running_loop()]
    await store.close()


async def test_an_unforeseen_error_reaches_who_waits(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "dialer.sqlite", StoreConfig())
    writer = GroupWriter(database, StoreConfig())

    def bulk(connection: Connection, asked: Sequence[Any], in_loop: object) -> list[Any]:
        raise ZeroDivisionError("a bug")

    with pytest.raises(StoreError, match="broke off") as caught:
        await asyncio.wait_for(writer.submit(Kind(bulk, lambda asked: asked), 1), 10)
    assert "a bug" in str(caught.value)
    await writer.close()
    await database.close()


async def test_an_unforeseen_error_is_one_callers(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05))
    await store.add_tasks(tasks(5), NOW)
    said = await asyncio.gather(
        *(store.claim(TaskId(n), "n1", 60, NOW) for n in range(1, 6)),
        store.release(None),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert all(said[:5])
    assert isinstance(said[5], StoreError)
    await store.close()


async def test_closing_waits_for_what_was_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(gather_s=0.05))
    await store.add_tasks(tasks(3), NOW)
    asked = [asyncio.create_task(store.claim(TaskId(n), "n1", 60, NOW)) for n in range(1, 4)]
    await asyncio.sleep(0)
    await store.close()
    assert all([await one for one in asked])
    with caplog.at_level(logging.ERROR):
        again = await SqlStore.open(tmp_path / "dialer.sqlite")
        assert await again.candidates(NOW, 10) == []
        await again.close()
    assert caplog.records == []
