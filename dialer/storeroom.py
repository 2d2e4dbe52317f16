"""An installation's database, opened for one piece of work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dialer.errors import DialerError
from dialer.settings import Settings
from dialer.site import Site
from dialer.store.database import SqlStore

T = TypeVar("T")


def has_store(settings: Settings) -> bool:
    """Whether there is a database already."""
    return bool(settings.store.url) or settings.site.database.exists()


async def with_store(home: Path, work: Callable[[SqlStore], Awaitable[T]]) -> T:
    """Open the installation's database, do ``work``, close. Raises StoreError, ConfigError.

    Raises DialerError where there is no database yet.
    """
    if not has_store(Site(home).settings):
        raise DialerError(f"{home} has no database yet: import customers first, or check --home")
    return await with_new_store(home, work)


async def with_new_store(home: Path, work: Callable[[SqlStore], Awaitable[T]]) -> T:
    """The same; a database that isn't there is made."""
    settings = Site(home).settings
    store = await SqlStore.open(settings.site.database, settings.store)
    try:
        return await work(store)
    finally:
        await store.close()
