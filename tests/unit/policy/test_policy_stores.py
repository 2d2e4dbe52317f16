"""Random histories through the real stores: two nodes with stale snapshots, crashes, changed rules.

Whatever they do, the rows that are left break no rule, and every decision in the ledger can be made
again from what was kept with it.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from policy_cases import CALENDAR, FIRST, FREE, SECOND, SETTINGS, task
from test_policy_histories import HOUR, ONGOING, UNCOUNTED, lawful_second

from dialer.errors import Fenced
from dialer.model import (
    Attempt,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Segment,
    Task,
    TaskId,
    TaskState,
)
from dialer.policy.ledger import Rules, rules_of
from dialer.policy.ruling import Inputs
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.verdict import Decision, Dial, decide
from dialer.ports import Candidate, Claim, Store
from dialer.store import SqlStore, StoreConfig
from dialer.store.effects import CUSTOMER_BUSY
from dialer.testing.store import MemoryStore

T = TypeVar("T")
START = datetime(2026, 9, 17, 1, tzinfo=UTC)
"""A Thursday; Sunday the 20th is worked, the 25th to the 27th are off."""
MORNINGS = replace(
    SETTINGS, windows=(Window.parse("10:00-11:00"),), government_windows=(Window.parse("10:00-11:00"),)
)
ENDS = [*ONGOING, *ONGOING, Disposition.COMPLETED, Disposition.REFUSED]
NODES = ("n1", "n2")
NUMBERS = (FIRST, FIRST, SECOND, PhoneNumber.parse("13711112222"))
"""The first two tasks are one customer's."""
QUICK = StoreConfig(gather_s=0, quick_check=False)


@cache
def migrated() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    """An empty database, made once; its folder goes with the process."""
    folder = tempfile.TemporaryDirectory()
    place = Path(folder.name) / "dialer.sqlite"

    async def make() -> None:
        await (await SqlStore.open(place)).close()

    asyncio.run(make())
    return place, folder


class Offices(RuleBasedStateMachine):
    """Four tasks, two nodes, one clock."""

    kind: ClassVar[str] = "memory"

    @initialize(
        zone=st.sampled_from(["Asia/Shanghai", "Asia/Urumqi"]),
        government=st.booleans(),
        passes=st.lists(st.sampled_from([1, 1, 2]), min_size=4, max_size=4),
        recurring=st.booleans(),
    )
    def begin(self, zone: str, government: bool, passes: list[int], recurring: bool) -> None:
        self.runner = asyncio.Runner()
        self.now, self.rules = START, rules_of(SETTINGS, CALENDAR)
        self.settings = SETTINGS
        self.folder = Path(tempfile.mkdtemp())
        if self.kind == "sqlite":
            shutil.copy(migrated()[0], self.folder / "dialer.sqlite")
        self.store: Store = self.run(self.open())
        self.seen: dict[str, list[Candidate]] = {node: [] for node in NODES}
        self.live: dict[int, tuple[Claim, Attempt]] = {}
        self.under: dict[int, PolicySettings] = {}
        """By which settings each call was placed."""
        tasks = [
            task(
                id=TaskId(n),
                policy_no=f"P{n}",
                phones=(Phone(number), Phone(PhoneNumber.parse(f"1360000{n:04}"))),
                zone=zone,
                segment=Segment.GOVERNMENT if government and n > 2 else Segment.GENERAL,
                pass_no=passes[n - 1],
                due=None if recurring and n == 4 else date(2026, 9, 24),
                tier="A" if n == 4 else "",
            )
            for n, number in enumerate(NUMBERS, 1)
        ]
        self.run(self.store.add_tasks(tasks, self.now))
        self.run(self.store.keep_rules(self.rules, self.now))

    async def open(self) -> Store:
        if self.kind == "memory":
            return MemoryStore(QUICK, clock=lambda: 0.0)
        return await SqlStore.open(self.folder / "dialer.sqlite", QUICK)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def check(self, one: Candidate) -> Decision:
        made = decide(one.task, one.attempts, one.customer_attempts, self.now, CALENDAR, self.settings, FREE)
        went_by = Inputs(
            self.now, one.task, one.attempts, one.customer_attempts, FREE, self.rules.fingerprint
        )
        return msgspec.structs.replace(made, inputs=went_by)

    @rule(seconds=st.one_of(st.integers(1, 1800), st.integers(1, 5 * HOUR), st.integers(1, 3 * 24 * HOUR)))
    def time_passes(self, seconds: int) -> None:
        if self.now < datetime(2026, 10, 15, tzinfo=UTC):
            self.now += timedelta(seconds=seconds)

    def a_window_comes(self, hour: int, minute: int) -> None:
        """By the customers' clocks; a day is skipped where that hour is over."""
        zone = ZoneInfo(self.tasks()[0].zone)
        there = self.now.astimezone(zone).replace(hour=hour, minute=minute, second=0)
        if self.now < datetime(2026, 10, 15, tzinfo=UTC):
            self.now = (there if there > self.now else there + timedelta(days=1)).astimezone(UTC)

    @rule(node=st.sampled_from(NODES))
    def a_node_looks(self, node: str) -> None:
        self.seen[node] = self.run(self.store.candidates(self.now, 10))

    @rule(
        node=st.sampled_from(NODES),
        fresh=st.sampled_from([True, True, False]),
        then=st.one_of(st.none(), st.tuples(st.sampled_from([10, 14, 15]), st.sampled_from([0, 30, 59]))),
        many=st.integers(1, 4),
        ended=st.lists(st.tuples(st.sampled_from(ENDS), st.integers(60, 3 * 24 * HOUR)), max_size=3),
    )
    def a_node_works(
        self,
        node: str,
        fresh: bool,
        then: tuple[int, int] | None,
        many: int,
        ended: list[tuple[Disposition, int]],
    ) -> None:
        """By what it saw, however long ago: the barrier asks again. Some calls end first."""
        for outcome, later in ended[: len(self.live)]:
            self.a_call_ends(outcome, later, 0)
        if then is not None:
            self.a_window_comes(*then)
        if fresh or not self.seen[node]:
            self.a_node_looks(node)
        for one in self.seen[node][:many]:
            self.try_to_dial(node, one)

    def try_to_dial(self, node: str, one: Candidate) -> None:
        decision = self.check(one)
        if not isinstance(decision.verdict, Dial):
            self.run(self.store.record_decision(one.task.id, decision, self.now))
            return
        claim = self.run(self.store.claim(one.task.id, node, 1e6, self.now))
        if claim is None:
            return
        try:
            _, call = self.run(self.store.barrier(claim, self.check, self.now))
        except Fenced:
            call = None
        if call is None:
            self.run(self.store.release(claim))
        else:
            self.live[call.id], self.under[call.id] = (claim, call), self.settings

    @precondition(lambda self: self.live)
    @rule(outcome=st.sampled_from(ENDS), later=st.integers(60, 3 * 24 * HOUR), which=st.integers(0, 3))
    def a_call_ends(self, outcome: Disposition, later: int, which: int) -> None:
        call_id = sorted(self.live)[which % len(self.live)]
        claim, call = self.live.pop(call_id)
        agreed = self.now + timedelta(seconds=later) if outcome is Disposition.APPOINTMENT else None
        record = CallRecord(call.id, call.task_id, outcome, self.now, appointment=agreed)
        self.run(self.store.finish(claim, record))

    @rule(node=st.sampled_from(NODES))
    def a_node_crashes(self, node: str) -> None:
        """Its calls become UNKNOWN at the next start, and count."""
        for call in self.run(self.store.open_attempts(node)):
            record = CallRecord(call.id, call.task_id, Disposition.UNKNOWN, self.now)
            self.run(self.store.close_unknown(record))
            del self.live[call.id]
        self.run(self.store.drop_claims(node))
        self.seen[node] = []

    @rule()
    def the_rules_change(self) -> None:
        self.settings = SETTINGS if self.settings is MORNINGS else MORNINGS
        self.rules = rules_of(self.settings, CALENDAR)
        assert self.run(self.store.keep_rules(self.rules, self.now))

    # -- what must hold ------------------------------------------------------------------------

    def tasks(self) -> list[Task]:
        return self.run(self.store.tasks())

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self.every_call_was_lawful()
            self.every_decision_can_be_made_again()
        finally:
            self.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def every_call_was_lawful(self) -> None:
        views = self.run(self.store.calls())
        calls = [view.attempt for view in views]
        of = {one.id: one for one in self.tasks()}
        live = Counter(of[call.task_id].customer_key for call in calls if call.live)
        assert set(live.values()) <= {1}, "two live calls to one customer"
        days: Counter[tuple[PhoneNumber, date]] = Counter()
        for call in calls:
            asked = of[call.task_id]
            local = call.invited_at.astimezone(ZoneInfo(asked.zone))
            assert lawful_second(call.invited_at, asked.zone, asked.segment), "rang outside a window"
            assert self.under[call.id] is not MORNINGS or local.hour < 12, "rang by rules of before"
            if call.outcome not in UNCOUNTED and "/a" not in call.slot:
                days[call.number, local.date()] += 1
        assert max(days.values(), default=0) <= 2, "more than the daily cap"
        for asked in of.values():
            self.passes_are_kept(asked, [call for call in calls if call.task_id == asked.id])

    def passes_are_kept(self, asked: Task, calls: list[Attempt]) -> None:
        counted = [call for call in calls if call.outcome not in UNCOUNTED]
        rounds: list[list[Attempt]] = [[]]
        for call in counted:
            rounds[-1].append(call)
            if call.outcome is Disposition.COMPLETED:
                rounds.append([])
        assert asked.recurs or len(rounds) == 1 or not rounds[1], "called again after it was done"
        for made in rounds if asked.recurs else [counted]:
            assert len({call.slot for call in made}) == len(made), "two attempts in one slot"
            for pass_no in {call.pass_no for call in made}:
                assert sum(call.pass_no == pass_no for call in made) <= 3, "a fourth attempt in a pass"
        if asked.recurs:
            days = [call.invited_at for call in counted if call.outcome is Disposition.COMPLETED]
            assert len(days) <= 2, "a monthly call-back twice in four weeks"
        elif any(call.outcome is Disposition.REFUSED for call in counted):
            assert counted[-1].outcome is Disposition.REFUSED, "called again after the customer declined"

    def every_decision_can_be_made_again(self) -> None:
        known: dict[str, Rules] = {}
        for asked in self.tasks():
            said = self.run(self.store.decisions(asked.id))
            for _, decision in said:
                went_by = decision.inputs
                assert went_by is not None
                if went_by.rules not in known:
                    rules = self.run(self.store.rules(went_by.rules))
                    assert rules is not None
                    known[went_by.rules] = rules
                rules = known[went_by.rules]
                again = decide(
                    went_by.task, went_by.attempts, went_by.customer_attempts, went_by.now,
                    rules.calendar(), rules.settings(), went_by.resources,
                )  # fmt: skip
                if decision.verdict.why != CUSTOMER_BUSY[0]:
                    assert (again.verdict, again.findings) == (decision.verdict, decision.findings)
            assert said or asked.state is TaskState.OPEN, "closed without a word why"


class OfficesOnSqlite(Offices):
    kind = "sqlite"


TestOffices = Offices.TestCase
TestOffices.settings = hypothesis_settings(max_examples=80, stateful_step_count=50, deadline=None)
TestOfficesOnSqlite = OfficesOnSqlite.TestCase
TestOfficesOnSqlite.settings = hypothesis_settings(max_examples=30, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [Offices, OfficesOnSqlite])
def test_a_month_of_both_nodes_work(kind: type[Offices], seed: int) -> None:
    """Long histories, for what only shows after many calls."""
    dice = random.Random(seed)
    office = kind()
    office.begin(dice.choice(["Asia/Shanghai", "Asia/Urumqi"]), dice.random() < 0.5, [1, 1, 1, 2], True)
    for _ in range(150):
        chance = dice.random()
        if chance < 0.04:
            office.a_node_crashes(dice.choice(NODES))
        elif chance < 0.06:
            office.the_rules_change()
        else:
            jump = (dice.choice([10, 14, 15]), dice.choice([0, 30, 59])) if dice.random() < 0.5 else None
            ended = [(dice.choice(ENDS), dice.randrange(60, 72 * HOUR)) for _ in range(dice.randrange(4))]
            office.a_node_works(dice.choice(NODES), dice.random() < 0.7, jump, dice.randrange(1, 5), ended)
        office.time_passes(dice.choice([20, 60, 1800]))
    assert len(office.run(office.store.calls())) >= 5
    office.teardown()
