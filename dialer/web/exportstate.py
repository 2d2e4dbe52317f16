"""What the pages ask of whoever makes exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dialer.access.requests import AccessRequest
from dialer.model import Reason


@dataclass(frozen=True, slots=True)
class ExportState:
    """How far an export has come."""

    calls: int
    done: int = 0
    """Calls that are written."""
    file: Path | None = None
    """The archive file, once it is whole; ``size`` bytes."""
    size: int = 0
    fault: Reason | None = None
    """Why it couldn't be made."""

    @property
    def under_way(self) -> bool:
        return self.file is None and self.fault is None


class Exports(Protocol):
    def state(self, request: AccessRequest, now: datetime) -> ExportState | None:
        """None: not begun, or not any more: what was made is gone once the request isn't in force."""
        ...

    def start(self, request: AccessRequest, lang: str) -> None:
        """In the background; nothing happens where it is under way or made. ``lang``: of its index."""
        ...
