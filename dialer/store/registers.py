"""``SqlRegisters``: the port ``dialer.registers.Registers`` on one database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TypeVar

from sqlalchemy import Connection

from dialer.campaigns import CampaignHead, CampaignVersion, Content, StepRecord, StepTaken
from dialer.handover import HandoverId, HandoverRecord, HandoverState, HandoverTaken, HandoverView, Meter
from dialer.kpi import Method, Month
from dialer.listings import (
    ContactFound,
    ContactResult,
    ContactWanted,
    DoNotCall,
    Exemption,
    ExemptionKind,
    ListReport,
    NumberUse,
)
from dialer.model import PhoneNumber, Task, TaskId, TaskState, Ticket
from dialer.store import campaigns, exemptions, handovers
from dialer.store.group import GroupWriter

T = TypeVar("T")


class SqlRegisters:
    """Each coroutine is one transaction; see the port for what it does."""

    _group: GroupWriter

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._group.read(work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await self._group.alone(lambda connection, _: work(connection))

    # --- campaigns -----------------------------------------------------------------------------

    async def campaign_heads(self) -> list[CampaignHead]:
        return await self._read(campaigns.heads)

    async def campaign_versions(self, campaign: str = "") -> list[CampaignVersion]:
        return await self._read(lambda connection: campaigns.versions(connection, campaign))

    async def register_campaign(self, content: Content, by: str, at: datetime) -> CampaignVersion:
        return await self._write(lambda connection: campaigns.register(connection, content, by, at))

    async def take_campaign_step(self, campaign: str, number: int, taken: StepTaken) -> CampaignVersion:
        return await self._write(lambda connection: campaigns.take_step(connection, campaign, number, taken))

    async def campaign_history(self, campaign: str) -> list[StepRecord]:
        return await self._read(lambda connection: campaigns.history(connection, campaign))

    async def campaign_tasks(self) -> Mapping[str, Mapping[TaskState, int]]:
        return await self._read(campaigns.tasks)

    # --- lists ---------------------------------------------------------------------------------

    async def known_policies(self, campaign: str, policies: Collection[str]) -> set[str]:
        return await self._read(lambda connection: exemptions.known_policies(connection, campaign, policies))

    async def add_do_not_call(self, entries: Sequence[DoNotCall], by: str, at: datetime) -> ListReport:
        return await self._write(lambda connection: exemptions.add_do_not_call(connection, entries, by, at))

    async def remove_do_not_call(self, number: PhoneNumber) -> ListReport | None:
        return await self._write(lambda connection: exemptions.remove_do_not_call(connection, number))

    async def do_not_call_numbers(self, after: str, limit: int) -> list[DoNotCall]:
        return await self._read(lambda connection: exemptions.do_not_call_page(connection, after, limit))

    async def use_of(self, number: PhoneNumber) -> NumberUse:
        return await self._read(lambda connection: exemptions.use_of(connection, number))

    async def add_exemptions(self, entries: Sequence[Exemption], by: str, at: datetime) -> ListReport:
        return await self._write(lambda connection: exemptions.add_exemptions(connection, entries, by, at))

    async def revoke_exemption(self, kind: ExemptionKind, policy_no: str, campaign: str) -> ListReport | None:
        return await self._write(
            lambda connection: exemptions.revoke_exemption(connection, kind, policy_no, campaign)
        )

    async def exemptions(self, kind: ExemptionKind) -> list[Exemption]:
        return await self._read(lambda connection: exemptions.exemptions(connection, kind))

    async def contacts_wanted(self, after: TaskId, limit: int) -> list[ContactWanted]:
        return await self._read(lambda connection: exemptions.contacts_wanted(connection, after, limit))

    async def refresh_contacts(self, found: Sequence[ContactFound], at: datetime) -> list[ContactResult]:
        return await self._write(lambda connection: exemptions.refresh_contacts(connection, found, at))

    # --- hand-overs ----------------------------------------------------------------------------

    async def handovers(
        self, channel: Method, states: Collection[HandoverState], after: HandoverId, limit: int
    ) -> list[HandoverView]:
        return await self._read(lambda connection: handovers.page(connection, channel, states, after, limit))

    async def handover(self, handover_id: HandoverId) -> HandoverView | None:
        return await self._read(lambda connection: handovers.one(connection, handover_id))

    async def handover_history(self, handover_id: HandoverId) -> list[HandoverRecord]:
        return await self._read(lambda connection: handovers.history(connection, handover_id))

    async def take_handover_step(
        self,
        handover_id: HandoverId,
        taken: HandoverTaken,
        *,
        tickets: Sequence[Ticket] = (),
        verification: Task | None = None,
    ) -> HandoverView:
        return await self._write(
            lambda connection: handovers.take_step(connection, handover_id, taken, tickets, verification)
        )

    async def meter(self, month: Month, zone: tzinfo) -> Meter:
        return await self._read(lambda connection: handovers.meter(connection, month, zone))

    async def tell_meter(self, month: Month, meter: Meter, at: datetime) -> bool:
        return await self._write(lambda connection: handovers.tell_meter(connection, month, meter, at))
