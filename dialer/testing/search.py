"""Finding calls without an index: each call is looked at, by the same meaning of every field."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.access.search import CallQuery, terms, tokens
from dialer.ports import CallView


def matches(view: CallView, query: CallQuery) -> bool:
    record, task, attempt = view.record, view.task, view.attempt
    if record is None:
        return False
    begins = query.name.endswith("*") and task.holder.name.startswith(query.name[:-1])
    talk_s = record.recording.duration_s if record.recording else 0.0
    answers = [
        one
        for one in record.answers
        if one.final
        and query.question in ("", one.question)
        and query.answer_class in (None, one.answer_class)
    ]
    return (
        (query.phone is None or query.phone == attempt.number)
        and (begins or query.name in ("", task.holder.name))
        and query.policy_no in ("", task.policy_no)
        and (query.start is None or attempt.invited_at >= query.start)
        and (query.end is None or attempt.invited_at < query.end)
        and query.branch in ("", task.branch)
        and query.campaign in ("", task.campaign)
        and query.seller in ("", task.seller)
        and query.agent in ("", record.agent)
        and query.outcome in (None, record.outcome)
        and (bool(answers) or not (query.question or query.answer_class))
        and (query.ticket is None or query.ticket in [one.id for one in record.tickets])
        and query.ticket_category in ("", *(one.category for one in record.tickets))
        and (query.shortest_s is None or talk_s >= query.shortest_s)
        and (query.longest_s is None or talk_s <= query.longest_s)
        and (query.before is None or attempt.id < query.before)
        and all(_said([one.words for one in record.answers], term) for term in terms(query.words))
    )


def _said(texts: Sequence[str], term: Sequence[str]) -> bool:
    return any(
        all(
            have.startswith(want[:-1]) if want.endswith("*") else have == want
            for have, want in zip(made[start : start + len(term)], term, strict=True)
        )
        for made in map(tokens, texts)
        for start in range(len(made) - len(term) + 1)
    )
