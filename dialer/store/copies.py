"""Copies of the whole database for a backup, and the proof that a copy can be read.

SQLite by its own backup call, in one step: writers aren't held up (WAL). PostgreSQL by ``pg_dump`` on a
snapshot in which the rows are counted, too. To be looked at, a copy is restored to a scratch database.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from dialer import proof
from dialer.errors import StoreError
from dialer.store import faults
from dialer.store.config import StoreConfig
from dialer.store.engine import make
from dialer.store.postgres import PostgresDatabase
from dialer.store.tables import ARCHIVE_LOG, Base
from dialer.threads import in_thread, whole

SQLITE, POSTGRES = "sqlite", "postgresql"
_PARTS = ("", "-wal", "-shm", "-journal")
"""A SQLite database and what it keeps beside it."""
FILES = {SQLITE: "database.sqlite", POSTGRES: "database.dump"}
_COUNT_S = 3600.0
"""How long the rows of one table may take to be counted: nobody waits for it."""
_WHEN = "YYYYMMDDHH24MI"
_LEFT_BEHIND = text(
    "SELECT datname FROM pg_database WHERE datname ~ '^dialer_check_[0-9]{12}_[0-9a-f]{8}$' AND "
    f"substr(datname, 14, 12) < to_char(now() AT TIME ZONE 'UTC' - interval '1 day', '{_WHEN}')"
)
_QUERY_NAMES = {
    "host": "PGHOST", "port": "PGPORT", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """What a copy holds."""

    kind: str
    revision: str
    """Of its tables."""
    rows: Mapping[str, int]
    """By table."""
    entries: int
    """Of the archive's log."""
    head: str
    """Hash of the log's last entry."""


async def copy_to(folder: Path, place: Path, config: StoreConfig) -> Content:
    """A consistent copy in ``folder``, on the disk; a daemon may go on meanwhile. Raises StoreError."""
    if not config.url:
        return await in_thread(_copy_file, place, folder / FILES[SQLITE])
    database = _server(config)
    try:
        return await _dump(database, make_url(config.url), folder / FILES[POSTGRES])
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(faults.explain(error, database.place)) from error
    finally:
        await whole(database.close())


async def content_of(folder: Path, kind: str, config: StoreConfig, temporary: Path | None = None) -> Content:
    """The copy in ``folder`` restored to a scratch place and counted. Raises StoreError: it can't be read.

    ``temporary``: where a file is restored; the system's temporary folder by default.
    """
    if kind == SQLITE:
        return await in_thread(_restored_file, folder / FILES[SQLITE], temporary)
    if not config.url:
        raise StoreError("this copy needs a PostgreSQL server to be read: name one in the database's URL")
    server = _server(config)
    try:
        name = await _scratch_name(server)
        scratch = make_url(config.url).set(database=name)
        try:
            await whole(_alone(server, f'CREATE DATABASE "{name}" TEMPLATE template0'))
            await _restore(folder / FILES[POSTGRES], scratch)
            copy = _server(config, scratch)
            try:
                return await copy.read(content)
            finally:
                await whole(copy.close())
        finally:
            await whole(_alone(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    except (SQLAlchemyError, OSError) as error:
        why = faults.explain(error, server.place)
        raise StoreError(f"{why} (the check needs a scratch database: the role needs CREATEDB)") from error
    finally:
        await whole(server.close())


async def put_back(folder: Path, kind: str, place: Path, config: StoreConfig) -> None:
    """The copy becomes the installation's database. Raises StoreError where there is one already."""
    if kind == SQLITE:
        if config.url:
            raise StoreError("this is a copy of a SQLite file, and the installation's database is a server")
        await in_thread(_put_file, folder / FILES[SQLITE], place)
        return
    if not config.url:
        raise StoreError("this is a copy of a PostgreSQL database: name one in the database's URL")
    server = _server(config)
    try:
        tables = await server.read(
            lambda one: one.scalar(
                text("SELECT count(*) FROM pg_tables WHERE schemaname = ANY (current_schemas(false))")
            )
        )
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(faults.explain(error, server.place)) from error
    finally:
        await server.close()
    if tables:
        raise StoreError(f"{server.place} isn't empty: restore into a new database (createdb)")
    await _restore(folder / FILES[POSTGRES], make_url(config.url))


def content(connection: Connection) -> Content:
    last = connection.execute(
        select(ARCHIVE_LOG.c.seq, ARCHIVE_LOG.c.body).order_by(ARCHIVE_LOG.c.seq.desc()).limit(1)
    ).first()
    return Content(
        kind=connection.dialect.name,
        revision=str(connection.scalar(text("SELECT version_num FROM alembic_version"))),
        rows={
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in sorted(Base.metadata.tables.items())
        },
        entries=last.seq if last else 0,
        head=proof.leaf_hash(last.body) if last else proof.GENESIS,
    )


# --- SQLite -------------------------------------------------------------------------------------------


def _copy_file(place: Path, target: Path) -> Content:
    try:
        with (
            closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
        with target.open("rb") as written:
            os.fsync(written.fileno())
        return _look_into(target)
    except sqlite3.Error as error:
        raise StoreError(f"{place}: can't be copied: {error}") from error


def _restored_file(file: Path, temporary: Path | None) -> Content:
    with tempfile.TemporaryDirectory(prefix="dialer-check-", dir=temporary) as scratch:
        copy = Path(scratch) / file.name
        try:
            shutil.copyfile(file, copy)
            with closing(sqlite3.connect(copy)) as opened:
                (said,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{file}: can't be read: {error}") from error
        if said != "ok":
            raise StoreError(f"{file}: damaged: {said}")
        return _look_into(copy)


def _look_into(file: Path) -> Content:
    engine = create_engine(URL.create("sqlite", database=str(file)))
    try:
        with engine.connect() as connection:
            return content(connection)
    except SQLAlchemyError as error:
        raise StoreError(faults.explain(error, str(file))) from error
    finally:
        engine.dispose()


def _put_file(file: Path, place: Path) -> None:
    # A log that an earlier database left behind would be played into this one.
    there = [one for one in map(place.with_name, (place.name + end for end in _PARTS)) if one.exists()]
    if there:
        names = ", ".join(map(str, there))
        raise StoreError(f"{names}: is there already: move it away first, all that belongs to it together")
    new = place.with_name(place.name + ".new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, new)
        new.chmod(0o600)
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.rename(place)
    except OSError as error:
        raise StoreError(f"{place}: can't be written: {error.strerror}") from error


# --- PostgreSQL ---------------------------------------------------------------------------------------


def _server(config: StoreConfig, url: URL | None = None) -> PostgresDatabase:
    config = replace(config, statement_timeout_s=max(config.statement_timeout_s, _COUNT_S))
    place = url.render_as_string(hide_password=False) if url else config.url
    database = make(place, config)
    if not isinstance(database, PostgresDatabase):
        raise StoreError("the database's URL names no PostgreSQL server")
    return database


async def _dump(database: PostgresDatabase, url: URL, file: Path) -> Content:
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            snapshot = await connection.scalar(text("SELECT pg_export_snapshot()"))
            found = await connection.run_sync(content)
            options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
            await _run("pg_dump", [*options, f"--file={file}"], url)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return found


async def _restore(file: Path, url: URL) -> None:
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    await _run("pg_restore", [*options, f"--dbname={url.database}", str(file)], url)


async def _scratch_name(server: PostgresDatabase) -> str:
    """A new one. What a check left that was killed a day ago and more goes: it holds customers' data."""

    def ask(connection: Connection) -> tuple[str, Sequence[str]]:
        time = connection.scalar(text(f"SELECT to_char(now() AT TIME ZONE 'UTC', '{_WHEN}')"))
        return str(time), connection.execute(_LEFT_BEHIND).scalars().all()

    time, left = await server.read(ask)
    for name in left:
        with suppress(SQLAlchemyError):  # in use after all, or another role's
            await whole(_alone(server, f'DROP DATABASE IF EXISTS "{name}"'))
    return f"dialer_check_{time}_{secrets.token_hex(4)}"


async def _alone(database: PostgresDatabase, statement: str) -> None:
    """Outside any transaction."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)


async def _run(program: str, arguments: Sequence[str], url: URL) -> None:
    """The connection travels in the environment: a command line is seen by every user of the machine."""
    found = _program(program)
    process = await asyncio.create_subprocess_exec(
        found, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment(url)},
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["nothing was said"]
        raise StoreError(f"{program} failed: {lines[-1]}")


def environment(url: URL) -> dict[str, str]:
    """As libpq reads it."""
    found = {
        "PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    } | {name: url.query.get(key) for key, name in _QUERY_NAMES.items() if url.query.get(key)}  # fmt: skip
    return {name: str(value) for name, value in found.items() if value is not None}


def _program(name: str) -> str:
    """The newest one that is installed: it must not be older than the server."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda one: int(one.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise StoreError(f"{name} is missing: apt-get install postgresql-client")
    return found
