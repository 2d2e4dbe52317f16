"""The archive's index and log on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from dialer import proof
from dialer.archive.config import ArchiveConfig
from dialer.errors import StoreError
from dialer.model import ArchiveEvent, CallId, KeptState
from dialer.store import SqlStore
from dialer.testing.archives import TUESDAY, House


@pytest.fixture(params=["sqlite", "postgres"])
async def one(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    place: str | Path = tmp_path / "dialer.sqlite"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres_url")
    store = await SqlStore.open(place)
    config = ArchiveConfig(tmp_path / "recordings", min_free_bytes=0, sign_key_file=tmp_path / "sign.pem")
    yield House(config, store)
    await store.close()


async def test_many_append_and_the_chain_holds(one: House) -> None:
    await asyncio.gather(
        *(
            one.index.append(ArchiveEvent.ACCESSED, CallId(n), "lin", TUESDAY, {"grant": n, "why": "复核"})
            for n in range(1, 31)
        )
    )
    entries = await one.index.log_page(0, 99)
    assert [entry.seq for entry in entries] == list(range(1, 31))
    prev = proof.GENESIS
    for entry in entries:
        assert f'"prev":"{prev}"' in entry.body
        prev = proof.leaf_hash(entry.body)
        assert entry.hash == prev
    assert {entry.call_id for entry in entries} == set(range(1, 31))
    (only,) = await one.index.log_of(CallId(7))
    assert (only.kind, only.by, only.at, dict(only.details)) == (
        ArchiveEvent.ACCESSED, "lin", TUESDAY, {"grant": 7, "why": "复核"},
    )  # fmt: skip
    last = await one.index.last_entry()
    assert last is not None
    assert last.seq == 30
    assert await one.index.last_entry(ArchiveEvent.HELD) is None


async def test_the_database_refuses_to_change_an_entry(one: House) -> None:
    await one.index.append(ArchiveEvent.HELD, CallId(1), "lin", TUESDAY, {})
    for statement in ("UPDATE archive_log SET kind = 'x'", "DELETE FROM archive_log"):
        with pytest.raises(StoreError):
            await one.store._group.alone(
                lambda connection, _, statement=statement: connection.execute(text(statement))
            )
    assert [entry.kind for entry in await one.index.log_page(0, 9)] == [ArchiveEvent.HELD]


async def test_a_whole_archive(one: House) -> None:
    for _ in range(3):
        await one.call()
    views, settled = await one.index.unsealed(CallId(0), 9)
    assert ([view.attempt.id for view in views], settled) == ([1, 2, 3], 0)
    await one.settle()
    assert await one.index.unsealed(CallId(0), 9) == ([], 3)
    assert await one.verify() == []
    assert await one.index.tally() == [(KeptState.KEPT, "local", False, 3, pytest.approx(290_000, rel=0.1))]
    one.now += timedelta(days=3 * 366 + 2)
    await one.sweeper.list_due(one.now, "lin")
    await one.sweeper.approve(one.now, "zhao")
    assert (await one.sweeper.sweep(one.now, "lin")).expired == (1, 2, 3)
    assert await one.verify() == []


async def test_of_two_who_change_a_row_one_is_refused_and_nothing_is_said_of_him(one: House) -> None:
    await one.call()
    await one.settle()
    kept = await one.index.kept(CallId(1))
    assert kept is not None
    await one.index.change([(kept, replace(kept, state=KeptState.LISTED))], ())
    before = await one.index.last_entry()
    with pytest.raises(StoreError, match="changed meanwhile"):
        await one.index.change([(kept, replace(kept, hold=True))], ())
    with pytest.raises(StoreError):
        await one.index.change([(None, kept)], ())
    assert await one.index.last_entry() == before
