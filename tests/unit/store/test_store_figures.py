"""A month's counts against an auditor who counts heads, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, text

from dialer.handover import CLOSED, HandoverState
from dialer.kpi import ANSWERED, UNCOUNTED, CallCount, Method, Month, Slice, Tally
from dialer.model import (
    ALL_SIGNATURES,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Task,
    TaskId,
    TaskState,
)
from dialer.store import SqlStore, figures, rows
from dialer.store.tables import ATTEMPTS, HANDOVERS, PHONES, RECORDINGS, TASKS, TICKETS

ZONE = ZoneInfo("Asia/Shanghai")
OCTOBER = Month(date(2026, 10, 1))
HANDED_OVER = (TaskState.CONTACT_REFRESH, TaskState.EXCLUDED, TaskState.VISIT, TaskState.LETTER)
EDGES = ("2026-09-30", "2026-10-01", "2026-10-15", "2026-10-31", "2026-11-01", "2025-10-15")


@dataclass
class Call:
    day: str
    outcome: Disposition | None
    recorded: bool = False
    tickets: list[tuple[str, bool]] = field(default_factory=list)
    """Category, and whether it is closed."""

    @property
    def counts(self) -> bool:
        return self.outcome is not None and self.outcome not in UNCOUNTED and self.day[:7] == str(OCTOBER)


@dataclass
class Handed:
    """A visit, a letter or a text: when it was opened, how and when it ended, and what it brought."""

    opened: datetime
    channel: str
    state: HandoverState
    closed: datetime | None
    tickets: list[tuple[str, bool]]

    @property
    def in_month(self) -> bool:
        days = [self.opened, *([self.closed] if self.closed else [])]
        touched = any(f"{day.astimezone(ZONE):%Y-%m}" == str(OCTOBER) for day in days)
        return touched and self.state is not HandoverState.WITHDRAWN

    @property
    def tickets_in_month(self) -> list[tuple[str, bool]]:
        return self.tickets if self.closed and f"{self.closed:%Y-%m}" == str(OCTOBER) else []


@dataclass
class Customer:
    task: Task
    imported: datetime
    calls: list[Call]
    handed: list[Handed] = field(default_factory=list)
    """Oldest first."""


def some_customer(n: int, dice: random.Random) -> Customer:
    def day(*more: date | None) -> date | None:
        return dice.choice([date.fromisoformat(dice.choice(EDGES)), *more])

    task = Task(
        TaskId(0), dice.choice(["new", "claims"]), f"P{n}", Policyholder("王芳"),
        (Phone(PhoneNumber.parse(f"138{n:08d}")),), dice.choice(["年金", "终身寿险"]), Decimal(1), 10, "s",
        cooling_off_end=day(None), due=day(None, None), branch=dice.choice(["东城", "西城", ""]),
        channel=dice.choice(["个代", "银代"]), seller=dice.choice(["S1", "S2", "S3"]),
        state=dice.choice(list(TaskState)), waiver=dice.random() < 0.2, surrendered=dice.random() < 0.2,
        waiver_signatures=dice.choice([ALL_SIGNATURES, ALL_SIGNATURES[1:]]),
    )  # fmt: skip
    calls = [
        Call(
            dice.choice(EDGES),
            dice.choice([*Disposition, Disposition.COMPLETED, Disposition.COMPLETED]),
            dice.random() < 0.3,
            [(dice.choice(["误导", "缴费"]), dice.random() < 0.5) for _ in range(dice.choice([0, 0, 1, 2]))],
        )
        for _ in range(dice.choice([0, 1, 1, 2, 4]))
    ]
    if dice.random() < 0.1:
        calls.append(Call("2026-10-31", None))
    handed = [some_handover(dice, channel) for channel in dice.choice(HANDED)]
    return Customer(task, imported_at(dice), calls, handed)


HANDED: list[list[str]] = [[], [], ["visit"], ["visit", "letter"], ["text"]]


def some_handover(dice: random.Random, channel: str) -> Handed:
    opened, ended = sorted(datetime.fromisoformat(f"{dice.choice(EDGES)}T00:00:00+08:00") for _ in range(2))
    state = dice.choice(list(HandoverState))
    closed = ended if state in CLOSED else None
    tickets = [("误导", dice.random() < 0.5)] if state is HandoverState.DONE and dice.random() < 0.5 else []
    return Handed(opened, channel, state, closed, tickets)


def imported_at(dice: random.Random) -> datetime:
    """Around the month's edges in the house's zone, which aren't those of UTC."""
    edge = dice.choice([OCTOBER.begin(ZONE), OCTOBER.end(ZONE)])
    return edge + timedelta(seconds=dice.choice([-1, 0, 1]))


def store_all(connection: Connection, customers: list[Customer]) -> None:
    call_id = 0
    for n, one in enumerate(customers, 1):
        connection.execute(insert(TASKS).values(id=n, **rows.task_row(one.task, one.imported)))
        connection.execute(insert(PHONES), rows.phone_rows(n, one.task))
        for call in one.calls:
            call_id += 1
            store_call(connection, n, call_id, call)
        for given in one.handed:
            store_handover(connection, n, given)


def store_handover(connection: Connection, task: int, given: Handed) -> None:
    done = given.closed.date() if given.closed and given.state is HandoverState.DONE else None
    connection.execute(
        insert(HANDOVERS).values(
            task_id=task, channel=given.channel, state=given.state.value, opened_at=given.opened, assignee="",
            closed_at=given.closed, done_on=done, answers="[]", note="",
        )
    )  # fmt: skip
    for ticket in given.tickets:
        assert given.closed
        store_ticket(connection, task, None, given.closed, ticket)


def store_call(connection: Connection, task: int, call_id: int, call: Call) -> None:
    at = datetime.fromisoformat(f"{call.day}T10:00:00+08:00")
    plain: dict[str, Any] = {
        "id": call_id, "task_id": task, "customer_key": f"k{task}", "number": "+8613800000000", "pass_no": 1,
        "slot": f"{call.day}/0", "node": "n", "fence": 1, "invited_at": at, "sip_code": 0, "reason": "",
        "hung_up_by": "", "agent": "", "transferred": False, "script_version": "", "recovered": False,
        "ended_at": None if call.outcome is None else at, "outcome": call.outcome and call.outcome.value,
    }  # fmt: skip
    connection.execute(insert(ATTEMPTS).values(**plain))
    if call.recorded:
        connection.execute(
            insert(RECORDINGS).values(
                call_id=call_id, path=str(call_id), sha256="", size=1, duration_s=10.5, codec="PCMA",
                started_at=at, ended_at=at, retain_until=date(2030, 1, 1), legal_hold=False, partial=False,
            )
        )  # fmt: skip
    for ticket in call.tickets:
        store_ticket(connection, task, call_id, at, ticket)


def store_ticket(
    connection: Connection, task: int, call_id: int | None, at: datetime, ticket: tuple[str, bool]
) -> None:
    category, closed = ticket
    connection.execute(
        insert(TICKETS).values(
            call_id=call_id, task_id=task, category=category, departments="[]", question="q", words="",
            answer_offset_s=0.0, issued_at=at, due=at, major=category == "误导", escalated=False,
            status="closed" if closed else "open",
        )
    )  # fmt: skip


def tally_of(one: Customer, open_is_success: bool) -> Tally:
    task, made = one.task, [call for call in one.calls if call.counts]
    deadline = min((day for day in (task.cooling_off_end, task.due) if day), default=None)
    local = one.imported.astimezone(ZONE).date()
    due = bool(task.missing_signatures) and f"{deadline or local:%Y-%m}" == "2026-10"
    on_paper = [
        f"{given.closed:%Y-%m-%d}"
        for given in one.handed
        if given.closed and given.state is HandoverState.DONE
    ]
    done = sorted(call.day for call in one.calls if call.outcome is Disposition.COMPLETED) or sorted(on_paper)
    closed = all(ticket[1] for source in (*one.calls, *one.handed) for ticket in source.tickets)
    success = due and bool(done) and (closed or open_is_success)
    in_time = success and task.cooling_off_end is not None and done[0] <= str(task.cooling_off_end)
    refused = due and not success and task.state is TaskState.REFUSED
    method = Method.PHONE.value if made else None
    method = next((given.channel for given in reversed(one.handed) if given.in_month), method)
    tickets = [closed for call in made for _, closed in call.tickets]
    tickets += [closed for given in one.handed for _, closed in given.tickets_in_month]
    answered = sum(call.outcome in ANSWERED for call in made)
    return Tally(
        due=due, refused=refused, successes=success, in_cooling_off=in_time,
        surrendered=due and not success and not refused and task.surrendered,
        **({f"by_{method}": 1} if method else {}),
        reached=answered > 0, calls=len(made), answered=answered,
        with_ticket=bool(tickets), tickets=len(tickets), settled=sum(tickets),
    )  # fmt: skip


def by_hand(customers: list[Customer], open_is_success: bool) -> tuple[Slice, ...]:
    found: dict[tuple[str, str, str, str], Tally] = {}
    for one in customers:
        tally = tally_of(one, open_is_success)
        if tally != Tally():
            key = (one.task.branch, one.task.channel, one.task.product, one.task.seller)
            found[key] = found.get(key, Tally()) + tally
    return tuple(Slice(*key, found[key]) for key in sorted(found))


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    place = tmp_path / "x.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = await SqlStore.open(place)
    yield opened
    await opened.close()


async def fill(store: SqlStore, customers: list[Customer]) -> None:
    await store._group.alone(lambda connection, _: store_all(connection, customers))


async def test_the_counts_are_those_of_an_auditor(store: SqlStore) -> None:
    dice = random.Random(2026)
    customers = [some_customer(n, dice) for n in range(600)]
    await fill(store, customers)
    for open_is_success in (False, True):
        found = await store.month_count(OCTOBER, ZONE, open_is_success=open_is_success)
        assert found.slices == by_hand(customers, open_is_success)
    strict = by_hand(customers, False)
    assert strict != by_hand(customers, True), "the setting matters here"
    whole = found.tally
    assert min(whole.by(method) for method in Method) > 0
    assert min(whole.refused, whole.surrendered, whole.in_cooling_off, whole.settled, whole.unsettled) > 0


async def test_one_campaign_alone(store: SqlStore) -> None:
    dice = random.Random(7)
    customers = [some_customer(n, dice) for n in range(200)]
    await fill(store, customers)
    claims = [one for one in customers if one.task.campaign == "claims"]
    found = await store.month_count(OCTOBER, ZONE, campaign="claims")
    assert found.campaign == "claims"
    assert found.slices == by_hand(claims, False)
    calls = [call for one in claims for call in one.calls]
    assert found.recordings == sum(call.recorded and call.day[:7] == "2026-10" for call in calls)
    assert sum(one.calls for one in found.calls) == sum(
        call.day[:7] == "2026-10" and call.outcome is not None for call in calls
    )
    assert sum(cause.tickets for cause in found.causes) == found.tally.tickets
    ids = await store.month_calls(OCTOBER, "claims")
    views = await store.calls_by_id(ids)
    assert [view.attempt.id for view in views] == sorted(ids)
    assert {view.task.campaign for view in views} == {"claims"}
    assert len(ids) == sum(call.counts for call in calls)


async def test_calls_causes_and_recordings(store: SqlStore) -> None:
    customers = [some_customer(n, random.Random(n)) for n in range(100)]
    await fill(store, customers)
    found = await store.month_count(OCTOBER, ZONE)
    calls = [call for one in customers for call in one.calls if call.day[:7] == "2026-10"]
    ways = Counter((f"{call.day}/0", call.outcome) for call in calls if call.outcome)
    assert set(found.calls) == {CallCount(slot, outcome, n) for (slot, outcome), n in ways.items() if outcome}
    tickets = [ticket for call in calls if call.counts for ticket in call.tickets]
    tickets += [ticket for one in customers for given in one.handed for ticket in given.tickets_in_month]
    for cause in found.causes:
        own = [closed for category, closed in tickets if category == cause.category]
        assert (cause.tickets, cause.settled) == (len(own), sum(own))
        assert cause.major == (len(own) if cause.category == "误导" else 0)
    assert {cause.category for cause in found.causes} == {"误导", "缴费"}
    recorded = sum(call.recorded for call in calls)
    assert found.recordings == recorded
    assert found.talk_s == pytest.approx(10.5 * recorded)


async def test_a_month_without_anything(store: SqlStore) -> None:
    found = await store.month_count(replace(OCTOBER, first=date(2020, 1, 1)), ZONE)
    assert (found.slices, found.calls, found.causes, found.recordings, found.talk_s) == ((), (), (), 0, 0.0)
    assert await store.month_calls(OCTOBER) == []


async def test_sqlite_finds_the_months_rows_by_index(tmp_path: Path) -> None:
    store = await SqlStore.open(tmp_path / "x.sqlite")
    plans: list[str] = []

    def look(connection: Connection, *_: object) -> None:
        for query in (
            figures._due(OCTOBER, ZONE, "", False),
            figures._called(OCTOBER, ""),
            figures._outcomes(OCTOBER, ""),
        ):
            sql = query.compile(
                connection.engine, compile_kwargs={"literal_binds": True, "render_postcompile": True}
            )
            plans.append("\n".join(str(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"))))

    await store._database.read(look)
    await store.close()
    due, called, outcomes = plans
    assert "ix_tasks_deadline" in due
    assert "ix_attempts_completed" in due
    assert "COVERING INDEX ix_attempts_slot" in called
    assert "COVERING INDEX ix_attempts_slot" in outcomes
    assert "TEMP B-TREE" not in outcomes
