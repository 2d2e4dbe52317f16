"""The archive's log is found by moment, kind, person and call, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.access.search import LogQuery
from dialer.model import ArchiveEvent
from dialer.store import SqlStore

AT = datetime(2026, 11, 10, 2, tzinfo=UTC)
PEOPLE = ("chief", "qa_1", "qa-1", 'a"b\\c%', "chief", "Node-A")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_the_log_is_searched(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = request.getfixturevalue("postgres_url") if kind == "postgres" else tmp_path / "d.sqlite"
    store = await SqlStore.open(place)
    log = store.archive
    try:
        for n, by in enumerate(PEOPLE):
            what = ArchiveEvent.GRANTED if n % 2 else ArchiveEvent.DENIED
            await log.append(what, None, by, AT + timedelta(hours=n), {"by": "chief", "call": n})
        for query, expected in (
            (LogQuery(), [6, 5, 4, 3, 2, 1]),
            (LogQuery(limit=2), [6, 5]),
            (LogQuery(before=3), [2, 1]),
            (LogQuery(kind=ArchiveEvent.GRANTED), [6, 4, 2]),
            (LogQuery(by="chief"), [5, 1]),
            (LogQuery(by="Chief"), [5, 1]),
            (LogQuery(by="node-a"), [6]),
            (LogQuery(by="qa_1"), [2]),
            (LogQuery(by='a"b\\c%'), [4]),
            (LogQuery(by="%"), []),
            (LogQuery(start=AT + timedelta(hours=1), end=AT + timedelta(hours=3)), [3, 2]),
            (LogQuery(by="chief", end=AT + timedelta(hours=1)), [1]),
        ):
            assert [one.seq for one in await log.log_search(query)] == expected, query
    finally:
        await store.close()
    with pytest.raises(ValueError, match="5000"):
        LogQuery(limit=5001)
