"""Recordings that leave the house: sealed exports of an approved request (R62, R63), burn sets (R33).

``dialer.packing`` writes them; a burn set is one folder a disc. Whoever acts proves himself by his password.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.access.accounts import Right
from dialer.access.discs import share_out
from dialer.access.requests import known, may_leave
from dialer.access.search import MAX_LIMIT, CallQuery
from dialer.archiving import open_archive
from dialer.errors import AccessRefused, ConfigError
from dialer.model import Detail, Reason
from dialer.office import with_store
from dialer.packing import Form, Written, pack, pack_request
from dialer.ports import CallView
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.web.identity import proven


async def requester(home: Path, request_id: int) -> str:
    """Whose request it is. Raises AccessRefused: there is none."""

    async def work(store: SqlStore) -> str:
        return known(await store.access.request(request_id)).by

    return await with_store(home, work)


async def export(
    home: Path, request_id: int, folder: Path, form: Form, password: str, now: datetime
) -> Written:
    """The calls of an approved request to take away. ``password``: the requester's, who acts here.

    Raises AccessRefused where it is wrong or there is no such grant now; ArchiveError, ConfigError,
    StoreError.
    """
    site = Site(home)

    async def work(store: SqlStore) -> Written:
        request = may_leave(await store.access.request(request_id), now)
        await proven(store.access, request.by, password, now, site.settings.access)
        async with open_archive(site.settings, store.archive, site.ticket_due) as archive:
            made = await pack_request(archive, request, folder, form, now)
            await archive.mirror.catch_up()
            return made

    return await with_store(home, work)


async def burn(
    home: Path, first: date, last: date, folder: Path, form: Form, by: str, password: str, now: datetime
) -> list[Written]:
    """R33: the recordings of these local days as ``disc-001``, ``disc-002``, ... below ``folder``.

    ``by``: account of a records manager, who proves it by his password. Raises AccessRefused, ConfigError,
    ArchiveError, StoreError.
    """
    site = Site(home)
    settings = site.settings

    async def work(store: SqlStore) -> list[Written]:
        account = await proven(store.access, by, password, now, settings.access)
        if not account.may(Right.APPROVE):
            raise AccessRefused(
                Reason(f"{by} 不是资料管理负责人", f"{by} isn't an account of a records manager")
            )
        views = await _recorded(store, first, last, ZoneInfo(settings.archive.zone))
        try:
            discs = share_out([(view.attempt.id, _size(view)) for view in views], settings.access.disc_bytes)
        except ValueError as error:
            raise ConfigError(f"access.disc_bytes: {error}") from None
        by_call = {view.attempt.id: view for view in views}
        written: list[Written] = []
        async with open_archive(settings, store.archive, site.ticket_due) as archive:
            for number, disc in enumerate(discs, 1):
                own = [by_call[call] for call in disc.calls]
                about = {"days": f"{first}/{last}", "by": by, "disc": f"{number}/{len(discs)}"}
                told: dict[str, Detail] = {"use": "burn", "disc": number, "discs": len(discs)}
                place = folder / f"disc-{number:03d}"
                written.append(await pack(archive, own, place, form, about, by, told, now))
            await archive.mirror.catch_up()
        return written

    return await with_store(home, work)


def _size(view: CallView) -> int:
    recording = view.record.recording if view.record else None
    return recording.size if recording else 0


async def _recorded(store: SqlStore, first: date, last: date, zone: ZoneInfo) -> list[CallView]:
    """Oldest first."""
    query = CallQuery(
        start=datetime.combine(first, time(), zone),
        end=datetime.combine(last + timedelta(days=1), time(), zone),
        limit=MAX_LIMIT,
    )
    views: list[CallView] = []
    while True:
        found = await store.search(query)
        views += [view for view in (await store.calls_by_id(found.calls))[::-1] if _size(view)]
        if not found.more:
            return views[::-1]
        query = CallQuery(start=query.start, end=query.end, limit=MAX_LIMIT, before=found.calls[-1])
