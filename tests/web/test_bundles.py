"""What leaves the house: only what was approved, whole, provable without our software, and in the log."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import soundfile
from web_home import PASSWORD, SOUND, Desk

from dialer import bundles, webdesk
from dialer.access.requests import AccessRequest, State, Use, Wish, ask, decide
from dialer.errors import AccessRefused, ArchiveError, ConfigError
from dialer.locks import only_one
from dialer.model import ArchiveEvent, CallId, Disposition
from dialer.packing import Form
from dialer.site import Site

FORM = Form("zh", {one: one.value for one in Disposition})
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def home(desk: Desk) -> Path:
    """The desk's folder as an installation."""
    folder = desk.root.parent
    (folder / "config").mkdir()
    (folder / "config" / "dialer.toml").write_text(
        '[trunk]\nname = "t"\nhost = "127.0.0.1"\n[archive]\nmin_free_bytes = 0\n', encoding="utf-8"
    )
    return folder


async def approved(desk: Desk, *calls: int, use: Use = Use.REGULATOR, hours: int = 24) -> AccessRequest:
    qa, chief = [await desk.house.access.account(name) for name in ("qa1", "chief")]
    assert qa is not None
    assert chief is not None
    wish = Wish("报送监管检查", tuple(map(CallId, calls)), use, hours, "备2026-7")
    made = await desk.house.access.add_request(ask(qa, wish, NOW, desk.house.config))
    decided = decide(made, chief, NOW, approve=True)
    assert await desk.house.access.save_decision(decided)
    return decided


def verified(folder: Path) -> tuple[int, str]:
    """As the receiver would, without our software."""
    done = subprocess.run(
        [sys.executable, "-I", "verify.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


async def test_an_approved_export_proves_itself(desk: Desk, home: Path, tmp_path: Path) -> None:
    request = await approved(desk, 1, 3)
    await _days_signed(home)
    form = Form("zh", FORM.names, mp3=True)
    before = os.listdir(tmp_path)
    made = await bundles.export(home, request.id, tmp_path / "out", form, PASSWORD, NOW)
    assert {*os.listdir(tmp_path)} - {*before} == {"out"}, "no lock is left"
    assert made.calls == 2
    code, said = await asyncio.to_thread(verified, made.folder)
    assert code == 0, said
    assert (made.folder / "calls/00000001.wav").read_bytes() == SOUND
    sound, rate = soundfile.read(made.folder / "calls/00000003.mp3")
    assert (rate, sound.shape[1]) == (8000, 2)
    assert abs(len(sound) / rate - 20) < 0.2
    about = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))["about"]
    assert (about["filing_no"], about["requester"], about["approved_by"]) == ("备2026-7", "qa1", "chief")
    rows = [*openpyxl.load_workbook(BytesIO((made.folder / "index.xlsx").read_bytes())).active.values]
    assert [row[0] for row in rows] == ["通话编号", 1, 3]
    for call in (1, 3):
        (entry,) = [
            one for one in await desk.store.archive.log_of(CallId(call)) if one.kind is ArchiveEvent.EXPORTED
        ]
        assert (entry.by, entry.details["request"]) == ("qa1", request.id)
    whole = (made.folder / "calls/00000001.wav").read_bytes()
    (made.folder / "calls/00000001.wav").write_bytes(whole[:-1] + b"\x00")
    code, said = await asyncio.to_thread(verified, made.folder)
    assert code == 1
    assert "calls/00000001.wav: changed" in said


async def test_of_two_at_once_into_one_folder_the_second_is_refused(
    desk: Desk, home: Path, tmp_path: Path
) -> None:
    """It used to sweep away what the first had written."""
    request, part = await approved(desk, 1), tmp_path / ".out.part"
    part.mkdir()
    with only_one(tmp_path / ".out.lock", ConfigError):
        with pytest.raises(ConfigError) as refused:
            await bundles.export(home, request.id, tmp_path / "out", FORM, PASSWORD, NOW)
        wanted = f"{tmp_path / 'out'}: is being written already (process {os.getpid()}): name another folder"
        assert (str(refused.value), part.exists()) == (wanted, True)
    await bundles.export(home, request.id, tmp_path / "out", FORM, PASSWORD, NOW)
    assert not part.exists(), "what one left that was killed"


async def _days_signed(home: Path) -> None:
    from dialer import recordroom

    await recordroom.roots(home, NOW - timedelta(days=1))


async def test_one_that_is_told_to_end_leaves_no_recording(
    desk: Desk, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that still writes can't be cancelled: what it writes is cleared up after it."""
    request = await approved(desk, 1, 3)
    real, began, may_end = Path.mkdir, threading.Event(), threading.Event()
    modes: list[int] = []

    def held_up(path: Path, *given: Any, **named: Any) -> None:
        if path.name == "calls":
            modes.append(stat.S_IMODE(path.parent.stat().st_mode))
            began.set()
            assert may_end.wait(20)
        real(path, *given, **named)

    monkeypatch.setattr(Path, "mkdir", held_up)
    out = tmp_path / "out"
    work = asyncio.create_task(bundles.export(home, request.id, out / "sealed", FORM, PASSWORD, NOW))
    assert await asyncio.to_thread(began.wait, 20)
    work.cancel()
    await asyncio.sleep(0.05)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    monkeypatch.undo()
    assert [*out.iterdir()] == []
    assert modes == [0o700], "its owner's alone"
    made = await bundles.export(home, request.id, out / "sealed", FORM, PASSWORD, NOW)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


async def test_a_folder_that_cant_be_made_is_named(desk: Desk, home: Path, tmp_path: Path) -> None:
    request = await approved(desk, 1)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"file/out.*can't be written: (Not a directory|File exists)"):
        await bundles.export(home, request.id, tmp_path / "file" / "out", FORM, PASSWORD, NOW)


async def test_nothing_leaves_without_a_grant_for_it(desk: Desk, home: Path, tmp_path: Path) -> None:
    listening = await approved(desk, 1, use=Use.LISTEN)
    request = await approved(desk, 1, hours=1)
    qa = await desk.house.access.account("qa1")
    assert qa is not None
    waiting = await desk.house.access.add_request(
        ask(qa, Wish("报送监管", (CallId(1),), Use.REGULATOR, 24, "F"), NOW, desk.house.config)
    )
    assert waiting.state is State.WAITING
    for number, at in (
        (99, NOW),
        (listening.id, NOW),
        (waiting.id, NOW),
        (request.id, NOW + timedelta(hours=1)),
    ):
        with pytest.raises(AccessRefused):
            await bundles.export(home, number, tmp_path / "out", FORM, PASSWORD, at)
    assert not (tmp_path / "out").exists()
    assert ArchiveEvent.EXPORTED not in [one.kind for one in await desk.store.archive.log_of(CallId(1))]


async def test_nobody_acts_in_another_persons_name(desk: Desk, home: Path, tmp_path: Path) -> None:
    request, day = await approved(desk, 1), date(2026, 11, 10)
    for _ in range(desk.house.config.max_failures):
        with pytest.raises(AccessRefused, match="密码不正确"):
            await bundles.export(home, request.id, tmp_path / "out", FORM, "a wrong one", NOW)
        with pytest.raises(AccessRefused, match="密码不正确"):
            await bundles.burn(home, day, day, tmp_path / "burn", FORM, "chief", "a wrong one", NOW)
    with pytest.raises(AccessRefused, match="锁定"):
        await bundles.burn(home, day, day, tmp_path / "burn", FORM, "chief", PASSWORD, NOW)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "burn").exists()
    assert ArchiveEvent.EXPORTED not in [one.kind for one in await desk.store.archive.log_of(CallId(1))]


async def test_a_revoked_grant_opens_nothing_any_more(desk: Desk, home: Path, tmp_path: Path) -> None:
    request = await approved(desk, 1)
    for by, password, why in (
        ("chief", "a wrong one", "泄露风险"), ("qa1", PASSWORD, "泄露风险"), ("chief", PASSWORD, "  "),
    ):  # fmt: skip
        with pytest.raises(AccessRefused):
            await webdesk.revoke_grant(home, request.id, by, password, why, NOW)
    revoked = await webdesk.revoke_grant(home, request.id, "chief", PASSWORD, "泄露风险", NOW)
    assert revoked.state is State.REVOKED
    with pytest.raises(AccessRefused, match="已撤销"):
        await bundles.export(home, request.id, tmp_path / "out", FORM, PASSWORD, NOW)
    (entry,) = [one for one in await desk.store.archive.log_of(CallId(1)) if one.kind is ArchiveEvent.REVOKED]
    assert (entry.by, entry.details["requester"], entry.details["why"]) == ("chief", "qa1", "泄露风险")
    for number in (request.id, 99):
        with pytest.raises(AccessRefused):
            await webdesk.revoke_grant(home, number, "chief", PASSWORD, "再次", NOW)


async def test_nothing_is_left_of_an_export_that_broke_off(desk: Desk, home: Path, tmp_path: Path) -> None:
    request = await approved(desk, 1, 3)
    next(desk.root.rglob("00000003-*.wav")).unlink()
    before = os.listdir(tmp_path)
    with pytest.raises(ArchiveError):
        await bundles.export(home, request.id, tmp_path / "out", FORM, PASSWORD, NOW)
    assert os.listdir(tmp_path) == before
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="there already"):
        await bundles.export(home, request.id, tmp_path / "out", FORM, PASSWORD, NOW)


async def test_a_burn_set_in_discs(desk: Desk, home: Path, tmp_path: Path) -> None:
    """R33: as many discs as ``disc_bytes`` makes, each provable by itself; burnt by a records manager."""
    config = home / "config" / "dialer.toml"
    config.write_text(config.read_text() + "[access]\ndisc_bytes = 1_700_000\n", encoding="utf-8")
    assert Site(home).settings.access.disc_bytes == 1_700_000
    await _days_signed(home)
    day = date(2026, 11, 10)
    with pytest.raises(AccessRefused, match="qa1"):
        await bundles.burn(home, day, day, tmp_path / "burn", FORM, "qa1", PASSWORD, NOW)
    made = await bundles.burn(home, day, day, tmp_path / "burn", FORM, "chief", PASSWORD, NOW)
    assert [(disc.folder.name, disc.calls) for disc in made] == [("disc-001", 2), ("disc-002", 1)]
    for number, disc in enumerate(made, 1):
        assert disc.size <= 1_700_000
        about = json.loads((disc.folder / "manifest.json").read_text(encoding="utf-8"))["about"]
        assert about["disc"] == f"{number}/2"
        code, said = await asyncio.to_thread(verified, disc.folder)
        assert code == 0, said
    other = date(2026, 11, 11)
    assert await bundles.burn(home, other, other, tmp_path / "none", FORM, "chief", PASSWORD, NOW) == []
