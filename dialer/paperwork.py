"""Work lists of visits, letters and texts, each with its task and the questions of its campaign."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dialer.campaignbook import script_for
from dialer.campaigns import Plan
from dialer.errors import DialerError
from dialer.forms import Asked, questions
from dialer.handover import CLOSED, HandoverId, HandoverState, HandoverStep, HandoverTaken, HandoverView
from dialer.ivr.script import Script
from dialer.kpi import Method
from dialer.policy.zones import find_zone
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

_PAGE = 1000
OPEN_STATES = tuple(state for state in HandoverState if state not in CLOSED)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who does it, under which account, and when."""

    name: str
    account: str
    now: datetime

    def step(self, step: HandoverStep, note: str = "") -> HandoverTaken:
        return HandoverTaken(step, self.name, self.now, note, self.account)


def local_text(at: datetime | None, zone: str) -> str:
    return at.astimezone(find_zone(zone)).strftime("%Y-%m-%d %H:%M") if at else ""


async def worklist(
    home: Path, channel: Method, states: Collection[HandoverState] = OPEN_STATES
) -> list[HandoverView]:
    """Oldest first."""
    return await with_store(home, lambda store: listed(store, channel, states))


async def listed(store: SqlStore, channel: Method, states: Collection[HandoverState]) -> list[HandoverView]:
    found: list[HandoverView] = []
    after = HandoverId(0)
    while page := await store.handovers(channel, states, after, _PAGE):
        after = page[-1].handover.id
        found += page
    return found


async def one_of(store: SqlStore, channel: Method, number: HandoverId) -> HandoverView:
    found = await store.handover(number)
    if found is None or found.handover.channel is not channel:
        raise DialerError(f"there is no {channel} {number}: `dialer {channel} list`")
    return found


@dataclass(frozen=True, slots=True)
class Paper:
    """A hand-over with the questions that its campaign asks."""

    view: HandoverView
    script: Script
    asked: tuple[Asked, ...]
    plan: Plan | None


async def paper_of(site: Site, store: SqlStore, view: HandoverView) -> Paper:
    script, form, plan = await script_for(site, store, view.task)
    try:
        return Paper(view, script, questions(script, form, view.task), plan)
    except ValueError as error:
        raise DialerError(f"{view.handover.channel} {view.handover.id}: {error}") from None
