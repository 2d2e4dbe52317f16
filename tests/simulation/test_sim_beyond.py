"""Customers whom nobody reaches: the whole way from the first call to the letter, on virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import cast

from test_sim_day import SHANGHAI, World, invented

from dialer.handover import HandoverId, HandoverState, HandoverStep, HandoverTaken
from dialer.kpi import Method, Month
from dialer.listings import ContactFound
from dialer.model import Attempt, CallRecord, Disposition, PhoneNumber, Task, TaskId, TaskState
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Dial
from dialer.ports import Archive, Claim, Trunk, TrunkState
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.testing.virtual import run_virtual

MONDAY = datetime(2026, 11, 9, 8, 0, tzinfo=SHANGHAI)
SETTINGS = PolicySettings()
CONFIRMED = {"P0": "13900000000", "P1": "13900000001", "P2": "13800000002"}
"""What the business side finds out each evening; of P2 that the old number is right."""


@dataclass
class Business(World):
    """P0 and P2 never answer, P1's number is unallocated and the new one reaches him."""

    listed: list[tuple[date, str, str]] = field(default_factory=list)
    """(day, policy, rule) of each customer on the list of numbers to be confirmed."""

    def state(self) -> TrunkState:
        return TrunkState(True, 100, "")

    async def conduct(self, claim: Claim, attempt: Attempt, dial: Dial) -> None:
        await asyncio.sleep(25)
        outcome = Disposition.NO_ANSWER
        if claim.task.policy_no == "P1":
            new = attempt.number.national == CONFIRMED["P1"]
            outcome = Disposition.COMPLETED if new else Disposition.UNALLOCATED
        await self.store.finish(claim, CallRecord(attempt.id, claim.task.id, outcome, self.clock()))

    async def evening(self) -> None:
        """The list goes out, numbers come back; who was to be visited wasn't at home."""
        wanted = await self.store.contacts_wanted(TaskId(0), 100)
        self.listed += [(self.clock().date(), one.task.policy_no, one.rule) for one in wanted]
        await self.store.refresh_contacts(
            [
                ContactFound(
                    one.task.campaign, one.task.policy_no,
                    (PhoneNumber.parse(CONFIRMED[one.task.policy_no]),), SETTINGS.max_passes,
                )
                for one in wanted
            ],
            self.clock(),
        )  # fmt: skip
        for view in await self.store.handovers(Method.VISIT, [HandoverState.LISTED], HandoverId(0), 100):
            for step in (HandoverStep.ASSIGN, HandoverStep.FAIL):
                taken = HandoverTaken(step, "王五", self.clock(), "不在家", assignee="赵六")
                await self.store.take_handover_step(view.handover.id, taken)


async def three_weeks(clock: Callable[[], datetime]) -> tuple[Business, list[Task], list[Attempt]]:
    business = Business(clock, 1)
    tasks = [replace(one, due=date(2026, 11, 30)) for one in invented(business.rng, 3)]
    await business.store.add_tasks(tasks, clock())
    scheduler = Scheduler(
        business.store,
        cast(Trunk, business),
        cast(Archive, business),
        business.conduct,
        calendar_from(),
        SETTINGS,
        SchedulerConfig("sim", heartbeat_s=60, cps=2, lines=4, batch=50),
        clock,
        lambda task: "",
    )
    stop = asyncio.Event()
    job = asyncio.create_task(scheduler.run(stop))
    await asyncio.sleep(10 * 3600)
    for _ in range(18):
        await business.evening()
        await asyncio.sleep(86_400)
    stop.set()
    await job
    return business, await business.store.tasks(), [one.attempt for one in await business.store.calls()]


def test_from_the_first_call_to_the_letter() -> None:
    business, tasks, calls = run_virtual(three_weeks, MONDAY)
    found = {task.policy_no: task for task in tasks}
    of: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for call in calls:
        task = next(one for one in tasks if one.id == call.task_id)
        of[task.policy_no].append((call.pass_no, call.number.national))
    first, second = [(1, "13800000000")] * 3, [(2, CONFIRMED["P0"])] * 3
    assert of["P0"] == first + second, "three attempts, then as many with the number found (R24)"
    assert of["P1"] == [(1, "13800000001"), (2, CONFIRMED["P1"])], "an unallocated number is dialled once"
    assert of["P2"] == [(1, "13800000002")] * 3 + [(2, "13800000002")] * 3, "confirmed, the old one again"
    slots = [(call.task_id, call.slot) for call in calls]
    assert len(slots) == len(set(slots)), "never twice in a slot, whatever the pass"
    assert [(policy, rule) for _, policy, rule in sorted(business.listed)] == [
        ("P1", "R22"), ("P0", "R24"), ("P2", "R24"),
    ], "each is on one list, and off it once its number came"  # fmt: skip
    assert found["P1"].state is TaskState.DONE
    for policy in ("P0", "P2"):
        assert (found[policy].state, found[policy].visit_failed) == (TaskState.LETTER, True), "R25, R26"


def test_letters_are_listed_and_counted() -> None:
    async def run(clock: Callable[[], datetime]) -> None:
        business, tasks, calls = await three_weeks(clock)
        letters = await business.store.handovers(Method.LETTER, [HandoverState.LISTED], HandoverId(0), 100)
        assert {view.task.policy_no for view in letters} == {"P0", "P2"}
        meter = await business.store.meter(Month.parse("2026-11"), SHANGHAI)
        assert (meter.called_back, meter.visits, meter.letters) == (3, 0, 2), "each by its last method (R8)"
        for task in tasks:
            if task.state is TaskState.LETTER:
                last = max(call.invited_at for call in calls if call.task_id == task.id)
                said = [made for at, made in await business.store.decisions(task.id) if at > last]
                channels = [getattr(made.verdict, "channel", "") for made in said]
                assert channels == ["visit", "letter"], "the ledger tells both"
        assert clock() - MONDAY > timedelta(days=18)

    run_virtual(run, MONDAY)
