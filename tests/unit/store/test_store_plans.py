"""No statement of a call looks through a whole table: what a call costs doesn't grow with the campaign."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from dialer.bus.local import Bus
from dialer.model import CallRecord, Disposition, Phone, PhoneNumber, Policyholder, Recording, Task, TaskId
from dialer.policy.verdict import Decision, Dial, Wait
from dialer.ports import Candidate
from dialer.store import SqlStore
from dialer.store.sqlite import SqliteDatabase
from dialer.store.tables import Base

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
TABLES = set(Base.metadata.tables)
SMALL = {"outbox"}
"""Tables that are read whole by design: the outbox holds what isn't published yet."""


def a_task(n: int) -> Task:
    phone = Phone(PhoneNumber.parse(f"138{n:08d}"))
    return Task(TaskId(0), "c", f"P{n}", Policyholder("王芳"), (phone,), "安心年金", Decimal(1), 10, "s")


def dial(candidate: Candidate) -> Decision:
    return Decision(Dial(candidate.task.phones[0].number, "s", NOW + timedelta(hours=1)), ())


@pytest.fixture
async def asked(tmp_path: Path) -> dict[str, list[str]]:
    """Every statement of a call's life, with SQLite's plan for it."""
    store = await SqlStore.open(tmp_path / "dialer.sqlite")
    await store.add_tasks([a_task(n) for n in range(300)], NOW)
    plans: dict[str, list[str]] = {}

    def look(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if statement.startswith(("WITH", "SELECT", "UPDATE", "DELETE")):
            values = parameters[0] if many else parameters
            found = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[attr-defined]
            plans[statement] = [row[3] for row in found.fetchall()]

    assert isinstance(store._database, SqliteDatabase)
    event.listen(store._database.engine, "before_cursor_execute", look)
    (first, second, *_) = await store.candidates(NOW, 20)
    await store.record_decision(second.task.id, Decision(Wait(NOW, "R44", "closed"), ()), NOW)
    await store.candidates(NOW + timedelta(hours=1), 20, ["c"])
    claim = await store.claim(first.task.id, "n1", 60, NOW)
    assert claim is not None
    await store.renew(claim, 60)
    _, attempt = await store.barrier(claim, dial, NOW)
    assert attempt is not None
    await store.note_ringing(attempt.id, NOW)
    await store.note_answered(attempt.id, NOW)
    recording = Recording(attempt.id, "a.wav", "ab", 1, 1.0, "PCMA", NOW, NOW, date(2030, 1, 1))
    record = CallRecord(attempt.id, first.task.id, Disposition.BUSY, NOW, recording=recording)
    await store.finish(claim, record)
    await store.finish(claim, record)
    await store.release(claim)
    await store.call(attempt.id)
    await store.decisions(first.task.id)
    await store.task_page(TaskId(5), 10)
    await Bus(store, []).drain()
    await store.close()
    return plans


async def test_every_statement_uses_an_index(asked: dict[str, list[str]]) -> None:
    assert len(asked) > 20
    for statement, plan in asked.items():
        for step in plan:
            scanned = re.match(r"SCAN (\w+)", step)
            assert scanned is None or scanned[1] not in TABLES - SMALL, f"{statement}\n{plan}"


async def test_the_queue_is_read_in_its_index_order(asked: dict[str, list[str]]) -> None:
    """However many tasks are open: each lane is read from its head, as is the list of those that wait."""
    queue = {
        statement: plan
        for statement, plan in asked.items()
        if any(re.search(r"INDEX ix_tasks_(ready|waiting|agreed)", step) for step in plan)
    }
    assert len(queue) == 5, (
        "the lanes alone, with their heads of all and of some campaigns, whose wait is over"
    )
    lane = "SEARCH tasks USING INDEX ix_tasks_ready (campaign=? AND zone=? AND segment=?)"
    assert any(lane in plan for plan in queue.values())
    for statement, plan in queue.items():
        assert "LIMIT" in statement
        for step in plan:
            assert "ix_tasks" not in step or re.match(r"SEARCH (tasks|after) USING INDEX ix_tasks_", step), (
                plan
            )
            assert "ix_tasks_agreed" not in step or "appointment<?" in step, "only what is due"
        assert sum("TEMP B-TREE" in step for step in plan) <= 2, "what was found is sorted, never a lane"
