"""Expiry in two steps, and legal hold, which wins over it.

Listed, then agreed to by a second person (or, where set, left alone for some days), then deleted: the intent
is in the log before a file goes, its end after both were seen to be gone. The row stays as a tombstone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.archive.config import ArchiveConfig
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.examine import Examiner
from dialer.errors import ArchiveError
from dialer.model import ArchiveEvent, CallId, Kept, KeptState, NewEntry
from dialer.ports import ArchiveIndex

_SKEW = timedelta(seconds=5)
"""By how much nodes' clocks may differ."""
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Swept:
    """What a run did."""

    expired: tuple[CallId, ...]
    waiting: tuple[tuple[CallId, str], ...]
    """Calls that may not go yet, and why."""


class Sweeper:
    """``by`` is who does it; ``now`` is legal time. Everything may raise ArchiveError and StoreError."""

    def __init__(self, config: ArchiveConfig, index: ArchiveIndex, room: EvidenceRoom) -> None:
        self._config, self._index, self._room = config, index, room
        self._zone = ZoneInfo(config.zone)

    async def list_due(self, now: datetime, by: str) -> list[Kept]:
        """The first step. Nothing goes. Returns what is listed now."""
        await self._sane(now)
        due = await self._index.due(now.astimezone(self._zone).date(), self._config.expire_cap)
        listed = [
            replace(one, state=KeptState.LISTED, listed_at=now, listed_by=by, approved_by="") for one in due
        ]
        entries = [
            NewEntry(
                ArchiveEvent.LISTED, one.call_id, by, now, {"retain_until": one.retain_until.isoformat()}
            )
            for one in listed
        ]
        await self._index.change(list(zip(due, listed, strict=True)), entries)
        return listed

    async def approve(self, now: datetime, by: str) -> list[Kept]:
        """The second step: somebody else agrees that everything goes that is listed."""
        await self._sane(now)
        listed = await self._all(KeptState.LISTED)
        if any(one.listed_by == by for one in listed):
            raise ArchiveError(f"{by} listed them: a second person has to agree")
        agreed = [replace(one, state=KeptState.APPROVED, approved_by=by) for one in listed]
        entries = [
            NewEntry(ArchiveEvent.APPROVED, one.call_id, by, now, {"listed_by": one.listed_by})
            for one in agreed
        ]
        await self._index.change(list(zip(listed, agreed, strict=True)), entries)
        return agreed

    async def sweep(self, now: datetime, by: str) -> Swept:
        """Delete what was agreed to. Refuses where the clock went back, where too many would go, and where
        anything of what is to go, or of the log, isn't as it was sealed."""
        await self._sane(now)
        begun, ready = await self._all(KeptState.EXPIRING), await self._ready(now)
        if len(begun) + len(ready) > self._config.expire_cap:
            raise ArchiveError(
                f"{len(begun) + len(ready)} recordings would go, more than archive.expire_cap"
                f" ({self._config.expire_cap}): check the clock and the rules first"
            )
        if not begun and not ready:
            return Swept((), ())
        await self._verify(ready, now)
        gone: list[CallId] = []
        waiting: list[tuple[CallId, str]] = []
        for kept in (*begun, *ready):
            try:
                await self._expire(kept, now, by)
                gone.append(kept.call_id)
            except ArchiveError as error:
                waiting.append((kept.call_id, str(error)))
        return Swept(tuple(gone), tuple(waiting))

    async def hold(self, calls: Sequence[CallId], now: datetime, by: str, reason: str) -> list[Kept]:
        """Nothing of these calls goes until ``release``. What was listed is taken off the list."""
        return await self._hold(calls, now, by, reason, on=True)

    async def release(self, calls: Sequence[CallId], now: datetime, by: str, reason: str) -> list[Kept]:
        return await self._hold(calls, now, by, reason, on=False)

    # --- inside ---

    async def _hold(
        self, calls: Sequence[CallId], now: datetime, by: str, reason: str, *, on: bool
    ) -> list[Kept]:
        found = {one.call_id: one.kept for one in await self._index.filed_calls(calls)}
        moves: list[tuple[Kept | None, Kept]] = []
        for call in dict.fromkeys(calls):
            kept = found.get(call)
            if kept is None:
                raise ArchiveError(f"call {call} has nothing in the archive")
            if kept.state in (KeptState.EXPIRING, KeptState.EXPIRED):
                raise ArchiveError(f"call {call}: its recording is deleted already")
            if kept.hold == on:
                continue
            shelf = self._room.shelf(kept)
            await shelf.hold(kept.audio, kept.audio_version, on)
            await shelf.hold(kept.sidecar, kept.sidecar_version, on)
            state = KeptState.KEPT if kept.state is not KeptState.SEALED else kept.state
            moves.append((kept, replace(kept, hold=on, state=state)))
        kind = ArchiveEvent.HELD if on else ArchiveEvent.RELEASED
        entries = [NewEntry(kind, after.call_id, by, now, {"reason": reason}) for _, after in moves]
        await self._index.change(moves, entries)
        return [after for _, after in moves]

    async def _sane(self, now: datetime) -> None:
        last = await self._index.last_entry()
        if last is not None and now < last.at - _SKEW:
            is_, was = (f"{at.astimezone(self._zone):%Y-%m-%d %H:%M:%S}" for at in (now, last.at))
            raise ArchiveError(f"the clock went back: it is {is_}, the log's last entry is of {was}")

    async def _ready(self, now: datetime) -> list[Kept]:
        today = now.astimezone(self._zone).date()
        ready = await self._all(KeptState.APPROVED)
        if self._config.expire_after_days:
            long_ago = now - timedelta(days=self._config.expire_after_days)
            listed = await self._all(KeptState.LISTED)
            ready += [one for one in listed if one.listed_at is not None and one.listed_at <= long_ago]
        return [one for one in ready if one.retain_until < today and not one.hold]

    async def _verify(self, ready: Sequence[Kept], now: datetime) -> None:
        examiner = Examiner(self._config, self._index, self._room, now)
        found = [one async for one in examiner.calls([kept.call_id for kept in ready])]
        if found:
            about = "" if found[0].call is None else f"call {found[0].call}: "
            raise ArchiveError(
                f"verification fails, nothing expires: {about}{found[0].en}"
                + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
            )

    async def _expire(self, kept: Kept, now: datetime, by: str) -> None:
        shelf = self._room.shelf(kept)
        going = kept
        if kept.state is not KeptState.EXPIRING:
            going = replace(kept, state=KeptState.EXPIRING)
            details = {"approved_by": kept.approved_by, "audio_sha256": kept.audio_sha256}
            entry = NewEntry(ArchiveEvent.EXPIRING, kept.call_id, by, now, details)
            await self._index.change([(kept, going)], [entry])
        try:
            await shelf.remove(kept.audio, kept.audio_version)
            await shelf.remove(kept.sidecar, kept.sidecar_version)
        except ArchiveError:
            # The shelf's own lock: as long as nothing of it is gone it stays what it was, and waits.
            if await shelf.digest(kept.audio, kept.audio_version) is not None:
                await self._index.change([(going, replace(going, state=KeptState.APPROVED))], ())
            raise
        gone = replace(going, state=KeptState.EXPIRED)
        entry = NewEntry(ArchiveEvent.EXPIRED, kept.call_id, by, now, {"seen_gone": True})
        await self._index.change([(going, gone)], [entry])

    async def _all(self, state: KeptState) -> list[Kept]:
        found: list[Kept] = []
        while page := await self._index.in_state(state, found[-1].call_id if found else CallId(0), _PAGE):
            found += page
        return found
