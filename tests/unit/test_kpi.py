"""The regulator's figures: shares of what was counted, whatever was counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.kpi import (
    FIGURES,
    UNCOUNTED,
    CallCount,
    Dimension,
    Method,
    Month,
    Slice,
    Tally,
    completion,
    cooling_off_success,
    method_share,
    open_share,
    outcomes,
    reach,
    sample_positions,
    sample_size,
    split,
    success_a,
    success_b,
    ticket_ratio,
    total,
    visits_and_letters,
)
from dialer.model import Disposition

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Customer:
    """One task as an auditor sees it: due and called back in one month."""

    success: bool
    in_time: bool
    refused: bool
    surrendered: bool
    method: Method | None
    answered: tuple[bool, ...]
    tickets: tuple[bool, ...]
    """Of each ticket, whether it is closed."""

    def tally(self) -> Tally:
        by = {f"by_{self.method.value}": 1} if self.method else {}
        called = self.method is not None
        calls = self.answered if called else ()
        tickets = self.tickets if any(calls) else ()
        return Tally(
            due=1,
            successes=self.success,
            in_cooling_off=self.success and self.in_time,
            refused=self.refused and not self.success,
            surrendered=self.surrendered and not self.success and not self.refused,
            reached=any(calls),
            calls=len(calls),
            answered=sum(calls),
            with_ticket=bool(tickets),
            tickets=len(tickets),
            settled=sum(tickets),
            **by,
        )


customers = st.builds(
    Customer,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([*Method, None]),
    st.lists(st.booleans(), max_size=3).map(tuple),
    st.lists(st.booleans(), max_size=3).map(tuple),
)
crowds = st.lists(customers, max_size=40)
names = st.sampled_from(["", "东", "西"])
slices = st.lists(
    st.builds(Slice, names, names, names, names, customers.map(Customer.tally)), max_size=30
)  # fmt: skip


# -- the formulas -----------------------------------------------------------------------------


def test_the_formulas_on_a_month_counted_by_hand() -> None:
    # 100 due: 80 successes (60 in time), 5 refused, 3 surrendered, 12 not yet.
    tally = Tally(
        due=100, refused=5, surrendered=3, successes=80, in_cooling_off=60, by_phone=90, by_visit=6,
        by_letter=3, by_text=1, reached=85, calls=150, answered=95, with_ticket=10, tickets=16, settled=12,
    )  # fmt: skip
    assert success_a(tally) == 80 / 92
    assert success_b(tally) == 0.8
    assert cooling_off_success(tally) == 0.6
    assert ticket_ratio(tally) == 0.1
    assert completion(tally) == 0.75
    assert open_share(tally) == 0.25
    assert reach(tally) == 0.85
    assert visits_and_letters(tally) == 0.09
    assert [method_share(tally, method) for method in Method] == [0.9, 0.06, 0.03, 0.01]


def test_a_month_of_nothing_has_no_rates() -> None:
    assert {figure(Tally()) for figure in FIGURES.values()} == {None}


def test_when_all_declined_only_formula_b_has_a_rate() -> None:
    tally = Tally(due=3, refused=2, surrendered=1)
    assert (success_a(tally), success_b(tally)) == (None, 0.0)


@given(crowds)
def test_every_figure_is_a_share(crowd: list[Customer]) -> None:
    tally = total(one.tally() for one in crowd)
    for name, figure in FIGURES.items():
        value = figure(tally)
        assert value is None or 0 <= value <= 1, name


@given(crowds)
def test_the_figures_are_those_of_counting_heads(crowd: list[Customer]) -> None:
    tally = total(one.tally() for one in crowd)
    done = [one for one in crowd if one.success]
    fair = [one for one in crowd if one.success or not (one.refused or one.surrendered)]
    assert success_a(tally) == (len(done) / len(fair) if fair else None)
    assert success_b(tally) == (len(done) / len(crowd) if crowd else None)
    in_time = [one for one in done if one.in_time]
    assert cooling_off_success(tally) == (len(in_time) / len(crowd) if crowd else None)
    called = [one for one in crowd if one.method]
    found = [one for one in called if any(one.answered) and one.tickets]
    assert ticket_ratio(tally) == (len(found) / len(called) if called else None)
    closed = [ticket for one in found for ticket in one.tickets]
    assert completion(tally) == (sum(closed) / len(closed) if closed else None)
    seldom = [one for one in called if one.method in (Method.VISIT, Method.LETTER)]
    assert visits_and_letters(tally) == (len(seldom) / len(called) if called else None)


@given(crowds)
def test_a_is_never_below_b_and_b_never_below_success_in_cooling_off(crowd: list[Customer]) -> None:
    tally = total(one.tally() for one in crowd)
    a, b, in_time = success_a(tally), success_b(tally), cooling_off_success(tally)
    if b is not None and in_time is not None:
        assert in_time <= b
        assert a is None or b <= a


@given(crowds)
def test_shares_add_up(crowd: list[Customer]) -> None:
    tally = total(one.tally() for one in crowd)
    shares = [method_share(tally, method) for method in Method]
    assert all(one is None for one in shares) or sum(one or 0 for one in shares) == pytest.approx(1)
    done, left = completion(tally), open_share(tally)
    assert (done is None and left is None) or (done or 0) + (left or 0) == pytest.approx(1)


# -- slices -----------------------------------------------------------------------------------


@given(crowds.flatmap(lambda crowd: st.tuples(st.just(crowd), st.permutations(crowd))))
def test_the_order_of_the_customers_does_not_matter(both: tuple[list[Customer], list[Customer]]) -> None:
    before, after = ([one.tally() for one in crowd] for crowd in both)
    assert total(before) == total(after)


@given(slices, st.sampled_from(Dimension))
def test_every_split_adds_up_to_the_whole(found: list[Slice], dimension: Dimension) -> None:
    whole = total(one.tally for one in found)
    assert total(split(found, dimension).values()) == whole


@given(slices.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_a_split_does_not_depend_on_the_order(both: tuple[list[Slice], list[Slice]]) -> None:
    for dimension in Dimension:
        assert list(split(both[0], dimension).items()) == list(split(both[1], dimension).items())


def test_a_split_goes_by_its_own_dimension() -> None:
    one = Slice("东", "银代", "年金", "S1", Tally(due=1))
    other = replace(one, branch="西", seller="S2", tally=Tally(due=2))
    assert split([one, other], Dimension.BRANCH) == {"东": Tally(due=1), "西": Tally(due=2)}
    assert split([one, other], Dimension.CHANNEL) == {"银代": Tally(due=3)}
    assert split([one, other], Dimension.PRODUCT) == {"年金": Tally(due=3)}
    assert split([one, other], Dimension.SELLER) == {"S1": Tally(due=1), "S2": Tally(due=2)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"due": -1},
        {"due": 2, "successes": 2, "refused": 1},
        {"due": 2, "successes": 1, "surrendered": 2},
        {"due": 2, "in_cooling_off": 1},
        {"by_phone": 1, "answered": 1},
        {"by_phone": 1, "calls": 1, "reached": 1},
        {"calls": 2, "answered": 2, "reached": 1},
        {"by_phone": 1, "with_ticket": 1},
        {"tickets": 1, "with_ticket": 1},
        {"by_phone": 1, "tickets": 1, "settled": 2},
    ],
)
def test_counts_that_contradict_each_other_are_no_report(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a count below 0" if -1 in wrong.values() else "above its whole"):
        Tally(**wrong)


def test_calls_that_reached_nobody_are_in_no_figure() -> None:
    counts = [CallCount("2026-10-12/0", outcome, n) for n, outcome in enumerate(Disposition, 1)]
    counts.append(CallCount("2026-10-12/1", Disposition.BUSY, 100))
    found = outcomes(counts)
    assert set(found) == set(Disposition) - UNCOUNTED
    assert {Disposition.TRUNK_FAILURE, Disposition.NOT_DIALLED} == UNCOUNTED
    assert found[Disposition.BUSY] == 100 + list(Disposition).index(Disposition.BUSY) + 1


# -- months -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026-10", (2026, 10), (2026, 11)),
        ("2026-12", (2026, 12), (2027, 1)),
        (" 2028-02 ", (2028, 2), (2028, 3)),
    ],
)
def test_a_month(text: str, first: tuple[int, int], after: tuple[int, int]) -> None:
    month = Month.parse(text)
    assert (month.first, month.after) == (date(*first, 1), date(*after, 1))
    assert str(month) == text.strip()
    assert month.begin(SHANGHAI).isoformat() == f"{first[0]}-{first[1]:02}-01T00:00:00+08:00"
    assert month.end(SHANGHAI).isoformat() == f"{after[0]}-{after[1]:02}-01T00:00:00+08:00"


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-10", "2026-10-01", "0001-01", "9999-12"]
)
def test_no_month(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 2026-10"):
        Month.parse(text)


def test_a_month_begins_on_its_first_day() -> None:
    with pytest.raises(ValueError, match="first day"):
        Month(date(2026, 10, 2))


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_months_leave_no_day_out(day: date) -> None:
    month = Month(day.replace(day=1))
    assert month.first <= day < month.after
    assert Month.parse(str(month)) == month


# -- the sample that is checked ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "size"),
    [(0, 0), (500, 500), (1200, 1200), (5000, 1200), (240_000, 1200), (300_000, 1500), (300_001, 1501)],
)
def test_how_many_calls_are_checked(calls: int, size: int) -> None:
    assert sample_size(calls, 0.005, 1200) == size


def test_a_float_does_not_ask_for_one_more() -> None:
    assert [sample_size(calls, 0.1, 0) for calls in (10, 30, 70)] == [1, 3, 7]


@given(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 2000))
def test_the_sample_is_spread_evenly(calls: int, rate: float, floor: int) -> None:
    size = sample_size(calls, rate, floor)
    assert min(calls, floor) <= size <= calls
    found = sample_positions(calls, size)
    assert len(set(found)) == size
    assert all(0 <= one < calls for one in found)
    gaps = [b - a for a, b in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= 1
