"""A conductor with everything that a call needs, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer import tickets
from dialer.conductor import Conductor
from dialer.conversation import House
from dialer.errors import Fenced, MissingPrompt, StoreError
from dialer.ivr.config import TurnSettings
from dialer.ivr.prompt import facts_of
from dialer.ivr.reader import read_script
from dialer.ivr.session import Session
from dialer.model import Attempt, CallRecord, Phone, PhoneNumber, Policyholder, Say, Task, TaskId, Ticket
from dialer.policy.appointments import resolve
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial
from dialer.ports import CallView, Claim
from dialer.testing.legs import FakeArchive, FakeRecogniser, FakeTrunk, Person, nobody
from dialer.testing.store import MemoryStore
from dialer.testing.virtual import run_virtual
from dialer.transfer import Agent, TransferConfig, WarmTransfer

TUESDAY = datetime(2026, 11, 10, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
CALENDAR = calendar_from()
NUMBER = "+8613812345678"
NAME = "欧阳娜"
AGENT_URI = "sip:li@192.0.2.7"
_FILE = Path(__file__).parents[2] / "config" / "scripts" / "new-policy.yaml"
SCRIPT = read_script(_FILE.read_text(encoding="utf-8"), str(_FILE))


def task(**changes: Any) -> Task:
    made = Task(
        id=TaskId(0),
        campaign="c",
        policy_no="P1",
        holder=Policyholder(NAME, "女士"),
        phones=(Phone(PhoneNumber(NUMBER)),),
        product="康安重疾",
        premium=Decimal(12000),
        pay_years=20,
        script="new-policy/short",
    )
    return replace(made, **changes)


class FakePrompts:
    """One clip for each piece that is said, named by it."""

    def __init__(self) -> None:
        self.missing = False

    def clips(self, say: Any, *, slow: bool = False) -> list[Path]:
        if self.missing:
            raise MissingPrompt("no clip for '您好'")
        return [Path(piece.text + "-slow" * slow) for piece in say if isinstance(piece, Say)]


class FlakyStore(MemoryStore):
    """``failures``: how often a method still raises StoreError; -1: for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, int] = {}
        self.fenced = False
        self.asked = 0
        self.notes_take_s = 0.0
        """How long a note waits for the database."""

    def _fail(self, name: str) -> None:
        left = self.failures.get(name, 0)
        if left:
            self.failures[name] = left - 1
            raise StoreError(f"{name}: the database is away")

    async def finish(self, claim: Claim, record: CallRecord) -> list[Ticket]:
        self.asked += 1
        if self.fenced:
            raise Fenced("recovery closed it")
        self._fail("finish")
        return await super().finish(claim, record)

    async def note_ringing(self, *args: Any) -> None:
        await asyncio.sleep(self.notes_take_s)
        self._fail("note_ringing")
        await super().note_ringing(*args)

    async def note_answered(self, *args: Any) -> None:
        await asyncio.sleep(self.notes_take_s)
        self._fail("note_answered")
        await super().note_answered(*args)


@dataclass
class CallHouse:
    """What one call meets. ``call`` places it and gives what was stored."""

    clock: Callable[[], datetime]
    person: Person = nobody
    agents: tuple[Agent, ...] = ()
    people: dict[str, Person] = field(default_factory=dict)
    turns: TurnSettings = field(default_factory=TurnSettings)
    window_end: datetime = TUESDAY + timedelta(hours=1)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of ``House`` that differ."""
    task: Task = field(default_factory=task)

    def __post_init__(self) -> None:
        self.trunk = FakeTrunk({NUMBER: self.person, **self.people})
        self.journal = self.trunk.journal
        self.store = FlakyStore()
        self.archive = FakeArchive(self.journal)
        self.recogniser = FakeRecogniser()
        self.prompts = FakePrompts()
        self.warm = WarmTransfer(self.trunk, self.prompts, replace(self.transfer, agents=self.agents))

    @property
    def house(self) -> House:
        made = House(
            trunk=self.trunk,
            store=self.store,
            archive=self.archive,
            recogniser=self.recogniser,
            prompts=self.prompts,
            transfer=self.warm,
            session_for=self.session,
            tickets=lambda *found: tickets.issue(*found, CALENDAR.add_workdays),
            appointment=lambda wish, task, now: resolve(
                wish, now, CALENDAR, PolicySettings(), task.zone, task.segment
            ),
            clock=self.clock,
        )
        return replace(made, **self.changes)

    def session(self, task: Task, agent_free: bool) -> Session:
        return Session(SCRIPT, "short", facts_of(task, 1), replace(self.turns, agents_available=agent_free))

    async def begin(self) -> tuple[Claim, Attempt, Dial]:
        now = self.clock()
        await self.store.add_tasks([self.task], now)
        claim = await self.store.claim(TaskId(1), "n1", 3600, now)
        assert claim is not None
        dial = Dial(PhoneNumber(NUMBER), "2026-11-10/1", self.window_end)
        _, attempt = await self.store.barrier(claim, lambda candidate: Decision(dial, ()), now)
        assert attempt is not None
        return claim, attempt, dial

    async def call(self) -> CallView:
        claim, attempt, dial = await self.begin()
        await Conductor(self.house).conduct(claim, attempt, dial)
        return await self.stored()

    async def stored(self) -> CallView:
        (view,) = await self.store.calls()
        return view

    def at(self, what: str) -> int:
        """Where in the journal this stands first."""
        return next(n for n, line in enumerate(self.journal) if line.startswith(what))

    def nothing_left(self) -> bool:
        """Every leg is freed with its port, nothing is being recorded or recognised."""
        legs = self.trunk.legs
        return (
            all(leg.closed and leg.media.closed and leg.media.recording is None for leg in legs)
            and self.recogniser.open_streams == 0
        )


def virtually(main: Callable[[Callable[[], datetime]], Coroutine[Any, Any, Any]]) -> Any:
    """Run on virtual time from a Tuesday, 10:00."""
    return run_virtual(main, TUESDAY)
