"""问题件: from a finished call's problems to tickets, and a ticket's way to its close.

Pure: the calendar comes as a function, ``now`` as a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.errors import CalendarError, IllegalTransition
from dialer.model import CallId, Problem, ProblemKind, Task, Ticket, TicketId

OPINION_WORKDAYS = 5
"""R57: time to settle what a customer brought up."""
COMPLAINT_WORKDAYS = 3
"""A simple complaint: one department settles it."""
COMPLEX_COMPLAINT_WORKDAYS = 7
"""A complaint that takes two departments or more."""
_END_OF_DAY = time(23, 59, 59)

AddWorkdays = Callable[[date, int], date]


def issue(
    problems: Sequence[Problem], task: Task, call_id: CallId, now: datetime, add_workdays: AddWorkdays
) -> tuple[Ticket, ...]:
    """One ticket per question that ended in a problem, in the order of the call (R23, R74).

    Several problems of one question become one ticket: the earliest due, all departments. Two
    departments or more escalate (R18); so does a matter that comes again (``again``, R89).
    ``add_workdays`` may raise CalendarError.
    """
    by_question: dict[str, list[Problem]] = {}
    for problem in problems:
        by_question.setdefault(problem.question, []).append(problem)
    return tuple(_ticket(group, task, call_id, now, add_workdays) for group in by_question.values())


def _ticket(
    group: list[Problem], task: Task, call_id: CallId, now: datetime, add_workdays: AddWorkdays
) -> Ticket:
    # That no agent was free is no matter of its own beside another one.
    matters = [problem for problem in group if problem.kind is not ProblemKind.NO_AGENT] or group
    departments = tuple(dict.fromkeys(d for problem in matters for d in problem.rule.departments))
    gravest = min(matters, key=lambda p: (not p.rule.major, p.kind is not ProblemKind.COMPLAINT, p.offset_s))
    return Ticket(
        call_id=call_id,
        task_id=task.id,
        category=gravest.rule.category,
        departments=departments,
        question=gravest.question,
        words=";".join(dict.fromkeys(problem.words for problem in group if problem.words)),
        answer_offset_s=min(problem.offset_s for problem in group),
        issued_at=now,
        due=min(_due(problem, task, now, add_workdays, len(departments)) for problem in group),
        major=any(problem.rule.major or problem.anomaly for problem in group),
        anomaly=next((problem.anomaly for problem in group if problem.anomaly), ""),
        escalated=len(departments) >= 2,
    )


def again(ticket: Ticket, earlier: TicketId) -> Ticket:
    """``ticket`` where ``earlier``, of an earlier call, is about the same matter: it escalates (R89).

    The same matter: the same category of the same policy.
    """
    return replace(ticket, repeat_of=earlier, escalated=True)


def _due(
    problem: Problem, task: Task, now: datetime, add_workdays: AddWorkdays, departments: int
) -> datetime:
    """R57, or the cooling-off period's end where that is sooner and still ahead; end of that day."""
    zone = _zone(task, now)
    today = now.astimezone(zone).date()
    days = OPINION_WORKDAYS
    if problem.kind is ProblemKind.COMPLAINT:
        days = COMPLAINT_WORKDAYS if departments < 2 else COMPLEX_COMPLAINT_WORKDAYS
    due = workdays_on(today, days, add_workdays)
    cooling_off = task.cooling_off_end
    if problem.rule.before_cooling_off and cooling_off is not None and today <= cooling_off < due:
        due = cooling_off
    return datetime.combine(due, _END_OF_DAY, zone)


def workdays_on(today: date, days: int, add_workdays: AddWorkdays) -> date:
    try:
        return add_workdays(today, days)
    except CalendarError:
        # Next year's calendar isn't out: calendar days are never later than workdays.
        return today + timedelta(days=days)


def audit_due(now: datetime, zone: tzinfo, add_workdays: AddWorkdays) -> datetime:
    """Of a ticket about the house's own recording: as long as for an opinion (R57)."""
    due = workdays_on(now.astimezone(zone).date(), OPINION_WORKDAYS, add_workdays)
    return datetime.combine(due, _END_OF_DAY, zone)


def _zone(task: Task, now: datetime) -> tzinfo:
    try:
        return ZoneInfo(task.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        assert now.tzinfo is not None
        return now.tzinfo


# --- life cycle ---------------------------------------------------------------------------------


class TicketState(StrEnum):
    OPEN = "open"
    HANDLING = "handling"
    DONE = "done"
    """The handler has a result; the customer hasn't confirmed it."""
    CONFIRMED = "confirmed"
    """The re-visit call confirmed it (R58, R72, R73)."""
    CLOSED = "closed"


class TicketEvent(StrEnum):
    TAKE = "take"
    HAND_BACK = "hand_back"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    """The re-visit call says that it isn't solved."""
    CLOSE = "close"


TRANSITIONS: dict[tuple[TicketState, TicketEvent], TicketState] = {
    (TicketState.OPEN, TicketEvent.TAKE): TicketState.HANDLING,
    (TicketState.HANDLING, TicketEvent.HAND_BACK): TicketState.OPEN,
    (TicketState.HANDLING, TicketEvent.RESOLVE): TicketState.DONE,
    (TicketState.DONE, TicketEvent.CONFIRM): TicketState.CONFIRMED,
    (TicketState.DONE, TicketEvent.REOPEN): TicketState.HANDLING,
    (TicketState.CONFIRMED, TicketEvent.REOPEN): TicketState.HANDLING,
    (TicketState.CONFIRMED, TicketEvent.CLOSE): TicketState.CLOSED,
}
"""R69: closed only after the customer confirmed. A closed ticket stays closed: a new matter is a new one."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on a ticket. ``sales``: works in a sales department or as a caller's sales team."""

    name: str
    sales: bool = False
    team: str = ""


def advance(ticket: Ticket, event: TicketEvent, actor: Actor, seller: str, seller_team: str = "") -> Ticket:
    """The ticket after ``event``. Raises IllegalTransition; nothing changes then.

    R4-R6: nobody from sales, neither the policy's seller nor the seller's team, acts on its tickets.
    """
    try:
        state = TicketState(ticket.status)
    except ValueError:
        raise IllegalTransition(f"ticket {ticket.id} has an unknown state {ticket.status!r}") from None
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransition(f"ticket {ticket.id} is {state}: {event} isn't possible")
    if actor.sales or (seller and actor.name == seller) or (seller_team and actor.team == seller_team):
        raise IllegalTransition(f"ticket {ticket.id}: {event} by sales or the policy's seller (R4-R6)")
    return replace(ticket, status=following.value)
