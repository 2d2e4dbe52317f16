"""Settings of the store."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.policy.ruling import DO_NOT_CALL, SURRENDERED


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """How the store treats its database."""

    busy_timeout_s: float = 2.0
    """SQLite: how long one statement waits for another process's lock."""

    busy_retries: int = 3
    """How often a write is tried again after ``busy_timeout_s`` before it ends with StoreError."""

    quick_check: bool = True
    """Look for damage when the database is opened (SQLite ``quick_check``); refuse a damaged one."""

    customer_busy_wait_s: float = 60.0
    """At the barrier: how long a task waits while another task's call to the same customer is live."""

    excluding_rules: frozenset[str] = frozenset({"R19", "R37", SURRENDERED, DO_NOT_CALL})
    """A Refuse by one of these rules is for good: the task becomes EXCLUDED. Any other Refuse
    (no room, no approval, no calendar) leaves it open."""
