"""Evidence in a real object store with object lock: Ceph's radosgw, started here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rados import ACCESS, SECRET, PrivateRados, missing_programs

from dialer.archive.s3 import S3Shelf
from dialer.archive.shelf import S3
from dialer.archive.wav import HEADER_SIZE
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, KeptState
from dialer.testing.archives import CHINA, House, audio, house

pytestmark = pytest.mark.slow

LONG_AGO = datetime.now(CHINA) - timedelta(days=3 * 366 + 9)
KEY = "ef" * 32


@pytest.fixture(scope="module")
def rados() -> Iterator[PrivateRados]:
    if missing := missing_programs():
        pytest.fail(
            f"missing: {', '.join(missing)}: apt-get install radosgw ceph-mon ceph-osd", pytrace=False
        )
    server = PrivateRados()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def spooling(rados: PrivateRados, folder: Path, bucket: str, **settings: Any) -> AsyncIterator[House]:
    """An archive whose evidence moves to ``bucket``."""
    environ = {"DIALER_S3_KEY_ID": ACCESS, "DIALER_S3_KEY": SECRET}
    (folder / "key").write_text(KEY)
    settings |= {"s3_bucket": bucket, "s3_endpoint": rados.endpoint, "s3_prefix": "hf/"}
    async with (
        house(folder, key_file=folder / "key", **settings) as one,
        S3Shelf.open(one.config, environ) as s3,
    ):
        one.s3 = s3
        one.open()
        yield one


def files(one: House) -> list[str]:
    return [path.name for path in one.config.root.glob("20*/**/*") if path.is_file()]


async def test_evidence_moves_and_nobody_can_delete_or_shorten_it(
    rados: PrivateRados, tmp_path: Path
) -> None:
    await rados.make_bucket("recordings")
    async with spooling(rados, tmp_path, "recordings") as one:
        one.now = datetime.now(CHINA)
        call = await one.call()
        await one.settle()
        kept = await one.index.kept(call)
        assert kept is not None
        assert (kept.state, kept.place) == (KeptState.KEPT, S3)
        assert kept.audio_version
        assert files(one) == [], "the spool is empty once the store has it"
        assert await one.verify() == []
        kinds = [entry.kind for entry in await one.index.log_of(call)]
        assert kinds == [ArchiveEvent.SEALED, ArchiveEvent.STORED]
        reader = await one.room.open(call)
        assert await reader.read(HEADER_SIZE + 65530, 20) == audio(call)[65530:65550]

        client: Any = one.s3._client  # type: ignore[union-attr]
        where = {"Bucket": "recordings", "Key": f"hf/{kept.audio}", "VersionId": kept.audio_version}
        lock = (await client.get_object_retention(**where))["Retention"]
        assert lock["Mode"] == "COMPLIANCE"
        ends = lock["RetainUntilDate"].astimezone(CHINA)
        assert (ends.date(), ends.hour) == (kept.retain_until + timedelta(days=1), 0)
        shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=1)}
        for attempt in (
            lambda: client.delete_object(**where),
            lambda: client.delete_object(**where, BypassGovernanceRetention=True),
            lambda: client.put_object_retention(**where, Retention=shorter, BypassGovernanceRetention=True),
        ):
            with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
                await attempt()
        await client.delete_object(Bucket="recordings", Key=f"hf/{kept.audio}")
        assert await one.verify() == [], "a delete marker hides nothing from who knows the version"

        await one.sweeper.hold([call], one.now, "lin", "court")
        held = await client.get_object_legal_hold(**where)
        assert held["LegalHold"]["Status"] == "ON"
        assert await one.verify() == []


async def test_the_sweep_waits_for_the_servers_lock(rados: PrivateRados, tmp_path: Path) -> None:
    """Our clock says that three years are over; the server's doesn't."""
    await rados.make_bucket("waiting")
    async with spooling(rados, tmp_path, "waiting") as one:
        one.now = datetime.now(CHINA)
        call = await one.call()
        await one.settle()
        one.now += timedelta(days=3 * 366 + 2)
        await one.sweeper.list_due(one.now, "lin")
        await one.sweeper.approve(one.now, "zhao")
        swept = await one.sweeper.sweep(one.now, "lin")
        assert swept.expired == ()
        assert [(waiting, "AccessDenied" in why) for waiting, why in swept.waiting] == [(call, True)]
        kept = await one.index.kept(call)
        assert kept is not None
        assert kept.state is KeptState.APPROVED
        assert await one.verify() == []
        assert (await (await one.room.open(call)).read(HEADER_SIZE, 16)) == audio(call)[:16]


async def test_what_is_out_of_its_lock_goes_and_is_seen_to_be_gone(
    rados: PrivateRados, tmp_path: Path
) -> None:
    await rados.make_bucket("past")
    async with spooling(rados, tmp_path, "past") as one:
        assert one.s3 is not None
        client: Any = one.s3._client
        put = await client.put_object(Bucket="past", Key="hf/a.wav", Body=b"abc")
        assert await one.s3.digest("a.wav", put["VersionId"]) == (hashlib.sha256(b"abc").hexdigest(), 3)
        for _ in range(2):  # what is gone already is fine
            await one.s3.remove("a.wav", put["VersionId"])
            assert await one.s3.digest("a.wav", put["VersionId"]) is None


async def test_a_spool_that_is_older_than_its_retention_is_still_sent(
    rados: PrivateRados, tmp_path: Path
) -> None:
    await rados.make_bucket("late")
    async with spooling(rados, tmp_path, "late") as one:
        one.now = LONG_AGO
        call = await one.call()
        one.now = datetime.now(CHINA)
        await one.settle()
        kept = await one.index.kept(call)
        assert kept is not None
        assert kept.place == S3


async def test_a_bucket_without_lock_gets_nothing(rados: PrivateRados, tmp_path: Path) -> None:
    await rados.make_bucket("open", lock=False)
    async with spooling(rados, tmp_path, "open") as one:
        one.now = datetime.now(CHINA)
        call = await one.call()
        await one.settle()
        kept = await one.index.kept(call)
        assert kept is not None
        assert kept.place == "local"
        assert len(files(one)) == 3


async def test_the_spool_holds_while_the_store_is_away(rados: PrivateRados, tmp_path: Path) -> None:
    await rados.make_bucket("away")
    async with spooling(rados, tmp_path, "away") as one:
        one.now = datetime.now(CHINA)
        rados.stop_gateway()
        try:
            call = await one.call()
            await one.settle()
            before = await one.index.kept(call)
            assert before is not None
            assert (before.state, before.place) == (KeptState.SEALED, "local")
            assert len(files(one)) == 3, "evidence, sidecar, and the clear copy until it may go"
            assert await one.verify() == []
            assert (await (await one.room.open(call)).read(HEADER_SIZE, 16)) == audio(call)[:16]
        finally:
            rados.start_gateway()
        one.open()
        await one.settle()
        after = await one.index.kept(call)
        assert after is not None
        assert after == replace(
            before, state=KeptState.KEPT, place=S3,
            audio_version=after.audio_version, sidecar_version=after.sidecar_version,
        )  # fmt: skip
        assert after.retain_until == before.retain_until, "the clock of its retention didn't start anew"
        assert files(one) == []


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import asyncio
    import sys

    from dialer.archive.config import ArchiveConfig

    monkeypatch.setitem(sys.modules, "aioboto3", None)

    async def use() -> None:
        async with S3Shelf.open(ArchiveConfig(tmp_path, s3_bucket="b"), os.environ):
            pass

    with pytest.raises(ArchiveError, match=r"pip install 'huifang-dialer\[s3\]'"):
        asyncio.run(use())
