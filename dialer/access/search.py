"""What calls can be found by, and how words become searchable terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from dialer.model import AnswerClass, ArchiveEvent, CallId, Disposition, PhoneNumber, Reason

MAX_LIMIT = 200
MAX_LOG = 5000
"""Entries of the log at a time."""
_RUN = re.compile(r"[0-9a-z]+|[^\W_0-9a-z]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Every field that is set narrows the search; None or empty ones don't."""

    phone: PhoneNumber | None = None
    name: str = ""
    """Of the policyholder; with a ``*`` behind it: how it begins."""
    policy_no: str = ""
    start: datetime | None = None
    """Calls begun at this moment or later."""
    end: datetime | None = None
    """Calls begun before this moment."""
    branch: str = ""
    campaign: str = ""
    seller: str = ""
    agent: str = ""
    outcome: Disposition | None = None
    answer_class: AnswerClass | None = None
    """Some final answer was of this class; with ``question``, the answer to that one."""
    question: str = ""
    ticket: int | None = None
    ticket_category: str = ""
    shortest_s: float | None = None
    """Length of the recorded talk, seconds."""
    longest_s: float | None = None
    words: str = ""
    """What the customer said: all of these terms, each as written."""
    before: CallId | None = None
    """Only calls older than this one: the next page."""
    limit: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(Reason(f"每页 1 至 {MAX_LIMIT} 条", f"limit: write 1 to {MAX_LIMIT}"))
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("start and end need a zone")
        if self.words.strip() and not terms(self.words):
            raise ValueError(Reason("查询词只含标点,请输入文字", "words: nothing but punctuation"))

    def __str__(self) -> str:
        """In words, for whoever approves a request; numbers masked."""
        shown = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name not in ("before", "limit") and getattr(self, field.name) not in (None, "")
        ]
        return ", ".join(shown)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Entries of the archive's log; every field that is set narrows."""

    start: datetime | None = None
    """Entries of this moment or later."""
    end: datetime | None = None
    """Entries before this moment."""
    kind: ArchiveEvent | None = None
    by: str = ""
    """The person, or the node; capitals or not."""
    call: CallId | None = None
    before: int | None = None
    """Only entries with a lower number: the next page."""
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LOG:
            raise ValueError(Reason(f"每页 1 至 {MAX_LOG} 条", f"limit: write 1 to {MAX_LOG}"))


@dataclass(frozen=True, slots=True)
class Found:
    """Newest first."""

    calls: tuple[CallId, ...]
    more: bool
    """There are older ones: ask again with ``before`` the last of these."""


def tokens(text: str) -> list[str]:
    """What of a text is indexed: pairs of neighbouring Han characters, the last one alone; words as they are.

    没收到 -> 没收 收到 到. So each run of characters in the text is found as a phrase of pairs, also a
    single character, as the beginning of a pair: Chinese has no blanks to split at.
    """
    found: list[str] = []
    chars = _RUN.findall(text.lower())
    for this, after in zip(chars, [*chars[1:], ""], strict=False):
        found.append(this + after if _han(this) and after and _han(after) else this)
    return found


def terms(text: str) -> list[tuple[str, ...]]:
    """Each blank-separated part of a query as a phrase. A last token with ``*`` is the beginning of one."""
    found = []
    for part in text.split():
        made = tokens(part)
        if not made:
            continue
        if _han(made[-1]):
            # The last character of a query may have others behind it in the text.
            paired = len(made) > 1 and len(made[-2]) == 2 and made[-2].endswith(made[-1])
            made = made[:-1] if paired else [*made[:-1], made[-1] + "*"]
        found.append(tuple(made))
    return found


def said(texts: Iterable[str]) -> str:
    """The searchable text of one call. No phrase reaches from one answer into the next: the last token of
    each stands alone."""
    return " ".join(" ".join(tokens(text)) for text in texts if text)


def _han(char: str) -> bool:
    return len(char) == 1 and not (char.isascii() and char.isalnum())
