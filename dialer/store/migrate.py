"""Alembic, run by the program itself: a database is brought to this version's tables when opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from dialer.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection) -> Config:
    """Also for ``alembic`` by hand; ``env.py`` takes the connection from the attributes."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def upgrade(session: AsyncSession) -> None:
    """All steps in the caller's one transaction. Raises StoreError for a database from the future."""
    connection = await session.connection()
    await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = set(MigrationContext.configure(connection).get_current_heads())
    if not present <= known:
        raise StoreError(
            "the database was written by a newer version (revision"
            f" {', '.join(sorted(present - known))}): install that version or a later one"
        )
    command.upgrade(config, "head")
