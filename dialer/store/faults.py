"""What a database's errors mean: to an operator, and for the question whether to try again."""

from __future__ import annotations

from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_LOCKED_BY_OTHER = "the database is locked by another process: stop it (sqlite3, a backup, a second daemon)"
_SQLITE = {
    _BUSY: _LOCKED_BY_OTHER,
    _LOCKED: _LOCKED_BY_OTHER,
    _READONLY: "the database is read-only: let the service's user write the file and its folder",
    _IOERR: "the disk failed to read or write the database: check the disk, then the kernel's log",
    _CORRUPT: "the database is damaged: restore the last backup",
    _FULL: "the disk is full: make room, nothing was written",
    _CANTOPEN: "the database can't be opened: check that the folder exists and its permissions",
    _NOTADB: "the file isn't a database, or its start is damaged: check the path or restore the last backup",
}
_POSTGRES = {
    "08": "the connection to the database broke: check the server and the network",
    "28": "the database refuses this user: check name, password and pg_hba.conf",
    "3D": "there is no such database: create it (createdb) or correct the URL",
    "42501": "the database's user may not do this: grant it the schema and its tables",
    "53100": "the database's disk is full: make room, nothing was written",
    "53300": "the database takes no more connections: raise max_connections or stop other clients",
    "55P03": "another session holds a lock: end it (pg_stat_activity shows it)",
    "57": "the database was stopped or shuts down: start it",
    "40": "the transaction met another one too often",
}
_TRY_AGAIN = ("40001", "40P01", "55P03")
"""Serialisation, deadlock, lock timeout: the transaction is rolled back for certain."""


def _code(error: DBAPIError) -> int | str:
    """SQLite's primary result code, PostgreSQL's SQLSTATE; 0 where the driver gave none."""
    cause: BaseException | None = error.orig
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int):
            return code & 0xFF
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return 0


def is_busy(error: BaseException) -> bool:
    """Whether the transaction was refused only because somebody else had the lock."""
    return isinstance(error, DBAPIError) and _code(error) in (_BUSY, _LOCKED, *_TRY_AGAIN)


def is_one_callers(error: BaseException) -> bool:
    """Whether what one caller wanted to write is wrong, not the database."""
    if isinstance(error, DBAPIError):
        return isinstance(error, IntegrityError | DataError)
    return True


def explain(error: SQLAlchemyError | OSError, place: str) -> str:
    """One line for an operator: no statement and no values, they hold personal data."""
    if isinstance(error, TimeoutError):
        return f"{place}: no answer in time: check the server, the network, and for locks pg_stat_activity"
    if isinstance(error, OSError):
        return f"{place}: the database can't be reached: {error.strerror or error}"
    if not isinstance(error, DBAPIError):
        return f"{place}: {error}"
    code = _code(error)
    meaning = _SQLITE.get(code) if isinstance(code, int) else _postgres(code)
    if meaning is None and error.connection_invalidated:
        meaning = _POSTGRES["08"]
    if meaning is None:
        kind = "refused" if isinstance(error, DatabaseError) else "failed"
        meaning = f"the database {kind}: {_first_line(error.orig)}"
    return f"{place}: {meaning}"


def _postgres(state: str) -> str | None:
    return _POSTGRES.get(state) or _POSTGRES.get(state[:2])


def _first_line(error: BaseException | None) -> str:
    """PostgreSQL tells the row's values in the lines behind it."""
    return str(error).partition("\n")[0]
