"""Exports in a browser: made of one's own approved request, whole, provable, fetched through the grant."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_home import SOUND, Browser, Desk

from dialer import packing, webexports
from dialer.archive.daily import sign_days
from dialer.errors import ArchiveError, NodeRunning, StoreError
from dialer.model import ArchiveEvent, CallId
from dialer.webdesk import index_form
from dialer.webexports import WebExports, open_exports

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


async def test_what_was_made_goes_though_nobody_asks_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, folder = desk.house.exports, desk.root.parent / "exports"
    assert isinstance(exports, WebExports)
    await made(await desk.granted(calls=(1,), use="download"))
    await made(await desk.granted("qa2", (2,), "download"), 2)
    await exports.sweep()
    assert {path.name for path in folder.iterdir()} == {"export-1.zip", "export-2.zip"}
    chief = await desk.signed_in("chief")
    await chief.post("/requests/1/revocation", why="客户撤回同意")
    await exports.sweep()
    assert [path.name for path in folder.iterdir()] == ["export-2.zip"]

    async def away(_: int) -> None:
        raise StoreError("the database is away")

    monkeypatch.setattr(exports, "_request_of", away)
    await exports.sweep()
    assert [path.name for path in folder.iterdir()] == ["export-2.zip"]
    desk.clock.move_to(desk.clock() + timedelta(hours=24))
    await exports.sweep()
    assert [*folder.iterdir()] == [], "a database that is away keeps no grant alive"


async def test_a_row_that_can_t_be_read_keeps_no_grant_alive(desk: Desk) -> None:
    """A later version's state, as after a step back to this one."""
    exports, folder = desk.house.exports, desk.root.parent / "exports"
    assert isinstance(exports, WebExports)
    await made(await desk.granted(calls=(1,), use="download"))
    with closing(sqlite3.connect(desk.root.parent / "dialer.sqlite")) as database:
        database.execute("UPDATE access_requests SET state = 'suspended'")
        database.commit()
    with pytest.raises(StoreError, match="request 1: its row can't be read: 'suspended'"):
        await desk.store.access.request(1)
    await exports.sweep()
    assert [path.name for path in folder.iterdir()] == ["export-1.zip"]
    desk.clock.move_to(desk.clock() + timedelta(hours=24))
    await exports.sweep()
    assert [*folder.iterdir()] == []


async def test_one_that_can_t_be_removed_doesn_t_take_the_page_away(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    exports, file = desk.house.exports, desk.root.parent / "exports" / "export-1.zip"
    assert isinstance(exports, WebExports)
    browser = await desk.granted(calls=(1,), use="download")
    await made(browser)
    file.unlink()
    file.mkdir()
    desk.clock.move_to(desk.clock() + timedelta(hours=24))
    page = await (await desk.signed_in("qa1")).get("/exports")
    assert (page.status_code, "export.zip" in page.text) == (200, False)
    assert "export not removed" in caplog.text
    file.rmdir()
    file.write_bytes(b"its disk is back")
    await exports.sweep()
    assert not file.exists(), "tried again"


@pytest.mark.parametrize("step", ["_zipped", "_finish"])
async def test_a_grant_taken_back_while_it_is_packed_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever thread is at work when the grant ends: nothing that it writes stays."""
    exports, folder = desk.house.exports, desk.root.parent / "exports"
    assert isinstance(exports, WebExports)
    module = {"_zipped": webexports, "_finish": packing}[step]
    real, began, may_end = getattr(module, step), threading.Event(), threading.Event()

    def held_up(*given: object) -> object:
        began.set()
        assert may_end.wait(20)
        return real(*given)

    monkeypatch.setattr(module, step, held_up)
    browser = await desk.granted(calls=(1, 2), use="download")
    await browser.post("/requests/1/export")
    assert await asyncio.to_thread(began.wait, 20)
    chief = await desk.signed_in("chief")
    await chief.post("/requests/1/revocation", why="客户撤回同意")
    await exports.sweep()
    may_end.set()
    await exports.close()
    assert [*folder.iterdir()] == []
    assert (await browser.get(ZIP)).status_code == 403


async def test_what_waits_its_turn_asks_the_grant_again(desk: Desk) -> None:
    exports, folder = desk.house.exports, desk.root.parent / "exports"
    assert isinstance(exports, WebExports)
    browser = await desk.granted(calls=(1,), use="download")
    async with exports._one:  # another export is being made
        await browser.post("/requests/1/export")
        chief = await desk.signed_in("chief")
        await chief.post("/requests/1/revocation", why="客户撤回同意")
    await asyncio.gather(*exports._works)
    assert [*folder.iterdir()] == []
    left = [one for one in await desk.store.archive.log_of(CallId(1)) if one.kind is ArchiveEvent.EXPORTED]
    assert left == [], "nothing was taken out"


async def test_one_whose_file_is_gone_can_be_made_again(desk: Desk) -> None:
    folder = desk.root.parent / "exports"
    browser = await desk.granted(calls=(1,), use="download")
    await made(browser)
    shutil.rmtree(folder)
    assert "export.zip" not in (await browser.get("/exports")).text
    assert (await made(browser)).status_code == 200
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def opened(desk: Desk, folder: Path, sweep_s: float = 60) -> AbstractAsyncContextManager[WebExports]:
    ours = desk.house.exports
    assert isinstance(ours, WebExports)
    return open_exports(ours._archive, desk.store.access.request, folder, index_form, desk.clock, sweep_s)


async def test_nothing_that_was_made_outlives_the_pages(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "export-7.zip").write_bytes(b"of a process that was killed")
    async with opened(desk, folder):
        assert [*folder.iterdir()] == []
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "export-8.zip").write_bytes(b"in use")
        with pytest.raises(NodeRunning, match=rf"another dialer web runs on .*process {os.getpid()}"):
            async with opened(desk, folder):
                pytest.fail("two on one folder")
        assert (folder / "export-8.zip").exists()
    assert not folder.exists()


async def test_nothing_outlives_pages_that_are_told_to_end_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time while a thread still writes what the first is waiting for."""
    folder, began, may_end = tmp_path / "made", threading.Event(), threading.Event()
    real = webexports._zipped

    def held_up(*given: Any) -> int:
        began.set()
        assert may_end.wait(20)
        return real(*given)

    monkeypatch.setattr(webexports, "_zipped", held_up)
    browser = await desk.granted(calls=(1, 2), use="download")

    async def pages() -> None:
        async with opened(desk, folder) as exports:
            desk.furnished(exports=exports)
            await browser.post("/requests/1/export")
            assert await asyncio.to_thread(began.wait, 20)
            (folder / "export-9.zip").write_bytes(b"made before")

    work = asyncio.create_task(pages())
    assert await asyncio.to_thread(began.wait, 20)
    for _ in range(3):
        await asyncio.sleep(0.02)
        work.cancel()
    await asyncio.sleep(0.02)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not folder.exists()


async def test_the_pages_look_by_themselves_whether_a_grant_has_ended(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    browser = await desk.granted(calls=(1,), use="download")
    async with opened(desk, folder, sweep_s=0.01) as exports:
        desk.furnished(exports=exports)
        assert (await made(browser)).status_code == 200
        desk.clock.move_to(desk.clock() + timedelta(hours=24))
        await until_true(lambda: not [*folder.iterdir()])


async def test_a_fault_of_the_program_does_not_end_the_looking(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "made"
    browser = await desk.granted(calls=(1,), use="download")
    async with opened(desk, folder, sweep_s=0.01) as exports:
        desk.furnished(exports=exports)
        assert (await made(browser)).status_code == 200
        with monkeypatch.context() as broken:
            broken.setattr(exports, "_request_of", None)
            await until_true(lambda: "grants not looked at" in caplog.text)
        desk.clock.move_to(desk.clock() + timedelta(hours=24))
        await until_true(lambda: not [*folder.iterdir()])


async def until_true(there: Callable[[], bool]) -> None:
    for _ in range(2000):
        if there():
            return
        await asyncio.sleep(0.01)
    pytest.fail("in vain")


def configured(home: Path) -> int:
    """An installation; the port of its pages."""
    (home / "config").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    (home / "config" / "dialer.toml").write_text(
        f'[trunk]\nname = "t"\nhost = "127.0.0.1"\n[web]\nport = {port}\n[archive]\nmin_free_bytes = 0\n'
    )
    return port


def until(there: Callable[[], bool]) -> None:
    for _ in range(600):
        if there():
            return
        time.sleep(0.05)
    raise AssertionError("in vain")


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


_SLOW = """
import asyncio, pathlib, sys
from dialer import cli, webdesk
from dialer.webexports import WebExports
home, real = pathlib.Path(sys.argv[2]), WebExports.close
webdesk._FAREWELL_S = 1
async def close(self):
    (home / "ending").touch()
    while not (home / "may end").exists():
        await asyncio.sleep(0.02)
    await real(self)
WebExports.close = close
cli.main()
"""
"""The command, with a packing whose next step takes a while."""


def test_dialer_web_clears_up_though_it_is_told_to_end_again(tmp_path: Path) -> None:
    """The process is the real one; a browser that goes silent amid its request doesn't hold it up."""
    port = configured(tmp_path)
    command = [sys.executable, "-c", _SLOW, "--home", str(tmp_path), "--lang", "en", "web"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        until(lambda: listens(port))
        (tmp_path / "exports" / "export-1.zip").write_bytes(b"decrypted")
        with socket.create_connection(("127.0.0.1", port)) as stalled:
            stalled.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname="
            )
            time.sleep(0.3)
            process.terminate()
            until((tmp_path / "ending").exists)
            process.terminate()
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert process.poll() is None
            (tmp_path / "may end").touch()
            _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert not (tmp_path / "exports").exists()


def test_dialer_web_clears_up_when_it_is_told_to_end(tmp_path: Path) -> None:
    """The processes are the real ones: a service manager sends SIGTERM."""
    port = configured(tmp_path)
    command = [sys.executable, "-m", "dialer.cli", "--home", str(tmp_path), "--lang", "en", "web"]
    first = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        until(lambda: listens(port))
        (tmp_path / "exports" / "export-1.zip").write_bytes(b"decrypted")
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert second.returncode == 2
        wanted = f"dialer: another dialer web runs on {tmp_path} (process {first.pid}): stop it first"
        assert second.stderr.splitlines()[-1:] == [wanted]
        assert (tmp_path / "exports" / "export-1.zip").exists()
        first.terminate()
        _, said = first.communicate(timeout=60)
    finally:
        first.kill()
        first.wait()
    assert (first.returncode, b"Traceback" in said) == (0, False), said
    assert not (tmp_path / "exports").exists()
