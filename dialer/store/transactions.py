"""What the store asks of a database: one transaction for a function, on either engine.

Functions take SQLAlchemy's synchronous ``Connection``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine

from dialer.store.claims import InLoop

T = TypeVar("T")


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


def transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection, connection.begin():
        return work(connection)


def at_once(visit: Callable[[], None]) -> None:
    """For work that is in the event loop already, as a greenlet is."""
    visit()
