"""One task at one moment, with everything that the timing rules read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dialer.model import Attempt, Disposition, Phone, Task
from dialer.policy.calendar import Calendar
from dialer.policy.ruling import Resources
from dialer.policy.settings import PolicySettings
from dialer.policy.windows import Slot, slots_of
from dialer.policy.zones import at_least


@dataclass(frozen=True, slots=True)
class Case:
    """``now`` is local to the customer."""

    task: Task
    attempts: tuple[Attempt, ...]
    """Of this task, oldest first."""
    customer_attempts: tuple[Attempt, ...]
    """Of the customer's other tasks."""
    now: datetime
    zone: ZoneInfo
    calendar: Calendar
    settings: PolicySettings
    resources: Resources

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def everything(self) -> tuple[Attempt, ...]:
        """All attempts to this customer, each once."""
        mine = {attempt.id for attempt in self.attempts}
        return self.attempts + tuple(a for a in self.customer_attempts if a.id not in mine)

    @property
    def counted(self) -> tuple[Attempt, ...]:
        """R43: the attempts of this pass that count."""
        return tuple(a for a in self.attempts if a.pass_no == self.task.pass_no and counts(a))

    @property
    def slots_today(self) -> tuple[Slot, ...]:
        return slots_of(self.today, self.task.segment, self.zone, self.settings)

    @property
    def phone(self) -> Phone | None:
        """The number to dial: the first usable one that this pass hasn't found unallocated.

        R24: pass 2 and later, and any other number than the first, must be verified.
        """
        return next((one for one in self.usable if one.number not in self.resources.not_dialable), None)

    @property
    def usable(self) -> tuple[Phone, ...]:
        """The same, whatever the trunks may dial; best first."""
        dead = {a.number for a in self.counted if a.outcome is Disposition.UNALLOCATED}
        return tuple(
            phone
            for index, phone in enumerate(self.task.phones)
            if (phone.verified or (index == 0 and self.task.pass_no == 1)) and phone.number not in dead
        )

    def used(self, slot: Slot) -> bool:
        """R43: an attempt of this pass was made in that slot (by key, or by the hour it was made)."""
        return any(a.slot == slot.key or slot.holds(a.invited_at) for a in self.counted)

    def calls_on(self, day: date) -> int:
        """Counted attempts to the number on that local day, by any task of the customer."""
        phone = self.phone
        if phone is None:
            return 0
        return sum(
            counts(a) and a.number == phone.number and a.invited_at.astimezone(self.zone).date() == day
            for a in self.everything
        )

    @property
    def appointment(self) -> datetime | None:
        """The agreed time, local, unless a counted attempt was made at or after it (R79)."""
        agreed = self.task.appointment
        if agreed is None or any(at_least(a.invited_at, agreed) for a in self.counted):
            return None
        return agreed.astimezone(self.zone)


def counts(attempt: Attempt) -> bool:
    """A live call counts until it is known how it ended."""
    return attempt.outcome is None or attempt.outcome.counts_as_attempt
