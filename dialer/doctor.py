"""Checks of an installation: each says whether it is fit, and what to do where it isn't."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dialer.archive.keys import public_hex, signing_key, wrapping
from dialer.archive.vault import LocalVault
from dialer.asr.directory import check_directory
from dialer.backupcare import overdue
from dialer.backups import backups_in
from dialer.bus.mqtt import probe
from dialer.campaignbook import CampaignBook
from dialer.campaignviews import overview
from dialer.errors import DialerError
from dialer.model import english
from dialer.office import all_prompt_texts
from dialer.policy.zones import find_zone
from dialer.sip.lines import probe_trunks
from dialer.sip.probe import Probed
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

_NONE_RUNS = "none is running: nobody is called (dialer campaign new, lint, rehearse, approve, start)"

_KEEPING = frozenset({"fsync", "synchronous_commit"})
_FORGETS = "a power cut could take an attempt, and its customer be called again: switch on in postgresql.conf"
_TEARS = "full_page_writes off: only for a file system that never writes half a page, such as ZFS"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``detail``: what was found, or what is wrong and how to put it right."""

    name: str
    ok: bool
    detail: str


async def examine(home: Path, now: datetime) -> list[Check]:
    """Every check; where the configuration can't be read, only that one."""
    site = Site(home)
    config = _check("config", lambda: f"{site.settings.site.node}, {len(site.scripts)} scripts")
    if not config.ok:
        return [config]
    return [
        config,
        _check("calendar", lambda: _calendar(site, now)),
        _check("model", lambda: _model(site)),
        _check("prompts", lambda: _prompts(site)),
        _check("disk", lambda: _disk(site)),
        _check("archive", lambda: _archive(site)),
        _check("backup", lambda: _backup(site, now)),
        await _database(site),
        await _campaigns(site, now),
        *await _trunks(site),
        *await _broker(site),
    ]


def _check(name: str, work: Callable[[], str]) -> Check:
    try:
        return Check(name, True, work())
    except DialerError as error:
        return Check(name, False, str(error))


def _calendar(site: Site, now: datetime) -> str:
    today = now.astimezone(find_zone(site.settings.calling.zone)).date()
    site.calendar.is_workday(today)
    return site.calendar.warning(today) or f"{today.year}"


def _model(site: Site) -> str:
    return check_directory(site.settings.recogniser)


def _prompts(site: Site) -> str:
    site.require_clips(all_prompt_texts(site))
    return "complete"


def _disk(site: Site) -> str:
    room, why = LocalVault(site.settings.archive).has_room()
    if not room:
        raise DialerError(english(why))
    return str(site.settings.archive.root)


def _archive(site: Site) -> str:
    """Its keys can be used; what isn't enciphered is said."""
    config = site.settings.archive
    at_rest = "enciphered" if wrapping(config) is not None else "in clear (archive.key_file isn't set)"
    signed = "its signing key is made at the first start"
    if config.sign_key_file.exists():
        signed = f"signed by {public_hex(signing_key(config.sign_key_file))}"
    return f"recordings rest {at_rest}; {signed}"


def _backup(site: Site, now: datetime) -> str:
    config = site.settings.backup
    if config.folder is None:
        return "none is made: set backup.folder (R93)"
    try:
        found = backups_in(config.folder)
    except OSError as error:
        raise DialerError(f"{config.folder}: can't be looked at: {error.strerror}") from None
    if why := overdue(config, found[0].made_at if found else None, now):
        raise DialerError(f"{why}: dialer backup make, and look into the log")
    return str(found[0].folder)


async def _database(site: Site) -> Check:
    place, url = site.settings.site.database, site.settings.store.url
    if not (url or place.exists()):
        return Check("database", True, f"{place}: made by the first import")
    try:
        store = await SqlStore.open(place, site.settings.store)
        try:
            off = await store.switched_off()
        finally:
            await store.close()
    except DialerError as error:
        return Check("database", False, str(error))
    if forgets := " and ".join(sorted(off & _KEEPING)):
        return Check("database", False, f"{store.place}: {forgets} off: {_FORGETS}")
    return Check("database", True, store.place + (f" ({_TEARS})" if off else ""))


async def _campaigns(site: Site, now: datetime) -> Check:
    """What runs, what can't, and files that can't be read."""
    place, url = site.settings.site.database, site.settings.store.url
    if not (url or place.exists()):
        return Check("campaigns", True, _NONE_RUNS)

    async def look(store: SqlStore) -> Check:
        book = CampaignBook(site, store, lambda: now)
        await book.refresh()
        broken = [line.fault for line in await overview(site.home) if line.fault]
        if faults := [*(why.en for why in book.faults), *broken]:
            return Check("campaigns", False, "; ".join(faults))
        running = ", ".join(sorted(book.running()))
        return Check("campaigns", True, running or _NONE_RUNS)

    try:
        return await with_store(site.home, look)
    except DialerError as error:
        return Check("campaigns", False, str(error))


async def _broker(site: Site) -> list[Check]:
    """None where none is set."""
    mqtt = site.settings.mqtt
    if not mqtt.host:
        return []
    try:
        await probe(mqtt)
    except DialerError as error:
        return [Check("broker", False, str(error))]
    return [Check("broker", True, f"{mqtt.place} takes connections")]


async def _trunks(site: Site) -> list[Check]:
    """One for each trunk; all are asked at the same time."""
    return [_trunk(found) for found in await probe_trunks(site.settings.trunks, site.settings.sip)]


def _trunk(found: Probed) -> Check:
    trunk, place = found.trunk, found.place
    name = f"trunk {trunk.name}"
    if found.error:
        return Check(name, False, found.error)
    if not found.code:
        silent = f"no answer to OPTIONS from {place} in {found.waited_s:g} s: check host, port, firewall"
        return Check(name, False, silent)
    if not found.alive:
        return Check(name, False, f"{place} answers {found.code}: the carrier takes no calls")
    if trunk.username and not trunk.password:
        return Check(
            name, False, f"{place} answers {found.code}, but {trunk.username} has no password: see [secrets]"
        )
    return Check(name, True, f"{place} answers {found.code}")
