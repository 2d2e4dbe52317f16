"""The database that a place names: a file, or a server by its URL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dialer.errors import StoreError
from dialer.store.config import StoreConfig
from dialer.store.postgres import PostgresDatabase
from dialer.store.sqlite import SqliteDatabase
from dialer.store.transactions import Database


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
