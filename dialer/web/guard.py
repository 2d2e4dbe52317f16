"""Who is asking: sign-in, the session of a request, the token that every change must bring along.

The cookie is a random token, HttpOnly and SameSite=Strict; the database keeps its SHA-256. Wrong passwords
lock an account for a while, and cost the same time whether or not the account is there.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Form, Request

from dialer.access.accounts import Account, Right, Session
from dialer.errors import AccessRefused
from dialer.model import Reason
from dialer.web.house import WebHouse
from dialer.web.identity import proven

log = logging.getLogger("dialer.web")

COOKIE = "huifang_session"


class SignInNeeded(Exception):
    """Nobody is signed in: the pages lead to the sign-in."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in."""

    house: WebHouse
    account: Account
    session: Session


def house_of(request: Request) -> WebHouse:
    return cast(WebHouse, request.app.state.house)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def visit_of(request: Request) -> Visit:
    """Raises SignInNeeded."""
    house = house_of(request)
    token = request.cookies.get(COOKIE, "")
    session = await house.access.session(_digest(token), house.clock()) if token else None
    account = await house.access.account(session.account) if session else None
    if session is None or account is None or not account.active:
        raise SignInNeeded
    request.state.account = account
    request.state.csrf = session.csrf
    return Visit(house, account, session)


AnyVisit = Annotated[Visit, Depends(visit_of)]


async def changing(visit: AnyVisit, csrf: Annotated[str, Form(max_length=100)] = "") -> Visit:
    """For everything that changes something. Raises AccessRefused: the form isn't one of this session's."""
    if not hmac.compare_digest(csrf.encode(), visit.session.csrf.encode()):
        raise AccessRefused(Reason("页面已过期,请刷新后重试", "out of date: load the page again"))
    return visit


ChangingVisit = Annotated[Visit, Depends(changing)]


def with_right(visit: Visit, right: Right) -> Visit:
    """Raises AccessRefused."""
    visit.account.require(right)
    return visit


async def sign_in(house: WebHouse, name: str, password: str) -> str:
    """A new session's token. Raises AccessRefused, in the same words whatever was wrong."""
    now = house.clock()
    async with house.hashing:
        await proven(house.access, name, password, now, house.config)
    token = house.token()
    ends = now + timedelta(hours=house.config.session_hours)
    await house.access.add_session(Session(_digest(token), name, house.token(), ends))
    log.info("signed in", extra={"account": name})
    return token


async def sign_out(house: WebHouse, request: Request) -> None:
    await house.access.drop_session(_digest(request.cookies.get(COOKIE, "")))
