"""The search index itself: rows of before, the numbers' secret, and what a search looks at."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from dialer.access.search import CallQuery
from dialer.errors import StoreError
from dialer.model import AnswerClass, Disposition, PhoneNumber
from dialer.store import SqlStore, StoreConfig
from dialer.store.sqlite import SqliteDatabase
from dialer.testing.archives import house

NUMBER = PhoneNumber.parse("13812340001")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database with a finished call."""

    async def make() -> None:
        async with house(tmp_path) as one:
            await one.call()

    asyncio.run(make())
    return tmp_path


async def found(folder: Path, query: CallQuery, config: StoreConfig | None = None) -> list[int]:
    store = await SqlStore.open(folder / "dialer.sqlite", config)
    try:
        return list((await store.search(query)).calls)
    finally:
        await store.close()


async def test_calls_of_before_the_index_are_found_once_it_is_there(folder: Path) -> None:
    with sqlite3.connect(folder / "dialer.sqlite") as before:
        before.execute("DELETE FROM found_calls")
        before.execute("DELETE FROM index_key")
        before.execute("INSERT INTO call_words (call_words) VALUES ('delete-all')")
    before.close()
    for query in (CallQuery(phone=NUMBER), CallQuery(words="收到"), CallQuery(name="王芳")):
        assert await found(folder, query) == [1]


async def test_numbers_stand_in_the_index_only_as_keyed_hashes(folder: Path) -> None:
    with sqlite3.connect(folder / "dialer.sqlite") as database:
        (row,) = database.execute("SELECT * FROM found_calls").fetchall()
    database.close()
    assert not any("1234" in str(value) for value in row)


async def test_another_secret_is_not_taken_for_the_right_one(folder: Path) -> None:
    assert await found(folder, CallQuery(phone=NUMBER)) == [1]
    with pytest.raises(StoreError, match="another secret"):
        await found(folder, CallQuery(phone=NUMBER), StoreConfig(number_secret=b"x"))


async def test_no_search_looks_through_all_calls(folder: Path) -> None:
    """Each walks an index, newest first; the plans are SQLite's own."""
    store = await SqlStore.open(folder / "dialer.sqlite")
    assert isinstance(store._database, SqliteDatabase)
    plans: list[str] = []

    def look(connection: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "found_calls" in statement and statement.startswith("SELECT"):
            explained = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
            plans.extend(row[3] for row in explained.fetchall())

    event.listen(store._database.engine, "before_cursor_execute", look)
    for query in (
        CallQuery(phone=NUMBER), CallQuery(name="王芳"), CallQuery(policy_no="P1"), CallQuery(branch="南京"),
        CallQuery(campaign="c"), CallQuery(seller="S"), CallQuery(agent="A"), CallQuery(words="收到"),
        CallQuery(outcome=Disposition.BUSY), CallQuery(question="received", answer_class=AnswerClass.NO),
        CallQuery(ticket=1), CallQuery(branch="南京", outcome=Disposition.BUSY, words="没"),
    ):  # fmt: skip
        await store.search(query)
    await store.close()
    assert len(plans) > 12
    for step in plans:
        assert not step.startswith("SCAN found_calls") or "USING" in step, step
        assert not step.startswith("SCAN answers"), step
