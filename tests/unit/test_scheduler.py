"""The heartbeat against the memory store, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from dialer.errors import Fenced, StoreError
from dialer.model import (
    Attempt,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    Reason,
    Segment,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.verdict import Decision, Dial, Refuse, Wait
from dialer.ports import Archive, Claim, Trunk, TrunkState
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.testing.store import MemoryStore
from dialer.testing.virtual import run_virtual

TUESDAY = datetime(2026, 11, 10, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
CALENDAR = calendar_from()
CONFIG = SchedulerConfig(node="n1", cps=100, lines=10)
TRUNK_UP = TrunkState(True, 100)


def tasks(count: int, **changes: Any) -> list[Task]:
    return [
        replace(
            Task(
                id=TaskId(0),
                campaign="c",
                policy_no=f"P{n}",
                holder=Policyholder("王芳"),
                phones=(Phone(PhoneNumber.parse(f"138{n:08d}")),),
                product="福满人生",
                premium=Decimal(1000),
                pay_years=10,
                script="new-policy",
            ),
            **changes,
        )
        for n in range(1, count + 1)
    ]


class FlakyStore(MemoryStore):
    """A memory store whose methods can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.fenced = False
        self.renewal_s = 0.0
        """How long a renewal waits for the database."""
        self.asked: list[float] = []

    def _fail(self, name: str) -> None:
        if name in self.failing:
            raise StoreError(f"{name}: the database is away")

    async def candidates(self, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(asyncio.get_running_loop().time())
        self._fail("candidates")
        return await super().candidates(*args, **kwargs)

    async def renew(self, *args: Any, **kwargs: Any) -> None:
        self._fail("renew")
        await asyncio.sleep(self.renewal_s)
        if self.fenced:
            raise Fenced("somebody else has it")
        await super().renew(*args, **kwargs)

    async def barrier(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.01)
        result = await super().barrier(*args, **kwargs)
        self._fail("barrier")  # after the commit: its result is unknown to the caller
        return result


@dataclass
class House:
    """A scheduler with what it needs, and a conductor that keeps a diary."""

    clock: Callable[[], datetime]
    config: SchedulerConfig = CONFIG
    talk_s: float = 30.0
    outcome: Disposition = Disposition.COMPLETED
    store: FlakyStore = field(default_factory=FlakyStore)
    trunk: TrunkState = TRUNK_UP
    room: tuple[bool, str] = (True, "")
    not_approved: str = ""
    no_trunk_for: str = ""
    """Numbers that begin so may be dialled by no trunk."""
    error: Exception | None = None
    staff: tuple[int, int] = (0, 0)
    """Agents who are free, and agents at a call."""
    started: list[tuple[float, Attempt]] = field(default_factory=list)
    cancelled: int = 0
    most_live: int = 0

    def __post_init__(self) -> None:
        self.stop = asyncio.Event()
        house = self

        class OneTrunk:
            def state(self) -> TrunkState:
                return house.trunk

        class OneArchive:
            def has_room(self) -> tuple[bool, str]:
                return house.room

        self.scheduler = Scheduler(
            self.store,
            cast(Trunk, OneTrunk()),
            cast(Archive, OneArchive()),
            self.conduct,
            CALENDAR,
            PolicySettings(),
            self.config,
            self.clock,
            lambda task: self.not_approved if task.campaign == "c" else "",
            lambda number: "国际号码" if number.national.startswith(self.no_trunk_for or "x") else "",
            lambda: self.staff,
        )

    async def conduct(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        assert (dial.slot, dial.number) == (attempt.slot, attempt.number)
        self.started.append((asyncio.get_running_loop().time(), attempt))
        self.most_live = max(self.most_live, self.scheduler.live)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        try:
            await asyncio.sleep(self.talk_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        record = CallRecord(attempt.id, claim.task.id, self.outcome, self.clock())
        await self.store.finish(claim, record)

    async def add(self, found: list[Task]) -> None:
        await self.store.add_tasks(found, self.clock())

    async def run_for(self, seconds: float) -> None:
        """Run the scheduler that long, then stop it and wait until it returns."""
        job = asyncio.create_task(self.scheduler.run(self.stop))
        await asyncio.sleep(seconds)
        self.stop.set()
        await job

    async def outcomes(self) -> list[Disposition | None]:
        return [view.attempt.outcome for view in await self.store.calls()]


def virtual(test: Callable[[House], Awaitable[None]], start: datetime = TUESDAY, **changes: Any) -> None:
    async def main(clock: Callable[[], datetime]) -> None:
        await test(House(clock, **changes))

    run_virtual(cast(Callable[..., Coroutine[Any, Any, None]], main), start)


def test_due_tasks_are_called_once_each() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(5))
        await house.run_for(120)
        assert await house.outcomes() == [Disposition.COMPLETED] * 5
        assert {task.state for task in await house.store.tasks()} == {TaskState.DONE}
        assert house.scheduler.live == 0

    virtual(case)


def test_calls_leave_no_faster_than_cps() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(8))
        await house.run_for(60)
        starts = [at for at, _ in house.started]
        assert len(starts) == 8
        assert all(b - a >= 0.5 - 1e-6 for a, b in itertools.pairwise(starts))

    virtual(case, config=SchedulerConfig(node="n1", cps=2, lines=10))


@pytest.mark.parametrize("refused", [1, 3])
def test_who_is_not_called_is_on_record_while_others_wait_for_their_turn(refused: int) -> None:
    async def case(house: House) -> None:
        await house.add(tasks(refused, surrendered=True) + tasks(12)[refused:])
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(1)
        assert len(house.started) == 1
        for task in (await house.store.tasks())[:refused]:
            ((_, made),) = await house.store.decisions(task.id)
            assert made.verdict.rule == "R11"
        house.stop.set()
        await job

    virtual(case, config=SchedulerConfig(node="n1", cps=0.2, lines=10))


@pytest.mark.parametrize(("own", "trunks"), [(2, 100), (10, 2)])
def test_no_more_calls_at_once_than_lines(own: int, trunks: int) -> None:
    async def case(house: House) -> None:
        class Busy:
            def state(self) -> TrunkState:
                return TrunkState(True, trunks - house.scheduler.live)

        house.scheduler._means._trunk = cast(Trunk, Busy())
        await house.add(tasks(6))
        await house.run_for(200)
        assert len(house.started) == 6
        assert house.most_live == 2
        told = [d for task in await house.store.tasks() for d in await house.store.decisions(task.id)]
        assert all(isinstance(decision.verdict, Dial) for _, decision in told), "a full house isn't a verdict"
        assert max(at for at, _ in house.started) < 65, "a free line is used at once"

    virtual(case, config=SchedulerConfig(node="n1", cps=100, lines=own))


def test_wake_looks_at_once() -> None:
    async def case(house: House) -> None:
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(10)
        await house.add(tasks(1))
        house.scheduler.wake()
        await asyncio.sleep(0.1)
        assert house.scheduler.live == 1
        house.stop.set()
        await job

    virtual(case, config=SchedulerConfig(node="n1", heartbeat_s=3000))


def test_a_long_call_keeps_its_lease() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        await house.run_for(5)
        assert await house.outcomes() == [Disposition.COMPLETED]

    virtual(case, talk_s=400.0, config=SchedulerConfig(node="n1", lease_s=10))


def test_a_lost_claim_ends_the_call_and_closes_its_row() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        house.store.fenced = True
        await house.run_for(60)
        assert house.cancelled == 1
        assert await house.outcomes() == [Disposition.UNKNOWN]

    virtual(case, talk_s=400.0)


def test_a_lost_database_does_not_end_a_call() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(2)
        house.store.failing = {"renew", "candidates"}
        await asyncio.sleep(100)  # three leases long
        house.store.failing = set()
        await asyncio.sleep(200)
        house.stop.set()
        await job
        assert house.cancelled == 0
        assert await house.outcomes() == [Disposition.COMPLETED]

    virtual(case, talk_s=250.0)


def test_a_slow_database_does_not_end_a_call() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(2)
        house.store.renewal_s = 35.0  # longer than the lease, but an answer in the end
        await asyncio.sleep(100)
        house.store.renewal_s = 0.0
        await asyncio.sleep(200)
        house.stop.set()
        await job
        assert house.cancelled == 0
        assert await house.outcomes() == [Disposition.COMPLETED]

    virtual(case, talk_s=250.0)


def test_an_error_in_one_call_reaches_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def case(house: House) -> None:
        await house.add(tasks(3))
        await house.run_for(60)
        assert sorted(map(str, await house.outcomes())) == ["completed", "completed", "unknown"]

    with caplog.at_level(logging.ERROR, "dialer.scheduler"):
        virtual(case, error=ZeroDivisionError("a bug"))
    assert [record.__dict__["call_id"] for record in caplog.records] == [1]


@pytest.mark.parametrize("broken_from", [1, 2])
def test_a_fault_at_one_task_ends_its_turn_and_no_other(
    broken_from: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the claim, or at the barrier."""

    async def case(house: House) -> None:
        await house.add(tasks(4))
        asked = 0

        def approval(task: Task) -> str:
            nonlocal asked
            if task.policy_no == "P2":
                asked += 1
                if asked >= broken_from:
                    raise TypeError("a script that nobody foresaw")
            return ""

        house.scheduler._means._approval = approval
        await house.run_for(5)
        assert sorted(attempt.task_id for _, attempt in house.started) == [1, 3, 4]
        verdict = (await house.store.decisions(TaskId(2)))[-1][1].verdict
        assert isinstance(verdict, Wait)
        assert verdict.rule == "INTERNAL_ERROR"
        assert "TypeError" in verdict.why
        waits_s = (verdict.until - TUESDAY).total_seconds()
        assert waits_s == pytest.approx(PolicySettings().fault_recheck_s, abs=0.1)
        assert await house.store.claim(TaskId(2), "n2", 60, TUESDAY) is not None, "its claim was given back"

    with caplog.at_level(logging.ERROR, "dialer.scheduler"):
        virtual(case)
    assert [record.__dict__["task_id"] for record in caplog.records] == [2]


def test_many_calls_are_prepared_at_once_and_leave_at_the_pace() -> None:
    async def case(house: House) -> None:
        most = 0
        plain = house.store.claim

        async def claim(*args: Any, **kwargs: Any) -> Claim | None:
            nonlocal most
            most = max(most, len(house.scheduler._departures))
            await asyncio.sleep(0.02)
            return await plain(*args, **kwargs)

        house.store.claim = claim  # type: ignore[method-assign]
        await house.add(tasks(200))
        await house.run_for(3)
        starts = [at for at, _ in house.started]
        assert len(starts) == 200
        assert 5 < most <= 30
        assert starts[-1] < 2.3, "a slow database doesn't slow the pace down"
        assert all(sum(first <= at < first + 1 - 1e-6 for at in starts) <= 100 for first in starts)

    virtual(case, config=SchedulerConfig(node="n1", cps=100, lines=500))


def test_an_appointment_that_is_due_goes_first() -> None:
    async def case(house: House) -> None:
        early = [replace(task, due=date(2026, 11, 12)) for task in tasks(3)]
        promised = replace(tasks(4)[3], appointment=TUESDAY - timedelta(minutes=1))
        await house.add([*early, promised])
        await house.run_for(20)
        assert house.started[0][1].task_id == 4

    virtual(case, config=SchedulerConfig(node="n1", cps=1))


def test_database_errors_stop_new_calls_and_are_retried_ever_later() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        house.store.failing = {"candidates"}
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(200)
        assert house.started == []
        assert [round(b - a) for a, b in itertools.pairwise(house.store.asked)] == [1, 2, 4, 8, 16, *[30] * 5]
        house.store.failing = set()
        await asyncio.sleep(60)
        house.stop.set()
        await job
        assert len(house.started) == 1

    virtual(case)


def test_a_barrier_of_unknown_result_never_dials_and_does_not_count() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        house.store.failing = {"barrier"}
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(0.5)
        assert await house.outcomes() == [None]
        house.store.failing = set()
        await asyncio.sleep(200)
        house.stop.set()
        await job
        assert await house.outcomes() == [Disposition.NOT_DIALLED, Disposition.COMPLETED]
        assert [attempt.id for _, attempt in house.started] == [2]

    virtual(case)


def test_a_number_that_no_trunk_may_dial_is_refused_once_before_any_claim_and_others_go_on() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(12))
        house.no_trunk_for = "1380000001"  # 10, 11, 12
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(60)
        assert len(house.started) == 9
        for task in await house.store.tasks():
            told = [made for _, made in await house.store.decisions(task.id)]
            refused = [made for made in told if isinstance(made.verdict, Refuse)]
            assert len(refused) == (1 if task.policy_no in ("P10", "P11", "P12") else 0)
            assert all(made.findings[-1].rule == "DESTINATION" for made in refused)
            assert all("国际号码" in made.findings[-1].why for made in refused)
        house.no_trunk_for = ""
        await asyncio.sleep(SchedulerConfig("n1").refused_recheck_s + 1)
        assert len(house.started) == 12, "an allow-list that was put right lets them be called"
        house.stop.set()
        await job

    virtual(case)


@pytest.mark.parametrize(
    ("fault", "rule", "why"),
    [
        ({"trunk": TrunkState(False, 0, "no registration")}, "R7", "no registration"),
        ({"room": (False, "disk full")}, "R75", "disk full"),
    ],
)
def test_a_fault_of_the_house_stops_all_calls_and_is_told_once(
    fault: dict[str, Any], rule: str, why: str
) -> None:
    async def case(house: House) -> None:
        await house.add(tasks(20))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(10)
        assert house.started == []
        told = [d for task in await house.store.tasks() for d in await house.store.decisions(task.id)]
        assert len(told) == 1
        verdict = told[0][1].verdict
        assert isinstance(verdict, Wait)
        assert verdict.rule == rule
        assert why in verdict.why
        house.trunk, house.room = TrunkState(True, 100), (True, "")
        await asyncio.sleep(100)
        house.stop.set()
        await job
        assert len(house.started) == 20

    virtual(case, **fault)


def test_what_is_not_approved_is_told_once_and_does_not_hold_up_others() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(3) + tasks(2, campaign="approved"))
        await house.run_for(100)
        assert [attempt.task_id for _, attempt in house.started] == [4, 5]
        told = await house.store.decisions(TaskId(1))
        assert [type(decision.verdict) for _, decision in told] == [Refuse]
        assert (await house.store.tasks())[0].state is TaskState.OPEN

    virtual(case, not_approved="draft", config=SchedulerConfig(node="n1", batch=1))


class Book:
    """Campaigns as a test sets them."""

    def __init__(self, *running: str) -> None:
        self.names = set(running)
        self.refreshed = 0
        self.rules: dict[str, PolicySettings] = {}
        self._house = PolicySettings()

    async def refresh(self) -> None:
        self.refreshed += 1

    def running(self) -> set[str]:
        return self.names

    def settings(self, campaign: str) -> PolicySettings:
        return self.rules.get(campaign, self._house)


def test_a_halted_campaign_holds_nobody_up() -> None:
    """Three thousand tasks that are due earlier: more than a look at the queue reaches past."""

    async def case(house: House) -> None:
        due = TUESDAY.date()
        await house.add(
            tasks(3000, campaign="halted", due=due)
            + [
                replace(one, phones=(Phone(PhoneNumber.parse("13912345678")),))
                for one in tasks(1, campaign="b")
            ]
        )
        house.scheduler._campaigns = Book("b")
        await house.run_for(3)
        assert [attempt.task_id for _, attempt in house.started] == [3001]

    virtual(case)


def test_a_campaign_that_stops_or_starts_is_seen_within_two_heartbeats() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(100))
        book = Book("c")
        house.scheduler._campaigns = book
        house.scheduler._means._approval = lambda task: "" if task.campaign in book.names else "已暂停"
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(5)
        book.names.clear()
        paused = asyncio.get_running_loop().time()
        await asyncio.sleep(30)
        made = [at for at, _ in house.started]
        assert made
        assert max(made) <= paused + 2 * CONFIG.heartbeat_s
        book.names.add("c")
        resumed = asyncio.get_running_loop().time()
        await asyncio.sleep(30)
        later = [at for at, _ in house.started if at >= resumed]
        assert later
        assert min(later) <= resumed + 2 * CONFIG.heartbeat_s
        house.stop.set()
        await job
        assert book.refreshed > 50, "asked at each heartbeat"

    virtual(case, config=SchedulerConfig(node="n1", cps=1, lines=10))


def test_a_campaigns_own_rules_are_heeded() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1) + [replace(one, policy_no="X") for one in tasks(1, campaign="afternoons")])
        book = Book("c", "afternoons")
        book.rules["afternoons"] = replace(
            PolicySettings(),
            windows=(Window.parse("14:00-16:00"),),
            government_windows=(Window.parse("15:00-16:00"),),
        )
        house.scheduler._campaigns = book
        await house.run_for(5 * 3600)
        assert [attempt.task_id for _, attempt in house.started] == [1, 2]
        assert house.started[1][1].invited_at == TUESDAY.replace(hour=14)

    virtual(case)


def test_a_reason_is_kept_in_both_languages() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        await house.run_for(3)
        verdict = (await house.store.decisions(TaskId(1)))[-1][1].verdict
        assert isinstance(verdict, Refuse)
        assert (verdict.rule, verdict.why) == ("R49", "回访项目或话术未审批:已暂停")
        assert verdict.en == "campaign or script isn't approved: it is paused"

    virtual(case, not_approved=Reason("已暂停", "it is paused"))


def test_the_verdict_is_asked_again_at_the_barrier() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        task = (await house.store.tasks())[0]
        plain = house.store.claim

        async def opts_out_meanwhile(*args: Any, **kwargs: Any) -> Claim | None:
            house.store._tasks[task.id].task = replace(task, opted_out=True)
            return await plain(*args, **kwargs)

        house.store.claim = opts_out_meanwhile  # type: ignore[method-assign]
        await house.run_for(30)
        assert house.started == []
        assert (await house.store.decisions(task.id))[-1][1].verdict.rule == "R37"

    virtual(case)


def test_a_busy_number_waits_for_its_next_slot() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        await house.run_for(3 * 86_400)
        slots = [attempt.slot for _, attempt in house.started]
        assert slots == ["2026-11-10/0", "2026-11-10/1", "2026-11-11/0"]
        assert (await house.store.tasks())[0].state is TaskState.CONTACT_REFRESH

    virtual(case, outcome=Disposition.BUSY, config=SchedulerConfig(node="n1", heartbeat_s=60))


def test_draining_makes_no_new_calls_and_waits_for_live_ones() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(5))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(1)
        assert house.scheduler.live == 2
        assert await house.scheduler.drain(5) == 2
        assert not job.done()
        assert await house.scheduler.drain(60) == 0
        await job
        assert len(house.started) == 2

    virtual(case, config=SchedulerConfig(node="n1", cps=100, lines=2))


def test_draining_waits_for_a_call_between_barrier_and_start() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(1))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(0.005)  # inside the barrier
        assert house.scheduler.live == 0
        assert await house.scheduler.drain(1) == 1
        await house.scheduler.drain(60)
        await job
        assert await house.outcomes() == [Disposition.COMPLETED]

    virtual(case)


def test_abort_ends_live_calls_and_leaves_no_open_row() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(3))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(1)
        await house.scheduler.abort()
        await job
        assert house.cancelled == 3
        assert await house.outcomes() == [Disposition.UNKNOWN] * 3

    virtual(case)


# -- what can't be called is out of the way -------------------------------------------------------------


def test_thousands_that_are_refused_hold_nobody_up_and_are_told_once() -> None:
    """More than a look at the queue could ever reach past."""

    async def case(house: House) -> None:
        await house.add(tasks(3000, due=date(2026, 11, 11)))
        await house.add(tasks(3, campaign="approved", due=date(2026, 11, 20)))
        house.not_approved = "draft"
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(5)
        assert [attempt.task_id for _, attempt in house.started] == [3001, 3002, 3003]
        await asyncio.sleep(300)
        told = [await house.store.decisions(TaskId(n)) for n in range(1, 3001)]
        assert {len(of_task) for of_task in told} == {1}
        house.not_approved = ""
        await asyncio.sleep(SchedulerConfig("n1").refused_recheck_s + 5)
        assert len(house.started) > 3, "approved meanwhile: called without a restart"
        house.stop.set()
        await job

    virtual(case, talk_s=1.0)


def test_who_was_refused_before_a_restart_is_looked_at_again() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(2))
        for n in (1, 2):
            await house.store.record_decision(TaskId(n), Decision(Refuse("R49", "draft"), ()), TUESDAY)
        await house.run_for(5)
        assert len(house.started) == 2

    virtual(case)


def test_a_fault_at_a_refused_task_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Asked again, it breaks: it is set aside, and the heart goes on beating."""

    async def case(house: House) -> None:
        await house.add(tasks(1))
        answers: list[str | Exception] = ["draft", TypeError("a script that nobody foresaw"), ""]

        def approval(_: Task) -> str:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        house.scheduler._means._approval = approval
        await house.run_for(60)
        assert len(house.started) == 1

    with caplog.at_level(logging.ERROR, "dialer.scheduler"):
        virtual(case)


def test_a_night_looks_at_nobody_and_the_first_call_leaves_when_the_window_opens() -> None:
    async def case(house: House) -> None:
        asked = 0
        plain = house.store.candidates

        async def candidates(*args: Any, **kwargs: Any) -> Any:
            nonlocal asked
            found = await plain(*args, **kwargs)
            asked += len(found)
            return found

        house.store.candidates = candidates  # type: ignore[method-assign]
        await house.add(tasks(40))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(13 * 3600)
        assert asked == 0
        assert [await house.store.decisions(TaskId(n)) for n in range(1, 41)] == [[]] * 40
        await asyncio.sleep(4 * 3600)
        house.stop.set()
        await job
        assert house.started[0][1].invited_at == TUESDAY, "to the millisecond, whenever the heart beats"
        assert len(house.started) == 40

    night = TUESDAY - timedelta(hours=15, seconds=0.37)
    virtual(case, start=night, config=SchedulerConfig(node="n1", heartbeat_s=7.3, cps=10))


def test_a_window_that_opens_while_all_lines_are_busy_is_no_reason_to_hurry() -> None:
    """Government customers open at 15:00; the only line is free again at 15:30."""

    async def case(house: House) -> None:
        rests = 0
        plain = house.scheduler._lanes.rest_s

        def rest_s() -> float:
            nonlocal rests
            rests += 1
            assert rests < 5000, "it looks again and again, and time stands still"
            return plain()

        house.scheduler._lanes.rest_s = rest_s  # type: ignore[method-assign]
        house.talk_s = 1810
        await house.add(tasks(1))
        await house.add([replace(one, policy_no="G", segment=Segment.GOVERNMENT) for one in tasks(1)])
        await house.run_for(3600)
        assert len(house.started) == 2

    config = SchedulerConfig(node="n1", heartbeat_s=1.0, lines=1)
    virtual(case, start=TUESDAY.replace(hour=14, minute=59, second=50), config=config)


@pytest.mark.parametrize("cps", [0.7, 3.0, 40.0])
def test_nothing_is_begun_that_the_window_has_no_time_for(cps: float) -> None:
    """Each call that was prepared leaves, the last one early enough for its whole ring (R41, R44)."""
    closes = TUESDAY + timedelta(hours=1)
    begin, last_moment = closes - timedelta(seconds=60), closes - PolicySettings().ring_total

    async def case(house: House) -> None:
        await house.add(tasks(int(cps * 40) + 9))
        await house.run_for(90)
        assert set(await house.outcomes()) == {Disposition.NO_ANSWER}
        last = begin + timedelta(seconds=house.started[-1][0])
        assert last_moment - timedelta(seconds=2 / cps) <= last <= last_moment

    config = SchedulerConfig(node="n1", cps=cps, lines=1000, heartbeat_s=0.9)
    virtual(case, start=begin, config=config, outcome=Disposition.NO_ANSWER, talk_s=3.0)


def test_a_call_is_begun_only_where_an_agent_could_take_it_over() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(12))
        job = asyncio.create_task(house.scheduler.run(house.stop))
        await asyncio.sleep(10)
        assert house.started == [], "no agent is there"
        house.staff = (2, 0)
        house.scheduler.wake()
        await asyncio.sleep(1)
        assert house.scheduler.live == 3, "1.5 calls for each"
        house.staff = (1, 1)  # one of the two talks: his call needs nobody else
        await asyncio.sleep(5)
        assert house.scheduler.live == 3
        house.staff = (3, 0)
        house.scheduler.wake()
        await asyncio.sleep(1)
        assert house.scheduler.live == 4
        house.stop.set()
        await job
        told = [d for task in await house.store.tasks() for d in await house.store.decisions(task.id)]
        assert all(isinstance(decision.verdict, Dial) for _, decision in told), "an order of the queue only"

    virtual(case, config=SchedulerConfig(node="n1", cps=100, lines=10, calls_per_agent=1.5))


def test_a_year_without_a_calendar_is_told_once_and_stops_all_calls() -> None:
    async def case(house: House) -> None:
        await house.add(tasks(50))
        await house.run_for(10)
        assert house.started == []
        told = [d for task in await house.store.tasks() for d in await house.store.decisions(task.id)]
        assert [(type(d.verdict), d.verdict.rule) for _, d in told] == [(Refuse, "R44")]

    virtual(case, start=TUESDAY.replace(year=2033))


@pytest.mark.parametrize(
    "wrong",
    [
        {"node": ""},
        {"cps": 0.0},
        {"lines": 0},
        {"heartbeat_s": -1.0},
        {"batch": 0},
        {"lease_s": 0.0},
        {"calls_per_agent": -1.0},
        {"refused_recheck_s": 0.0},
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SchedulerConfig(**{"node": "n1", **wrong})
