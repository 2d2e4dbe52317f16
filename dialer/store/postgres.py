"""PostgreSQL behind the store: transactions at once, over pools of connections through asyncpg."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from dialer.errors import StoreError
from dialer.store.claims import InLoop
from dialer.store.config import StoreConfig
from dialer.store.transactions import T, at_once, transaction

_KEPT = 3
"""Connections of the second pool that stay; what it opens beyond them ends with its use."""
_TRUSTED_S = 1.0
"""How long after its last use a connection counts as alive."""
_SWITCHED_OFF = text(
    "SELECT name FROM pg_settings WHERE setting = 'off'"
    " AND name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
)
_SSL_NAMES = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class PostgresDatabase:
    """Two pools of connections. Those of the second don't wait for the server's disk: they read, and write
    what needn't last.
    """

    def __init__(self, url: URL, config: StoreConfig) -> None:
        self.place, self.writers = url.render_as_string(hide_password=True), config.connections
        trust = _Trust()
        # What a server, a database or a role has by default may be "off": said here it doesn't hold.
        self.engine = _pool(url, config, trust, size=config.connections, more=0, synchronous_commit="on")
        self._fleeting = _pool(
            url, config, trust, size=_KEPT, more=config.connections, synchronous_commit="off"
        )
        # Each statement sees what is committed, in a transaction of its own or not (READ COMMITTED).
        self._single = self._fleeting.sync_engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, work: Callable[[Connection], T]) -> T:
        # One greenlet for the whole of it: SQLAlchemy's own asynchronous connection takes three.
        return await greenlet_spawn(transaction, self._single, work)

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
        return await greenlet_spawn(transaction, engine, lambda connection: work(connection, at_once))

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
