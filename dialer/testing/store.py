"""``MemoryStore``: the Store port without a disk, for rehearsals and tests. It forgets at exit."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from operator import attrgetter

from dialer.access.search import CallQuery, Found
from dialer.errors import Fenced, StoreError
from dialer.events import (
    CallAnswered,
    CallDialled,
    CallEnded,
    DeadlineDatedAnew,
    Event,
    RecordingSealed,
    TaskImported,
    TicketIssued,
)
from dialer.kpi import ANSWERED, Month
from dialer.model import (
    Attempt,
    CallId,
    CallRecord,
    DueChange,
    ImportReport,
    Phone,
    Recording,
    Task,
    TaskId,
    TaskState,
    Ticket,
    TicketId,
)
from dialer.policy.ledger import Rules
from dialer.policy.ruling import ONE_LIVE_CALL
from dialer.policy.verdict import Decision, Dial, Wait
from dialer.ports import CallView, Candidate, Claim, Lane, Reachable
from dialer.store import StoreConfig
from dialer.store.effects import (
    CUSTOMER_BUSY,
    PARKED,
    appointment_after_call,
    channel_of,
    deadline,
    differs,
    hidden_until,
    pass_after_call,
    state_after_call,
    state_after_verdict,
    stopped_by,
)
from dialer.testing.registers import Books, MemoryRegisters
from dialer.testing.search import matches

_ID_BITS = 40
_ID = (1 << _ID_BITS) - 1


@dataclass(slots=True)
class Kept:
    task: Task
    lane: Lane
    queue: list[int]
    """Its lane's."""
    place: int
    """In the order of the queue (``_place``)."""
    hidden_until: datetime | None = None
    fence: int = 0
    claim: Claim | None = None
    lease_until: float = 0.0
    queued: bool = False
    """Whether it stands in its lane's queue."""
    decisions: list[tuple[datetime, Decision]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


@dataclass(slots=True)
class Call:
    attempt: Attempt
    claim: Claim
    customer_key: str
    record: CallRecord | None = None
    recovered: bool = False


def _place(task: Task) -> int:
    """By deadline, then by id: one number, which compares faster than two."""
    return (deadline(task) or date.max).toordinal() << _ID_BITS | task.id


_by_place = attrgetter("place")


class MemoryStore(MemoryRegisters):
    """Implements ``dialer.ports.Store``. ``clock``: seconds, for leases; the event loop's by default.

    No method awaits before it has changed what it changes, so each is one transaction. With ``remember``
    False it keeps of the past what the rules need: attempts, and each task's last decision.
    """

    def __init__(
        self,
        config: StoreConfig | None = None,
        clock: Callable[[], float] | None = None,
        *,
        remember: bool = True,
        first_call: int = 1,
    ) -> None:
        self._config = config or StoreConfig()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._books = Books()
        self._remember = remember
        self._tasks: dict[TaskId, Kept] = {}
        self._calls: dict[CallId, Call] = {}
        self._made = first_call - 1
        """The newest call's id."""
        self._live_tasks: set[TaskId] = set()
        self._of_customer: dict[str, list[Call]] = defaultdict(list)
        self._known: set[tuple[str, str]] = set()
        self._tickets: dict[TicketId, Ticket] = {}
        self._outbox: dict[int, Event] = {}
        self._events = 0
        self._rules: list[tuple[str, Rules]] = []
        self._due_changes: dict[TaskId, list[tuple[datetime, DueChange]]] = defaultdict(list)
        self._lanes: dict[Lane, list[int]] = defaultdict(list)
        """Places of what is ready, in order; one that isn't any more is dropped when it is met."""
        self._waiting: list[tuple[datetime, TaskId]] = []
        """Heap by the end of the wait, as above."""
        self._agreed: list[tuple[datetime, TaskId]] = []
        self._due: set[TaskId] = set()
        """Tasks whose agreed time has come."""
        self._claims: set[TaskId] = set()
        self._lease_ends = float("inf")
        """Not before then one of them may be over."""
        self._parked: set[TaskId] = set()

    async def close(self) -> None:
        """Nothing to close; what was stored stays readable."""

    # --- tasks ---------------------------------------------------------------------------------

    async def add_tasks(self, tasks: Sequence[Task], now: datetime) -> ImportReport:
        if any(not task.phones for task in tasks):
            raise StoreError("a task without a telephone number can't be stored")
        known, accepted = self._known, 0
        for task in tasks:
            key = (task.campaign, task.policy_no)
            if key in known:
                continue
            known.add(key)
            accepted += 1
            task_id = TaskId(len(self._tasks) + 1)
            lane = Lane(task.campaign, task.zone, task.segment.value)
            own = self.exempted(task if task.id == task_id else replace(task, id=task_id))
            kept = Kept(own, lane, self._lanes[lane], _place(own))
            self._tasks[task_id] = kept
            self._enqueue(kept)
            self._agree(kept)
            self._emit(TaskImported(now, task_id, task.campaign))
        return ImportReport(accepted=accepted, duplicates=len(tasks) - accepted)

    async def candidates(
        self,
        now: datetime,
        limit: int,
        campaigns: Collection[str] | None = None,
        reachable: Reachable = lambda _lane: True,
        node: str = "",
    ) -> list[Candidate]:
        self._wake(now)
        found: dict[int, Kept] = {}
        for kept in self._due_now(now):
            if self._ready(kept) and (campaigns is None or kept.task.campaign in campaigns):
                found[kept.place] = kept
        asked = set(found)
        for lane, queue in self._lanes.items():
            if queue and (campaigns is None or lane.campaign in campaigns) and reachable(lane):
                for kept in self._head(queue, limit):
                    found[kept.place] = kept
        ordered = sorted(found.values(), key=_by_place)
        if len(ordered) > limit:
            ordered.sort(key=lambda kept: kept.place not in asked)
            ordered = sorted(ordered[:limit], key=_by_place)
        return [self._candidate(kept) for kept in ordered]

    async def reconsider(self, limit: int) -> int:
        shown = sorted(self._parked, key=lambda key: self._tasks[key].place)[:limit]
        for key in shown:
            self._parked.discard(key)
            self._tasks[key].hidden_until = None
            self._enqueue(self._tasks[key])
        return len(shown)

    async def candidate(self, task_id: TaskId) -> Candidate | None:
        kept = self._tasks.get(task_id)
        return None if kept is None else self._candidate(kept)

    async def tasks(self) -> list[Task]:
        return [self.seen(kept.task) for kept in self._tasks.values()]

    async def record_decision(self, task_id: TaskId, decision: Decision, now: datetime) -> None:
        kept = self._tasks.get(task_id)
        if kept is None:
            return
        verdict = decision.verdict
        if differs(verdict, kept.decisions[-1][1].verdict if kept.decisions else None):
            if self._remember:
                kept.decisions.append((now, decision))
            else:
                kept.decisions = [(now, Decision(verdict, ()))]
        state = state_after_verdict(kept.task.state, verdict, self._config.excluding_rules)
        if state is not kept.task.state:
            if (channel := channel_of(verdict)) is not None:
                self.hand_over(task_id, channel, now)
            kept.task = replace(kept.task, state=state)
        kept.hidden_until = hidden_until(state, verdict)
        self._parked.discard(task_id)
        if kept.hidden_until is None:
            self._enqueue(kept)
        elif kept.hidden_until is PARKED:
            self._parked.add(task_id)
        else:
            heappush(self._waiting, (kept.hidden_until, task_id))

    async def decisions(self, task_id: TaskId) -> list[tuple[datetime, Decision]]:
        kept = self._tasks.get(task_id)
        return [] if kept is None else list(kept.decisions)

    async def keep_rules(self, rules: Rules, now: datetime, campaign: str = "") -> bool:
        last = next((one for of, one in reversed(self._rules) if of == campaign), None)
        if last is not None and last.fingerprint == rules.fingerprint:
            return False
        self._rules.append((campaign, rules))
        for kept in self._tasks.values():
            if campaign in ("", kept.task.campaign):
                kept.hidden_until = None
                self._parked.discard(kept.task.id)
                self._enqueue(kept)
        return True

    @property
    def size(self) -> int:
        """How many tasks there are; their ids are 1 to that."""
        return len(self._tasks)

    def has_open(self) -> bool:
        wanted = TaskState.OPEN
        return any(kept.task.state is wanted for kept in self._tasks.values())

    def at_contact_refresh(self) -> list[Task]:
        """Whose number the business side is to confirm."""
        wanted = TaskState.CONTACT_REFRESH
        return [task for kept in self._tasks.values() if (task := kept.task).state is wanted]

    def confirm_contact(self, task_id: TaskId, phones: tuple[Phone, ...]) -> None:
        """The business side's answer: the next pass begins (R24)."""
        kept = self._tasks[task_id]
        kept.task = replace(kept.task, phones=phones, pass_no=kept.task.pass_no + 1, state=TaskState.OPEN)
        kept.hidden_until = None
        self._enqueue(kept)

    async def rules(self, fingerprint: str) -> Rules | None:
        return next((one for _, one in reversed(self._rules) if one.fingerprint == fingerprint), None)

    async def provisional_tasks(self) -> list[Task]:
        return [kept.task for kept in self._tasks.values() if kept.task.due_provisional]

    async def set_due(self, changes: Sequence[DueChange], now: datetime) -> None:
        for one in changes:
            kept = self._tasks[one.task_id]
            kept.task = replace(kept.task, due=one.after, due_provisional=one.provisional)
            kept.place, kept.queued = _place(kept.task), False
            self._enqueue(kept)
            self._due_changes[one.task_id].append((now, one))
            self._emit(DeadlineDatedAnew(now, one.task_id, one.before, one.after, one.provisional))

    async def due_changes(self, task_id: TaskId) -> list[tuple[datetime, DueChange]]:
        return list(self._due_changes[task_id])

    # --- claims --------------------------------------------------------------------------------

    async def claim(self, task_id: TaskId, node: str, lease_s: float, now: datetime) -> Claim | None:
        kept = self._tasks.get(task_id)
        if (
            kept is None
            or kept.task.state is not TaskState.OPEN
            or self._live(task_id)
            or self._claimed(kept)
        ):
            return None
        kept.fence += 1
        kept.claim = Claim(kept.task, kept.fence, node)
        kept.lease_until = self._clock() + lease_s
        self._claims.add(task_id)
        self._lease_ends = min(self._lease_ends, kept.lease_until)
        return kept.claim

    async def release(self, claim: Claim) -> None:
        kept = self._tasks[claim.task.id]
        if kept.claim is not None and kept.claim.fence == claim.fence and not self._live(claim.task.id):
            self._unclaim(kept)

    async def barrier(
        self, claim: Claim, check: Callable[[Candidate], Decision], now: datetime
    ) -> tuple[Decision, Attempt | None]:
        kept = self._tasks.get(claim.task.id)
        if kept is None or not self._holds(kept, claim):
            raise Fenced(f"task {claim.task.id}: the claim with fence {claim.fence} is over")
        if self._live(claim.task.id):
            raise Fenced(f"task {claim.task.id}: this claim has its call already")
        fresh = self._candidate(kept)
        decision = check(fresh)
        dial = isinstance(decision.verdict, Dial)
        if dial and kept.task.state is not TaskState.OPEN:
            raise Fenced(f"task {claim.task.id} isn't open any more")
        if dial and any(attempt.live for attempt in fresh.customer_attempts):
            until = now + timedelta(seconds=self._config.customer_busy_wait_s)
            decision = stopped_by(decision, Wait(until, ONE_LIVE_CALL, *CUSTOMER_BUSY))
        await self.record_decision(claim.task.id, decision, now)
        if not isinstance(decision.verdict, Dial):
            return decision, None
        self._made += 1
        attempt = Attempt(
            id=CallId(self._made),
            task_id=claim.task.id,
            number=decision.verdict.number,
            pass_no=kept.task.pass_no,
            slot=decision.verdict.slot,
            invited_at=now,
        )
        call = Call(attempt, claim, kept.task.customer_key)
        self._calls[attempt.id] = call
        self._live_tasks.add(claim.task.id)
        self._of_customer[call.customer_key].append(call)
        kept.calls.append(call)
        if self._remember:
            self._emit(CallDialled(now, attempt.id, claim.task.id))
        return decision, attempt

    async def renew(self, claim: Claim, lease_s: float) -> None:
        kept = self._tasks.get(claim.task.id)
        if kept is None or not self._holds(kept, claim):
            raise Fenced(f"task {claim.task.id}: the claim with fence {claim.fence} is over")
        kept.lease_until = self._clock() + lease_s

    async def drop_claims(self, node: str) -> int:
        dropped = 0
        for kept in self._tasks.values():
            if kept.claim is not None and kept.claim.node == node and not self._live(kept.task.id):
                self._unclaim(kept)
                dropped += 1
        return dropped

    # --- calls ---------------------------------------------------------------------------------

    async def note_ringing(self, call_id: CallId, at: datetime) -> None:
        call = self._call(call_id)
        if call.attempt.live and call.attempt.ringing_at is None:
            call.attempt = replace(call.attempt, ringing_at=at)

    async def note_answered(self, call_id: CallId, at: datetime) -> None:
        call = self._call(call_id)
        if call.attempt.live and call.attempt.answered_at is None:
            call.attempt = replace(call.attempt, answered_at=at)
            self._emit(CallAnswered(at, call_id))

    async def finish(self, claim: Claim, record: CallRecord) -> list[Ticket]:
        call = self._call(record.call_id)
        if call.attempt.task_id != claim.task.id or call.attempt.task_id != record.task_id:
            raise StoreError(f"call {record.call_id} isn't a call of task {claim.task.id}")
        if call.claim.fence != claim.fence:
            raise Fenced(f"call {record.call_id} was made under another claim of its task")
        if call.recovered:
            raise Fenced(f"recovery has closed call {record.call_id} already")
        if call.record is not None:
            return list(call.record.tickets)
        return self._close(call, record)

    async def open_attempts(self, node: str) -> list[Attempt]:
        return [c.attempt for c in self._calls.values() if c.attempt.live and c.claim.node == node]

    async def close_unknown(self, record: CallRecord) -> None:
        call = self._call(record.call_id)
        if call.attempt.task_id != record.task_id:
            raise StoreError(f"call {record.call_id} isn't a call of task {record.task_id}")
        if call.record is None:
            call.recovered = True
            self._close(call, record)

    async def calls(self, task_id: TaskId | None = None) -> list[CallView]:
        return [self._view(c) for c in self._calls.values() if task_id in (None, c.attempt.task_id)]

    async def call(self, call_id: CallId) -> CallView | None:
        found = self._calls.get(call_id)
        return None if found is None else self._view(found)

    async def calls_by_id(self, ids: Sequence[CallId]) -> list[CallView]:
        return [self._view(self._calls[one]) for one in sorted(set(ids)) if one in self._calls]

    async def search(self, query: CallQuery) -> Found:
        newest_first = [view for view in reversed(await self.calls()) if matches(view, query)]
        found = tuple(view.attempt.id for view in newest_first[: query.limit])
        return Found(found, len(newest_first) > query.limit)

    async def month_conversations(self, month: Month) -> list[CallId]:
        return [
            view.attempt.id
            for view in await self.calls()
            if view.attempt.slot.startswith(f"{month}-") and view.attempt.outcome in ANSWERED
        ]

    async def tickets(self) -> list[Ticket]:
        return list(self._tickets.values())

    async def recordings(self) -> list[Recording]:
        records = [call.record for call in self._calls.values() if call.record is not None]
        return [record.recording for record in records if record.recording is not None]

    # --- outbox --------------------------------------------------------------------------------

    async def outbox(self, limit: int, after: int = 0) -> list[tuple[int, Event]]:
        return list(islice((one for one in self._outbox.items() if one[0] > after), limit))

    async def outbox_done(self, ids: Sequence[int]) -> None:
        for event_id in ids:
            self._outbox.pop(event_id, None)

    # --- inside --------------------------------------------------------------------------------

    def _emit(self, event: Event) -> None:
        if self._remember:
            self._events += 1
            self._outbox[self._events] = event

    # The queue, as the database's indexes have it.

    def _enqueue(self, kept: Kept) -> None:
        if not kept.queued and kept.task.state is TaskState.OPEN and kept.hidden_until is None:
            kept.queued = True
            insort(kept.queue, kept.place)

    def _agree(self, kept: Kept) -> None:
        if kept.task.appointment is not None:
            heappush(self._agreed, (kept.task.appointment, kept.task.id))

    def _unclaim(self, kept: Kept) -> None:
        kept.claim = None
        self._claims.discard(kept.task.id)
        self._enqueue(kept)

    def _wake(self, now: datetime) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            until, key = heappop(self._waiting)
            kept = self._tasks[key]
            if kept.hidden_until == until:
                kept.hidden_until = None
                self._enqueue(kept)
        if self._clock() >= self._lease_ends:
            for key in [key for key in self._claims if not self._claimed(self._tasks[key])]:
                self._claims.discard(key)
                self._enqueue(self._tasks[key])
            ends = (self._tasks[key].lease_until for key in self._claims)
            self._lease_ends = min(ends, default=float("inf"))

    def _due_now(self, now: datetime) -> list[Kept]:
        while self._agreed and self._agreed[0][0] <= now:
            self._due.add(heappop(self._agreed)[1])
        if not self._due:
            return []
        due = [kept for key in self._due if self._agreed_by(kept := self._tasks[key], now)]
        self._due = {kept.task.id for kept in due}
        return sorted(due, key=lambda kept: (kept.task.appointment or now, kept.task.id))

    @staticmethod
    def _agreed_by(kept: Kept, now: datetime) -> bool:
        agreed = kept.task.appointment
        return agreed is not None and agreed <= now and kept.task.state is TaskState.OPEN

    def _ready(self, kept: Kept) -> bool:
        return (
            kept.task.state is TaskState.OPEN
            and kept.hidden_until is None
            and kept.task.id not in self._live_tasks
            and (kept.claim is None or not self._claimed(kept))
        )

    def _head(self, queue: list[int], limit: int) -> list[Kept]:
        """A lane's first ones, which stay in it; those before them that aren't ready don't."""
        found: list[Kept] = []
        met = 0
        for place in queue:
            if len(found) >= limit:
                break
            met += 1
            kept = self._tasks[TaskId(place & _ID)]
            if place != kept.place:
                continue  # it was dated anew, and stands elsewhere
            kept.queued = self._ready(kept)
            if kept.queued:
                found.append(kept)
        if met > len(found):
            queue[:met] = [kept.place for kept in found]
        return found

    def _claimed(self, kept: Kept) -> bool:
        return kept.claim is not None and kept.lease_until > self._clock()

    def _holds(self, kept: Kept, claim: Claim) -> bool:
        return self._claimed(kept) and kept.claim is not None and kept.claim.fence == claim.fence

    def _live(self, task_id: TaskId) -> bool:
        return task_id in self._live_tasks

    def _call(self, call_id: CallId) -> Call:
        if call_id not in self._calls:
            raise StoreError(f"there is no call {call_id}")
        return self._calls[call_id]

    def _candidate(self, kept: Kept) -> Candidate:
        task = kept.task
        own = tuple([c.attempt for c in kept.calls]) if kept.calls else ()
        calls = self._of_customer.get(task.customer_key)
        others = tuple([c.attempt for c in calls if c.attempt.task_id != task.id]) if calls else ()
        return Candidate(self.seen(task), own, others)

    def _view(self, call: Call) -> CallView:
        return CallView(call.attempt, self._tasks[call.attempt.task_id].task, call.record)

    def _close(self, call: Call, record: CallRecord) -> list[Ticket]:
        kept = self._tasks[record.task_id]
        self._live_tasks.discard(record.task_id)
        agreed = appointment_after_call(kept.task, call.attempt, record)
        state = state_after_call(kept.task.state, record.outcome, kept.task.recurs)
        pass_no = pass_after_call(kept.task.pass_no, record.outcome, kept.task.recurs)
        if (agreed, state, pass_no) != (kept.task.appointment, kept.task.state, kept.task.pass_no):
            kept.task = replace(kept.task, appointment=agreed, state=state, pass_no=pass_no)
            self._agree(kept)
        self._unclaim(kept)
        issued = [
            replace(ticket, id=TicketId(n))
            for n, ticket in enumerate(self.repeated(record.tickets), start=len(self._tickets) + 1)
        ]
        self._tickets.update({ticket.id: ticket for ticket in issued})
        made = call.attempt
        call.attempt = Attempt(
            made.id,
            made.task_id,
            made.number,
            made.pass_no,
            made.slot,
            made.invited_at,
            record.ringing_at or made.ringing_at,
            record.answered_at or made.answered_at,
            record.ended_at,
            record.outcome,
            record.sip_code,
            record.reason,
            record.appointment,
        )
        if self._remember:
            call.record = replace(
                record,
                tickets=tuple(issued),
                ringing_at=call.attempt.ringing_at,
                answered_at=call.attempt.answered_at,
            )
        else:
            del self._calls[record.call_id]
        if self._remember:
            self._emit(CallEnded(record.ended_at, record.call_id, record.task_id, record.outcome))
        for ticket in issued:
            self._emit(
                TicketIssued(ticket.issued_at, ticket.id, record.call_id, ticket.category, ticket.major)
            )
        if record.recording is not None:
            sealed = record.recording
            self._emit(RecordingSealed(sealed.ended_at, record.call_id, sealed.sha256))
        return issued
