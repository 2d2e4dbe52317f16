"""An archive's log in memory, for tests of what writes to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from dialer.access.search import LogQuery
from dialer.model import ArchiveEvent, CallId, Detail, LogEntry


class MemoryLog:
    """Implements ``dialer.ports.ArchiveLog``; ``entries`` oldest first."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    async def append(
        self, kind: ArchiveEvent, call_id: CallId | None, by: str, at: datetime, details: Mapping[str, Detail]
    ) -> LogEntry:
        before = self.entries[-1].hash if self.entries else "0" * 64
        body = json.dumps(
            {"seq": len(self.entries) + 1, "at": at.isoformat(), "kind": kind.value, "call": call_id,
             "by": by, "details": dict(details), "before": before}, sort_keys=True, ensure_ascii=False,
        )  # fmt: skip
        digest = hashlib.sha256(b"\0" + body.encode()).hexdigest()
        made = LogEntry(len(self.entries) + 1, at, kind, call_id, by, dict(details), body, digest)
        self.entries.append(made)
        return made

    async def log_search(self, query: LogQuery) -> list[LogEntry]:
        found = [
            one
            for one in reversed(self.entries)
            if (query.start is None or one.at >= query.start)
            and (query.end is None or one.at < query.end)
            and query.kind in (None, one.kind)
            and query.call in (None, one.call_id)
            and query.by.lower() in ("", one.by.lower())
            and (query.before is None or one.seq < query.before)
        ]
        return found[: query.limit]

    async def log_of(self, call_id: CallId) -> list[LogEntry]:
        return [one for one in self.entries if one.call_id == call_id]
