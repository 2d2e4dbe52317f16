"""Exports in a browser: made of one's own approved request, whole, provable, fetched through the grant."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from web_home import SOUND, Browser, Desk

from dialer.archive.daily import sign_days
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId
from dialer.webdesk import index_form
from dialer.webexports import open_exports

ZIP = "/requests/1/export.zip"


async def shown(browser: Browser, wanted: Callable[[str], bool]) -> str:
    """The table, once it is as wanted."""
    for _ in range(400):
        text = (await browser.get("/exports/list")).text
        if wanted(text):
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(text)


async def made(browser: Browser, request: int = 1) -> httpx.Response:
    """Asks for the export, and waits for the page to offer it."""
    answer = await browser.post(f"/requests/{request}/export")
    assert (answer.status_code, answer.headers["location"]) == (303, "/exports")
    text = await shown(browser, lambda text: "hx-trigger" not in text)
    assert f'href="/requests/{request}/export.zip"' in text, text
    return await browser.get(f"/requests/{request}/export.zip")


def logged(desk: Desk, kind: ArchiveEvent) -> list[tuple[str, object]]:
    return [(one.by, one.details.get("tried")) for one in desk.log.entries if one.kind is kind]


async def test_an_export_is_made_fetched_and_proves_itself(desk: Desk, tmp_path: Path) -> None:
    await sign_days(desk.house.exports._archive.config, desk.store.archive, desk.clock() + timedelta(days=1))
    browser = await desk.granted(calls=(1, 3), use="regulator")
    page = (await browser.get("/exports")).text
    assert "F-1" in page
    assert "生成" in page
    assert (await browser.get(ZIP)).status_code == 404, "not made yet"
    answer = await made(browser)
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    folder = tmp_path / "export-1"
    assert (folder / "calls/00000001.wav").read_bytes() == SOUND
    about = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["about"]
    assert (about["filing_no"], about["requester"], about["approved_by"]) == ("F-1", "qa1", "chief")
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-I", "verify.py"], cwd=folder, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    exported = [
        one for one in await desk.store.archive.log_of(CallId(3)) if one.kind is ArchiveEvent.EXPORTED
    ]
    assert [(one.by, one.details["request"]) for one in exported] == [("qa1", 1)]
    assert logged(desk, ArchiveEvent.ACCESSED) == [("qa1", None)], "each fetch is in the log"


async def test_only_the_requester_and_only_what_may_leave(desk: Desk) -> None:
    browser = await desk.granted(calls=(1,), use="download")
    await made(browser)
    await desk.granted("qa2", (1,), "listen")
    chief, other = await desk.signed_in("chief"), await desk.signed_in("qa2")
    assert "已生成" in (await chief.get("/exports")).text
    assert "export.zip" not in (await chief.get("/exports")).text
    for who, path, status in (
        (chief, ZIP, 403), (other, ZIP, 404), (other, "/requests/2/export.zip", 403),
        (other, "/requests/99/export.zip", 404), (await desk.signed_in("root1"), "/exports", 403),
    ):  # fmt: skip
        answer = await who.get(path)
        assert answer.status_code == status, path
        assert SOUND[58:90] not in answer.content
    assert (await chief.post("/requests/1/export")).status_code == 403
    assert (await other.post("/requests/2/export")).status_code == 403, "for listening only"
    assert logged(desk, ArchiveEvent.DENIED) == [
        ("chief", "export"), ("qa2", "export"), ("chief", "export"), ("qa2", "export"),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["over", "revoked"])
async def test_what_was_made_goes_with_the_grant(desk: Desk, how: str) -> None:
    browser = await desk.granted(calls=(1,), use="download")
    await made(browser)
    folder = desk.root.parent / "exports"
    assert [path.name for path in folder.iterdir()] == ["export-1.zip"]
    if how == "over":
        desk.clock.move_to(desk.clock() + timedelta(hours=24))
        browser = await desk.signed_in("qa1")
    else:
        chief = await desk.signed_in("chief")
        assert (await chief.post("/requests/1/revocation", why="客户撤回同意")).status_code == 303
    assert (await browser.get(ZIP)).status_code == 403
    assert (await browser.post("/requests/1/export")).status_code == 403
    assert "export.zip" not in (await browser.get("/exports")).text
    assert [*folder.iterdir()] == []


async def test_one_that_fails_says_so_and_can_be_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await desk.granted(calls=(1,), use="download")
    room = desk.house.exports._archive.room

    async def broken(_: CallId) -> None:
        raise ArchiveError("the object store is away")

    with monkeypatch.context() as patch:
        patch.setattr(room, "open", broken)
        await browser.post("/requests/1/export")
        text = await shown(browser, lambda text: "导出失败" in text)
    assert "object store" not in text
    assert (await browser.get(ZIP)).status_code == 404
    assert (await made(browser)).status_code == 200


async def test_nothing_that_was_made_outlives_the_pages(desk: Desk, tmp_path: Path) -> None:
    archive, folder = desk.house.exports._archive, tmp_path / "made"
    folder.mkdir()
    (folder / "export-7.zip").write_bytes(b"of a process that was killed")
    async with open_exports(archive, folder, index_form, desk.clock):
        assert [*folder.iterdir()] == []
    assert not folder.exists()
