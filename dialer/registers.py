"""What the office asks of the store beside the calls: campaigns, lists, hand-overs. A port, as in ``ports``.

Every coroutine may raise StoreError. A list comes page by page: ``after`` is the last key of the page before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Protocol

from dialer.campaigns import CampaignHead, CampaignVersion, Content, StepRecord, StepTaken
from dialer.handover import (
    HandoverId,
    HandoverRecord,
    HandoverState,
    HandoverTaken,
    HandoverView,
    Meter,
)
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


class CampaignRegister(Protocol):
    """Versions of campaigns and who took which step."""

    async def campaign_heads(self) -> list[CampaignHead]:
        """Of every campaign the version that counts (``life.heads``)."""
        ...

    async def campaign_versions(self, campaign: str = "") -> list[CampaignVersion]:
        """Of one campaign, or of all, by name and number."""
        ...

    async def register_campaign(self, content: Content, by: str, at: datetime) -> CampaignVersion:
        """The version of this content (``life.register``)."""
        ...

    async def take_campaign_step(self, campaign: str, number: int, taken: StepTaken) -> CampaignVersion:
        """One transaction (``life.step``). Raises IllegalTransition; nothing has changed then."""
        ...

    async def campaign_history(self, campaign: str) -> list[StepRecord]: ...

    async def campaign_tasks(self) -> Mapping[str, Mapping[TaskState, int]]:
        """How many tasks each campaign has in which state."""
        ...


class ListRegister(Protocol):
    """Who isn't called, and numbers that were confirmed anew."""

    async def known_policies(self, campaign: str, policies: Collection[str]) -> set[str]:
        """Those of them that the campaign has a task for."""
        ...

    async def add_do_not_call(self, entries: Sequence[DoNotCall], by: str, at: datetime) -> ListReport:
        """From now on no task with one of these numbers is dialled, whenever it is imported."""
        ...

    async def remove_do_not_call(self, number: PhoneNumber) -> ListReport | None:
        """Its tasks are called again unless something else exempts them. None: it wasn't on the list."""
        ...

    async def do_not_call_numbers(self, after: str, limit: int) -> list[DoNotCall]: ...

    async def use_of(self, number: PhoneNumber) -> NumberUse:
        """Looks through every task's numbers: for a person who waits, not for the daemon."""
        ...

    async def add_exemptions(self, entries: Sequence[Exemption], by: str, at: datetime) -> ListReport:
        """Also for tasks that are imported later. Open visits and letters of these tasks are withdrawn."""
        ...

    async def revoke_exemption(self, kind: ExemptionKind, policy_no: str, campaign: str) -> ListReport | None:
        """Its tasks are called again unless something else exempts them. None: there is no such exemption."""
        ...

    async def exemptions(self, kind: ExemptionKind) -> list[Exemption]: ...

    async def contacts_wanted(self, after: TaskId, limit: int) -> list[ContactWanted]: ...

    async def refresh_contacts(self, found: Sequence[ContactFound], at: datetime) -> list[ContactResult]:
        """One result for each, in order."""
        ...


class HandoverRegister(Protocol):
    """Visits, letters, texts."""

    async def handovers(
        self, channel: Method, states: Collection[HandoverState], after: HandoverId, limit: int
    ) -> list[HandoverView]: ...

    async def handover(self, handover_id: HandoverId) -> HandoverView | None: ...

    async def handover_history(self, handover_id: HandoverId) -> list[HandoverRecord]: ...

    async def take_handover_step(
        self,
        handover_id: HandoverId,
        taken: HandoverTaken,
        *,
        tickets: Sequence[Ticket] = (),
        verification: Task | None = None,
    ) -> HandoverView:
        """One transaction: the step, what it makes of the task, its tickets and verification call (R76).

        Raises IllegalTransition; nothing has changed then. A failed visit opens a letter.
        """
        ...

    async def meter(self, month: Month, zone: tzinfo) -> Meter: ...

    async def tell_meter(self, month: Month, meter: Meter, at: datetime) -> bool:
        """Put a MethodCapPassed event out, once for a month. False: it was told already."""
        ...


class Registers(CampaignRegister, ListRegister, HandoverRegister, Protocol):
    """All of it."""
