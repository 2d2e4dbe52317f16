"""``dialer web`` and the accounts: an installation's database and archive behind the pages."""

from __future__ import annotations

import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI

from dialer.access.accounts import Account, Right, Role
from dialer.access.requests import AccessRequest, known
from dialer.app import Clock
from dialer.archiving import Archiving, open_archive
from dialer.errors import AccessRefused, ConfigError, DialerError
from dialer.exports import as_table
from dialer.model import Disposition, Reason
from dialer.office import with_store
from dialer.packing import Form
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.web import WebHouse, make_app
from dialer.web.desk import take_back
from dialer.web.identity import proven
from dialer.web.passwords import hashed
from dialer.web.show import named
from dialer.webexports import WebExports, open_exports


def house(site: Site, store: SqlStore, archive: Archiving, clock: Clock, exports: WebExports) -> WebHouse:
    settings = site.settings
    return WebHouse(
        store=store,
        access=store.access,
        log=archive.index,
        evidence=archive.room,
        config=settings.access,
        quality=settings.quality,
        sample_rate=settings.reports.sample_rate,
        sample_floor=settings.reports.sample_floor,
        zone=ZoneInfo(settings.archive.zone),
        clock=clock,
        token=lambda: secrets.token_urlsafe(32),
        table=as_table,
        exports=exports,
    )


_FAREWELL_S = 10
"""What is fetched when the pages are told to end has this long: a stalled download mustn't hold them up."""
EXPORTS = "exports"
"""Folder of the installation with what the pages are asked to export, while they run."""


def index_form(lang: str) -> Form:
    """How the index of an export reads."""
    return Form(lang, {one: named(one, lang) for one in Disposition})


@asynccontextmanager
async def open_pages(site: Site, clock: Clock) -> AsyncIterator[FastAPI]:
    """The pages over an open database and archive.

    Raises StoreError, ConfigError, ArchiveError, NodeRunning.
    """
    settings = site.settings
    store = await SqlStore.open(settings.site.database, settings.store)
    try:
        async with open_archive(settings, store.archive, site.ticket_due) as archive:
            async with open_exports(
                archive, store.access.request, site.home / EXPORTS, index_form, clock
            ) as exports:
                yield make_app(house(site, store, archive, clock, exports))
            await archive.mirror.catch_up()
    finally:
        await store.close()


@contextmanager
def _ended_once() -> Iterator[None]:
    """uvicorn raises a signal again once it has stopped, and somebody may send another: either would end us
    before our exports are gone.
    """
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def serve(home: Path, clock: Clock) -> None:
    """``dialer web``: until SIGTERM or SIGINT. Raises DialerError."""
    site = Site(home)
    web = site.settings.web
    with ExitStack() as until_cleared:
        async with open_pages(site, clock) as pages:
            config = uvicorn.Config(
                pages,
                host=web.host,
                port=web.port,
                ssl_certfile=web.certificate_file,
                ssl_keyfile=web.key_file or web.certificate_file,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips="127.0.0.1",
                timeout_graceful_shutdown=_FAREWELL_S,
            )
            server = uvicorn.Server(config)
            until_cleared.enter_context(_ended_once())
            try:
                await server.serve()
            except SystemExit:
                raise DialerError(
                    f"{web.host}:{web.port} can't be listened on: is another program there?"
                ) from None


async def add_account(home: Path, name: str, roles: tuple[Role, ...], password: str) -> None:
    """New, or with other roles and password; whoever is signed in with it is signed out."""
    try:
        account = Account(name, roles, hashed(password))
    except ValueError as error:
        raise ConfigError(str(error)) from None

    async def work(store: SqlStore) -> None:
        await store.access.put_account(account)
        await store.access.drop_sessions(name)

    await with_store(home, work)


async def set_active(home: Path, name: str, active: bool) -> None:
    """Raises DialerError: no such account."""

    async def work(store: SqlStore) -> None:
        changed = await store.access.change_account(
            name, lambda one: replace(one, active=active, failures=0, locked_until=None)
        )
        if changed is None:
            raise AccessRefused(Reason(f"没有账号 {name}", f"there is no account {name}"))
        await store.access.drop_sessions(name)

    await with_store(home, work)


async def revoke_grant(
    home: Path, request_id: int, by: str, password: str, why: str, now: datetime
) -> AccessRequest:
    """A records manager takes a grant back. Raises AccessRefused, StoreError."""
    site = Site(home)

    async def work(store: SqlStore) -> AccessRequest:
        account = await proven(store.access, by, password, now, site.settings.access)
        account.require(Right.APPROVE)
        found = known(await store.access.request(request_id))
        try:
            revoked = await take_back(store.access, store.archive, found, account, why, now)
        except ValueError as error:
            raise AccessRefused(*error.args) from None
        async with open_archive(site.settings, store.archive, site.ticket_due) as archive:
            await archive.mirror.catch_up()
        return revoked

    return await with_store(home, work)


async def accounts(home: Path) -> list[Account]:
    return await with_store(home, lambda store: store.access.accounts())


__all__ = ["accounts", "add_account", "house", "open_pages", "revoke_grant", "serve", "set_active"]
