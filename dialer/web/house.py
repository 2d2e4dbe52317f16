"""What the pages work with; everything behind a port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.access.config import AccessConfig, QualityConfig
from dialer.access.store import AccessStore
from dialer.ports import ArchiveLog, Evidence, Store
from dialer.web.exportstate import Exports
from dialer.web.plays import Plays

_AT_ONCE = 2
"""Argon2 takes 64 MiB and a core for each password that is tried."""


@dataclass(frozen=True, slots=True)
class WebHouse:
    store: Store
    access: AccessStore
    log: ArchiveLog
    evidence: Evidence
    config: AccessConfig
    quality: QualityConfig
    sample_rate: float
    """R59: share of the month's conversations that are checked; ``sample_floor`` of them at least."""
    sample_floor: int
    zone: ZoneInfo
    """Of what is typed and shown."""
    clock: Callable[[], datetime]
    token: Callable[[], str]
    """A new unguessable text, e.g. ``secrets.token_urlsafe``."""
    table: Callable[[str, Sequence[str], Sequence[Sequence[str]]], bytes]
    """(``.csv`` or ``.xlsx``, headings, rows) -> a file's bytes; no text becomes a formula."""
    exports: Exports
    plays: Plays = field(default_factory=Plays)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
