"""Settings of ``[store]`` that only the real database has or that its own code reads."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.errors import StoreError
from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId, TaskState
from dialer.policy.verdict import Decision, Dial, Refuse, Verdict, Wait
from dialer.store import SqlStore, StoreConfig

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
NUMBER = PhoneNumber.parse("13812345678")


def a_task(policy_no: str = "P1") -> Task:
    holder = Policyholder("王芳")
    return Task(TaskId(0), "c", policy_no, holder, (Phone(NUMBER),), "A", Decimal(1), 1, "s")


@pytest.mark.parametrize("quick_check", [True, False])
async def test_damage_is_looked_for_at_the_start(quick_check: bool, tmp_path: Path) -> None:
    path = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(path)
    await store.add_tasks([a_task(f"P{n}") for n in range(400)], NOW)
    await store.close()
    content = bytearray(path.read_bytes())
    content[-8 * 4096 :] = b"\xa5" * (8 * 4096)
    path.write_bytes(content)
    if quick_check:
        with pytest.raises(StoreError, match="damaged"):
            await SqlStore.open(path, StoreConfig(quick_check=True))
    else:
        await (await SqlStore.open(path, StoreConfig(quick_check=False))).close()


@pytest.mark.parametrize(("busy_timeout_s", "busy_retries"), [(0.05, 1), (0.05, 11), (0.3, 1)])
async def test_how_long_a_locked_database_is_waited_for(
    busy_timeout_s: float, busy_retries: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "dialer.sqlite"
    config = StoreConfig(busy_timeout_s=busy_timeout_s, busy_retries=busy_retries)
    store = await SqlStore.open(path, config)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = asyncio.get_running_loop().time()
    with pytest.raises(StoreError, match="locked by another process"):
        await store.add_tasks([a_task()], NOW)
    waited_s = asyncio.get_running_loop().time() - before
    wanted_s = busy_timeout_s * (1 + busy_retries)
    assert wanted_s <= waited_s < 5
    again = [record for record in caplog.records if record.getMessage() == "database busy, trying again"]
    assert len(again) == busy_retries
    other.close()
    await store.close()


async def ruled(store: SqlStore, number: int, verdict: Verdict) -> Verdict:
    claim = await store.claim(TaskId(number), "n1", 60, NOW)
    assert claim is not None
    decision, _ = await store.barrier(claim, lambda candidate: Decision(verdict, ()), NOW)
    return decision.verdict


@pytest.mark.parametrize("customer_busy_wait_s", [60.0, 7.0])
async def test_how_long_the_customers_other_task_waits(customer_busy_wait_s: float, tmp_path: Path) -> None:
    store = await SqlStore.open(
        tmp_path / "dialer.sqlite", StoreConfig(customer_busy_wait_s=customer_busy_wait_s)
    )
    await store.add_tasks([a_task("P1"), a_task("P2")], NOW)
    dial = Dial(NUMBER, "s", NOW + timedelta(hours=1))
    assert await ruled(store, 1, dial) == dial
    wait = await ruled(store, 2, dial)
    assert isinstance(wait, Wait)
    assert wait.until == NOW + timedelta(seconds=customer_busy_wait_s)
    await store.close()


@pytest.mark.parametrize(("excluding_rules", "state"), [("R19", TaskState.EXCLUDED), ("R37", TaskState.OPEN)])
async def test_which_rules_exclude_for_good(excluding_rules: str, state: TaskState, tmp_path: Path) -> None:
    config = StoreConfig(excluding_rules=frozenset({excluding_rules}))
    store = await SqlStore.open(tmp_path / "dialer.sqlite", config)
    await store.add_tasks([a_task()], NOW)
    assert isinstance(await ruled(store, 1, Refuse("R19", "")), Refuse)
    assert [task.state for task in await store.tasks()] == [state]
    await store.close()
