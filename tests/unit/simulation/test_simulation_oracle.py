"""The oracle sees each kind of call that shouldn't have been, and lets a lawful one pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.model import ALL_SIGNATURES, Disposition, Phone, PhoneNumber, Segment, Task
from dialer.simulation.oracle import Oracle
from dialer.simulation.world import figures_of
from tests.unit.simulation.plans import a_plan, a_task

SHANGHAI = ZoneInfo("Asia/Shanghai")
TUESDAY = date(2026, 11, 10)
OTHER = PhoneNumber("+8613912345678")


def at(clock: str, day: date = TUESDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI)


class Book:
    """Calls as they are told to the oracle."""

    def __init__(self, task: Task, **changes: Any) -> None:
        self.task, self.made = task, 0
        self.oracle = Oracle(replace(figures_of(a_plan()), **changes))

    def begin(self, moment: datetime, task: Task | None = None, number: PhoneNumber | None = None) -> int:
        task = task or self.task
        self.made += 1
        self.oracle.begins(task, self.made, number or task.phones[0].number, moment)
        return self.made

    def call(
        self,
        moment: datetime,
        outcome: Disposition = Disposition.NO_ANSWER,
        task: Task | None = None,
        number: PhoneNumber | None = None,
    ) -> None:
        call = self.begin(moment, task, number)
        self.oracle.ends(task or self.task, call, outcome, moment + timedelta(seconds=30), None, False)

    @property
    def broken(self) -> list[str]:
        return [one.rule for one in self.oracle.violations]


@pytest.mark.parametrize("clock", ["10:00:00", "10:59:35", "14:00:00", "15:59:35"])
def test_a_lawful_call(clock: str) -> None:
    book = Book(a_task())
    book.call(at(clock))
    assert book.broken == []
    assert book.oracle.checked == 1


@pytest.mark.parametrize(
    ("changes", "clock", "rule"),
    [
        ({}, "09:59:59.9", "R44"),
        ({}, "10:59:36", "R44"),
        ({}, "13:00:00", "R44"),
        ({"segment": Segment.GOVERNMENT}, "14:30:00", "R45"),
        ({"zone": "Asia/Urumqi"}, "10:00:00", "R44"),
        ({"waiver": True, "waiver_signatures": ALL_SIGNATURES}, "10:00:00", "R19"),
        ({"surrendered": True}, "10:00:00", "R11"),
        ({"do_not_call": True}, "10:00:00", "R38"),
        ({"opted_out": True}, "10:00:00", "R37"),
        ({"pass_no": 9}, "10:00:00", "R25"),
        ({"deadline_type": "R84", "event": date(2026, 11, 2)}, "10:00:00", "R84"),
    ],
)
def test_a_call_that_should_not_be(changes: dict[str, Any], clock: str, rule: str) -> None:
    book = Book(replace(a_task(), **changes))
    book.call(at(clock))
    assert rule in book.broken


@pytest.mark.parametrize(
    ("day", "broken"),
    [
        (date(2026, 11, 14), ["R44"]),
        (date(2026, 10, 1), ["R44"]),
        (date(2026, 10, 10), []),
        (date(2031, 11, 11), ["R44"]),
    ],
)
def test_workdays_and_make_up_workdays(day: date, broken: list[str]) -> None:
    book = Book(a_task())
    book.call(at("10:00:00", day))
    assert book.broken == broken


def test_attempts_in_different_slots_and_no_fourth() -> None:
    book = Book(a_task())
    book.call(at("10:00:00"))
    book.call(at("10:30:00"))
    assert book.broken == ["R43"]
    book = Book(a_task(), daily_cap=9)
    for moment in (at("10:00:00"), at("14:00:00"), at("10:00:00", date(2026, 11, 11))):
        book.call(moment)
    assert book.broken == []
    book.call(at("14:00:00", date(2026, 11, 11)))
    assert book.broken == ["R43"]


def test_what_does_not_count_may_be_tried_again() -> None:
    book = Book(a_task())
    book.call(at("10:00:00"), Disposition.TRUNK_FAILURE)
    book.call(at("10:30:00"))
    assert book.broken == []


@pytest.mark.parametrize(
    ("outcome", "rule"),
    [
        (Disposition.REJECTED, "R43"),
        (Disposition.COMPLETED, "R10"),
        (Disposition.REFUSED, "R38"),
        (Disposition.UNALLOCATED, "R22"),
    ],
)
def test_what_a_call_forbids_the_next(outcome: Disposition, rule: str) -> None:
    book = Book(a_task())
    book.call(at("10:00:00"), outcome)
    book.call(at("14:00:00"))
    assert rule in book.broken


def test_one_live_call_and_the_daily_cap() -> None:
    second = replace(a_task(), id=2)
    book = Book(a_task())
    book.begin(at("10:00:00"))
    book.begin(at("10:00:05"), second)
    assert book.broken == ["ONE_LIVE_CALL"]
    book = Book(a_task(), daily_cap=1)
    book.call(at("10:00:00"))
    book.call(at("14:00:00"), task=second)
    assert book.broken == ["DAILY_CAP"]


def test_the_cap_counts_the_day_of_the_customer_who_is_called() -> None:
    abroad = replace(a_task(), id=2, zone="America/New_York")
    book = Book(a_task(), daily_cap=1)
    book.call(at("10:00:00"))  # in New York it is Monday, 21:00
    book.call(at("23:00:00"), task=abroad)  # and now Tuesday, 10:00
    assert book.broken == []


def test_a_later_pass_needs_another_or_a_verified_number() -> None:
    book = Book(a_task())
    book.call(at("10:00:00"))
    number = book.task.phones[0].number
    later = replace(book.task, pass_no=2, phones=(Phone(number, verified=False), Phone(OTHER)))
    book.call(at("10:00:00", date(2026, 11, 11)), task=later, number=OTHER)
    assert book.broken == []
    book.call(at("14:00:00", date(2026, 11, 11)), task=later)
    assert book.broken == ["R24"]
    book.call(at("10:00:00", date(2026, 11, 12)), task=later, number=PhoneNumber("+8613700000000"))
    assert book.broken[1:] == ["R22"]


def test_an_appointment_may_lie_outside_the_windows_only_where_allowed() -> None:
    agreed = replace(a_task(), appointment=at("17:00:00"))
    for allowed, broken in ((True, []), (False, ["R44"])):
        book = Book(agreed, appointment_outside_windows=allowed, appointment_hours=("09:00", "18:00"))
        book.call(at("17:00:10"))
        assert book.broken == broken
    book = Book(agreed, appointment_outside_windows=True, appointment_hours=("09:00", "16:30"))
    book.call(at("17:00:10"))
    assert book.broken == ["R44"]


def test_a_tier_comes_round_no_earlier() -> None:
    monthly = replace(a_task(), tier="A", due=None, cooling_off_end=None)
    book = Book(monthly)
    book.call(at("10:00:00"), Disposition.COMPLETED)
    book.call(at("10:00:00", date(2026, 12, 10)))
    assert book.broken == []
    book = Book(monthly)
    book.call(at("10:00:00"), Disposition.COMPLETED)
    book.call(at("10:00:00", date(2026, 12, 9)))
    assert book.broken == ["R77"]


@pytest.mark.parametrize(("seconds", "broken"), [(19.9, ["R41"]), (20.0, [])])
def test_a_ring_that_we_end_lasts_twenty_seconds(seconds: float, broken: list[str]) -> None:
    book = Book(a_task())
    call = book.begin(at("10:00:00"))
    rang = at("10:00:02")
    over = rang + timedelta(seconds=seconds)
    book.oracle.ends(book.task, call, Disposition.NO_ANSWER, over, rang, True)
    assert book.broken == broken
    assert not [one for one in book.oracle.violations if "+86" in str(one)], "numbers are masked"


def test_lines_and_pace() -> None:
    book = Book(a_task(), lines=2, cps=2.0)
    for n, rule in enumerate([[], [], ["R7", "CPS"]], 1):
        before = len(book.broken)
        number = PhoneNumber(f"+861390000000{n}")
        book.begin(at(f"10:00:00.{n}"), replace(a_task(), id=n, phones=(Phone(number),)))
        assert book.broken[before:] == rule
