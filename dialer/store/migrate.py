"""Alembic, run by the program itself: a database is brought to this version's tables when opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dialer.errors import StoreError
from dialer.store.claims import InLoop

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x4855_4946
"""PostgreSQL's advisory lock: of two nodes that start at once, one migrates."""


def alembic_config(connection: Connection) -> Config:
    """Also for ``alembic`` by hand; ``env.py`` takes the connection from the attributes."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, _: InLoop) -> None:
    """All steps in the caller's one transaction. Raises StoreError for a database from the future."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = set(MigrationContext.configure(connection).get_current_heads())
    if not present <= known:
        raise StoreError(
            "the database was written by a newer version (revision"
            f" {', '.join(sorted(present - known))}): install that version or a later one"
        )
    command.upgrade(config, "head")
