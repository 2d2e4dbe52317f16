"""Rows that survive a crash: tasks, attempts, claims, decisions, tickets and the outbox.

``SqlStore`` (``database.py``) implements ``dialer.ports.Store`` on SQLAlchemy 2.1 async.
"""

from dialer.store.config import StoreConfig
from dialer.store.database import SqlStore

__all__ = ["SqlStore", "StoreConfig"]
