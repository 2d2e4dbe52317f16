"""All rules in one order."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.model import PhoneNumber


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
