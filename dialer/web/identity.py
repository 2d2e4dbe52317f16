"""Who somebody is: the account of whoever knows its password. For the sign-in, and for commands in a person's
name.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from dialer.access.accounts import Account
from dialer.access.config import AccessConfig
from dialer.access.store import AccessStore
from dialer.errors import AccessRefused
from dialer.model import Reason
from dialer.web import passwords

log = logging.getLogger("dialer.web")


async def proven(
    access: AccessStore, name: str, password: str, now: datetime, config: AccessConfig
) -> Account:
    """Raises AccessRefused, in the same words whatever was wrong; wrong passwords lock the account (R92)."""
    account = await access.account(name)
    right = await asyncio.to_thread(passwords.fits, password, account.password_hash if account else "")
    if account is None or not account.active or account.locked(now) or not right:
        if account is not None and not account.locked(now):
            await access.change_account(name, lambda one: one.after_failure(now, config))
        log.warning("sign-in refused", extra={"known": account is not None})
        raise AccessRefused(
            Reason(
                "账号或密码不正确,或账号暂时锁定",
                "wrong account or password, or the account is locked for a while",
            )
        )
    await access.change_account(name, Account.after_success)
    return account
