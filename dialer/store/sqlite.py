"""SQLite behind the store: one writer. Threads do what waits for a lock or the disk, reads or writes much."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from dialer.errors import StoreError
from dialer.store import faults
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig
from dialer.store.transactions import T, at_once, transaction

_READERS = 2
_CHECKPOINT_COMMITS, _CHECKPOINT_PAGES = 30, 20_000
"""After so many commits SQLite's log is written back beside the writer; the writer itself does it, and
its callers wait, only where the log got longer than so many pages (of 4 KiB)."""
_CACHE_KIB = 16_384
"""SQLite's own page cache, for each connection."""
_LASTING, _FLEETING, _AT_ONCE = "lasting", "fleeting", "at once"
"""How SQLite writes: every commit on the disk; not; and waiting for nothing, neither lock nor disk."""


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
        return await asyncio.get_running_loop().run_in_executor(self._readers, transaction, self.engine, work)

    read_by_values = read

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """In the event loop: a thread costs more, and a reader waits for nobody."""
        return transaction(self.engine, work)

    async def write(
        self, work: Callable[[Connection, InLoop], T], *, lasting: bool = True, single: bool = False
    ) -> T:
        """In the event loop, but for what waits: the lock at the begin, the disk at the end.

        A second thread that asks for the interpreter at each statement costs more than the statements.
        What needn't last waits for neither, but where another process has the lock.
        """
        async with self._one_writer:
            if not lasting and not self._log_ends and (begun := self._begun_at_once()) is not None:
                try:
                    result = work(begun, at_once)
                except BaseException:
                    _end(begun, False)
                    raise
                _end(begun, True)
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
            result = work(connection, at_once)
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
                self._writer, transaction, self._write_engine, lambda connection: work(connection, at_once)
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
