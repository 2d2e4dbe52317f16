"""What each way an attempt can end asks of the next try (R22, R42, R43)."""

from __future__ import annotations

from enum import StrEnum

from dialer.model import Disposition


class Retry(StrEnum):
    """What one disposition asks of the next try."""

    ANOTHER_SLOT = "another_slot"
    NEXT_DAY = "next_day"
    OTHER_NUMBER = "other_number"
    AGREED_TIME = "agreed_time"
    NOT_COUNTED = "not_counted"
    NONE = "none"
    """The task is over; its state says so."""


RETRIES: dict[Disposition, Retry] = {
    Disposition.COMPLETED: Retry.NONE,
    Disposition.REFUSED: Retry.NONE,
    Disposition.TRANSFERRED: Retry.NONE,
    Disposition.ANSWERED_INCOMPLETE: Retry.ANOTHER_SLOT,
    Disposition.WRONG_PERSON: Retry.ANOTHER_SLOT,
    Disposition.NO_ANSWER: Retry.ANOTHER_SLOT,
    Disposition.BUSY: Retry.ANOTHER_SLOT,
    Disposition.UNREACHABLE: Retry.ANOTHER_SLOT,
    Disposition.MACHINE: Retry.ANOTHER_SLOT,
    Disposition.UNKNOWN: Retry.ANOTHER_SLOT,
    Disposition.APPOINTMENT: Retry.AGREED_TIME,
    Disposition.REJECTED: Retry.NEXT_DAY,
    Disposition.UNALLOCATED: Retry.OTHER_NUMBER,
    Disposition.TRUNK_FAILURE: Retry.NOT_COUNTED,
    Disposition.NOT_DIALLED: Retry.NOT_COUNTED,
}
