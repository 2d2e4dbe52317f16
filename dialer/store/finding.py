"""Finding finished calls: a query's statements, newest calls first.

What is common fills a page from the newest calls, what is rare is few in an index of its own. So a search
looks at the newest calls first, and only where those don't fill the page asks the indexes for all that fits.
Its cost depends on the page, whatever is asked for and however it is spread over the years.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from dialer.access.search import CallQuery, Found, terms
from dialer.model import CallId
from dialer.store.tables import ANSWERS, FOUND_CALLS, TICKETS

NEWEST = 20_000
"""Calls that are walked through before an index gives all that fits."""
FARTHEST = 160_000
"""As many at most where the newest filled a part of the page, and so many will fill it."""
_SPARE = 1.5
C = FOUND_CALLS.c
WORDS = table("call_words", column("call_id"), column("words"))
W = WORDS.c
_AT_ONCE = frozenset({"branch", "campaign", "seller", "agent", "outcome"})
"""Fields whose index holds the newest first: alone they need no second thought."""
_NARROW = ("policy_no", "number_key", "name", "agent", "seller")


def find(connection: Connection, query: CallQuery, number_key: str) -> Found:
    """``number_key``: how the index calls the number that is asked for."""
    if connection.dialect.name == "sqlite":
        return _in_file(connection, query, number_key)
    return _on_server(connection, query, number_key)


def _page(connection: Connection, query: CallQuery, statement: Select[Any]) -> Found:
    """One more than the page tells whether there are older ones."""
    ids = connection.scalars(statement.limit(query.limit + 1)).all()
    return Found(tuple(CallId(one) for one in ids[: query.limit]), len(ids) > query.limit)


# --- PostgreSQL: its planner knows how common a value is, but not where among the calls it lies ---------


def _on_server(connection: Connection, query: CallQuery, number_key: str) -> Found:
    asked, fits = _asked(query), _conditions(query, number_key)
    if len(asked) < 2 and asked <= _AT_ONCE:
        return _page(connection, query, select(C.call_id).where(*fits).order_by(C.call_id.desc()))
    if not asked & {"policy_no", "phone"}:
        top, bottom = _span(connection, query)
        near, last = NEWEST, False
        while True:
            found = _page(connection, query, _among_newest(query, fits, top - near, top))
            if found.more or top - near <= bottom:
                return found
            reach = int(near * query.limit / len(found.calls) * _SPARE) if found.calls else FARTHEST + 1
            if last or reach > FARTHEST:
                break
            near, last = reach, True
    return _page(connection, query, _all_that_fit(connection, query, fits, alone=asked == {"words"}))


def _among_newest(
    query: CallQuery, fits: Sequence[ColumnElement[bool]], bottom: int, top: int
) -> Select[Any]:
    """Those of the calls up to ``top``, but above ``bottom``.

    OFFSET keeps the words' index out: a phrase is by far not as rare as the product of its words, and by that
    guess the planner would look up every call that ever said it.
    """
    calls = select(C.call_id).where(*fits, C.call_id > bottom, C.call_id <= top)
    if query.words.strip():
        texts = select(W.call_id, W.words).where(W.call_id > bottom, W.call_id <= top)
        some = texts.order_by(W.call_id.desc()).offset(0).subquery("call_words")
        calls = calls.join(some, some.c.call_id == C.call_id).where(_match_on_server(query))
    return calls.order_by(C.call_id.desc())


def _all_that_fit(
    connection: Connection, query: CallQuery, fits: Sequence[ColumnElement[bool]], *, alone: bool
) -> Select[Any]:
    """All calls before their order, so that no plan walks through the newest until one fits.

    ``alone``: nothing but words is asked for.
    """
    calls = select(C.call_id).where(*fits)
    if query.words.strip():
        if not alone and len(connection.scalars(calls.limit(NEWEST + 1)).all()) <= NEWEST:
            texts = select(C.call_id, W.words).join(WORDS, W.call_id == C.call_id).where(*fits)
            some = texts.offset(0).subquery("call_words")
            return select(some.c.call_id).where(_match_on_server(query)).order_by(some.c.call_id.desc())
        calls = calls.join(WORDS, W.call_id == C.call_id).where(_match_on_server(query))
    every = calls.cte("fits").prefix_with("MATERIALIZED")
    return select(every.c.call_id).order_by(every.c.call_id.desc())


def _match_on_server(query: CallQuery) -> ColumnElement[bool]:
    asked = " & ".join(_tsquery_phrase(term) for term in terms(query.words))
    return literal_column("call_words.words").op("@@")(cast(asked, TSQUERY))


def _asked(query: CallQuery) -> set[str]:
    """Names of the fields that narrow."""
    names = (
        "phone", "name", "policy_no", "start", "end", "branch", "campaign", "seller", "agent", "outcome",
        "answer_class", "question", "ticket", "ticket_category", "shortest_s", "longest_s",
    )  # fmt: skip
    found = {name for name in names if getattr(query, name) not in (None, "")}
    return found | ({"words"} if query.words.strip() else set())


def _span(connection: Connection, query: CallQuery) -> tuple[int, int]:
    """Between which calls, the lower one excluded, all lie that fit the query's days.

    Ids grow with time, but for what several nodes or a turned clock mix up: so the days' own rows tell.
    """
    if query.end is None:
        top, bottom = connection.scalar(select(func.max(C.call_id))) or 0, 0
    else:
        # Counted, too: for a minimum alone the planner walks all calls by id until one fits.
        days = select(func.min(C.call_id), func.max(C.call_id), func.count()).where(*_days(query))
        low, high, _ = connection.execute(days).one()
        top, bottom = (high, low - 1) if high is not None else (0, 0)
    return (top if query.before is None else min(top, query.before - 1)), bottom


# --- SQLite: keeps no statistics and walks what it is told to ------------------------------------------


def _in_file(connection: Connection, query: CallQuery, number_key: str) -> Found:
    driver = _driver(query)
    if query.words.strip() or driver in _NARROW or not _sifts(query):
        return _walk(connection, query, number_key, driver)
    newest = connection.scalar(select(func.max(C.call_id))) or 0
    top = min(newest, (query.before or newest + 1) - 1)
    near = _walk(connection, query, number_key, "", C.call_id > top - NEWEST)
    if near.more or top <= NEWEST:
        return near
    return _walk(connection, query, number_key, driver or "talk", rare=True)


def _sifts(query: CallQuery) -> bool:
    """Whether a call must be looked at beyond what its index says."""
    of_answers = query.answer_class is not None or bool(query.question)
    return of_answers or query.shortest_s is not None or query.longest_s is not None


def _walk(
    connection: Connection,
    query: CallQuery,
    number_key: str,
    driver: str,
    *more: ColumnElement[bool],
    rare: bool = False,
) -> Found:
    statement: Select[Any] = select(C.call_id)
    call: ColumnElement[Any] = C.call_id
    if query.words.strip():
        # Their own index walks newest first; the rest is looked up for each call.
        call = literal_column("call_words.rowid")
        asked = " AND ".join(_fts_phrase(term) for term in terms(query.words))
        match = text("call_words MATCH :terms").bindparams(terms=asked)
        statement = statement.select_from(text("call_words")).where(match, C.call_id == call)
        if query.before is not None:
            more = (*more, call < query.before)
    of_answers = rare and (query.answer_class is not None or query.question)
    if driver and not of_answers and not query.words.strip():
        statement = statement.with_hint(FOUND_CALLS, f"INDEXED BY ix_found_calls_{driver}", "sqlite")
    statement = statement.where(*_conditions(query, number_key, rare=rare), *more)
    return _page(connection, query, statement.order_by(call.desc()))


def _driver(query: CallQuery) -> str:
    """The field whose index SQLite walks, the narrowest first. Empty: none."""
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


# --- what a call must fit -----------------------------------------------------------------------------


def _conditions(query: CallQuery, number_key: str, *, rare: bool = False) -> list[ColumnElement[bool]]:
    """All but the words."""
    conditions = _days(query)
    if query.name.endswith("*"):
        start = query.name[:-1]
        conditions += [C.name >= start, C.name < start + "\U0010ffff"]
    elif query.name:
        conditions.append(C.name == query.name)
    if query.phone is not None:
        conditions.append(C.number_key == number_key)
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
    if query.shortest_s is not None:
        conditions.append(C.talk_s >= query.shortest_s)
    if query.longest_s is not None:
        conditions.append(C.talk_s <= query.longest_s)
    if query.before is not None:
        conditions.append(C.call_id < query.before)
    return [*conditions, *_of_answers(query, rare), *_of_tickets(query)]


def _days(query: CallQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.start is not None:
        found.append(C.at >= query.start)
    if query.end is not None:
        found.append(C.at < query.end)
    return found


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


def _fts_phrase(term: Sequence[str]) -> str:
    last = term[-1]
    return f'"{" ".join([*term[:-1], last.removesuffix("*")])}"' + ("*" if last.endswith("*") else "")


def _tsquery_phrase(term: Sequence[str]) -> str:
    parts = [f"'{one.removesuffix('*')}'" + (":*" if one.endswith("*") else "") for one in term]
    return "(" + " <-> ".join(parts) + ")"
