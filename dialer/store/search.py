"""The index by which finished calls are found: its rows, its words, the key of its numbers.

The words are SQLite's FTS5, or a tsvector with a GIN index on PostgreSQL. ``finding`` asks.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from dialer.access.search import CallQuery, Found, said
from dialer.errors import StoreError
from dialer.store import finding
from dialer.store.tables import (
    ANSWERS,
    ATTEMPTS,
    FOUND_CALLS,
    INDEX_KEY,
    RECORDINGS,
    TASKS,
    among_ids,
)

_CHECK = b"the key of this index"
_ROWS_AT_ONCE = 2000
_SOURCE = (
    select(
        ATTEMPTS.c.id,
        ATTEMPTS.c.invited_at,
        ATTEMPTS.c.number,
        TASKS.c.holder_name,
        TASKS.c.policy_no,
        TASKS.c.branch,
        TASKS.c.campaign,
        TASKS.c.seller,
        ATTEMPTS.c.agent,
        ATTEMPTS.c.outcome,
        func.coalesce(RECORDINGS.c.duration_s, 0.0).label("talk_s"),
    )
    .join(TASKS, TASKS.c.id == ATTEMPTS.c.task_id)
    .outerjoin(RECORDINGS, RECORDINGS.c.call_id == ATTEMPTS.c.id)
    .where(among_ids(ATTEMPTS.c.id), ATTEMPTS.c.outcome.is_not(None))
)
_SAID = (
    select(ANSWERS.c.call_id, ANSWERS.c.words)
    .where(among_ids(ANSWERS.c.call_id), ANSWERS.c.words != "")
    .order_by(ANSWERS.c.call_id, ANSWERS.c.position)
)
_KEEP_WORDS = {
    "sqlite": text("INSERT INTO call_words (rowid, words) VALUES (:call, :words)"),
    "postgresql": text("INSERT INTO call_words (call_id, words) VALUES (:call, CAST(:words AS tsvector))"),
}
_FIRST_KEY = {
    "sqlite": sqlite.insert(INDEX_KEY).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(INDEX_KEY).on_conflict_do_nothing(),
}


def prepare(connection: Connection, secret: bytes) -> bytes:
    """The key for numbers; made, and all finished calls indexed, where there is none yet.

    Raises StoreError where the index was made with another secret.
    """
    row = connection.execute(select(INDEX_KEY)).first()
    if row is None:
        salt = secrets.token_hex(32)
        key = _key(salt, secret)
        # Nodes may start at once: who comes second waits here until the first has indexed everything.
        mine = _FIRST_KEY[connection.dialect.name].values(id=1, salt=salt, check=_hmac(key, _CHECK))
        if connection.execute(mine).rowcount:
            _index_all(connection, key)
            return key
        row = connection.execute(select(INDEX_KEY)).one()
    key = _key(row.salt, secret)
    if not hmac.compare_digest(_hmac(key, _CHECK), row.check):
        raise StoreError(
            "the index of numbers was made with another secret: restore the one of [secrets] number_key"
        )
    return key


def _key(salt: str, secret: bytes) -> bytes:
    return hashlib.sha256(bytes.fromhex(salt) + secret).digest()


def _hmac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _index_all(connection: Connection, key: bytes) -> None:
    last = 0
    while ids := list(
        connection.scalars(
            select(ATTEMPTS.c.id).where(ATTEMPTS.c.id > last).order_by(ATTEMPTS.c.id).limit(_ROWS_AT_ONCE)
        )
    ):
        put(connection, ids, key)
        last = ids[-1]


def put(connection: Connection, ids: Sequence[int], key: bytes) -> None:
    """Index these finished calls, from their rows; each once."""
    found = [
        {
            "call_id": row.id,
            "at": row.invited_at,
            "number_key": _hmac(key, row.number.encode()),
            "name": row.holder_name,
            "policy_no": row.policy_no,
            "branch": row.branch,
            "campaign": row.campaign,
            "seller": row.seller,
            "agent": row.agent,
            "outcome": row.outcome,
            "talk_s": row.talk_s,
        }
        for row in connection.execute(_SOURCE, {"ids": list(ids)})
    ]
    if found:
        connection.execute(insert(FOUND_CALLS), found)
    words: dict[int, list[str]] = {}
    for row in connection.execute(_SAID, {"ids": list(ids)}):
        words.setdefault(row.call_id, []).append(row.words)
    if words:
        document = said if connection.dialect.name == "sqlite" else _vector
        connection.execute(
            _KEEP_WORDS[connection.dialect.name],
            [{"call": call, "words": document(texts)} for call, texts in words.items()],
        )


def _vector(texts: Sequence[str]) -> str:
    """The same tokens as a tsvector with positions; PostgreSQL keeps 16,383 of them."""
    numbered = said(texts).split()[:16_000]
    return " ".join(f"'{token}':{place}" for place, token in enumerate(numbered, 1))


def search(connection: Connection, query: CallQuery, key: bytes) -> Found:
    """Newest first."""
    return finding.find(connection, query, _hmac(key, query.phone.e164.encode()) if query.phone else "")
