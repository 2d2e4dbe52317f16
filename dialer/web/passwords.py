"""Passwords as Argon2id (RFC 9106), never in clear."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dialer.model import Reason

MIN_LENGTH, MAX_LENGTH = 10, 128
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody's password")
"""Compared with for an account that isn't there, so that the time tells nothing."""


def hashed(password: str) -> str:
    """Raises ValueError: too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(
            Reason(
                f"密码须为 {MIN_LENGTH} 至 {MAX_LENGTH} 个字符",
                f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters",
            )
        )
    return _HASHER.hash(password)


def fits(password: str, password_hash: str) -> bool:
    """Takes a while on purpose: call it in a thread."""
    try:
        return _HASHER.verify(password_hash or _NOBODY, password[:MAX_LENGTH]) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False
