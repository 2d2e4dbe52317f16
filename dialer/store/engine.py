"""The SQLAlchemy engine: how a connection is set up, and what its errors mean to an operator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.errors import StoreError
from dialer.store.config import StoreConfig

WRITE = {"dialer_write": True}
"""Execution options of an engine whose transactions take the write lock at once."""

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_MEANING = {
    _BUSY: "the database is locked by another process: stop it (sqlite3, a backup, a second daemon)",
    _LOCKED: "the database is locked by another process: stop it (sqlite3, a backup, a second daemon)",
    _READONLY: "the database is read-only: let the service's user write the file and its folder",
    _IOERR: "the disk failed to read or write the database: check the disk, then the kernel's log",
    _CORRUPT: "the database is damaged: restore the last backup",
    _FULL: "the disk is full: make room, nothing was written",
    _CANTOPEN: "the database can't be opened: check that the folder exists and its permissions",
    _NOTADB: "the file isn't a database, or its start is damaged: check the path or restore the last backup",
}


def make(place: str | Path, config: StoreConfig) -> tuple[AsyncEngine, str]:
    """An engine for a file or a URL, and the name that errors call it by (no password in it)."""
    try:
        url = make_url(str(place)) if "://" in str(place) else make_url("sqlite+aiosqlite://")
    except ArgumentError as error:
        raise StoreError("the database URL can't be read: write a path or driver://user@host/name") from error
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True), url.render_as_string(
            hide_password=True
        )
    path = Path(str(url.database) if url.database else place)
    _make_private(path)
    url = url.set(drivername="sqlite+aiosqlite", database=str(path))
    # Tracebacks reach the log, and a statement's values are names, numbers and spoken words.
    made = create_async_engine(url, connect_args={"timeout": config.busy_timeout_s}, hide_parameters=True)
    event.listen(made.sync_engine, "connect", _set_up)
    event.listen(made.sync_engine, "begin", _begin)
    return made, str(path)


def _make_private(path: Path) -> None:
    """The file is made readable by its owner only: it holds names and numbers."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: can't be opened: {error.strerror}") from error


def _set_up(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: _begin says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # A writer that only later asks for the lock can't wait for it: its snapshot would be stale.
    write = connection.get_execution_options().get("dialer_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


async def quick_check(engine: AsyncEngine) -> None:
    """Raises StoreError where SQLite finds damage."""
    async with engine.connect() as connection:
        found = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one()
    if found != "ok":
        raise StoreError(f"{engine.url.database}: the database is damaged ({found}): restore the last backup")


def _code(error: DBAPIError) -> int:
    """SQLite's primary result code; 0 where the driver gave none."""
    cause: BaseException | None = error.orig
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int):
            return code & 0xFF
        cause = cause.__cause__
    return 0


def is_busy(error: DBAPIError) -> bool:
    """Whether the transaction was refused only because another process had the lock."""
    return _code(error) in (_BUSY, _LOCKED)


def explain(error: DBAPIError, place: str) -> str:
    """One line for an operator: no statement and no values, they hold personal data."""
    meaning = _MEANING.get(_code(error))
    if meaning is None:
        kind = "refused" if isinstance(error, DatabaseError) else "failed"
        meaning = f"the database {kind}: {error.orig}"
    return f"{place}: {meaning}"
