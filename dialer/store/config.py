"""Settings of the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.policy.rulebook import RULEBOOK


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """How the store treats its database."""

    url: str = field(default="", repr=False)
    """PostgreSQL: ``postgresql://user:password@host/name?sslmode=verify-full&sslrootcert=ca.pem``.
    It holds a password, so it comes from the environment; empty: the file of ``[site]`` database."""

    number_secret: bytes = field(default=b"", repr=False)
    """Secret behind the keyed hashes by which numbers are found (``[secrets]`` number_key); empty: the
    database's own salt alone."""

    busy_timeout_s: float = 2.0
    """How long one statement waits for another process's lock."""

    busy_retries: int = 3
    """How often a write is tried again after ``busy_timeout_s`` before it ends with StoreError."""

    gather_s: float = 0.015
    """How long callers gather before a transaction begins for all of them; while another one runs, they
    gather anyway. A caller who is alone, as the last one was, doesn't wait."""

    group_size: int = 200
    """How many callers share one transaction at most."""

    connections: int = 4
    """PostgreSQL: write transactions at once. A node opens up to twice as many connections, and three: those
    that read, and write what needn't last (claims), are a pool of their own. The others wait for the server's
    disk (``synchronous_commit = on``), whatever is the default there."""

    connect_timeout_s: float = 5.0
    """PostgreSQL: how long the server may take to accept a connection, or the pool to give one."""

    statement_timeout_s: float = 30.0
    """PostgreSQL: how long one statement may take, and how long the server keeps a silent transaction."""

    quick_check: bool = True
    """Look for damage when the database is opened (SQLite ``quick_check``); refuse a damaged one."""

    customer_busy_wait_s: float = 60.0
    """At the barrier: how long a task waits while another task's call to the same customer is live."""

    excluding_rules: frozenset[str] = frozenset({"R11", "R19", "R37", "R38"})
    """A Refuse by one of these rules is for good: the task becomes EXCLUDED. Any other Refuse
    (no room, no approval, no calendar) leaves it open."""

    def __post_init__(self) -> None:
        for name in ("busy_timeout_s", "connect_timeout_s", "statement_timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not above 0")
        for name in ("group_size", "connections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is below 1")
        if unknown := sorted(self.excluding_rules - RULEBOOK.keys()):
            raise ValueError(f"excluding_rules: no rule is called {unknown[0]}; see docs/policy.md")
        if not 0 <= self.gather_s <= 1:
            raise ValueError(f"gather_s: {self.gather_s} is not in 0..1 s")
