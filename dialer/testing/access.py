"""``MemoryAccess``: the AccessStore port without a disk. It forgets at exit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from dialer.access.accounts import Account, Session
from dialer.access.quality import ScoreCard
from dialer.access.requests import AccessRequest, State, Use
from dialer.errors import StoreError
from dialer.model import CallId
from dialer.ports import Store


class MemoryAccess:
    """Implements ``dialer.access.store.AccessStore``; ``store`` knows which calls there are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, Session] = {}
        self._requests: dict[int, AccessRequest] = {}
        self._scores: list[ScoreCard] = []

    async def put_account(self, account: Account) -> None:
        self._accounts[account.name] = account

    async def account(self, name: str) -> Account | None:
        return self._accounts.get(name)

    async def accounts(self) -> list[Account]:
        return sorted(self._accounts.values(), key=lambda account: account.name)

    async def change_account(self, name: str, change: Callable[[Account], Account]) -> Account | None:
        found = self._accounts.get(name)
        if found is None:
            return None
        self._accounts[name] = change(found)
        return self._accounts[name]

    async def add_session(self, session: Session) -> None:
        self._sessions[session.token_sha256] = session

    async def session(self, token_sha256: str, now: datetime) -> Session | None:
        found = self._sessions.get(token_sha256)
        return found if found is not None and now < found.expires_at else None

    async def drop_session(self, token_sha256: str) -> None:
        self._sessions.pop(token_sha256, None)

    async def drop_sessions(self, account: str) -> None:
        self._sessions = {key: one for key, one in self._sessions.items() if one.account != account}

    async def add_request(self, request: AccessRequest) -> AccessRequest:
        known = {view.attempt.id for view in await self._store.calls_by_id(request.calls)}
        if missing := [call for call in request.calls if call not in known]:
            raise StoreError(f"there is no call {missing[0]}")
        made = replace(request, id=len(self._requests) + 1, calls=tuple(sorted(request.calls)))
        self._requests[made.id] = made
        return made

    async def request(self, request_id: int) -> AccessRequest | None:
        return self._requests.get(request_id)

    async def requests(
        self,
        *,
        by: str = "",
        state: State | None = None,
        uses: Collection[Use] = (),
        before: int = 0,
        limit: int = 50,
    ) -> list[AccessRequest]:
        found = [
            one
            for one in reversed(self._requests.values())
            if by in ("", one.by)
            and state in (None, one.state)
            and (not uses or one.use in uses)
            and (not before or one.id < before)
        ]
        return found[:limit]

    async def requests_for(self, by: str, call_id: CallId) -> list[AccessRequest]:
        return [one for one in self._requests.values() if one.by == by and call_id in one.calls]

    async def save_decision(self, request: AccessRequest, was: State = State.WAITING) -> bool:
        if self._requests[request.id].state is not was:
            return False
        self._requests[request.id] = request
        return True

    async def add_score(self, card: ScoreCard) -> None:
        self._scores.append(card)

    async def scores(self, calls: Sequence[CallId]) -> list[ScoreCard]:
        return [card for card in self._scores if card.call_id in set(calls)]

    async def scores_between(self, start: datetime, end: datetime) -> list[ScoreCard]:
        return sorted((card for card in self._scores if start <= card.at < end), key=lambda card: card.at)
