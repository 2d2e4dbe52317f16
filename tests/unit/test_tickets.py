"""From problems to tickets, and a ticket's way to its close."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.errors import IllegalTransition
from dialer.model import (
    CallId,
    Phone,
    PhoneNumber,
    Policyholder,
    Problem,
    ProblemKind,
    Task,
    TaskId,
    Ticket,
    TicketId,
    TicketRule,
)
from dialer.policy.calendar import calendar_from
from dialer.tickets import TRANSITIONS, Actor, TicketEvent, TicketState, advance, again, issue

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = calendar_from()
TUESDAY = datetime(2026, 11, 10, 10, 3, tzinfo=SHANGHAI)
TASK = Task(
    id=TaskId(7),
    campaign="c",
    policy_no="P1",
    holder=Policyholder("王芳"),
    phones=(Phone(PhoneNumber.parse("13812345678")),),
    product="福满人生",
    premium=Decimal(1000),
    pay_years=10,
    script="new-policy",
)
NOT_DELIVERED = TicketRule("合同未送达", ("契约",))
COOLING_OFF = TicketRule("犹豫期", ("客服",), before_cooling_off=True)
SIGNED_FOR = TicketRule("代签名", ("合规",), major=True)
CONFUSED = TicketRule("混淆概念", ("销售管理", "合规"))
COMPLAINT = TicketRule("投诉", ("客服",))


def problem(rule: TicketRule, question: str = "q4", **changes: Any) -> Problem:
    return replace(Problem(ProblemKind.NO, question, rule, "没收到", 12.5), **changes)


def tickets(*problems: Problem, now: datetime = TUESDAY, **changes: Any) -> tuple[Ticket, ...]:
    return issue(problems, replace(TASK, **changes), CallId(3), now, CALENDAR.add_workdays)


def test_no_problem_no_ticket() -> None:
    assert tickets() == ()


def test_a_no_becomes_a_ticket_due_in_five_workdays() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED))
    assert ticket == Ticket(
        call_id=CallId(3),
        task_id=TaskId(7),
        category="合同未送达",
        departments=("契约",),
        question="q4",
        words="没收到",
        answer_offset_s=12.5,
        issued_at=TUESDAY,
        due=datetime(2026, 11, 17, 23, 59, 59, tzinfo=SHANGHAI),
    )


@pytest.mark.parametrize(
    ("kind", "rule", "cooling_off", "due"),
    [
        (ProblemKind.NO, NOT_DELIVERED, date(2026, 11, 12), date(2026, 11, 17)),
        (ProblemKind.NO, COOLING_OFF, None, date(2026, 11, 17)),
        (ProblemKind.NO, COOLING_OFF, date(2026, 11, 12), date(2026, 11, 12)),
        (ProblemKind.NO, COOLING_OFF, date(2026, 11, 10), date(2026, 11, 10)),
        (
            ProblemKind.NO,
            COOLING_OFF,
            date(2026, 11, 9),
            date(2026, 11, 17),
        ),  # it is over
        (ProblemKind.NO, COOLING_OFF, date(2026, 11, 30), date(2026, 11, 17)),
        (ProblemKind.COMPLAINT, COMPLAINT, None, date(2026, 11, 13)),
        (ProblemKind.UNCLEAR, NOT_DELIVERED, None, date(2026, 11, 17)),
    ],
)
def test_due(kind: ProblemKind, rule: TicketRule, cooling_off: date | None, due: date) -> None:
    (ticket,) = tickets(problem(rule, kind=kind), cooling_off_end=cooling_off)
    assert ticket.due == datetime(due.year, due.month, due.day, 23, 59, 59, tzinfo=SHANGHAI)


def test_workdays_skip_the_national_day_holiday() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED), now=datetime(2026, 9, 29, 10, tzinfo=SHANGHAI))
    assert ticket.due.date() == date(2026, 10, 12)


def test_next_years_missing_calendar_makes_a_ticket_earlier_never_lost() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED), now=datetime(2026, 12, 30, 10, tzinfo=SHANGHAI))
    assert ticket.due.date() == date(2027, 1, 4)


def test_the_day_is_the_customers() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED), zone="America/New_York")  # still Monday evening there
    assert ticket.due == datetime(2026, 11, 16, 23, 59, 59, tzinfo=ZoneInfo("America/New_York"))


def test_two_departments_escalate_and_major_is_marked() -> None:
    (two,) = tickets(problem(CONFUSED))
    assert (two.escalated, two.major) == (True, False)
    (major,) = tickets(problem(SIGNED_FOR))
    assert (major.escalated, major.major) == (False, True)


def test_one_ticket_per_question() -> None:
    issued = tickets(
        problem(COOLING_OFF, "q10", words="不清楚", offset_s=40.0),
        problem(NOT_DELIVERED),
        problem(SIGNED_FOR, "q10", words="是别人签的", offset_s=44.0),
        cooling_off_end=date(2026, 11, 12),
    )
    assert [(t.question, t.category, t.departments, t.major) for t in issued] == [
        ("q10", "代签名", ("客服", "合规"), True),
        ("q4", "合同未送达", ("契约",), False),
    ]
    assert issued[0].words == "不清楚;是别人签的"
    assert issued[0].answer_offset_s == 40.0
    assert issued[0].due.date() == date(2026, 11, 12)


def test_that_no_agent_was_free_adds_no_department_to_a_complaint() -> None:
    (ticket,) = tickets(
        problem(COMPLAINT, kind=ProblemKind.COMPLAINT),
        problem(TicketRule("未接通坐席", ("回访中心",)), kind=ProblemKind.NO_AGENT),
    )
    assert (ticket.category, ticket.departments, ticket.escalated) == ("投诉", ("客服",), False)


# --- life cycle ---------------------------------------------------------------------------------

HANDLER = Actor("李明", team="客服")
TICKET = tickets(problem(NOT_DELIVERED))[0]


@pytest.mark.parametrize(("state", "event"), list(product(TicketState, TicketEvent)))
def test_only_what_the_table_allows_happens(state: TicketState, event: TicketEvent) -> None:
    ticket = replace(TICKET, status=state.value)
    if (state, event) in TRANSITIONS:
        assert advance(ticket, event, HANDLER, "张三").status == TRANSITIONS[state, event].value
    else:
        with pytest.raises(IllegalTransition, match=f"is {state}"):
            advance(ticket, event, HANDLER, "张三")


def test_closing_goes_through_the_customers_confirmation() -> None:
    """R58, R69: no path from open to closed without CONFIRM."""
    without = {pair: to for pair, to in TRANSITIONS.items() if pair[1] is not TicketEvent.CONFIRM}
    reached = {TicketState.OPEN}
    for _ in TicketState:
        reached |= {to for (state, _), to in without.items() if state in reached}
    assert TicketState.CLOSED not in reached


@pytest.mark.parametrize(
    "actor",
    [Actor("张三"), Actor("王五", team="一部"), Actor("赵六", sales=True)],
    ids=["seller", "team", "sales"],
)
def test_sales_never_acts_on_a_ticket(actor: Actor) -> None:
    for state, event in TRANSITIONS:
        with pytest.raises(IllegalTransition, match="R4-R6"):
            advance(replace(TICKET, status=state.value), event, actor, "张三", "一部")


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="lost"):
        advance(replace(TICKET, status="lost"), TicketEvent.TAKE, HANDLER, "")


@pytest.mark.parametrize(
    ("departments", "due"), [(("客服",), date(2026, 11, 13)), (("客服", "合规"), date(2026, 11, 19))]
)
def test_a_complaint_for_several_departments_is_complex(departments: tuple[str, ...], due: date) -> None:
    rule = TicketRule("投诉", departments)
    (ticket,) = tickets(problem(rule, kind=ProblemKind.COMPLAINT))
    assert (ticket.due.date(), ticket.escalated) == (due, len(departments) > 1)


def test_an_anomaly_in_the_words_makes_a_ticket_major_whatever_was_asked() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED, words="没收到,业务员代签的", anomaly="代签名"))
    assert (ticket.major, ticket.anomaly, ticket.category) == (True, "代签名", "合同未送达")


def test_a_matter_that_comes_again_escalates() -> None:
    (ticket,) = tickets(problem(NOT_DELIVERED))
    repeated = again(ticket, TicketId(4))
    assert (ticket.escalated, repeated.escalated, repeated.repeat_of) == (False, True, 4)
