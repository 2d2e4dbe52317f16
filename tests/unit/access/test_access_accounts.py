from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.access.accounts import RIGHTS, Account, Right, Role
from dialer.access.config import AccessConfig
from dialer.errors import AccessRefused

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)


def test_wrong_passwords_lock_and_a_right_one_forgives() -> None:
    config = AccessConfig(max_failures=3, lock_minutes=10)
    account = Account("qa1", (Role.QA,))
    twice = account.after_failure(NOW, config).after_failure(NOW, config)
    assert not twice.locked(NOW)
    assert twice.after_success() == account
    locked = twice.after_failure(NOW, config)
    assert locked.locked(NOW + timedelta(minutes=10) - timedelta(seconds=1))
    assert not locked.locked(NOW + timedelta(minutes=10))


def test_who_keeps_accounts_sees_no_customer_and_who_approves_is_no_checker() -> None:
    assert RIGHTS[Role.ADMIN] == frozenset()
    approving = [role for role in Role if Right.APPROVE in RIGHTS[role]]
    assert approving == [Role.RECORDS_MANAGER]
    with pytest.raises(AccessRefused):
        Account("qa1", (Role.QA,), active=False).require(Right.SEARCH)


@pytest.mark.parametrize("name", ["", "a", "Qa1", "qa 1", "质检", "../qa", "a" * 33, "-qa"])
def test_names_of_accounts(name: str) -> None:
    with pytest.raises(ValueError, match=r"account|账号"):
        Account(name, (Role.QA,))
    with pytest.raises(ValueError, match="角色"):
        Account("qa1", ())
