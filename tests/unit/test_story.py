"""What held when: from a task's ledger, whatever the gaps in it."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from call_house import task
from hypothesis import given
from hypothesis import strategies as st

from dialer.model import Attempt, CallId, Disposition, PhoneNumber, TaskId, TaskState
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Refuse, Resources, Verdict, Wait
from dialer.ports import Candidate
from dialer.story import UNNOTICED, Story, Stretch

SHANGHAI = ZoneInfo("Asia/Shanghai")
NUMBER = PhoneNumber.parse("13812345678")
Said = tuple[datetime, Decision]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SHANGHAI)


def said(when: str, verdict: Verdict) -> Said:
    return at(when), Decision(verdict, ())


def wait(when: str, until: str) -> Said:
    return said(when, Wait(at(until), "R43", "why"))


def story(
    *decisions: Said, attempts: tuple[Attempt, ...] = (), now: str = "20 12:00", **changes: object
) -> Story:
    return Story(
        candidate=Candidate(task(**changes), attempts, ()),
        zone=SHANGHAI,
        now=at("20 12:00"),
        imported_at=at("09 09:00"),
        decisions=decisions,
        calls=(),
        due_changes=(),
        slots=(),
        calls_in_slots={},
        faults_in_slots={},
        calendar=calendar_from(),
        settings=PolicySettings(),
        resources=Resources(lines_free=1),
    )


def shown(stretches: tuple[Stretch, ...]) -> list[tuple[str, str, str]]:
    return [
        (f"{one.start:%H:%M:%S}", f"{one.end:%H:%M:%S}", f"{one.said[0]:%d %H:%M}" if one.said else "-")
        for one in stretches
    ]


def test_the_verdict_at_a_moment_is_the_last_one_before_it() -> None:
    told = story(wait("10 10:01", "10 14:00"), said("10 14:00", Refuse("R49", "draft")))
    assert told.said_at(at("10 10:00")) is None
    assert told.said_at(at("10 13:59")) == told.decisions[0]
    assert told.said_at(at("12 10:00")) == told.decisions[1]


def test_a_wait_that_is_over_holds_no_longer() -> None:
    told = story(wait("09 17:00", "10 10:20"), said("10 10:40", Refuse("R49", "")))
    assert shown(told.stretches(at("10 10:00"), at("10 11:00"))) == [
        ("10:00:00", "10:20:00", "09 17:00"),
        ("10:20:00", "10:40:00", "-"),
        ("10:40:00", "11:00:00", "10 10:40"),
    ]


def test_a_look_that_takes_a_moment_is_no_gap() -> None:
    told = story(wait("09 17:00", "10 10:00"), said("10 10:00:04", Dial(NUMBER, "s", at("10 11:00"))))
    assert shown(told.stretches(at("10 10:00"), at("10 11:00"))) == [("10:00:04", "11:00:00", "10 10:00")]


def test_nothing_decided_is_a_gap() -> None:
    assert shown(story().stretches(at("10 10:00"), at("10 11:00"))) == [("10:00:00", "11:00:00", "-")]


ENTRIES = st.lists(
    st.tuples(st.integers(0, 7200), st.one_of(st.none(), st.integers(0, 7200))), max_size=6
).map(lambda found: sorted(found, key=lambda one: one[0]))


@given(ENTRIES)
def test_stretches_are_in_order_and_each_holds_what_was_said(entries: list[tuple[int, int | None]]) -> None:
    """``entries``: seconds from 9:30 on, and how long a wait is; None: refused."""
    begin = at("10 09:30")
    decisions = []
    for second, length in entries:
        when = begin + timedelta(seconds=second)
        verdict = Refuse("R49", "") if length is None else Wait(when + timedelta(seconds=length), "R43", "")
        decisions.append((when, Decision(verdict, ())))
    told = story(*decisions)
    found = told.stretches(at("10 10:00"), at("10 11:00"))
    for one, later in itertools.pairwise(found):
        assert one.end <= later.start
        assert later.start - one.end <= UNNOTICED
    for one in found:
        assert one.start <= one.end
        middle = one.start + (one.end - one.start) / 2
        last = told.said_at(middle)
        over = last is not None and isinstance(last[1].verdict, Wait) and last[1].verdict.until <= middle
        if one.start < one.end:
            assert one.said == (None if over else last)


def test_the_rules_of_today_judge_the_past_by_what_was_known_then() -> None:
    call = Attempt(
        CallId(1), TaskId(1), NUMBER, 1, "2026-11-10/0", at("10 10:00"), ended_at=at("10 10:01"),
        outcome=Disposition.NO_ANSWER,
    )  # fmt: skip
    told = story(wait("10 10:05", "10 14:00"), attempts=(call,), state=TaskState.CONTACT_REFRESH, pass_no=2)
    before = told.judged(at("10 09:59")).verdict
    assert isinstance(before, Wait)
    assert before.rule == "R44"
    during = told.judged(at("10 10:00:30")).verdict
    assert during.rule == "ONE_LIVE_CALL", "it hadn't ended then"


@pytest.mark.parametrize(
    ("day", "works"), [(date(2026, 11, 10), True), (date(2026, 11, 14), False), (date(2031, 1, 6), None)]
)
def test_a_day_is_a_workday_or_not_or_nobody_knows(day: date, works: bool | None) -> None:
    assert story().workday(day) is works
