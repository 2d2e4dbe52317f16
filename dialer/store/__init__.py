"""Rows that survive a crash: tasks, attempts, claims, decisions, tickets and the outbox.

``SqlStore`` (``database.py``) implements ``dialer.ports.Store`` on SQLAlchemy 2.1 async.
"""

from typing import TYPE_CHECKING

from dialer.store.config import StoreConfig

if TYPE_CHECKING:
    from dialer.store.database import SqlStore

__all__ = ["SqlStore", "StoreConfig"]


def __getattr__(name: str) -> object:
    """The database's libraries take a second to load: whoever opens none does without."""
    if name != "SqlStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dialer.store.database import SqlStore

    return SqlStore
