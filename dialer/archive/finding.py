"""What verification finds, and how much it has looked at."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.model import CallId


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that doesn't fit. ``call``: None where it isn't about one call."""

    call: CallId | None
    what: str
    """``log``, ``root``, ``index``, ``audio``, ``sidecar`` or ``file``."""
    zh: str
    en: str


@dataclass(slots=True)
class Progress:
    """What was looked at."""

    calls: int = 0
    entries: int = 0
    stored_bytes: int = 0
