"""What a rule can say, and what the verdict is made of. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialer.model import PhoneNumber

# What stops a call for another reason than one of the numbered rules (docs/policy.md).
SURRENDERED = "SURRENDERED"
DO_NOT_CALL = "DO_NOT_CALL"
WITH_AGENT = "WITH_AGENT"
ONE_LIVE_CALL = "ONE_LIVE_CALL"
DAILY_CAP = "DAILY_CAP"
INTERNAL_ERROR = "INTERNAL_ERROR"
DESTINATION = "DESTINATION"


@dataclass(frozen=True, slots=True)
class Dial:
    """Call this number now."""

    number: PhoneNumber
    slot: str
    window_end: datetime
    rule: str = "R44"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before ``until``."""

    until: datetime
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never, as things stand."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """Another channel must go on: ``contact_refresh``, ``visit``, ``letter``, ``text``."""

    channel: str
    rule: str
    why: str


Verdict = Dial | Wait | Refuse | Escalate
Stop = Wait | Refuse | Escalate


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said: ``result`` is ``pass``, ``wait``, ``refuse`` or ``escalate``."""

    rule: str
    result: str
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and what every rule said on the way."""

    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """What this node can do at this moment, for one task."""

    lines_free: int
    can_record: bool = True
    """R75: a call that can't be recorded isn't made."""
    can_record_why: str = ""
    approved: bool = True
    """R9, R49: the campaign and its script are approved."""
    approved_why: str = ""
    trunk_up: bool = True
    trunk_why: str = ""
    not_dialable: Mapping[PhoneNumber, str] = field(default_factory=dict)
    """The task's numbers that no trunk may dial, and why."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A rule that lets the call through, and why."""

    rule: str
    why: str


Ruling = Passed | Stop


def finding_of(ruling: Ruling) -> Finding:
    match ruling:
        case Passed():
            return Finding(ruling.rule, "pass", ruling.why)
        case Wait():
            return Finding(ruling.rule, "wait", ruling.why)
        case Refuse():
            return Finding(ruling.rule, "refuse", ruling.why)
        case Escalate():
            return Finding(ruling.rule, "escalate", ruling.why)
