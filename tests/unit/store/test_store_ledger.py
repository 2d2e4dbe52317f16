"""What a task's story asks beside its decisions, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.errors import StoreError
from dialer.model import Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.verdict import Decision, Dial, Verdict, Wait
from dialer.ports import Candidate
from dialer.store import SqlStore, inputs

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    place = tmp_path / "d.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = await SqlStore.open(place)
    phones = [Phone(PhoneNumber.parse(f"1380000000{n}")) for n in range(4)]
    tasks = [
        Task(TaskId(0), "c", f"P{n}", Policyholder("王芳"), (phone,), "年金", Decimal(1), 1, "s")
        for n, phone in enumerate(phones)
    ]
    await made.add_tasks(tasks, NOW)
    yield made
    await made.close()


def dial(slot: str, one: Candidate) -> Decision:
    return Decision(Dial(one.task.phones[0].number, slot, NOW + timedelta(hours=1)), ())


async def test_calls_are_counted_by_window(store: SqlStore) -> None:
    for n, slot in ((1, "2026-11-10/0"), (2, "2026-11-10/0"), (3, "2026-11-10/1")):
        claim = await store.claim(TaskId(n), "n", 60, NOW)
        assert claim is not None
        await store.barrier(claim, lambda one, slot=slot: dial(slot, one), NOW)
    found = await store.calls_in_slots(["2026-11-10/0", "2026-11-10/1", "2026-11-11/0"])
    assert found == {"2026-11-10/0": 2, "2026-11-10/1": 1, "2026-11-11/0": 0}


async def test_what_stopped_everybody_is_found_by_time(store: SqlStore) -> None:
    def wait(rule: str, second: int) -> Verdict:
        return Wait(NOW + timedelta(seconds=second + 15), rule, f"{rule} {second}", rule)

    said = ((1, "R75", 0), (1, "R75", 15), (2, "R7", 20), (3, "R43", 30), (3, "R7", 3600))
    for task, rule, second in said:
        decision = Decision(wait(rule, second), ())
        await store.record_decision(TaskId(task), decision, NOW + timedelta(seconds=second))
    found = await store.faults(NOW, NOW + timedelta(hours=1))
    assert [one.verdict.why for one in found] == ["R75 0", "R7 20"]
    assert await store.faults(NOW + timedelta(hours=2), NOW + timedelta(hours=3)) == ()


async def test_when_a_task_came(store: SqlStore) -> None:
    assert await store.imported_at(TaskId(1)) == NOW
    assert await store.imported_at(TaskId(9)) is None


@pytest.mark.parametrize("text", ["", "{}", '{"now": 1}', "null"])
def test_inputs_that_cannot_be_read_are_damage(text: str) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        inputs.decode(text)
