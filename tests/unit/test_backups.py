"""Backups: whole, provable, restored; on a file and on a server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dialer import app, backups
from dialer.cli import main
from dialer.errors import StoreError
from dialer.locks import only_one
from dialer.site import Site
from dialer.store import SqlStore, StoreConfig, copies
from dialer.store.copies import environment
from dialer.testing.archives import TUESDAY, House, copy, house

CONFIG = """[site]
node = "n1"
[archive]
min_free_bytes = 1
sign_key_file = "keys/sign.pem"
[secrets]
agents_file = "config/agents.key"
[backup]
folder = "backups"
keep = 2
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two calls in the archive."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "config").mkdir()
    (folder / "config" / "dialer.toml").write_text(CONFIG)
    (folder / "config" / "agents.key").write_text("1001:secret\n")

    async def fill() -> None:
        async with house(folder) as one:
            await one.call()
            await one.call()
            await one.settle()

    asyncio.run(fill())
    return folder


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = copy(made, tmp_path / "home")
    if request.param == "postgres":
        monkeypatch.setenv("DIALER_DATABASE_URL", request.getfixturevalue("postgres_url"))
        asyncio.run(_two_calls(home))
        (home / "dialer.sqlite").unlink()
    return home


async def _two_calls(home: Path) -> None:
    settings = Site(home).settings
    store = await SqlStore.open(home, settings.store)
    try:
        shutil.rmtree(settings.archive.root)
        one = House(settings.archive, store)
        await one.call()
        await one.call()
        await one.settle()
    finally:
        await store.close()


@pytest.fixture
def dialer(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def run(*words: str | Path, day: int = 0, at: Path = home) -> Result:
        monkeypatch.setattr(app, "system_clock", lambda: TUESDAY + timedelta(days=day))
        return CliRunner().invoke(main, ["--home", str(at), "--lang", "en", "backup", *map(str, words)])

    return run


def test_a_backup_is_whole_without_secrets_and_only_the_newest_stay(
    dialer: Callable[..., Result], home: Path
) -> None:
    for day in range(3):
        assert dialer("make", day=day).exit_code == 0
    found = backups.backups_in(home / "backups")
    assert [one.made_at - TUESDAY for one in found] == [timedelta(days=2), timedelta(days=1)]
    newest = found[0]
    assert newest.node == "n1"
    assert (newest.content.rows["attempts"], newest.content.rows["answers"]) == (2, 2)
    assert newest.content.entries == 2
    files = {one.relative_to(newest.folder).as_posix() for one in newest.folder.rglob("*") if one.is_file()}
    assert {"config/dialer.toml", "log/0000000001.jsonl", "manifest.json", "manifest.sig"} < files
    assert not [name for name in files if "key" in name or "pem" in name]
    assert not list((home / "backups").glob("*.part"))
    checked = dialer("check")
    assert checked.exit_code == 0
    assert newest.content.head in checked.output
    assert [line for line in dialer("list").output.splitlines() if "n1" in line]


def test_whatever_was_changed_in_a_backup_is_named(dialer: Callable[..., Result], home: Path) -> None:
    dialer("make")
    whole = backups.backups_in(home / "backups")[0].folder
    database = next(whole.glob("database.*"))
    for spoil, says in (
        (lambda at: _flip(at / database.name), f"{database.name}: changed"),
        (lambda at: _flip(at / "config" / "dialer.toml"), "config/dialer.toml: changed"),
        (lambda at: (at / "log" / "0000000001.jsonl").unlink(), "log/0000000001.jsonl: missing"),
        (lambda at: (at / "more").write_text("x"), "more: added"),
        (lambda at: _reword(at / "manifest.json"), "its signature doesn't fit"),
        (lambda at: (at / "manifest.sig").unlink(), "manifest.sig: missing"),
    ):  # fmt: skip
        spoilt = shutil.copytree(whole, home / "spoilt")
        spoil(spoilt)
        said = dialer("check", spoilt)
        assert said.exit_code == 1, said.output
        assert says in said.output
        refused = dialer("restore", spoilt, at=home / "new")
        assert refused.exit_code == 2
        assert not (home / "new").exists()
        shutil.rmtree(spoilt)


def test_a_copy_that_holds_something_else_is_no_backup(
    dialer: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a disk that keeps what it likes: the copy is restored and counted before it gets its name."""
    real = backups.content_of

    async def fewer(folder: Path, kind: str, config: StoreConfig, temporary: Path | None) -> backups.Content:
        found = await real(folder, kind, config, temporary)
        return backups.Content(found.kind, found.revision, {**found.rows, "answers": 1}, 1, found.head)

    monkeypatch.setattr(backups, "content_of", fewer)
    said = dialer("make")
    assert said.exit_code == 2
    assert "entries of the archive's log: 1 in the restored database, 2 in the manifest" in said.output
    assert backups.backups_in(home / "backups") == []
    assert names(home) == []


def test_it_comes_back_in_an_empty_installation_and_verifies(
    dialer: Callable[..., Result], home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dialer("make").exit_code == 0
    backup = backups.backups_in(home / "backups")[0].folder
    again = dialer("restore", backup)
    assert again.exit_code == 2
    assert "is there already" in again.output or "isn't empty" in again.output
    new = home.parent / "new"
    (new / "config").mkdir(parents=True)
    (new / "config" / "agents.key").write_text("1001:secret\n")
    shutil.copy(home / "config" / "dialer.toml", new / "config")
    if not (home / "dialer.sqlite").exists():
        monkeypatch.setenv("DIALER_DATABASE_URL", request.getfixturevalue("postgres").make("restored"))
    restored = dialer("restore", backup, at=new)
    assert restored.exit_code == 0, restored.output
    shutil.copytree(home / "keys", new / "keys")
    shutil.copytree(home / "recordings", new / "recordings", dirs_exist_ok=True)
    verified = CliRunner().invoke(main, ["--home", str(new), "archive", "verify", "--all"])
    assert verified.exit_code == 0, verified.output


SLOW = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests with it ignored
from dialer.store import copies
real, counted = copies.content, []
def slow(connection):
    found = real(connection)
    counted.append(found)
    if len(counted) == 2:
        print("restored and counted", flush=True)
        sys.stdin.readline()
    return found
copies.content = slow
from dialer.cli import main
main()
"""


@pytest.mark.parametrize(
    ("home", "how"),
    [("sqlite", signal.SIGTERM), ("postgres", signal.SIGTERM), ("sqlite", signal.SIGINT)],
    indirect=["home"],
)
def test_one_that_is_told_to_end_leaves_nothing(
    home: Path, tmp_path: Path, request: pytest.FixtureRequest, how: signal.Signals
) -> None:
    """While the copy is counted in its scratch database. The process is the real one."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", SLOW, "--home", str(home), "--lang", "en", "backup", "make"]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "restored and counted\n"
        running.send_signal(how)
        _, said = running.communicate("go on\n", timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode != 0
    assert "Traceback" not in said, said
    assert "stopped by SIGTERM" in said if how is signal.SIGTERM else "Aborted" in said
    assert names(home) == []
    assert [*scratch.iterdir()] == []
    if request.node.callspec.params["home"] == "postgres":
        assert asyncio.run(_databases()) == []


async def _databases() -> list[str]:
    server = copies._server(Site(Path()).settings.store)
    try:
        found = await server.read(
            lambda one: one.execute(text("SELECT datname FROM pg_database")).scalars().all()
        )
    finally:
        await server.close()
    return [name for name in found if name.startswith("dialer_check")]


@pytest.mark.parametrize("home", ["postgres"], indirect=True)
def test_what_a_killed_check_left_on_the_server_goes_a_day_later(
    dialer: Callable[..., Result], home: Path
) -> None:
    """It holds customers' data. A younger one may be in use."""
    younger, older = (datetime.now(UTC) - timedelta(hours=hours) for hours in (1, 26))
    old, new = (f"dialer_check_{at:%Y%m%d%H%M}_0123abcd" for at in (older, younger))

    async def make(*names: str) -> None:
        server = copies._server(Site(home).settings.store)
        for name in names:
            await copies._alone(server, f'CREATE DATABASE "{name}"')
        await server.close()

    asyncio.run(make(old, new, "dialer_check_of_a_user"))
    assert dialer("make").exit_code == 0
    assert sorted(asyncio.run(_databases())) == [new, "dialer_check_of_a_user"]


def test_two_at_once_are_told_apart(dialer: Callable[..., Result], home: Path) -> None:
    """The second used to sweep away what the first had copied."""
    folder = home / "backups"
    under_way = folder / "20261101T000000Z-n1.part"
    under_way.mkdir(parents=True)
    with only_one(folder / "backup.lock", lambda _: AssertionError()):  # type: ignore[arg-type, return-value]
        said = dialer("make")
        assert (said.exit_code, under_way.exists()) == (2, True)
        wanted = f"dialer: another backup is being made in {folder} (process {os.getpid()}): wait for it"
        assert said.output.splitlines() == [wanted]
    assert dialer("make").exit_code == 0
    assert not under_way.exists(), "what one left that was killed"
    assert dialer("list").exit_code == 0


def names(home: Path) -> list[str]:
    return [one.name for one in (home / "backups").iterdir() if one.name != "backup.lock"]


@pytest.mark.parametrize("left", ["dialer.sqlite", "dialer.sqlite-wal", "dialer.sqlite-journal"])
def test_nothing_is_restored_beside_what_an_earlier_database_left(tmp_path: Path, left: str) -> None:
    """SQLite would play that log into the restored file, and find nothing amiss."""
    (tmp_path / copies.FILES[copies.SQLITE]).write_bytes(b"a copy")
    home = tmp_path / "home"
    home.mkdir()
    (home / left).write_bytes(b"older")
    with pytest.raises(StoreError, match=f"{left}: is there already"):
        asyncio.run(copies.put_back(tmp_path, copies.SQLITE, home / "dialer.sqlite", StoreConfig()))
    assert [one.name for one in home.iterdir()] == [left]


def test_any_folder_name_can_be_copied_from(made: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a#b ?c%20"
    odd.mkdir()
    place = odd / "dialer.sqlite"
    place.write_bytes((made / "dialer.sqlite").read_bytes())
    target = tmp_path / "copy"
    target.mkdir()
    content = asyncio.run(copies.copy_to(target, place, StoreConfig()))
    assert content.rows["tasks"] > 0
    assert set(tmp_path.iterdir()) == {odd, target}


def test_a_daemon_that_writes_meanwhile_is_not_held_up(made: Path, tmp_path: Path) -> None:
    home = copy(made, tmp_path / "home")
    settings = Site(home).settings
    with sqlite3.connect(home / "dialer.sqlite", timeout=0) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE tasks SET state = 'x'")
        backup = asyncio.run(backups.make_backup(home, settings, home / "backups", TUESDAY))
        writer.rollback()
    writer.close()
    with sqlite3.connect(backup.folder / "database.sqlite") as copied:
        assert copied.execute("SELECT count(*) FROM tasks WHERE state = 'x'").fetchone() == (0,)
    copied.close()


def test_the_password_never_stands_on_a_command_line() -> None:
    url = "postgresql://u:p%40ss@db.example:5433/name?sslmode=verify-full&sslrootcert=ca.pem"
    assert environment(make_url(url)) == {
        "PGHOST": "db.example", "PGPORT": "5433", "PGUSER": "u", "PGPASSWORD": "p@ss", "PGDATABASE": "name",
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "ca.pem",
    }  # fmt: skip
    socket = environment(make_url("postgresql://u@/name?host=/run/pg"))
    assert socket == {"PGHOST": "/run/pg", "PGUSER": "u", "PGDATABASE": "name"}


def test_what_is_no_backup_is_said_in_one_line(made: Path, tmp_path: Path) -> None:
    home = copy(made, tmp_path / "home")
    run = CliRunner().invoke(main, ["--home", str(home), "--lang", "en", "backup", "check"])
    assert (run.exit_code, run.output) == (2, "dialer: there is no backup yet\n")
    run = CliRunner().invoke(main, ["--home", str(home), "--lang", "en", "backup", "check", str(tmp_path)])
    assert run.exit_code == 2
    assert "manifest.json: missing or broken" in run.output


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _reword(path: Path) -> None:
    told = json.loads(path.read_text())
    told["content"]["entries"] += 1
    path.write_text(json.dumps(told))
