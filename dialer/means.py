"""What a node has for another call: lines, agents, the trunk, room for the recording, a calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from dialer.model import PhoneNumber, Task
from dialer.policy.calendar import Calendar
from dialer.policy.pacing import lines_free, room_for_agents
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Refuse, Resources, Verdict, Wait
from dialer.policy.zones import find_zone
from dialer.ports import Archive, Trunk

Approval = Callable[[Task], str]
"""Empty where the task's campaign and script are approved, else why not (R9, R49)."""
Destination = Callable[[PhoneNumber], str]
"""Empty where some trunk may dial the number, else why none may."""
Staff = Callable[[], tuple[int, int]]
"""How many agents could take a call now, and how many are at one."""


def refusals(task: Task, destination: Destination) -> dict[PhoneNumber, str]:
    """The task's numbers that no trunk may dial, and why."""
    return {phone.number: why for phone in task.phones if (why := destination(phone.number))}


_resources = lru_cache(maxsize=256)(Resources)
"""From task to task they seldom differ."""


class Means:
    """Of one node. ``under_way`` is always the number of calls that are live or being prepared."""

    def __init__(
        self,
        trunk: Trunk,
        archive: Archive,
        calendar: Calendar,
        settings: PolicySettings,
        lines: int,
        calls_per_agent: float,
        clock: Callable[[], datetime],
        approval: Approval,
        destination: Destination,
        staff: Staff,
    ) -> None:
        self._trunk, self._archive, self._calendar, self._settings = trunk, archive, calendar, settings
        self._lines, self._calls_per_agent = lines, calls_per_agent
        self._clock, self._approval, self._destination, self._staff = clock, approval, destination, staff
        self._blocked_until: float | None = None
        """Loop time: a fault that stops every call is written to one task, not to each in turn."""

    def free(self, live: int, preparing: int) -> int:
        """Lines for another call. A trunk that is down is the verdict's matter: it says why."""
        trunk, under_way = self._trunk.state(), live + preparing
        free = lines_free(self._lines, under_way, trunk.lines_free - preparing if trunk.up else 1)
        if self._calls_per_agent:
            free = min(free, room_for_agents(*self._staff(), under_way, self._calls_per_agent))
        return free

    def for_task(self, task: Task, live: int, preparing: int) -> Resources:
        """``preparing``: the other calls that have a line in view."""
        room, why_no_room = self._archive.has_room()
        trunk = self._trunk.state()
        why_not_approved = self._approval(task)
        lines = lines_free(self._lines, live + preparing, trunk.lines_free - preparing)
        about = (lines, room, why_no_room, not why_not_approved, why_not_approved, trunk.up, trunk.reason)
        barred = refusals(task, self._destination)
        return Resources(*about, barred) if barred else _resources(*about)

    def note(self, verdict: Verdict) -> None:
        """The trunk, the disk, a year without a calendar: it is the same for every task."""
        match verdict:
            case Wait(rule="R7" | "R75"):
                pass
            case Refuse(rule="R44") if not self._calendar_there():
                pass
            case _:
                return
        self._blocked_until = asyncio.get_running_loop().time() + self._settings.fault_recheck_s

    def blocked(self) -> bool:
        """Whether the fault that stopped the last heartbeat lasts and its task waits still."""
        if self._blocked_until is None or asyncio.get_running_loop().time() >= self._blocked_until:
            return False
        return not (self._trunk.state().up and self._archive.has_room()[0] and self._calendar_there())

    def _calendar_there(self) -> bool:
        return self._calendar.covers(self._clock().astimezone(find_zone(self._settings.zone)).year)
