"""``SqlAccess``: the AccessStore port on the store's database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from dialer.access.accounts import Account, Role, Session
from dialer.access.quality import Finding, Mark, ScoreCard
from dialer.access.requests import AccessRequest, State, Use
from dialer.errors import StoreError
from dialer.model import CallId
from dialer.store.group import GroupWriter
from dialer.store.repository import chunks
from dialer.store.rows import Values
from dialer.store.tables import (
    ACCESS_REQUESTS,
    ACCOUNTS,
    ATTEMPTS,
    REQUESTED_CALLS,
    SCORE_CARDS,
    SESSIONS,
    among_ids,
)

R = ACCESS_REQUESTS.c
_KNOWN = select(ATTEMPTS.c.id).where(among_ids(ATTEMPTS.c.id))


class SqlAccess:
    """Implements ``dialer.access.store.AccessStore``; shares the store's transactions."""

    def __init__(self, group: GroupWriter) -> None:
        self._group = group

    # --- people --------------------------------------------------------------------------------

    async def put_account(self, account: Account) -> None:
        await self._group.alone(lambda connection, _: _put_account(connection, account))

    async def account(self, name: str) -> Account | None:
        return await self._group.read(lambda connection: _account(connection, name))

    async def accounts(self) -> list[Account]:
        query = select(ACCOUNTS).order_by(ACCOUNTS.c.name)
        return await self._group.read(
            lambda connection: [_as_account(row) for row in connection.execute(query)]
        )

    async def change_account(self, name: str, change: Callable[[Account], Account]) -> Account | None:
        def work(connection: Connection, _: object) -> Account | None:
            found = _account(connection, name, lock=True)
            if found is None:
                return None
            changed = change(found)
            _put_account(connection, changed)
            return changed

        return await self._group.alone(work)

    async def add_session(self, session: Session) -> None:
        values = {
            "token_sha256": session.token_sha256,
            "account": session.account,
            "csrf": session.csrf,
            "expires_at": session.expires_at,
        }
        await self._write(insert(SESSIONS).values(values))

    async def session(self, token_sha256: str, now: datetime) -> Session | None:
        query = select(SESSIONS).where(SESSIONS.c.token_sha256 == token_sha256, SESSIONS.c.expires_at > now)
        row = await self._group.read(lambda connection: connection.execute(query).first())
        return None if row is None else Session(row.token_sha256, row.account, row.csrf, row.expires_at)

    async def drop_session(self, token_sha256: str) -> None:
        await self._write(delete(SESSIONS).where(SESSIONS.c.token_sha256 == token_sha256))

    async def drop_sessions(self, account: str) -> None:
        await self._write(delete(SESSIONS).where(SESSIONS.c.account == account))

    # --- requests ------------------------------------------------------------------------------

    async def add_request(self, request: AccessRequest) -> AccessRequest:
        return await self._group.alone(lambda connection, _: _add_request(connection, request))

    async def request(self, request_id: int) -> AccessRequest | None:
        found = await self._requests(select(ACCESS_REQUESTS).where(R.id == request_id))
        return found[0] if found else None

    async def requests(
        self,
        *,
        by: str = "",
        state: State | None = None,
        uses: Collection[Use] = (),
        before: int = 0,
        limit: int = 50,
    ) -> list[AccessRequest]:
        query = select(ACCESS_REQUESTS).order_by(R.id.desc()).limit(limit)
        if by:
            query = query.where(R.by == by)
        if state is not None:
            query = query.where(R.state == state.value)
        if uses:
            query = query.where(R.use.in_([one.value for one in uses]))
        if before:
            query = query.where(R.id < before)
        return await self._requests(query)

    async def requests_for(self, by: str, call_id: CallId) -> list[AccessRequest]:
        naming = select(REQUESTED_CALLS.c.request_id).where(REQUESTED_CALLS.c.call_id == call_id)
        return await self._requests(
            select(ACCESS_REQUESTS).where(R.by == by, R.id.in_(naming)).order_by(R.id)
        )

    async def save_decision(self, request: AccessRequest, was: State = State.WAITING) -> bool:
        statement = (
            update(ACCESS_REQUESTS)
            .where(R.id == request.id, R.state == was.value)
            .values(
                state=request.state.value,
                decided_by=request.decided_by,
                decided_at=request.decided_at,
                why=request.why,
                expires_at=request.expires_at,
                revoked_by=request.revoked_by or None,
                revoked_at=request.revoked_at,
                revoked_why=request.revoked_why or None,
            )
        )
        return await self._group.alone(lambda connection, _: connection.execute(statement).rowcount == 1)

    # --- quality -------------------------------------------------------------------------------

    async def add_score(self, card: ScoreCard) -> None:
        await self._write(insert(SCORE_CARDS).values(_card_row(card)))

    async def scores(self, calls: Sequence[CallId]) -> list[ScoreCard]:
        query = select(SCORE_CARDS).where(among_ids(SCORE_CARDS.c.call_id)).order_by(SCORE_CARDS.c.id)
        return await self._group.read(
            lambda connection: [_as_card(row) for row in connection.execute(query, {"ids": list(calls)})]
        )

    async def scores_between(self, start: datetime, end: datetime) -> list[ScoreCard]:
        query = (
            select(SCORE_CARDS)
            .where(SCORE_CARDS.c.at >= start, SCORE_CARDS.c.at < end)
            .order_by(SCORE_CARDS.c.at, SCORE_CARDS.c.id)
        )
        return await self._group.read(lambda connection: [_as_card(row) for row in connection.execute(query)])

    # --- inside --------------------------------------------------------------------------------

    async def _write(self, statement: Any) -> None:
        await self._group.alone(lambda connection, _: connection.execute(statement).rowcount)

    async def _requests(self, query: Select[Any]) -> list[AccessRequest]:
        return await self._group.read(lambda connection: _as_requests(connection, query))


def _account(connection: Connection, name: str, *, lock: bool = False) -> Account | None:
    query = select(ACCOUNTS).where(ACCOUNTS.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _as_account(row)


def _put_account(connection: Connection, account: Account) -> None:
    values: Values = {
        "roles": ",".join(account.roles),
        "password_hash": account.password_hash,
        "active": account.active,
        "failures": account.failures,
        "locked_until": account.locked_until,
    }
    changed = connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.name == account.name).values(values))
    if not changed.rowcount:
        connection.execute(insert(ACCOUNTS).values(name=account.name, **values))


def _as_account(row: Row[Any]) -> Account:
    return Account(
        row.name,
        tuple(Role(role) for role in row.roles.split(",")),
        row.password_hash,
        row.active,
        row.failures,
        row.locked_until,
    )


def _add_request(connection: Connection, request: AccessRequest) -> AccessRequest:
    known: set[int] = set()
    for some in chunks(request.calls):
        known |= set(
            connection.scalars(select(ATTEMPTS.c.id).where(among_ids(ATTEMPTS.c.id)), {"ids": list(some)})
        )
    if missing := [call for call in request.calls if call not in known]:
        raise StoreError(f"there is no call {missing[0]}")
    values: Values = {
        name: getattr(request, name)
        for name in (
            "by", "at", "purpose", "hours", "filing_no", "search", "decided_by", "decided_at", "why",
            "expires_at",
        )
    }  # fmt: skip
    values |= {"use": request.use.value, "state": request.state.value}
    made = connection.execute(insert(ACCESS_REQUESTS).returning(R.id), values).scalar_one()
    connection.execute(
        insert(REQUESTED_CALLS), [{"request_id": made, "call_id": call} for call in request.calls]
    )
    return replace(request, id=made)


def _as_requests(connection: Connection, query: Select[Any]) -> list[AccessRequest]:
    try:
        found = connection.execute(query).all()
    except ValueError as error:
        raise StoreError(f"the row of a request can't be read: {error}") from error
    calls: dict[int, list[CallId]] = defaultdict(list)
    if found:
        named = (
            select(REQUESTED_CALLS)
            .where(among_ids(REQUESTED_CALLS.c.request_id))
            .order_by(REQUESTED_CALLS.c.request_id, REQUESTED_CALLS.c.call_id)
        )
        for row in connection.execute(named, {"ids": [one.id for one in found]}):
            calls[row.request_id].append(CallId(row.call_id))
    return [_as_request(row, tuple(calls[row.id])) for row in found]


def _as_request(row: Row[Any], calls: tuple[CallId, ...]) -> AccessRequest:
    try:
        use, state = Use(row.use), State(row.state)
    except ValueError as error:
        raise StoreError(f"request {row.id}: its row can't be read: {error}") from error
    return AccessRequest(
        by=row.by,
        at=row.at,
        purpose=row.purpose,
        calls=calls,
        use=use,
        hours=row.hours,
        filing_no=row.filing_no,
        search=row.search,
        state=state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        why=row.why,
        expires_at=row.expires_at,
        revoked_by=row.revoked_by or "",
        revoked_at=row.revoked_at,
        revoked_why=row.revoked_why or "",
        id=row.id,
    )


def _card_row(card: ScoreCard) -> Values:
    return {
        "call_id": card.call_id,
        "by": card.by,
        "at": card.at,
        "marks": msgspec.json.encode(card.marks).decode(),
        "score": card.score,
        "findings": msgspec.json.encode(card.findings).decode(),
        "note": card.note,
    }


def _as_card(row: Row[Any]) -> ScoreCard:
    return ScoreCard(
        CallId(row.call_id),
        row.by,
        row.at,
        msgspec.json.decode(row.marks, type=tuple[tuple[str, Mark], ...]),
        row.score,
        msgspec.json.decode(row.findings, type=tuple[Finding, ...]),
        row.note,
    )
