"""Legal time that a demonstration or a test can move on."""

from __future__ import annotations

import time
from datetime import datetime, timedelta


class MovableClock:
    """Runs with real seconds from ``start``; ``move_to`` jumps forward."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start needs a zone")
        self._base, self._from = start, time.monotonic()  # noqa: TID251 - a shell that makes time

    def __call__(self) -> datetime:
        return self._base + timedelta(seconds=time.monotonic() - self._from)  # noqa: TID251

    def move_to(self, moment: datetime) -> None:
        """Never backwards."""
        if moment > self():
            self._base, self._from = moment, time.monotonic()  # noqa: TID251
