"""Past-tense facts that the store's outbox keeps and the bus publishes.

No event carries a telephone number, a name or spoken words: ids only, so a broker learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dialer.model import CallId, Disposition, TaskId, TicketId

NOT_FROM_OUTBOX = 0
"""Id of a fact that is told at once and kept nowhere."""


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
class CampaignMoved:
    """A campaign's version took a step of its life, e.g. ``approve`` or ``pause``."""

    at: datetime
    campaign: str
    version: int
    step: str


@dataclass(frozen=True, slots=True)
class ContactRefreshed:
    """The business side confirmed or replaced a task's number (R24)."""

    at: datetime
    task_id: TaskId
    pass_no: int


@dataclass(frozen=True, slots=True)
class TaskHandedOver:
    """Another method goes on with a task: ``visit``, ``letter`` or ``text``."""

    at: datetime
    task_id: TaskId
    channel: str


@dataclass(frozen=True, slots=True)
class HandoverMoved:
    """A visit, letter or text took a step, e.g. ``assign``, ``send`` or ``succeed``."""

    at: datetime
    task_id: TaskId
    channel: str
    step: str


@dataclass(frozen=True, slots=True)
class MethodCapPassed:
    """Visits and letters are more than their share of a month's call-backs (R8). Told once a month."""

    at: datetime
    month: str
    visits_and_letters: int
    called_back: int


@dataclass(frozen=True, slots=True)
class ArchiveRootSigned:
    """The archive's log of a day under one signed Merkle root: whoever keeps it can prove a later change."""

    at: datetime
    day: date
    first: int
    last: int
    root: str
    signature: str
    public_key: str
    statement: str = ""
    """What was signed (``proof.statement``)."""


@dataclass(frozen=True, slots=True)
class BackupOverdue:
    """The last backup is older than it may be, or there is none (R93). Told once a day."""

    at: datetime
    last: datetime | None


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
    | CampaignMoved | ContactRefreshed | TaskHandedOver | HandoverMoved | MethodCapPassed
    | ArchiveRootSigned | BackupOverdue | TrunkDown | TrunkUp
)  # fmt: skip
