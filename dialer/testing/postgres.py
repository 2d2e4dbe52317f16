"""A PostgreSQL server of one's own for tests and benches: on a Unix socket, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from dialer.errors import DialerError

_USER = "dialer"
_START_S, _STOP_S, _LOOK_S = 30.0, 20.0, 0.05


def find_programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, newest version first; None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name)
    on_path = shutil.which("postgres")
    folders = [*reversed(found), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class PrivatePostgres:
    """``start``, then ``make`` databases in it; ``stop`` removes all of it.

    ``durable``: false saves the waits for the disk, for tests that don't cut the power. ``settings``: the
    server's, by name.
    """

    def __init__(self, *, durable: bool = True, **settings: str) -> None:
        programs = find_programs()
        if programs is None:
            raise DialerError("PostgreSQL is missing: apt-get install postgresql")
        self._programs, self._durable, self._settings = programs, durable, settings
        self.folder = Path(tempfile.mkdtemp(prefix="dialer-pg-"))
        self._run_as: tuple[int | None, int | None] = (None, None)
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            self._run_as = (owner.pw_uid, owner.pw_gid)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the postmaster, while it runs."""
        return None if self._server is None else self._server.pid

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Also again, after ``kill``. Raises DialerError."""
        data = self.folder / "data"
        if not data.exists():
            options = ["-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C", "--no-sync"]
            self._run([str(self._programs / "initdb"), "-D", str(data), *options])
        options = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        if not self._durable:
            options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        options += [f"{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(data)]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*command, *(part for option in options for part in ("-c", option))],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, user=self._run_as[0], group=self._run_as[1],
            )  # fmt: skip
        self._until_it_listens()

    def make(self, database: str, template: str = "template0") -> str:
        """A new database; its URL. Raises DialerError."""
        self._run(
            [str(self._programs / "createdb"), "-h", str(self.folder), "-U", _USER, "-T", template, database]
        )
        return self.url(database)

    def kill(self) -> None:
        """As by kill -9: the whole server, at once."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(_STOP_S)
            self._server = None

    def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._server = None
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- inside --------------------------------------------------------------------------------

    def _run(self, command: list[str]) -> None:
        user, group = self._run_as
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, check=False, user=user, group=group
        )
        if done.returncode:
            raise DialerError(f"{Path(command[0]).name}: {done.stderr.decode(errors='replace').strip()}")

    def _until_it_listens(self) -> None:
        pause = threading.Event()
        for _ in range(int(_START_S / _LOOK_S)):
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.folder / ".s.PGSQL.5432"))
                    if (self.folder / "data" / "postmaster.pid").read_text().rstrip().endswith("ready"):
                        return
                except OSError:
                    pass
            if self._server is not None and self._server.poll() is not None:
                break
            pause.wait(_LOOK_S)
        raise DialerError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-500:]}")
