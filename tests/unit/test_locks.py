"""One process at a time, whichever user's."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.errors import BackupError, ConfigError
from dialer.locks import only_one

_NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of a user who isn't root."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, _NOBODY, _NOBODY)
        yield Path(name)


@contextmanager
def its_user() -> Iterator[None]:
    """Root may write everything: we give that up meanwhile."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def refused(file: Path, process: str) -> None:
    with pytest.raises(BackupError, match=f"^{re.escape(process)}$"), only_one(file, BackupError):
        pytest.fail("two at once")


def test_what_another_user_made_can_be_locked(folder: Path) -> None:
    file = folder / "backup.lock"
    umask = os.umask(0o077)
    try:
        with only_one(file, BackupError), its_user():
            refused(file, str(os.getpid()))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644, "readable, whatever root's umask"
    file.chmod(0o444)  # for who isn't root here
    with its_user(), only_one(file, BackupError):
        assert not os.access(file, os.W_OK, effective_ids=True)
        with pytest.raises(BackupError, match=r"^\?$"), only_one(file, BackupError):
            pytest.fail("two at once")


def test_a_lock_that_can_t_be_had_is_named(folder: Path) -> None:
    file = folder / "backup.lock"
    file.touch()
    file.chmod(0)
    why = f"{file}: can't be locked: Permission denied"
    with its_user(), pytest.raises(ConfigError, match=why), only_one(file, BackupError):
        pytest.fail("it can't be read")


def test_one_that_is_removed_is_no_longer_held(tmp_path: Path) -> None:
    file = tmp_path / ".out.lock"
    with only_one(file, BackupError, remove=True):
        assert file.read_text() == str(os.getpid())
        refused(file, str(os.getpid()))
    assert [*tmp_path.iterdir()] == []
    with only_one(file, BackupError, remove=True):
        pass


def test_who_opened_it_before_it_was_removed_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes next would make the file anew, and there would be two."""
    file = tmp_path / ".out.lock"
    file.touch()
    monkeypatch.setattr("dialer.locks.fcntl.flock", lambda *_: file.unlink())
    with pytest.raises(BackupError), only_one(file, BackupError):
        pytest.fail("it holds what has no name")
