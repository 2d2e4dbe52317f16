"""``MemoryRegisters``: the port ``dialer.registers.Registers`` without a disk, beside ``MemoryStore``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from dialer.campaigns import CampaignHead, CampaignVersion, Content, StepRecord, StepTaken, life
from dialer.errors import IllegalTransition
from dialer.events import (
    CampaignMoved,
    ContactRefreshed,
    Event,
    HandoverMoved,
    MethodCapPassed,
    TaskHandedOver,
    TicketIssued,
)
from dialer.handover import (
    CLOSED,
    Handover,
    HandoverId,
    HandoverRecord,
    HandoverState,
    HandoverStep,
    HandoverTaken,
    HandoverView,
    Meter,
    advance,
    task_after,
)
from dialer.kpi import UNCOUNTED, Method, Month
from dialer.listings import (
    ContactFound,
    ContactResult,
    ContactWanted,
    DoNotCall,
    Exemption,
    ExemptionKind,
    ListReport,
    NumberUse,
    refreshed,
)
from dialer.model import CallId, PhoneNumber, Task, TaskId, TaskState, Ticket, TicketId
from dialer.policy.verdict import Decision, Escalate, Finding
from dialer.tickets import again

if TYPE_CHECKING:
    from dialer.testing.store import Call, Kept

_UNFINISHED = (TaskState.CONTACT_REFRESH, TaskState.VISIT, TaskState.LETTER)


@dataclass(slots=True)
class Books:
    """What the registers hold beside the tasks."""

    versions: list[CampaignVersion] = field(default_factory=list)
    steps: list[StepRecord] = field(default_factory=list)
    listed: dict[PhoneNumber, DoNotCall] = field(default_factory=dict)
    exemptions: dict[tuple[ExemptionKind, str, str], Exemption] = field(default_factory=dict)
    handovers: dict[HandoverId, Handover] = field(default_factory=dict)
    records: dict[HandoverId, list[HandoverRecord]] = field(default_factory=lambda: defaultdict(list))
    told: set[Month] = field(default_factory=set)


class MemoryRegisters:
    """No method awaits before it has changed what it changes, so each is one transaction."""

    _tasks: dict[TaskId, Kept]
    _calls: dict[CallId, Call]
    _tickets: dict[TicketId, Ticket]
    _books: Books

    def _emit(self, event: Event) -> None:
        raise NotImplementedError

    def _enqueue(self, kept: Kept) -> None:
        raise NotImplementedError

    async def add_tasks(self, tasks: Sequence[Task], now: datetime) -> object:
        raise NotImplementedError

    # --- campaigns -----------------------------------------------------------------------------

    async def campaign_heads(self) -> list[CampaignHead]:
        return life.heads(one.head for one in self._books.versions)

    async def campaign_versions(self, campaign: str = "") -> list[CampaignVersion]:
        found = [one for one in self._books.versions if campaign in ("", one.campaign)]
        return sorted(found, key=lambda one: (one.campaign, one.number))

    async def register_campaign(self, content: Content, by: str, at: datetime) -> CampaignVersion:
        known = await self.campaign_versions(content.campaign)
        return self._write_campaign(life.register(known, content, by, at))

    async def take_campaign_step(self, campaign: str, number: int, taken: StepTaken) -> CampaignVersion:
        return self._write_campaign(life.step(await self.campaign_versions(campaign), number, taken))

    def _write_campaign(self, change: life.Change) -> CampaignVersion:
        for one in change.versions:
            kept = [v for v in self._books.versions if (v.campaign, v.number) != (one.campaign, one.number)]
            self._books.versions[:] = [*kept, one]
        self._books.steps += change.records
        for record in change.records:
            taken = record.taken
            self._emit(CampaignMoved(taken.at, record.campaign, record.number, taken.step.value))
        return change.version

    async def campaign_history(self, campaign: str) -> list[StepRecord]:
        return [one for one in self._books.steps if one.campaign == campaign]

    async def campaign_tasks(self) -> Mapping[str, Mapping[TaskState, int]]:
        found: dict[str, dict[TaskState, int]] = {}
        for kept in self._tasks.values():
            states = found.setdefault(kept.task.campaign, {})
            states[kept.task.state] = states.get(kept.task.state, 0) + 1
        return found

    # --- lists ---------------------------------------------------------------------------------

    async def known_policies(self, campaign: str, policies: Collection[str]) -> set[str]:
        mine = {kept.task.policy_no for kept in self._tasks.values() if kept.task.campaign == campaign}
        return mine & set(policies)

    def seen(self, task: Task) -> Task:
        """The task with what the do-not-call list says of its numbers."""
        if not self._books.listed:
            return task
        listed = any(phone.number in self._books.listed for phone in task.phones)
        return replace(task, do_not_call=True) if listed else task

    async def add_do_not_call(self, entries: Sequence[DoNotCall], by: str, at: datetime) -> ListReport:
        fresh = {one.number: one for one in entries if one.number not in self._books.listed}
        self._books.listed |= fresh
        tasks = self._with_numbers(fresh)
        self._end_unfinished(tasks, by, at, "do-not-call")
        return ListReport(len(fresh), len(entries) - len(fresh), len(tasks))

    async def remove_do_not_call(self, number: PhoneNumber) -> ListReport | None:
        if self._books.listed.pop(number, None) is None:
            return None
        return ListReport(tasks=self._reopened(self._with_numbers([number])))

    def _with_numbers(self, numbers: Collection[PhoneNumber]) -> list[Kept]:
        return [
            kept for kept in self._tasks.values() if any(one.number in numbers for one in kept.task.phones)
        ]

    async def do_not_call_numbers(self, after: str, limit: int) -> list[DoNotCall]:
        found = sorted(self._books.listed.values(), key=lambda one: one.number.e164)
        return [one for one in found if one.number.e164 > after][:limit]

    async def use_of(self, number: PhoneNumber) -> NumberUse:
        if self._with_numbers([number]):
            return NumberUse.CUSTOMER
        return NumberUse.DO_NOT_CALL if number in self._books.listed else NumberUse.FREE

    async def add_exemptions(self, entries: Sequence[Exemption], by: str, at: datetime) -> ListReport:
        fresh = {
            key: one
            for one in entries
            if (key := (one.kind, one.campaign, one.policy_no)) not in self._books.exemptions
        }
        self._books.exemptions |= fresh
        concerned: dict[TaskId, Kept] = {}
        for one in fresh.values():
            for kept in self._exempted_by(one):
                kept.task = one.exempt(kept.task)
                concerned[kept.task.id] = kept
                self._end_unfinished([kept], by, at, one.kind.value)
        return ListReport(len(fresh), len(entries) - len(fresh), len(concerned))

    def _exempted_by(self, one: Exemption) -> list[Kept]:
        return [
            kept
            for kept in self._tasks.values()
            if kept.task.policy_no == one.policy_no and one.applies_to(kept.task.campaign)
        ]

    def exempted(self, task: Task) -> Task:
        """A new task with the exemptions that were on record before it."""
        for one in self._books.exemptions.values():
            if one.policy_no == task.policy_no and one.applies_to(task.campaign):
                task = one.exempt(task)
        return task

    async def revoke_exemption(self, kind: ExemptionKind, policy_no: str, campaign: str) -> ListReport | None:
        gone = self._books.exemptions.pop((kind, campaign, policy_no), None)
        if gone is None:
            return None
        left = [
            one for one in self._books.exemptions.values() if (one.kind, one.policy_no) == (kind, policy_no)
        ]
        tasks = [
            kept
            for kept in self._exempted_by(gone)
            if not any(one.applies_to(kept.task.campaign) for one in left)
        ]
        for kept in tasks:
            if kind is ExemptionKind.SURRENDER:
                kept.task = replace(kept.task, surrendered=False)
            else:
                kept.task = replace(kept.task, waiver=False, waiver_signatures=())
        return ListReport(tasks=self._reopened(tasks))

    async def exemptions(self, kind: ExemptionKind) -> list[Exemption]:
        return [one for one in self._books.exemptions.values() if one.kind is kind]

    def _end_unfinished(self, tasks: Sequence[Kept], by: str, at: datetime, note: str) -> None:
        for kept in tasks:
            if kept.task.state not in _UNFINISHED:
                continue
            for one in list(self._books.handovers.values()):
                if one.task_id == kept.task.id and one.state not in CLOSED:
                    self._advance(one, HandoverTaken(HandoverStep.WITHDRAW, by, at, note), "")
            kept.task = replace(kept.task, state=TaskState.EXCLUDED)

    def _reopened(self, tasks: Sequence[Kept]) -> int:
        opened = 0
        for kept in tasks:
            task = self.seen(kept.task)
            waived = task.waiver and not task.missing_signatures
            exempt = waived or task.surrendered or task.opted_out or task.do_not_call
            if task.state is TaskState.EXCLUDED and not exempt:
                kept.task, kept.hidden_until = replace(kept.task, state=TaskState.OPEN), None
                self._enqueue(kept)
                opened += 1
        return opened

    async def contacts_wanted(self, after: TaskId, limit: int) -> list[ContactWanted]:
        waiting = [
            kept
            for key, kept in sorted(self._tasks.items())
            if key > after and kept.task.state is TaskState.CONTACT_REFRESH
        ]
        return [self._wanted(kept) for kept in waiting[:limit]]

    def _wanted(self, kept: Kept) -> ContactWanted:
        made = sum(call.attempt.task_id == kept.task.id for call in self._calls.values())
        if not kept.decisions:
            return ContactWanted(self.seen(kept.task), "R22", "", None, made)
        at, decision = kept.decisions[-1]
        verdict = decision.verdict
        return ContactWanted(self.seen(kept.task), verdict.rule, verdict.why, at, made)

    async def refresh_contacts(self, found: Sequence[ContactFound], at: datetime) -> list[ContactResult]:
        return [self._refresh(one, at) for one in found]

    def _refresh(self, found: ContactFound, at: datetime) -> ContactResult:
        key = (found.campaign, found.policy_no)
        mine = [one for one in self._tasks.values() if (one.task.campaign, one.task.policy_no) == key]
        if not mine:
            return ContactResult.NO_TASK
        if any(number in self._books.listed for number in found.phones):
            return ContactResult.DO_NOT_CALL
        after = refreshed(mine[0].task, found)
        if isinstance(after, ContactResult):
            return after
        mine[0].task, mine[0].hidden_until = after, None
        self._enqueue(mine[0])
        self._emit(ContactRefreshed(at, after.id, after.pass_no))
        return ContactResult.REFRESHED

    # --- hand-overs ----------------------------------------------------------------------------

    def hand_over(self, task: TaskId, channel: Method, at: datetime) -> None:
        number = HandoverId(len(self._books.handovers) + 1)
        self._books.handovers[number] = Handover(number, task, channel, HandoverState.LISTED, at)
        self._emit(TaskHandedOver(at, task, channel.value))

    async def handovers(
        self, channel: Method, states: Collection[HandoverState], after: HandoverId, limit: int
    ) -> list[HandoverView]:
        found = [
            one
            for one in self._books.handovers.values()
            if one.channel is channel and one.state in states and one.id > after
        ]
        return [self._handover_view(one) for one in found[:limit]]

    async def handover(self, handover_id: HandoverId) -> HandoverView | None:
        found = self._books.handovers.get(handover_id)
        return None if found is None else self._handover_view(found)

    def _handover_view(self, one: Handover) -> HandoverView:
        return HandoverView(one, self.seen(self._tasks[one.task_id].task))

    async def handover_history(self, handover_id: HandoverId) -> list[HandoverRecord]:
        return list(self._books.records[handover_id])

    async def take_handover_step(
        self,
        handover_id: HandoverId,
        taken: HandoverTaken,
        *,
        tickets: Sequence[Ticket] = (),
        verification: Task | None = None,
    ) -> HandoverView:
        before = self._books.handovers.get(handover_id)
        if before is None:
            raise IllegalTransition(f"there is no hand-over {handover_id}")
        kept = self._tasks[before.task_id]
        after = self._advance(before, taken, kept.task.seller)
        was, kept.task = kept.task.state, task_after(kept.task, after)
        if kept.task.state is TaskState.LETTER and was is not TaskState.LETTER:
            why, en = "上门回访不成功,转信函", "the visit was unsuccessful: send a letter"
            finding = Finding("R26", "escalate", why, en=en)
            kept.decisions.append((taken.at, Decision(Escalate("letter", "R26", why, en), (finding,))))
            self.hand_over(kept.task.id, Method.LETTER, taken.at)
        if after.state is HandoverState.DONE:
            self._issue(tickets)
            if verification is not None:
                await self.add_tasks([verification], taken.at)
        return self._handover_view(after)

    def _advance(self, before: Handover, taken: HandoverTaken, seller: str) -> Handover:
        after = advance(before, taken, seller)
        self._books.handovers[before.id] = after
        self._books.records[before.id].append(
            HandoverRecord(
                taken.step, before.state, after.state, taken.by, taken.at, taken.note, taken.account
            )
        )
        self._emit(HandoverMoved(taken.at, before.task_id, before.channel.value, taken.step.value))
        return after

    def repeated(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """R89: marked where another call, or paper, brought up the same matter of the policy."""
        calls = {ticket.call_id for ticket in tickets if ticket.call_id}
        earlier = {
            (self._tasks[one.task_id].task.policy_no, one.category): one.id
            for one in self._tickets.values()
            if one.call_id not in calls
        }
        keys = ((one, (self._tasks[one.task_id].task.policy_no, one.category)) for one in tickets)
        return [again(one, earlier[key]) if key in earlier else one for one, key in keys]

    def _issue(self, tickets: Sequence[Ticket]) -> None:
        for ticket in self.repeated(tickets):
            made = replace(ticket, id=TicketId(len(self._tickets) + 1))
            self._tickets[made.id] = made
            self._emit(TicketIssued(made.issued_at, made.id, made.call_id, made.category, made.major))

    async def meter(self, month: Month, zone: tzinfo) -> Meter:
        begin, end = month.begin(zone), month.end(zone)

        def touched(one: Handover) -> bool:
            closed = one.closed_at or begin - timedelta(days=1)
            return begin <= one.opened_at < end or begin <= closed < end

        last = {
            one.task_id: one.channel
            for one in self._books.handovers.values()
            if touched(one) and one.state is not HandoverState.WITHDRAWN
        }
        called = {
            call.attempt.task_id
            for call in self._calls.values()
            if call.attempt.outcome not in (None, *UNCOUNTED) and call.attempt.slot.startswith(f"{month}-")
        }
        by = Counter(last.values())
        return Meter(len(called | set(last)), by[Method.VISIT], by[Method.LETTER])

    async def tell_meter(self, month: Month, meter: Meter, at: datetime) -> bool:
        if month in self._books.told:
            return False
        self._books.told.add(month)
        self._emit(MethodCapPassed(at, str(month), meter.visits + meter.letters, meter.called_back))
        return True
