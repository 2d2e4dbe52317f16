"""Visits, letters and texts: their steps, who may take them, their share."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from call_house import task

from dialer.errors import IllegalTransition
from dialer.handover import (
    CLOSED,
    TABLE,
    Handover,
    HandoverId,
    HandoverState,
    HandoverStep,
    HandoverTaken,
    Meter,
    WrittenAnswer,
    advance,
    task_after,
)
from dialer.kpi import Method
from dialer.model import QuestionKind, TaskId, TaskState

NOW = datetime(2026, 11, 10, 10, tzinfo=UTC)


def handover(channel: Method, state: HandoverState = HandoverState.LISTED) -> Handover:
    return Handover(HandoverId(1), TaskId(1), channel, state, NOW)


def taken(kind: HandoverStep, **more: object) -> HandoverTaken:
    return replace(HandoverTaken(kind, "王五", NOW, assignee="钱七", done_on=date(2026, 11, 9)), **more)


@pytest.mark.parametrize(
    ("channel", "state", "kind"), list(itertools.product(TABLE, HandoverState, HandoverStep))
)
def test_the_table_is_the_whole_truth(channel: Method, state: HandoverState, kind: HandoverStep) -> None:
    before = handover(channel, state)
    following = TABLE[channel].get((state, kind))
    if following is None:
        with pytest.raises(IllegalTransition, match=f"is {state}"):
            advance(before, taken(kind), "S9")
    else:
        after = advance(before, taken(kind), "S9")
        assert after.state is following
        assert (after.closed_at is None) == (following not in CLOSED)
        assert (after.done_on is None) == (following is not HandoverState.DONE)
    assert before == handover(channel, state)


@pytest.mark.parametrize("name", ["S9", "s9", " Ｓ９ "])
def test_the_seller_neither_visits_nor_enters_the_result(name: str) -> None:
    with pytest.raises(IllegalTransition, match="R27"):
        advance(handover(Method.VISIT), taken(HandoverStep.ASSIGN, assignee=name), "S9")
    visited = handover(Method.VISIT, HandoverState.ASSIGNED)
    for kind in (HandoverStep.SUCCEED, HandoverStep.FAIL):
        with pytest.raises(IllegalTransition, match="R4"):
            advance(visited, taken(kind, by=name), "S9")


def test_an_unnamed_seller_hinders_nobody() -> None:
    assert advance(handover(Method.VISIT), taken(HandoverStep.ASSIGN), "").assignee == "钱七"


@pytest.mark.parametrize("more", [{"assignee": " "}, {"by": ""}])
def test_a_visit_needs_names(more: dict[str, object]) -> None:
    with pytest.raises(IllegalTransition, match="name"):
        advance(handover(Method.VISIT), taken(HandoverStep.ASSIGN, **more), "")


@pytest.mark.parametrize(
    ("channel", "state", "becomes"),
    [
        (Method.VISIT, HandoverState.DONE, TaskState.DONE),
        (Method.VISIT, HandoverState.FAILED, TaskState.LETTER),
        (Method.LETTER, HandoverState.DONE, TaskState.DONE),
        (Method.LETTER, HandoverState.FAILED, TaskState.UNREACHED),
        (Method.TEXT, HandoverState.DONE, TaskState.DONE),
        (Method.TEXT, HandoverState.FAILED, TaskState.VISIT),
        (Method.VISIT, HandoverState.WITHDRAWN, TaskState.VISIT),
        (Method.LETTER, HandoverState.SENT, TaskState.VISIT),
    ],
)
def test_what_the_end_makes_of_the_task(channel: Method, state: HandoverState, becomes: TaskState) -> None:
    assert task_after(task(state=TaskState.VISIT), handover(channel, state)).state is becomes


@pytest.mark.parametrize(
    ("kind", "yes", "problem"),
    [
        (QuestionKind.POS, True, False),
        (QuestionKind.POS, False, True),
        (QuestionKind.KNOW, False, True),
        (QuestionKind.BAD, True, True),
        (QuestionKind.BAD, False, False),
        (QuestionKind.LEFT, True, True),
    ],
)
def test_what_is_a_problem_on_paper(kind: QuestionKind, yes: bool, problem: bool) -> None:
    assert WrittenAnswer("q", kind, yes).problem is problem


@pytest.mark.parametrize(
    ("meter", "cap", "over", "room"),
    [
        (Meter(0, 0, 0), 0.1, False, 0),
        (Meter(9, 1, 0), 0.1, False, 0),
        (Meter(10, 1, 0), 0.1, False, 0),
        (Meter(19, 1, 1), 0.1, True, 0),
        (Meter(20, 1, 1), 0.1, False, 0),
        (Meter(100, 4, 2), 0.1, False, 4),
        (Meter(100, 8, 3), 0.1, True, 0),
        (Meter(5, 0, 1), 0.0, True, 0),
        (Meter(5, 0, 0), 0.0, False, 0),
    ],
)
def test_the_share_and_its_cap(meter: Meter, cap: float, over: bool, room: int) -> None:
    assert (meter.over(cap), meter.room(cap)) == (over, room)
    assert (meter.share is None) == (meter.called_back == 0)
