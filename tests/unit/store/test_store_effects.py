from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from dialer.model import (
    Attempt,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.verdict import Dial, Escalate, Refuse, Verdict, Wait
from dialer.store import StoreConfig
from dialer.store.effects import (
    appointment_after_call,
    deadline,
    differs,
    kind_of,
    state_after_call,
    state_after_verdict,
)

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
NUMBER = PhoneNumber.parse("13812345678")
TASK = Task(TaskId(1), "c", "P1", Policyholder("王芳"), (Phone(NUMBER),), "A", Decimal(1), 1, "s")
CALL = Attempt(CallId(1), TaskId(1), NUMBER, 1, "2026-11-10/0", NOW)
VERDICTS: list[Verdict] = [
    Dial(NUMBER, "2026-11-10/0", NOW),
    Dial(NUMBER, "2026-11-10/1", NOW),
    Dial(PhoneNumber.parse("13912345678"), "2026-11-10/0", NOW),
    Dial(NUMBER, "2026-11-10/0", NOW, "R79"),
    Wait(NOW, "R44", ""),
    Wait(NOW, "R43", ""),
    Wait(NOW + timedelta(seconds=1), "R44", ""),
    Refuse("R44", ""),
    Refuse("R19", ""),
    Escalate("visit", "R25", ""),
    Escalate("letter", "R25", ""),
    Escalate("visit", "R26", ""),
]


def test_only_what_matters_makes_a_verdict_differ() -> None:
    for a, one in enumerate(VERDICTS):
        assert differs(one, None)
        for b, other in enumerate(VERDICTS):
            assert differs(one, other) == (a != b)
        assert not differs(msgspec.structs.replace(one, why="in other words"), one)
    assert [kind_of(VERDICTS[n]) for n in (0, 4, 7, 9)] == ["dial", "wait", "refuse", "escalate"]


@pytest.mark.parametrize("state", [s for s in TaskState if s is not TaskState.OPEN])
def test_a_closed_task_stays_closed(state: TaskState) -> None:
    for verdict in VERDICTS:
        follows = state is TaskState.VISIT and verdict == Escalate("letter", "R25", "")
        expected = TaskState.LETTER if follows else state
        assert state_after_verdict(state, verdict, frozenset({"R19"})) is expected
    for outcome in Disposition:
        assert state_after_call(state, outcome) is state


@pytest.mark.parametrize("rule", ["R9", "R44", "R49", "R75"])
def test_a_passing_refusal_excludes_nobody(rule: str) -> None:
    verdict = Refuse(rule, "")
    assert state_after_verdict(TaskState.OPEN, verdict, StoreConfig().excluding_rules) is TaskState.OPEN


@pytest.mark.parametrize("rule", ["R11", "R19", "R37", "R38"])
def test_a_final_refusal_excludes(rule: str) -> None:
    verdict = Refuse(rule, "")
    assert state_after_verdict(TaskState.OPEN, verdict, StoreConfig().excluding_rules) is TaskState.EXCLUDED
    assert state_after_verdict(TaskState.OPEN, verdict, frozenset()) is TaskState.OPEN


@pytest.mark.parametrize("outcome", list(Disposition))
def test_an_appointment_is_kept_by_a_counted_call_only(outcome: Disposition) -> None:
    record = CallRecord(CallId(1), TaskId(1), outcome, NOW)
    due, early = replace(TASK, appointment=NOW), replace(TASK, appointment=NOW + timedelta(seconds=1))
    assert appointment_after_call(due, CALL, record) == (None if outcome.counts_as_attempt else NOW)
    assert appointment_after_call(early, CALL, record) == early.appointment
    assert appointment_after_call(TASK, CALL, record) is None
    new = replace(record, appointment=NOW + timedelta(days=2))
    assert appointment_after_call(due, CALL, new) == new.appointment


def test_the_earlier_date_is_the_deadline() -> None:
    first, last = date(2026, 11, 12), date(2026, 11, 20)
    assert deadline(TASK) is None
    assert deadline(replace(TASK, due=last)) == last
    assert deadline(replace(TASK, due=last, cooling_off_end=first)) == first
    assert deadline(replace(TASK, due=first, cooling_off_end=last)) == first


def test_a_rule_that_is_not_in_the_book_excludes_nobody() -> None:
    with pytest.raises(ValueError, match="SURRENDERED"):
        StoreConfig(excluding_rules=frozenset({"R19", "SURRENDERED"}))
