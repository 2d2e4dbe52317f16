"""People and what they may do (R81, R92, R94): roles, rights, and the lock after wrong passwords."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.access.config import AccessConfig
from dialer.errors import AccessRefused
from dialer.model import Reason


class Role(StrEnum):
    OPERATOR = "operator"
    AGENT = "agent"
    QA = "qa"
    RECORDS_MANAGER = "records_manager"
    """资料管理部门负责人: who approves that a recording is heard (R62)."""
    AUDITOR = "auditor"
    ADMIN = "admin"


class Right(StrEnum):
    SEARCH = "search"
    """Find calls and read their rows; not hear them."""
    REQUEST = "request"
    """Ask for recordings, and hear what was granted."""
    APPROVE = "approve"
    SCORE = "score"
    """Fill in score cards and work through the sample."""
    FINDINGS = "findings"
    """Read and export what quality checks found (R60)."""
    AUDIT = "audit"
    """Read who asked, who approved and who heard what."""


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OPERATOR: frozenset({Right.SEARCH, Right.REQUEST}),
    Role.AGENT: frozenset({Right.SEARCH, Right.REQUEST}),
    Role.QA: frozenset({Right.SEARCH, Right.REQUEST, Right.SCORE, Right.FINDINGS}),
    Role.RECORDS_MANAGER: frozenset(
        {Right.SEARCH, Right.REQUEST, Right.APPROVE, Right.FINDINGS, Right.AUDIT}
    ),
    Role.AUDITOR: frozenset({Right.SEARCH, Right.REQUEST, Right.FINDINGS, Right.AUDIT}),
    Role.ADMIN: frozenset(),
}
"""Whoever keeps the accounts (``admin``) sees no customer: accounts are kept on the command line."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


@dataclass(frozen=True, slots=True)
class Account:
    """One person."""

    name: str
    """What is typed at sign-in: 2 to 32 of a-z, 0-9, ``.``, ``_`` and ``-``."""
    roles: tuple[Role, ...]
    password_hash: str = ""
    """Argon2id in PHC form; empty: nobody can sign in with it."""
    active: bool = True
    failures: int = 0
    """Wrong passwords since the last right one."""
    locked_until: datetime | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                Reason(
                    f"账号 {self.name!r} 无效:请用 2 至 32 个小写字母、数字、点、横线或下划线",
                    f"account {self.name!r}: write 2 to 32 of a-z, 0-9, dot, dash and underscore",
                )
            )
        if not self.roles:
            raise ValueError(Reason("账号至少要有一个角色", "an account needs a role"))

    def may(self, right: Right) -> bool:
        return self.active and any(right in RIGHTS[role] for role in self.roles)

    def require(self, right: Right) -> None:
        """Raises AccessRefused."""
        if not self.may(right):
            raise AccessRefused(Reason("您的角色没有这项权限", f"your role lacks the right to {right.value}"))

    def locked(self, now: datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until

    def after_failure(self, now: datetime, config: AccessConfig) -> Account:
        """One more wrong password: after ``max_failures`` of them the account rests."""
        failures = self.failures + 1
        if failures < config.max_failures:
            return replace(self, failures=failures)
        return replace(self, failures=0, locked_until=now + timedelta(minutes=config.lock_minutes))

    def after_success(self) -> Account:
        return replace(self, failures=0, locked_until=None)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in. The cookie holds a token of which only the SHA-256 is kept."""

    token_sha256: str
    account: str
    csrf: str
    """What each form and request that changes something must bring along."""
    expires_at: datetime
