from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from dialer.errors import MediaError
from dialer.media.disk import DiskThread, RecordingFile


def deliver_all(thread: DiskThread) -> None:
    deadline = time.monotonic() + 5
    while thread.pending:
        assert time.monotonic() < deadline
        thread.deliver()
        time.sleep(0.001)


def test_results_come_back_in_order_on_the_callers_thread() -> None:
    disk = DiskThread("test")
    news: list[object] = []
    here = threading.get_ident()

    def fail(error: Exception) -> int:
        raise error

    disk.submit(threading.get_ident, lambda ident: news.append(ident != here), news.append)
    disk.submit(lambda: fail(OSError(28, "No space left on device")), news.append, news.append)
    disk.submit(lambda: fail(MediaError("bad clip")), news.append, news.append)
    disk.submit(lambda: 4, lambda four: news.append((four, threading.get_ident() == here)), news.append)
    assert not news
    deliver_all(disk)
    assert news == [True, "No space left on device", "bad clip", (4, True)]
    assert disk.alive
    disk.finish(5)
    assert not disk.alive


def test_recording_file_is_live_until_sealed(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    file = RecordingFile(str(path), "PCMA")
    file.open()
    file.write(b"ab" * 50)
    assert path.read_bytes()[54:58] == b"\xff" * 4
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.seal() == 158 == path.stat().st_size
    assert path.read_bytes()[54:] == (100).to_bytes(4, "little") + b"ab" * 50
    with pytest.raises(OSError, match="given up"):
        file.write(b"x")


def test_an_empty_reserved_file_is_taken_over_and_audio_never(tmp_path: Path) -> None:
    reserved = tmp_path / "r.part"
    reserved.touch()
    RecordingFile(str(reserved), "PCMA").open()
    assert reserved.stat().st_size == 58
    with pytest.raises(FileExistsError):
        RecordingFile(str(reserved), "PCMA").open()
    assert reserved.stat().st_size == 58
    (tmp_path / "done").touch()
    with pytest.raises(FileExistsError):
        RecordingFile(str(tmp_path / "done.part"), "PCMA").open()
    assert not (tmp_path / "done.part").exists()


def test_a_failed_write_ends_the_file_without_leaking_it() -> None:
    before = len(os.listdir("/proc/self/fd"))
    file = RecordingFile("/dev/full", "PCMA")
    with pytest.raises(OSError, match="No space left"):
        file.open()
    with pytest.raises(OSError, match="given up"):
        file.write(b"x")
    assert len(os.listdir("/proc/self/fd")) == before
