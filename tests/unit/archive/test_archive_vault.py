from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dialer.archive import ArchiveConfig, LocalVault
from dialer.archive.wav import HEADER_SIZE, WavHeader
from dialer.errors import ArchiveError
from dialer.media.disk import RecordingFile
from dialer.model import CallId, english
from dialer.ports import Archive, RecordedAudio

CHINA = timezone(timedelta(hours=8))
START = datetime(2026, 11, 10, 10, 0, 3, tzinfo=CHINA)
END = START + timedelta(seconds=1)
CALL = CallId(42)
AUDIO = bytes(range(250)) * 64
LIVE = bytes(replace(WavHeader.closed("PCMA", 0), data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF))


@pytest.fixture
def vault(tmp_path: Path) -> LocalVault:
    return LocalVault(ArchiveConfig(tmp_path / "recordings", min_free_bytes=0))


async def recorded(vault: LocalVault, call: CallId = CALL, at: datetime = START) -> RecordedAudio:
    """What the recorder leaves: a closed file under the reserved name."""
    path = await vault.reserve(call, at)
    path.write_bytes(bytes(WavHeader.closed("PCMA", len(AUDIO))) + AUDIO)
    return RecordedAudio(path, "PCMA", len(AUDIO) / 16000, path.stat().st_size)


async def torn(vault: LocalVault, content: bytes, at: datetime = START) -> Path:
    path = await vault.reserve(CALL, at)
    path.write_bytes(content)
    return path


def test_it_is_an_archive(vault: LocalVault) -> None:
    port: Archive = vault
    assert port.has_room() == (True, "")


async def test_a_sealed_call_has_its_name_hash_and_date(vault: LocalVault, tmp_path: Path) -> None:
    audio = await recorded(vault)
    assert audio.path == tmp_path / "recordings/2026/11/10/00000042-100003.wav.part"
    sealed = await vault.seal(CALL, audio, START, END)
    assert sealed.path == "2026/11/10/00000042-100003.wav"
    content = (tmp_path / "recordings" / sealed.path).read_bytes()
    assert content[HEADER_SIZE:] == AUDIO
    assert sealed.sha256 == hashlib.sha256(content).hexdigest()
    assert (sealed.size, sealed.duration_s, sealed.codec) == (len(content), 1.0, "PCMA")
    assert (sealed.started_at, sealed.ended_at) == (START, END)
    assert sealed.retain_until == date(2029, 11, 10)
    assert not sealed.partial
    assert not audio.path.exists()
    assert (await vault.verify(sealed)).ok


async def test_a_sealed_call_is_on_the_disk_with_every_folder_that_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the first one, whose root wasn't there: a power cut afterwards takes none of them."""
    root = tmp_path / "house" / "rehearsals"
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    vault = LocalVault(ArchiveConfig(root, min_free_bytes=0))
    assert vault.has_room() == (True, "")
    sealed = await vault.seal(CALL, await recorded(vault), START, END)
    file = root / sealed.path
    made = [file, *file.parents][: [file, *file.parents].index(tmp_path) + 1]
    assert {one.stat().st_ino for one in made} <= set(synced), "an entry may be lost"
    order = [synced.index(one.stat().st_ino) for one in (tmp_path, root, file)]
    assert order == sorted(order), "a folder's entry first, then what lies in it"
    assert synced[-1] == file.parent.stat().st_ino, "its name last of all"


async def test_day_and_retention_are_local(vault: LocalVault) -> None:
    night = datetime(2026, 11, 9, 16, 30, tzinfo=timezone(timedelta()))
    sealed = await vault.seal(CALL, await recorded(vault, at=night), night, night)
    assert sealed.path == "2026/11/10/00000042-003000.wav"
    assert sealed.retain_until == date(2029, 11, 10)


async def test_sealing_twice_gives_the_same_row(vault: LocalVault) -> None:
    audio = await recorded(vault)
    assert await vault.seal(CALL, audio, START, END) == await vault.seal(CALL, audio, START, END)


async def test_nothing_is_ever_overwritten(vault: LocalVault, tmp_path: Path) -> None:
    audio = await recorded(vault)
    with pytest.raises(FileExistsError, match="already"):
        RecordingFile(str(await vault.reserve(CALL, START)), "PCMA").open()
    sealed = await vault.seal(CALL, audio, START, END)
    with pytest.raises(FileExistsError, match="already"):
        RecordingFile(str(await vault.reserve(CALL, START)), "PCMA").open()
    audio.path.write_bytes(bytes(WavHeader.closed("PCMA", 2)) + b"xx")
    with pytest.raises(ArchiveError, match="overwritten"):
        await vault.seal(CALL, replace(audio, size=60), START, END)
    with pytest.raises(ArchiveError, match="overwritten"):
        await vault.repair(CALL, START)
    assert (await vault.verify(sealed)).ok


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(b"\0" * 500), "not a recording"),
        (lambda path: path.write_bytes(path.read_bytes()[:-2]), "bytes on disk"),
        (lambda path: path.write_bytes(LIVE + AUDIO), "header speaks of"),
    ],
)
async def test_a_spoilt_file_is_not_sealed(vault: LocalVault, spoil, says: str) -> None:  # type: ignore[no-untyped-def]
    audio = await recorded(vault)
    spoil(audio.path)
    with pytest.raises(ArchiveError, match=says):
        await vault.seal(CALL, audio, START, END)
    assert not audio.path.with_name("00000042-100003.wav").exists()


async def test_a_file_elsewhere_is_not_sealed(vault: LocalVault, tmp_path: Path) -> None:
    other = tmp_path / "x.wav.part"
    other.write_bytes(bytes(WavHeader.closed("PCMA", 0)))
    with pytest.raises(ArchiveError, match="outside"):
        await vault.seal(CALL, RecordedAudio(other, "PCMA", 0.0, 58), START, END)
    assert other.exists()


# --- after a crash ---------------------------------------------------------------------------------


async def test_no_file_no_recording(vault: LocalVault) -> None:
    assert await vault.repair(CALL, START) is None


@pytest.mark.parametrize("content", [b"", LIVE[:30], LIVE, LIVE + b"\x55"])
async def test_a_part_without_audio_goes(vault: LocalVault, content: bytes) -> None:
    path = await torn(vault, content)
    assert await vault.repair(CALL, START) is None
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 1])
async def test_a_part_becomes_a_playable_file(vault: LocalVault, tmp_path: Path, cut: int) -> None:
    path = await torn(vault, LIVE + AUDIO[: len(AUDIO) - cut])
    kept = len(AUDIO) - 2 * cut
    found = await vault.repair(CALL, START)
    assert found is not None
    assert found.partial
    assert found.path == "2026/11/10/00000042-100003.wav"
    assert not path.exists()
    content = (tmp_path / "recordings" / found.path).read_bytes()
    assert WavHeader.parse(content) == WavHeader.closed("PCMA", kept)
    assert content[HEADER_SIZE:] == AUDIO[:kept]
    assert found.duration_s == kept / 16000
    assert found.ended_at == START + timedelta(seconds=kept / 16000)
    assert found.retain_until == date(2029, 11, 10)
    assert (await vault.verify(found)).ok


async def test_repair_does_not_need_the_very_second(vault: LocalVault) -> None:
    midnight = datetime(2026, 11, 10, 23, 59, 50, tzinfo=CHINA)
    await torn(vault, LIVE + AUDIO, midnight)
    found = await vault.repair(CALL, midnight + timedelta(seconds=20))
    assert found is not None
    assert found.path == "2026/11/10/00000042-235950.wav"


async def test_a_crash_between_renaming_and_the_row(vault: LocalVault) -> None:
    sealed = await vault.seal(CALL, await recorded(vault), START, END)
    assert await vault.repair(CALL, START) == sealed


async def test_a_crash_between_closing_and_renaming(vault: LocalVault) -> None:
    await recorded(vault)
    found = await vault.repair(CALL, START)
    assert found is not None
    assert not found.partial, "the recorder had closed it: nothing is missing"
    assert (await vault.verify(found)).ok


async def test_a_broken_header_is_set_aside(vault: LocalVault) -> None:
    path = await torn(vault, b"\0" * HEADER_SIZE + AUDIO)
    assert await vault.repair(CALL, START) is None
    left = list(path.parent.iterdir())
    assert [one.name for one in left] == ["00000042-100003.wav.damaged"]
    assert left[0].read_bytes()[HEADER_SIZE:] == AUDIO


def kill_a_writer(path: Path) -> None:
    """A process of its own writes as the recorder does and is killed in the middle."""
    code = (
        "import os, sys\n"
        "fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n"
        "os.write(fd, bytes.fromhex(sys.argv[2]))\n"
        "while True:\n"
        "    os.write(fd, b'\\x55' * 321)\n"
        "    print('.', flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path), LIVE.hex()], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(5):
        assert writer.stdout.readline()
    writer.kill()
    writer.wait(10)
    writer.stdout.close()


async def test_killed_while_recording(vault: LocalVault) -> None:
    path = await vault.reserve(CALL, START)
    await asyncio.to_thread(kill_a_writer, path)
    found = await vault.repair(CALL, START)
    assert found is not None
    assert found.partial
    assert found.duration_s >= 5 * 321 / 16000 - 0.001
    assert (await vault.verify(found)).ok


# --- verify ----------------------------------------------------------------------------------------


async def test_verify_names_what_differs(vault: LocalVault, tmp_path: Path) -> None:
    sealed = await vault.seal(CALL, await recorded(vault), START, END)
    path = tmp_path / "recordings" / sealed.path
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    assert "SHA-256" in (await vault.verify(sealed)).differs[0]
    path.write_bytes(content + b"\0")
    assert "size" in (await vault.verify(sealed)).differs[0]
    path.unlink()
    assert (await vault.verify(sealed)).differs == ("the file is missing",)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    assert "out of the archive" in (await vault.verify(replace(sealed, path="../secret"))).differs[0]


# --- room ------------------------------------------------------------------------------------------


async def test_too_little_room_refuses(tmp_path: Path) -> None:
    vault = LocalVault(ArchiveConfig(tmp_path / "recordings", min_free_bytes=1 << 60))
    room, why = vault.has_room()
    assert not room
    assert "MB free" in english(why)
    assert "所在磁盘剩余" in why
    with pytest.raises(ArchiveError, match="MB free"):
        await vault.reserve(CALL, START)


async def test_a_watched_disk_is_never_touched_in_the_event_loop(
    vault: LocalVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by: list[str] = []
    for name in ("statvfs", "access", "mkdir", "stat"):
        real = getattr(os, name)

        def told(*args: object, real: Any = real, **more: object) -> object:
            asked_by.append(threading.current_thread().name)
            return real(*args, **more)

        monkeypatch.setattr(os, name, told)
    async with vault.watched():
        for call in range(1, 20):
            assert vault.has_room() == (True, "")
            assert (await vault.reserve(CallId(call), START)).parent.name == "10"
    assert asked_by
    assert threading.main_thread().name not in asked_by


async def test_a_watched_disk_that_fills_or_hangs_takes_no_call(
    vault: LocalVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.archive.vault._LOOK_S", 0.01)
    monkeypatch.setattr("dialer.archive.vault._SILENT_S", 0.05)
    hangs, free = threading.Event(), os.statvfs("/")
    async with vault.watched():
        await vault.reserve(CALL, START)
        full = os.statvfs_result((*free[:4], 0, *free[5:]))
        monkeypatch.setattr(vault, "_config", replace(vault._config, min_free_bytes=1))
        monkeypatch.setattr(os, "statvfs", lambda _: full)
        await until(lambda: not vault.has_room()[0])
        with pytest.raises(ArchiveError, match="0 MB free"):
            await vault.reserve(CALL, START)
        monkeypatch.setattr(os, "statvfs", lambda _: free)
        await until(lambda: vault.has_room()[0])
        monkeypatch.setattr(os, "statvfs", lambda _: hangs.wait(20) and free)
        await until(lambda: not vault.has_room()[0])
        with pytest.raises(ArchiveError, match="hasn't answered"):
            await vault.reserve(CALL, START)
        hangs.set()
        await until(lambda: vault.has_room()[0])


async def test_a_days_folder_that_went_is_made_again(
    vault: LocalVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.archive.vault._LOOK_S", 0.01)
    async with vault.watched():
        folder = (await vault.reserve(CALL, START)).parent
        folder.rmdir()
        for _ in range(500):
            await asyncio.sleep(0.01)
            if (await vault.reserve(CALL, START)).parent.is_dir():
                return
    pytest.fail("the folder wasn't made again")


async def until(fits: Callable[[], bool]) -> None:
    for _ in range(2000):
        if fits():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came to that")


def test_a_root_that_is_a_file_is_no_room(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("")
    room, why = LocalVault(ArchiveConfig(tmp_path / "recordings")).has_room()
    assert not room
    assert "can't be used" in english(why)


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
async def test_a_full_disk_is_told(vault: LocalVault, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = await recorded(vault)

    def full(_fd: int) -> None:
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="No space left"):
        await vault.seal(CALL, audio, START, END)
    assert audio.path.exists()
    assert not audio.path.with_name("00000042-100003.wav").exists()


@pytest.mark.parametrize("bad", [{"min_free_bytes": -1}, {"retain_years": 2}])
def test_wrong_settings_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ArchiveConfig(tmp_path, **bad)
