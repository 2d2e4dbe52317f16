"""What an operator meets: files that are locked, damaged, foreign or from the future."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from dialer.errors import StoreError
from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.store import SqlStore, StoreConfig

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
QUICK = StoreConfig(busy_timeout_s=0.05, busy_retries=2)


def a_task(policy_no: str = "P1") -> Task:
    phone = Phone(PhoneNumber.parse("13812345678"))
    return Task(
        TaskId(0), "c", policy_no, Policyholder("王芳"), (phone,), "安心年金", Decimal("0.10"), 10, "s"
    )


async def test_it_survives_closing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "dialer.sqlite"
    store = await SqlStore.open(path)
    await store.add_tasks([a_task()], NOW)
    await store.close()
    again = await SqlStore.open(f"sqlite:///{path}")
    assert [task.premium for task in await again.tasks()] == [Decimal("0.10")]
    await again.close()


async def test_the_file_is_private_and_every_commit_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def pragmas(connection: Connection, *_: object) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    for kind in (store._database.read, store._database.write):
        assert await kind(pragmas) == ["wal", 2, 1]
    await store.close()


async def test_a_locked_database_is_tried_again_then_told(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(path, QUICK)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = asyncio.get_running_loop().time()
    with pytest.raises(StoreError, match="locked by another process") as caught:
        await store.add_tasks([a_task()], NOW)
    waited = asyncio.get_running_loop().time() - before
    assert 3 * 0.05 <= waited < 5, "one try and two more, each with the busy timeout"
    assert str(path) in str(caught.value)
    assert await store.tasks() == [], "readers go on"
    other.execute("ROLLBACK")
    assert (await store.add_tasks([a_task()], NOW)).accepted == 1
    other.close()
    await store.close()


async def test_a_short_lock_is_waited_out(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(path, StoreConfig(busy_timeout_s=0.05, busy_retries=100))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.add_tasks([a_task()], NOW))
    done, _ = await asyncio.wait([writing], timeout=0.3)
    assert not done
    other.execute("ROLLBACK")
    assert (await asyncio.wait_for(writing, 10)).accepted == 1
    other.close()
    await store.close()


async def test_a_locked_database_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await (await SqlStore.open(path)).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        await SqlStore.open(path, QUICK)
    other.close()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    path.write_bytes(b"this is a letter, not a database\n" * 100)
    with pytest.raises(StoreError, match="isn't a database"):
        await SqlStore.open(path)
    assert path.read_bytes().startswith(b"this is a letter")


async def filled(path: Path) -> None:
    store = await SqlStore.open(path)
    await store.add_tasks([a_task(f"P{n}") for n in range(400)], NOW)
    await store.close()


async def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await filled(path)
    content = bytearray(path.read_bytes())
    content[8 * 4096 : -4096] = b"\xa5" * (len(content) - 9 * 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        await SqlStore.open(path)


async def test_a_truncated_database(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await filled(path)
    path.write_bytes(path.read_bytes()[: 10 * 4096])
    with pytest.raises(StoreError, match="damaged"):
        await SqlStore.open(path)


async def test_damage_met_later_is_told_without_values(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await filled(path)
    content = bytearray(path.read_bytes())
    content[8 * 4096 : -4096] = b"\xa5" * (len(content) - 9 * 4096)
    path.write_bytes(content)

    async def work() -> None:
        store = await SqlStore.open(path, StoreConfig(quick_check=False))
        try:
            await store.add_tasks([a_task("NEW")], NOW)
            await store.tasks()
        finally:
            await store.close()

    with pytest.raises(StoreError, match="damaged") as caught:
        await work()
    assert "王芳" not in str(caught.value)
    assert "13812345678" not in str(caught.value)


async def test_a_database_from_the_future(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    await (await SqlStore.open(path)).close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    other.close()
    with pytest.raises(StoreError, match=r"newer version \(revision 9999\)"):
        await SqlStore.open(path)


async def test_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
        other.execute("INSERT INTO tasks (title) VALUES ('mine')")
    other.close()
    with pytest.raises(StoreError, match="already exists"):
        await SqlStore.open(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("tasks",)], "all or nothing"
    other.close()


async def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be opened"):
        await SqlStore.open(tmp_path / "file" / "dialer.sqlite")
    with pytest.raises(StoreError, match="can't be opened"):
        await SqlStore.open(tmp_path)
    with pytest.raises(StoreError, match="URL can't be read"):
        await SqlStore.open("://x")


async def test_two_openers_at_once_migrate_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(SqlStore.open(tmp_path / "dialer.sqlite") for _ in range(4)))
    assert (await stores[0].add_tasks([a_task()], NOW)).accepted == 1
    assert len(await stores[3].tasks()) == 1
    for store in stores:
        await store.close()


async def test_naive_times_are_refused(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite")
    with pytest.raises(StoreError, match="naive"):
        await store.add_tasks([a_task()], datetime(2026, 11, 10))
    assert await store.tasks() == []
    await store.close()


async def test_a_cancelled_write_leaves_the_store_usable(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite")
    for n in range(20):
        job = asyncio.create_task(store.add_tasks([a_task(f"P{n}")], NOW))
        for _ in range(n):
            await asyncio.sleep(0)
        job.cancel()
        await asyncio.wait([job])
    await store.add_tasks([a_task("last")], NOW)
    assert "last" in [task.policy_no for task in await store.tasks()]
    await store.close()


async def test_a_write_cut_at_any_moment_frees_the_lock(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", StoreConfig(busy_timeout_s=1, busy_retries=0))
    await store.add_tasks([a_task()], NOW)
    claim = await store.claim(TaskId(1), "node", 30, NOW)
    assert claim is not None
    for n in range(300):
        job = asyncio.create_task(store.renew(claim, 30))
        await asyncio.sleep(n % 60 * 0.0002)
        job.cancel()
        await asyncio.wait([job])
        await store.renew(claim, 30)
    await store.close()


async def test_no_traceback_tells_a_name_or_a_number(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite", QUICK)
    other = sqlite3.connect(tmp_path / "dialer.sqlite", isolation_level=None)
    other.execute("CREATE TRIGGER t BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'no'); END")
    for at in (NOW, datetime(2026, 11, 10)):
        with pytest.raises(StoreError) as caught:
            await store.add_tasks([a_task()], at)
        told = "".join(traceback.format_exception(caught.value))
        assert "王芳" not in told
        assert "13812345678" not in told
    other.close()
    await store.close()


async def test_a_full_disk_is_told_and_nothing_half_written(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "dialer.sqlite")

    def narrow(connection: Connection, _: object) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    await store._database.write(narrow)
    with pytest.raises(StoreError, match="the disk is full"):
        await store.add_tasks([a_task(f"P{n}") for n in range(600)], NOW)
    assert await store.tasks() == []
    assert await store.outbox(10) == []
    await store.close()
