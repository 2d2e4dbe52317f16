"""Startup: close what a crash left open, before the first new call.

An attempt whose INVITE may have left is UNKNOWN: counted, never silently redialled. Its recording
is repaired and indexed as partial.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dialer.model import CallRecord, Disposition
from dialer.ports import Archive, Store

log = logging.getLogger("dialer.recovery")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found: attempts closed as UNKNOWN, recordings repaired, claims given back."""

    unknown: int
    repaired: int
    claims: int


async def recover(store: Store, archive: Archive, node: str, clock: Callable[[], datetime]) -> Recovered:
    """Close this node's open attempts. Raises StoreError or ArchiveError: then no call is placed."""
    repaired = 0
    left = await store.open_attempts(node)
    for attempt in left:
        recording = await archive.repair(attempt.id, attempt.answered_at or attempt.invited_at)
        repaired += recording is not None
        ended = recording.ended_at if recording else attempt.answered_at or attempt.invited_at
        await store.close_unknown(
            CallRecord(
                call_id=attempt.id,
                task_id=attempt.task_id,
                outcome=Disposition.UNKNOWN,
                ended_at=min(max(ended, attempt.invited_at), clock()),
                ringing_at=attempt.ringing_at,
                answered_at=attempt.answered_at,
                reason="the daemon stopped during this call",
                hung_up_by="dialer",
                recording=recording,
            )
        )
        log.warning("attempt closed as unknown", extra={"call_id": attempt.id})
    claims = await store.drop_claims(node)
    return Recovered(unknown=len(left), repaired=repaired, claims=claims)
