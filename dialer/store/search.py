"""Finding finished calls: the index rows, the words, and a query's statement.

A page is walked newest first through the index of the field that narrows most, so that its cost depends
on the page and not on the archive. The words are SQLite's FTS5, or a tsvector with a GIN index on PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, literal_column, select, text

from dialer.access.search import CallQuery, Found, said, terms, tokens
from dialer.errors import StoreError
from dialer.model import CallId
from dialer.store.tables import (
    ANSWERS,
    ATTEMPTS,
    FOUND_CALLS,
    INDEX_KEY,
    RECORDINGS,
    TASKS,
    TICKETS,
    among_ids,
)

_CHECK = b"the key of this index"
_ROWS_AT_ONCE = 2000
_NEWEST = 20_000
"""Calls that a search by length alone walks through before it uses that index."""
C = FOUND_CALLS.c
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


def prepare(connection: Connection, secret: bytes) -> bytes:
    """The key for numbers; made, and all finished calls indexed, where there is none yet.

    Raises StoreError where the index was made with another secret.
    """
    row = connection.execute(select(INDEX_KEY)).first()
    if row is None:
        salt = secrets.token_hex(32)
        key = _key(salt, secret)
        connection.execute(insert(INDEX_KEY).values(id=1, salt=salt, check=_hmac(key, _CHECK)))
        _index_all(connection, key)
        return key
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
    driver = _driver(query)
    if query.words.strip() or driver in _NARROW or not _sifts(query):
        return _run(connection, query, key, driver)
    # What is common fills the page from the newest calls; what is rare is few in its own index.
    newest = connection.execute(select(func.max(C.call_id))).scalar() or 0
    top = min(newest, (query.before or newest + 1) - 1)
    near = _run(connection, query, key, "", C.call_id > top - _NEWEST)
    if len(near.calls) == query.limit or top <= _NEWEST:
        return Found(near.calls, near.more or top > _NEWEST)
    return _run(connection, query, key, driver or "talk", rare=True)


def _sifts(query: CallQuery) -> bool:
    """Whether a call must be looked at beyond what its index says."""
    of_answers = query.answer_class is not None or bool(query.question)
    return of_answers or query.shortest_s is not None or query.longest_s is not None


def _run(
    connection: Connection,
    query: CallQuery,
    key: bytes,
    driver: str,
    *more: ColumnElement[bool],
    rare: bool = False,
) -> Found:
    statement = _statement(connection, query, key, rare).where(*more)
    of_answers = rare and (query.answer_class is not None or query.question)
    if driver and not of_answers and not query.words.strip():
        statement = statement.with_hint(FOUND_CALLS, f"INDEXED BY ix_found_calls_{driver}", "sqlite")
    found = list(connection.scalars(statement.limit(query.limit + 1)))
    calls = tuple(CallId(one) for one in found[: query.limit])
    return Found(calls, len(found) > query.limit)


_NARROW = ("policy_no", "number_key", "name", "agent", "seller")


def _driver(query: CallQuery) -> str:
    """The field whose index SQLite walks, the narrowest first: it keeps no statistics. Empty: none."""
    for name, value in (
        ("policy_no", query.policy_no),
        ("number_key", query.phone),
        ("name", query.name),
        ("agent", query.agent),
        ("seller", query.seller),
        ("branch", query.branch),
    ):
        if value:
            return name
    if query.ticket is not None or query.ticket_category:
        return ""
    if query.start or query.end:
        return "at"
    return "outcome" if query.outcome else "campaign" if query.campaign else ""


def _statement(connection: Connection, query: CallQuery, key: bytes, rare: bool) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    statement = select(C.call_id)
    newest: ColumnElement[Any] = C.call_id
    if query.words.strip():
        statement, newest = _with_words(connection, statement, query)
    if query.name.endswith("*"):
        start = query.name[:-1]
        conditions += [C.name >= start, C.name < start + "\U0010ffff"]
    elif query.name:
        conditions.append(C.name == query.name)
    if query.phone is not None:
        conditions.append(C.number_key == _hmac(key, query.phone.e164.encode()))
    conditions += [
        column == value
        for column, value in (
            (C.policy_no, query.policy_no),
            (C.branch, query.branch),
            (C.campaign, query.campaign),
            (C.seller, query.seller),
            (C.agent, query.agent),
            (C.outcome, query.outcome.value if query.outcome else ""),
        )
        if value
    ]
    if query.start is not None:
        conditions.append(C.at >= query.start)
    if query.end is not None:
        conditions.append(C.at < query.end)
    if query.shortest_s is not None:
        conditions.append(C.talk_s >= query.shortest_s)
    if query.longest_s is not None:
        conditions.append(C.talk_s <= query.longest_s)
    if query.before is not None:
        conditions.append(newest < query.before)
    conditions += [*_of_answers(query, rare), *_of_tickets(query)]
    return statement.where(*conditions).order_by(newest.desc())


def _of_answers(query: CallQuery, rare: bool) -> list[ColumnElement[bool]]:
    if not query.question and query.answer_class is None:
        return []
    inner = select(ANSWERS.c.call_id).where(ANSWERS.c.final)
    if query.question:
        inner = inner.where(ANSWERS.c.question == query.question)
    if query.answer_class is not None:
        inner = inner.where(ANSWERS.c.answer_class == query.answer_class.value)
    if rare:
        return [C.call_id.in_(inner)]
    return [exists(inner.where(ANSWERS.c.call_id == C.call_id).correlate(FOUND_CALLS))]


def _of_tickets(query: CallQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.ticket is not None:
        found.append(C.call_id.in_(select(TICKETS.c.call_id).where(TICKETS.c.id == query.ticket)))
    if query.ticket_category:
        found.append(
            C.call_id.in_(select(TICKETS.c.call_id).where(TICKETS.c.category == query.ticket_category))
        )
    return found


def _with_words(
    connection: Connection, statement: Select[Any], query: CallQuery
) -> tuple[Select[Any], ColumnElement[Any]]:
    """The words' own index walks newest first; the rest is looked up for each call."""
    if connection.dialect.name == "sqlite":
        words = text("call_words")
        call: ColumnElement[Any] = literal_column("call_words.rowid")
        asked = " AND ".join(_fts_phrase(term) for term in terms(query.words))
        match = text("call_words MATCH :terms").bindparams(terms=asked)
    else:
        words = text("call_words")
        call = literal_column("call_words.call_id")
        asked = " & ".join(_tsquery_phrase(term) for term in terms(query.words))
        match = text("call_words.words @@ CAST(:terms AS tsquery)").bindparams(terms=asked)
    joined = statement.select_from(words).where(match, C.call_id == call)
    return joined, call


def _fts_phrase(term: Sequence[str]) -> str:
    last = term[-1]
    return f'"{" ".join([*term[:-1], last.removesuffix("*")])}"' + ("*" if last.endswith("*") else "")


def _tsquery_phrase(term: Sequence[str]) -> str:
    parts = [f"'{one.removesuffix('*')}'" + (":*" if one.endswith("*") else "") for one in term]
    return "(" + " <-> ".join(parts) + ")"


__all__ = ["prepare", "put", "search", "tokens"]
