"""The regulator's figures: pure arithmetic on counts (R8, R11-R15, R28).

Two populations make a month, and each task counts once in either:

- *due* (应访): its deadline, the earlier of the cooling-off period's end and the due date, lies in the
  month; a task without one counts in the month of its import. A waiver (R19) is never due.
- *called back* (回访件): somebody rang it in the month, or handed it to a visit, a letter or a text.

A success is a call-back that reached the policyholder and got an answer to every question, none of
them a problem that is still open. Success is looked at when the report is made, not at the month's end.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from operator import attrgetter

from dialer.model import Disposition

ANSWERED = frozenset(
    {
        Disposition.COMPLETED,
        Disposition.ANSWERED_INCOMPLETE,
        Disposition.WRONG_PERSON,
        Disposition.REFUSED,
        Disposition.APPOINTMENT,
        Disposition.TRANSFERRED,
    }
)
"""A person took the call. A machine isn't one; of an UNKNOWN attempt nobody knows."""
UNCOUNTED = frozenset(one for one in Disposition if not one.counts_as_attempt)
"""No call in any figure: nothing of it reached the customer."""

_MONTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month."""

    first: date
    """Its first day."""

    def __post_init__(self) -> None:
        if self.first.day != 1 or not date.min.year < self.first.year < date.max.year:
            raise ValueError("a month is named by its first day")

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read ``2026-10``. Raises ValueError."""
        found = _MONTH.match(text.strip())
        if found is None or not date.min.year < int(found[1]) < date.max.year:
            raise ValueError(f"{text!r} is not a month: write it as 2026-10")
        return cls(date(int(found[1]), int(found[2]), 1))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def after(self) -> date:
        """The first day of the next month."""
        return (self.first + timedelta(days=31)).replace(day=1)

    def begin(self, zone: tzinfo) -> datetime:
        return datetime.combine(self.first, time(), zone)

    def end(self, zone: tzinfo) -> datetime:
        """The first moment that isn't in it any more."""
        return datetime.combine(self.after, time(), zone)


class Method(StrEnum):
    """How a customer was called back (R8, R25, R26, R37)."""

    PHONE = "phone"
    VISIT = "visit"
    LETTER = "letter"
    TEXT = "text"
    """SMS or e-mail."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted in one slice of a month. Tallies of disjoint slices add up.

    Raises ValueError where the counts contradict each other.
    """

    due: int = 0
    """应访量."""
    refused: int = 0
    """拒访量: of the due ones, declined and not successful."""
    surrendered: int = 0
    """回访前撤、退保量: of the due ones, neither successful nor declined."""
    successes: int = 0
    in_cooling_off: int = 0
    """Successes on or before the cooling-off period's last day."""
    by_phone: int = 0
    by_visit: int = 0
    by_letter: int = 0
    by_text: int = 0
    """Tasks called back, each under the last method of the month."""
    reached: int = 0
    """Tasks called back with a call that a person took."""
    calls: int = 0
    """Attempts that count, whatever came of them (R42)."""
    answered: int = 0
    """Of these, taken by a person."""
    with_ticket: int = 0
    """Tasks whose calls of the month brought a problem to light."""
    tickets: int = 0
    """问题件 from the month's calls."""
    settled: int = 0
    """Of these, closed."""

    def __post_init__(self) -> None:
        if min(_numbers(self)) < 0:
            raise ValueError(f"a count below 0: {self}")
        parts = (
            (self.successes + self.refused + self.surrendered, self.due),
            (self.in_cooling_off, self.successes),
            (self.answered, self.calls),
            (self.reached, self.answered),
            (self.reached, self.called_back),
            (self.with_ticket, self.called_back),
            (self.with_ticket, self.tickets),
            (self.settled, self.tickets),
        )
        if any(part > whole for part, whole in parts):
            raise ValueError(f"a part above its whole: {self}")

    def __add__(self, other: Tally) -> Tally:
        return total((self, other))

    @property
    def called_back(self) -> int:
        """回访件总量."""
        return self.by_phone + self.by_visit + self.by_letter + self.by_text

    @property
    def unsettled(self) -> int:
        """未处理完毕的问题件数量."""
        return self.tickets - self.settled

    def by(self, method: Method) -> int:
        counts = {
            Method.PHONE: self.by_phone,
            Method.VISIT: self.by_visit,
            Method.LETTER: self.by_letter,
            Method.TEXT: self.by_text,
        }
        return counts[method]


_numbers = attrgetter(*(one.name for one in fields(Tally)))
"""All counts of a tally, in order."""


class Dimension(StrEnum):
    """By what the figures are split (R28, R29)."""

    BRANCH = "branch"
    """中心支公司."""
    CHANNEL = "channel"
    """个代, 银代, 经代, 电销, 网销."""
    PRODUCT = "product"
    SELLER = "seller"


@dataclass(frozen=True, slots=True)
class Slice:
    """One seller's month in one branch, channel and product."""

    branch: str
    channel: str
    product: str
    seller: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class CallCount:
    """How many calls of one slot ended in one way."""

    slot: str
    """As in ``Attempt.slot``."""
    outcome: Disposition
    calls: int


@dataclass(frozen=True, slots=True)
class Cause:
    """问题件分类及原因: tickets of one category by the question that raised them."""

    category: str
    question: str
    tickets: int
    settled: int
    major: int


@dataclass(frozen=True, slots=True)
class MonthCount:
    """All that is counted for a month."""

    month: Month
    campaign: str
    """Empty: all campaigns."""
    slices: tuple[Slice, ...]
    calls: tuple[CallCount, ...]
    causes: tuple[Cause, ...]
    recordings: int
    talk_s: float
    """Length of the month's recordings, from answer to hang-up."""

    @property
    def tally(self) -> Tally:
        return total(one.tally for one in self.slices)


def split(slices: Iterable[Slice], dimension: Dimension) -> dict[str, Tally]:
    """The tally of each branch, channel, product or seller, by its name."""
    found: dict[str, list[Tally]] = defaultdict(list)
    for one in slices:
        found[str(getattr(one, dimension.value))].append(one.tally)
    return {name: total(found[name]) for name in sorted(found)}


def outcomes(counts: Sequence[CallCount]) -> dict[Disposition, int]:
    """Calls by how they ended, those that count as attempts."""
    return {
        outcome: calls
        for outcome in Disposition
        if outcome not in UNCOUNTED and (calls := sum(one.calls for one in counts if one.outcome is outcome))
    }


def total(tallies: Iterable[Tally]) -> Tally:
    columns = zip(*map(_numbers, tallies), strict=True)
    return Tally(*map(sum, columns))


def share(part: int, whole: int) -> float | None:
    """None of nothing: a month without call-backs has no rate, neither 0 nor 1."""
    return part / whole if whole else None


def success_a(tally: Tally) -> float | None:
    """回访成功率 (甲), R11: successes / (due - refused - surrendered before the call-back)."""
    return share(tally.successes, tally.due - tally.refused - tally.surrendered)


def success_b(tally: Tally) -> float | None:
    """回访成功率 (乙), R12: successes / due."""
    return share(tally.successes, tally.due)


def cooling_off_success(tally: Tally) -> float | None:
    """犹豫期内回访成功率, R13: successes within cooling-off / due."""
    return share(tally.in_cooling_off, tally.due)


def ticket_ratio(tally: Tally) -> float | None:
    """问题件比率, R14: policies with a problem / policies called back."""
    return share(tally.with_ticket, tally.called_back)


def completion(tally: Tally) -> float | None:
    """问题件处理完成率, R15: tickets closed / tickets."""
    return share(tally.settled, tally.tickets)


def open_share(tally: Tally) -> float | None:
    """未处理完毕的问题件占比, R28."""
    return share(tally.unsettled, tally.tickets)


def reach(tally: Tally) -> float | None:
    """接通率: policies whose call a person took / policies called back."""
    return share(tally.reached, tally.called_back)


def method_share(tally: Tally, method: Method) -> float | None:
    """各种回访方式所占比例, R28."""
    return share(tally.by(method), tally.called_back)


def visits_and_letters(tally: Tally) -> float | None:
    """R8: visits and letters together, capped at a tenth of all call-backs."""
    return share(tally.by_visit + tally.by_letter, tally.called_back)


FIGURES: dict[str, Callable[[Tally], float | None]] = {
    "success_a": success_a,
    "success_b": success_b,
    "cooling_off_success": cooling_off_success,
    "ticket_ratio": ticket_ratio,
    "completion": completion,
    "open_share": open_share,
    "reach": reach,
    "visits_and_letters": visits_and_letters,
}
"""Every figure by name, each a share of 0 to 1 or None."""


def sample_size(calls: int, rate: float, floor: int) -> int:
    """How many of a month's calls are to be checked: max(rate x calls, floor), at most all (R59, R95)."""
    # A tiny bit less than the product: 0.005 x 1000 is 5 calls, not 6 by a float's last digit.
    return min(calls, max(math.ceil(calls * rate - 1e-9), floor))


def sample_positions(calls: int, size: int) -> tuple[int, ...]:
    """Which ones, counted from 0 in order of time: at equal intervals, from the middle of each."""
    return tuple((2 * n + 1) * calls // (2 * size) for n in range(size))
