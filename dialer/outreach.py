"""Visits, and what came of visits, letters and texts (R25, R27, R74, R76)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dialer import tickets as ticketing
from dialer.campaigns import read_plan
from dialer.errors import DialerError
from dialer.exports import write_private
from dialer.forms import Asked, fine, problems, visit_form
from dialer.handover import HandoverId, HandoverStep, HandoverView, WrittenAnswer
from dialer.kpi import Method
from dialer.model import CallId, Task, TaskId, TaskState, Ticket
from dialer.paperwork import OPEN_STATES, Clerk, Paper, listed, one_of, paper_of
from dialer.policy.duedates import REGULATED, due_of
from dialer.policy.zones import find_zone
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

_VISIT_DEADLINE = "R83"
"""A visit is verified by telephone within 24 hours."""


async def assign(
    home: Path, number: HandoverId, assignee: str, planned: date | None, clerk: Clerk
) -> HandoverView:
    """R27: to somebody who didn't sell the policy. Raises DialerError, IllegalTransition, StoreError."""

    async def work(store: SqlStore) -> HandoverView:
        await one_of(store, Method.VISIT, number)
        taken = replace(clerk.step(HandoverStep.ASSIGN), assignee=assignee, planned=planned)
        return await store.take_handover_step(number, taken)

    return await with_store(home, work)


async def print_visits(home: Path, numbers: Sequence[HandoverId], file: Path) -> int:
    """Forms to be printed, HTML: of these visits, or of all that are open. Raises DialerError, OSError."""
    site = Site(home)

    async def work(store: SqlStore) -> list[Paper]:
        views = [await one_of(store, Method.VISIT, number) for number in numbers]
        views = views or await listed(store, Method.VISIT, OPEN_STATES)
        return [await paper_of(site, store, view) for view in views]

    papers = await with_store(home, work)
    page = visit_form([(one.view, one.script, one.asked) for one in papers])
    write_private(file, page.encode())
    return len(papers)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a visit, a letter or a text."""

    reached: bool
    day: date
    answers: tuple[tuple[str, bool, str], ...] = ()
    """(question, yes, the customer's words)."""
    others_fine: bool = False
    """Every question that isn't named was answered without a problem."""
    signed: bool = False
    """The customer signed the questionnaire."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """A result that was entered."""

    view: HandoverView
    tickets: tuple[Ticket, ...]
    verification: str
    """The campaign whose call verifies the visit (R76); empty: none."""


async def enter_result(
    home: Path, channel: Method, number: HandoverId, result: Result, clerk: Clerk
) -> Entered:
    """Answers in, tickets and verification call out. Raises DialerError, IllegalTransition, StoreError."""
    site = Site(home)

    async def work(store: SqlStore) -> Entered:
        view = await one_of(store, channel, number)
        if result.day > clerk.now.astimezone(find_zone(site.settings.calling.zone)).date():
            raise DialerError(f"{result.day} lies ahead: enter the day on which the customer answered")
        if not result.reached:
            taken = clerk.step(HandoverStep.FAIL, result.note)
            return Entered(await store.take_handover_step(number, taken), (), "")
        if channel is not Method.TEXT and not result.signed:
            raise DialerError("a questionnaire on paper counts with the customer's signature: --signed")
        paper = await paper_of(site, store, view)
        answers = _answers(paper.asked, result)
        found = problems(paper.asked, answers)
        issued = ticketing.issue(found, view.task, CallId(0), clerk.now, site.calendar.add_workdays)
        verification = await _verification(site, store, paper, result.day)
        note = "; ".join(filter(None, ("signed" if result.signed else "", result.note)))
        taken = replace(clerk.step(HandoverStep.SUCCEED, note), done_on=result.day, answers=answers)
        done = await store.take_handover_step(number, taken, tickets=issued, verification=verification)
        return Entered(done, issued, verification.campaign if verification else "")

    return await with_store(home, work)


def _answers(asked: Sequence[Asked], result: Result) -> tuple[WrittenAnswer, ...]:
    """In the questionnaire's order. Raises DialerError: a question that isn't there, or isn't answered."""
    given = {question: (yes, words) for question, yes, words in result.answers}
    known = [one.question.id for one in asked]
    if unknown := [question for question in given if question not in known]:
        raise DialerError(f"the questionnaire has no question {unknown[0]!r}: it asks {', '.join(known)}")
    missing = [question for question in known if question not in given]
    if missing and not result.others_fine:
        raise DialerError(
            f"not answered: {', '.join(missing)}; --others-fine where none of them is a problem"
        )
    made = []
    for one in asked:
        yes, words = given.get(one.question.id, (fine(one.question).yes, ""))
        made.append(WrittenAnswer(one.question.id, one.question.kind, yes, words))
    return tuple(made)


async def _verification(site: Site, store: SqlStore, paper: Paper, day: date) -> Task | None:
    """R76: a call that verifies the visit, due the next day (R83). A verification isn't verified again."""
    task = paper.view.task
    name = paper.plan.method.verification if paper.plan else "visit-verification"
    if paper.view.handover.channel is not Method.VISIT or name in ("", task.campaign):
        return None
    kind = site.settings.calling.deadline_type(_VISIT_DEADLINE) or REGULATED[_VISIT_DEADLINE]
    due = due_of(kind, day, site.calendar)
    versions = await store.campaign_versions(name)
    script = name
    if versions and not versions[-1].carried_over:
        script = read_plan(versions[-1].plan_text, name).content.script
    return Task(
        id=TaskId(0),
        campaign=name,
        policy_no=task.policy_no,
        holder=task.holder,
        phones=task.phones,
        product=task.product,
        premium=task.premium,
        pay_years=task.pay_years,
        script=script,
        cooling_off_days=task.cooling_off_days,
        due=due.day,
        deadline_type=kind.name,
        event=day,
        due_provisional=due.provisional,
        branch=task.branch,
        channel=task.channel,
        seller=task.seller,
        seller_team=task.seller_team,
        segment=task.segment,
        zone=task.zone,
        state=TaskState.OPEN,
        address=task.address,
        email=task.email,
    )
