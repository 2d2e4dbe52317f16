"""What access asks of a database. One contract suite runs over every implementation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from dialer.access.accounts import Account, Session
from dialer.access.quality import ScoreCard
from dialer.access.requests import AccessRequest, State, Use
from dialer.model import CallId


class AccessStore(Protocol):
    """Every coroutine may raise StoreError."""

    async def put_account(self, account: Account) -> None:
        """New, or in place of the one of that name."""
        ...

    async def account(self, name: str) -> Account | None: ...

    async def accounts(self) -> list[Account]:
        """By name."""
        ...

    async def change_account(self, name: str, change: Callable[[Account], Account]) -> Account | None:
        """In one transaction; None where there is no such account."""
        ...

    async def add_session(self, session: Session) -> None: ...

    async def session(self, token_sha256: str, now: datetime) -> Session | None:
        """None where there is none, or not any more."""
        ...

    async def drop_session(self, token_sha256: str) -> None: ...

    async def drop_sessions(self, account: str) -> None:
        """All of that person's: a changed password or role counts at once."""
        ...

    async def add_request(self, request: AccessRequest) -> AccessRequest:
        """With its id. Raises StoreError where it names a call that isn't there."""
        ...

    async def request(self, request_id: int) -> AccessRequest | None: ...

    async def requests(
        self,
        *,
        by: str = "",
        state: State | None = None,
        uses: Collection[Use] = (),
        before: int = 0,
        limit: int = 50,
    ) -> list[AccessRequest]:
        """Newest first; ``by`` empty: everybody's; ``uses`` empty: any; ``before`` 0: from the newest."""
        ...

    async def requests_for(self, by: str, call_id: CallId) -> list[AccessRequest]:
        """That person's requests that name this call."""
        ...

    async def save_decision(self, request: AccessRequest, was: State = State.WAITING) -> bool:
        """Of a request in the state ``was``. False, and nothing changed, where somebody else was first."""
        ...

    async def add_score(self, card: ScoreCard) -> None: ...

    async def scores(self, calls: Sequence[CallId]) -> list[ScoreCard]:
        """Oldest first."""
        ...

    async def scores_between(self, start: datetime, end: datetime) -> list[ScoreCard]:
        """Oldest first, from ``start`` to before ``end``."""
        ...
