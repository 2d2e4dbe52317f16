"""What a rule can say, and what the verdict is made of. Values only.

Structs, for they are built in C: a verdict makes dozens of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from dialer.model import Attempt, PhoneNumber, Task
from dialer.policy.rulebook import (
    DAILY_CAP,
    DESTINATION,
    INTERNAL_ERROR,
    ONE_LIVE_CALL,
    WITH_AGENT,
    version_of,
)

__all__ = [
    "DAILY_CAP",
    "DESTINATION",
    "INTERNAL_ERROR",
    "ONE_LIVE_CALL",
    "WITH_AGENT",
    "Decision",
    "Dial",
    "Escalate",
    "Finding",
    "Inputs",
    "Refuse",
    "Resources",
    "Ruling",
    "Stop",
    "Verdict",
    "Wait",
    "finding_of",
    "passed",
]


class Dial(msgspec.Struct, frozen=True):
    """Call this number now."""

    number: PhoneNumber
    slot: str
    window_end: datetime
    rule: str = "R44"
    why: str = ""
    en: str = ""
    """``why`` in English; here and below."""


class Wait(msgspec.Struct, frozen=True):
    """Not before ``until``."""

    until: datetime
    rule: str
    why: str
    en: str = ""


class Refuse(msgspec.Struct, frozen=True):
    """Never, as things stand."""

    rule: str
    why: str
    en: str = ""


class Escalate(msgspec.Struct, frozen=True):
    """Another channel must go on: ``contact_refresh``, ``visit``, ``letter``, ``text``."""

    channel: str
    rule: str
    why: str
    en: str = ""


Verdict = Dial | Wait | Refuse | Escalate
Stop = Wait | Refuse | Escalate


class Finding(msgspec.Struct, frozen=True):
    """What one rule said: ``result`` is ``pass``, ``wait``, ``refuse`` or ``escalate``."""

    rule: str
    result: str
    why: str
    version: int = 1
    """Of the rule as programmed (``rulebook``): an old finding names the rule that spoke then."""
    en: str = ""


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


class Inputs(msgspec.Struct, frozen=True):
    """What a decision went by: enough to understand it years later, and to make it again."""

    now: datetime
    task: Task
    """Read back from a store it has the facts that rules look at, and no other."""
    attempts: tuple[Attempt, ...]
    customer_attempts: tuple[Attempt, ...]
    resources: Resources
    rules: str
    """Fingerprint of the settings, the calendar and the rules' versions (``ledger.Rules``)."""


class Decision(msgspec.Struct, frozen=True):
    """The verdict and what every rule said on the way."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    inputs: Inputs | None = None
    """Set by whoever records it; None where it is only asked for."""


Ruling = Finding | Stop
"""What a rule says: a finding, ``passed``, where it lets the call through."""
_RESULTS: Mapping[type[Stop], str] = {Wait: "wait", Refuse: "refuse", Escalate: "escalate"}


def passed(rule: str, why: str, en: str = "") -> Finding:
    """A rule that lets the call through, and why.

    Each verdict has some twenty of them, most with the same words: rules keep those that they can.
    """
    return Finding(rule, "pass", why, version_of(rule), en)


def finding_of(ruling: Ruling) -> Finding:
    if isinstance(ruling, Finding):
        return ruling
    return Finding(ruling.rule, _RESULTS[type(ruling)], ruling.why, version_of(ruling.rule), ruling.en)
