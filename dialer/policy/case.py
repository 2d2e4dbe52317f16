"""One task at one moment, with everything that the timing rules read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dialer.model import NOT_COUNTED, Attempt, Disposition, Phone, Task
from dialer.policy.calendar import Calendar
from dialer.policy.once import once
from dialer.policy.ruling import Resources
from dialer.policy.settings import PolicySettings
from dialer.policy.windows import Slot, slots_of
from dialer.policy.zones import at_least


@dataclass(eq=False)
class Case:
    """``now`` is local to the customer. What rules ask again and again is worked out once.

    Nobody changes one; it isn't frozen because each verdict makes one, which takes half the time so.
    """

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

    @once
    def today(self) -> date:
        return self.now.date()

    @once
    def everything(self) -> tuple[Attempt, ...]:
        """All attempts to this customer, each once."""
        if not self.customer_attempts:
            return self.attempts
        mine = {attempt.id for attempt in self.attempts}
        return self.attempts + tuple(a for a in self.customer_attempts if a.id not in mine)

    @once
    def counted(self) -> tuple[Attempt, ...]:
        """R43: the attempts of this pass that count, since the last call-back that succeeded."""
        tried, pass_no = self.tried, self.task.pass_no
        return tuple([a for a in tried if a.pass_no == pass_no]) if tried else ()

    @once
    def tried(self) -> tuple[Attempt, ...]:
        """The counted attempts of all passes, since the last call-back that succeeded."""
        if not self.attempts:
            return ()
        made = tuple([a for a in self.attempts if a.outcome not in NOT_COUNTED])
        if not self.task.recurs:
            return made
        done = [n for n, a in enumerate(made) if a.outcome is Disposition.COMPLETED]
        return made[done[-1] + 1 :] if done else made

    @once
    def slots_today(self) -> tuple[Slot, ...]:
        return slots_of(self.today, self.task.segment, self.zone, self.settings)

    @once
    def phone(self) -> Phone | None:
        """The number to dial: the first usable one that this pass hasn't found unallocated.

        A number must be verified, but for the first one in pass 1 and, in later passes, one that no
        earlier pass dialled (R24: re-verified or another).
        """
        barred, usable = self.resources.not_dialable, self.usable
        if not barred:
            return usable[0] if usable else None
        return next((one for one in usable if one.number not in barred), None)

    @once
    def usable(self) -> tuple[Phone, ...]:
        """The same, whatever the trunks may dial; best first."""
        pass_no = self.task.pass_no
        dead = [a.number for a in self.counted if a.outcome is Disposition.UNALLOCATED]
        dialled = [a.number for a in self.tried if a.pass_no < pass_no]
        return tuple(
            [
                phone
                for index, phone in enumerate(self.task.phones)
                if (phone.verified or (index == 0 if pass_no == 1 else phone.number not in dialled))
                and phone.number not in dead
            ]
        )

    @once
    def slots_known(self) -> dict[str, Slot | None]:
        """What ``permitted`` has worked out for this case: ``open`` and ``agreed``."""
        return {}

    def used(self, slot: Slot) -> bool:
        """R43: an attempt, of whatever pass, was made in that slot (by key, or by the hour it was made)."""
        tried = self.tried
        return bool(tried) and any(a.slot == slot.key or slot.holds(a.invited_at) for a in tried)

    def calls_on(self, day: date) -> int:
        """Counted attempts to the number on that local day, by any task of the customer."""
        phone = self.phone
        if phone is None:
            return 0
        made = 0
        for attempt in self.everything:
            if counts(attempt) and attempt.number == phone.number:
                made += attempt.invited_at.astimezone(self.zone).date() == day
        return made

    @once
    def appointment(self) -> datetime | None:
        """The agreed time, local, unless a counted attempt was made at or after it (R79)."""
        agreed = self.task.appointment
        if agreed is None or any(at_least(a.invited_at, agreed) for a in self.counted):
            return None
        return agreed.astimezone(self.zone)


def counts(attempt: Attempt) -> bool:
    """A live call counts until it is known how it ended."""
    return attempt.outcome not in NOT_COUNTED
