"""Past-tense facts that the store's outbox keeps and the bus publishes.

No event carries a telephone number, a name or spoken words: ids only, so a broker learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dialer.model import CallId, Disposition, TaskId, TicketId


@dataclass(frozen=True, slots=True)
class TaskImported:
    at: datetime
    task_id: TaskId
    campaign: str


@dataclass(frozen=True, slots=True)
class DeadlineDatedAnew:
    """A provisional deadline was counted again by the official calendar."""

    at: datetime
    task_id: TaskId
    before: date | None
    after: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class CallDialled:
    at: datetime
    call_id: CallId
    task_id: TaskId


@dataclass(frozen=True, slots=True)
class CallAnswered:
    at: datetime
    call_id: CallId


@dataclass(frozen=True, slots=True)
class CallEnded:
    at: datetime
    call_id: CallId
    task_id: TaskId
    outcome: Disposition


@dataclass(frozen=True, slots=True)
class TicketIssued:
    at: datetime
    ticket_id: TicketId
    call_id: CallId
    category: str
    major: bool


@dataclass(frozen=True, slots=True)
class RecordingSealed:
    at: datetime
    call_id: CallId
    sha256: str


@dataclass(frozen=True, slots=True)
class TrunkDown:
    """No call can be placed over this trunk. ``why`` names no telephone number."""

    at: datetime
    trunk: str
    why: str


@dataclass(frozen=True, slots=True)
class TrunkUp:
    """It was down, and calls can be placed again."""

    at: datetime
    trunk: str


Event = (
    TaskImported | DeadlineDatedAnew | CallDialled | CallAnswered | CallEnded | TicketIssued | RecordingSealed
    | TrunkDown | TrunkUp
)  # fmt: skip
