"""The database behind the store: one transaction for a function.

Functions take SQLAlchemy's synchronous ``Connection`` on both engines. SQLite has one writer; only
what waits for a lock or the disk, or reads, is done by threads. PostgreSQL gets a pool.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from dialer.errors import StoreError
from dialer.store import faults
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig

T = TypeVar("T")

_READERS = 2
_TRUSTED_S = 1.0
"""How long after its last use a connection counts as alive."""
_CHECKPOINT_COMMITS, _CHECKPOINT_PAGES = 30, 20_000
"""After so many commits SQLite's log is written back beside the writer; the writer itself does it, and
its callers wait, only where the log got longer than so many pages (of 4 KiB)."""
_CACHE_KIB = 16_384
"""SQLite's own page cache, for each connection."""
_LASTING, _FLEETING, _AT_ONCE = "lasting", "fleeting", "at once"
"""How SQLite writes: every commit on the disk; not; and waiting for nothing, neither lock nor disk."""
_SWITCHED_OFF = text(
    "SELECT name FROM pg_settings WHERE setting = 'off'"
    " AND name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
)
_SSL_NAMES = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class Database(Protocol):
    """Where transactions run. Errors of SQLAlchemy pass through."""

    place: str
    """How errors call it; without a password."""
    writers: int
    """Write transactions at once."""

    async def read(self, work: Callable[[Connection], T]) -> T: ...

    async def read_by_values(self, work: Callable[[Connection], T]) -> T:
        """The same where the best way to the rows depends on the values that are asked for."""
        ...

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """The same for work that takes a millisecond at most."""
        ...

    async def write(
        self, work: Callable[[Connection, InLoop], T], *, lasting: bool = True, single: bool = False
    ) -> T:
        """Returns once it is committed; an error of ``work`` rolls back. ``work`` takes milliseconds.

        ``lasting``: and on the disk; otherwise a power cut may take it, with nothing that came later.
        ``single``: PostgreSQL hears one statement, which is a transaction by itself.
        """
        ...

    async def write_much(self, work: Callable[[Connection, InLoop], T]) -> T:
        """The same for work that may take long. It must not call back into the event loop's objects."""
        ...

    async def close(self) -> None: ...


def make(place: str | Path, config: StoreConfig) -> Database:
    """For a file or a URL. Raises StoreError."""
    try:
        url = make_url(str(place)) if "://" in str(place) else URL.create("sqlite")
    except ArgumentError as error:
        raise StoreError("the database URL can't be read: write a path or driver://user@host/name") from error
    kind = url.get_backend_name()
    if kind == "sqlite":
        return SqliteDatabase(Path(str(url.database) if url.database else place), config)
    if kind in ("postgresql", "postgres"):
        return PostgresDatabase(url.set(drivername="postgresql+asyncpg"), config)
    raise StoreError(f"no database driver for {kind!r}: write a path, or postgresql://user@host/name")


class SqliteDatabase:
    """A file: WAL, every commit on disk."""

    def __init__(self, path: Path, config: StoreConfig) -> None:
        _make_private(path)
        self.place, self.writers = str(path), 1
        # Tracebacks reach the log, and a statement's values are names, numbers and spoken words.
        self.engine: Engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": config.busy_timeout_s, "check_same_thread": False},
            hide_parameters=True,
            pool_use_lifo=True,  # the connection used last has its pages in its cache
        )
        event.listen(self.engine, "connect", _set_up)
        event.listen(self.engine, "begin", partial(_begin, patience_ms=int(config.busy_timeout_s * 1000)))
        self._write_engine = self.engine.execution_options(dialer_write=_LASTING)
        self._fleeting_engine = self.engine.execution_options(dialer_write=_FLEETING)
        self._at_once_engine = self.engine.execution_options(dialer_write=_AT_ONCE)
        self._one_writer = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(_READERS, "store-reader")
        self._keeper = ThreadPoolExecutor(1, "store-checkpoint")
        self._commits = 0
        """Since the last checkpoint was asked for."""
        self._log_ends = True
        """Whether the file may hold all of the log: whoever writes next begins it anew, and waits for the
        disk."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, _transaction, self.engine, work
        )

    read_by_values = read

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """In the event loop: a thread costs more, and a reader waits for nobody."""
        return _transaction(self.engine, work)

    async def write(
        self, work: Callable[[Connection, InLoop], T], *, lasting: bool = True, single: bool = False
    ) -> T:
        """In the event loop, but for what waits: the lock at the begin, the disk at the end.

        A second thread that asks for the interpreter at each statement costs more than the statements.
        What needn't last waits for neither, but where another process has the lock.
        """
        async with self._one_writer:
            if not lasting and not self._log_ends and (at_once := self._begun_at_once()) is not None:
                try:
                    result = work(at_once, _at_once)
                except BaseException:
                    _end(at_once, False)
                    raise
                _end(at_once, True)
            else:
                result = await self._write(work, lasting)
                self._log_ends = False
            self._committed(1)
            return result

    async def _write(self, work: Callable[[Connection, InLoop], T], lasting: bool) -> T:
        loop = asyncio.get_running_loop()
        # Whoever ends the loop can't leave a transaction behind: begin and end are the thread's.
        engine = self._write_engine if lasting else self._fleeting_engine
        connection = await loop.run_in_executor(self._writer, _begun, engine)
        try:
            result = work(connection, _at_once)
        except BaseException:
            await loop.run_in_executor(self._writer, _end, connection, False)
            raise
        await loop.run_in_executor(self._writer, _end, connection, True)
        return result

    def _begun_at_once(self) -> Connection | None:
        """None: another process has the lock."""
        try:
            return _begun(self._at_once_engine)
        except OperationalError as error:
            if faults.is_busy(error):
                return None
            raise

    async def write_much(self, work: Callable[[Connection, InLoop], T]) -> T:
        loop = asyncio.get_running_loop()
        async with self._one_writer:
            result = await loop.run_in_executor(
                self._writer, _transaction, self._write_engine, lambda connection: work(connection, _at_once)
            )
            self._committed(_CHECKPOINT_COMMITS)
            return result

    def _committed(self, weight: int) -> None:
        self._commits += weight
        if self._commits >= _CHECKPOINT_COMMITS:
            self._commits = 0
            self._keeper.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        """As far as it holds up nobody; what can't be done now, the next one does."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.place)) as connection:
            _busy, pages, back = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._log_ends = back >= pages

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._keeper, self._keeper.shutdown, False)
        await loop.run_in_executor(self._writer, self.engine.dispose)
        self._readers.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    def quick_check(self, connection: Connection) -> None:
        """Raises StoreError where SQLite finds damage."""
        found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise StoreError(f"{self.place}: the database is damaged ({found}): restore the last backup")


class PostgresDatabase:
    """A server: transactions at once over two pools of connections, through asyncpg.

    Those of the second don't wait for the server's disk: they read, and write what needn't last.
    """

    def __init__(self, url: URL, config: StoreConfig) -> None:
        self.place, self.writers = url.render_as_string(hide_password=True), config.connections
        trust = _Trust()
        # What a server, a database or a role has by default may be "off": said here it doesn't hold.
        self.engine = _pool(url, config, trust, size=config.connections, more=0, synchronous_commit="on")
        self._fleeting = _pool(
            url, config, trust, size=1 + _READERS, more=config.connections, synchronous_commit="off"
        )
        # Each statement sees what is committed, in a transaction of its own or not (READ COMMITTED).
        self._single = self._fleeting.sync_engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, work: Callable[[Connection], T]) -> T:
        # One greenlet for the whole of it: SQLAlchemy's own asynchronous connection takes three.
        return await greenlet_spawn(_transaction, self._single, work)

    glance = read

    async def read_by_values(self, work: Callable[[Connection], T]) -> T:
        """A plan for just these values; those of the other statements are made once."""
        async with self._fleeting.connect() as connection, connection.begin():
            await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
            return await connection.run_sync(work)

    async def write(
        self, work: Callable[[Connection, InLoop], T], *, lasting: bool = True, single: bool = False
    ) -> T:
        fleeting = self._single if single else self._fleeting.sync_engine
        engine = self.engine.sync_engine if lasting else fleeting
        return await greenlet_spawn(_transaction, engine, lambda connection: work(connection, _at_once))

    async def write_much(self, work: Callable[[Connection, InLoop], T]) -> T:
        return await self.write(work)

    async def close(self) -> None:
        await self.engine.dispose()
        await self._fleeting.dispose()


def switched_off(connection: Connection) -> frozenset[str]:
    """Settings of PostgreSQL that keep what was committed, and are off for this connection."""
    if connection.dialect.name != "postgresql":
        return frozenset()
    return frozenset(connection.execute(_SWITCHED_OFF).scalars())


def _pool(url: URL, config: StoreConfig, trust: _Trust, size: int, more: int, **settings: str) -> AsyncEngine:
    """Connections under these settings of the server. Raises StoreError."""
    url, secured = _secured(url)
    try:
        engine = create_async_engine(
            url,
            pool_size=size,
            max_overflow=more,
            pool_timeout=config.connect_timeout_s,
            pool_use_lifo=True,  # the connection used last has its statements prepared
            hide_parameters=True,
            connect_args={
                **secured,
                "timeout": config.connect_timeout_s,
                "command_timeout": config.statement_timeout_s,
                "server_settings": {
                    "application_name": "dialer",
                    "jit": "off",
                    "plan_cache_mode": "force_generic_plan",
                    "lock_timeout": f"{config.busy_timeout_s:.3f}s",
                    "idle_in_transaction_session_timeout": f"{config.statement_timeout_s:.3f}s",
                    **settings,
                },
            },
        )
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(
            "PostgreSQL needs asyncpg: install the extra with pip install 'huifang-dialer[postgres]'"
        ) from error
    trust.watch(engine.sync_engine)
    return engine


def _secured(url: URL) -> tuple[URL, dict[str, Any]]:
    """TLS as libpq names it (sslmode, sslrootcert, sslcert, sslkey), for asyncpg. Raises StoreError."""
    given = {name: str(url.query[name]) for name in _SSL_NAMES if name in url.query}
    url = url.difference_update_query(_SSL_NAMES)
    mode = given.get("sslmode", "verify-full" if "sslrootcert" in given else "")
    if not mode:
        return url, {}
    if mode not in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise StoreError(
            "sslmode in the database URL: write disable, prefer, require, verify-ca or verify-full"
        )
    if not mode.startswith("verify-") and "sslcert" not in given:
        return url, {"ssl": mode}
    try:
        context = ssl.create_default_context(cafile=given.get("sslrootcert"))
        if "sslcert" in given:
            context.load_cert_chain(given["sslcert"], given.get("sslkey"))
    except (OSError, ssl.SSLError) as error:
        raise StoreError(f"a certificate that the database URL names can't be read: {error}") from error
    context.check_hostname = mode == "verify-full"
    if not mode.startswith("verify-"):
        context.verify_mode = ssl.CERT_NONE
    return url, {"ssl": context}


class _Trust:
    """Which connections of a server's pools are asked whether they live, before they are used.

    Those that lay idle, and all once one has broken: a new one takes a dead one's place. Others aren't asked:
    that would be one round trip more for each transaction.
    """

    def __init__(self) -> None:
        self._broken_at = float("-inf")

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "checkin", self._note_use)
        event.listen(engine, "checkout", partial(self._ask, engine))
        event.listen(engine, "handle_error", self._note_break)

    def _note_use(self, _dbapi: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()  # noqa: TID251 - a shell; may be told outside any loop

    def _note_break(self, context: ExceptionContext) -> None:
        if context.is_disconnect:
            self._broken_at = time.monotonic()  # noqa: TID251

    def _ask(self, engine: Engine, dbapi: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        used_at = record.info.get("used_at")
        if used_at is None:
            return
        if used_at > self._broken_at and time.monotonic() - used_at < _TRUSTED_S:  # noqa: TID251
            return
        try:
            engine.dialect.do_ping(dbapi)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("the server closed this connection") from error


def _at_once(visit: Callable[[], None]) -> None:
    """A greenlet is in the event loop already."""
    visit()


def _begun(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _end(connection: Connection, commit: bool) -> None:
    try:
        connection.commit() if commit else connection.rollback()
    finally:
        connection.close()


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection, connection.begin():
        return work(connection)


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
        for pragma in (
            "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"cache_size=-{_CACHE_KIB}",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        ):  # fmt: skip
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Connection, patience_ms: int) -> None:
    # A writer that only later asks for the lock can't wait for it: its snapshot would be stale.
    mode = connection.get_execution_options().get("dialer_write")
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA busy_timeout={0 if mode == _AT_ONCE else patience_ms}")
    if mode is not None:
        # NORMAL leaves the log to the next wait for the disk: what comes later never gets there first.
        driver.execute(f"PRAGMA synchronous={'FULL' if mode == _LASTING else 'NORMAL'}")
        driver.execute(f"PRAGMA wal_autocheckpoint={0 if mode == _AT_ONCE else _CHECKPOINT_PAGES}")
    connection.exec_driver_sql("BEGIN" if mode is None else "BEGIN IMMEDIATE")
