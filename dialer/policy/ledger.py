"""The rules as they stood when a decision was made: written once, named by a fingerprint, read again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date

from dialer.policy.calendar import Calendar
from dialer.policy.rulebook import RULEBOOK
from dialer.policy.settings import PolicySettings, changed, written

_SHORT = 12
"""Hexadecimal digits of a fingerprint: enough to tell an installation's rules apart."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings, the calendar and the rules' versions, as they stood."""

    fingerprint: str
    """Of ``body``: the same rules have the same one."""
    body: str
    """As JSON with sorted keys."""

    def settings(self) -> PolicySettings:
        """Raises ValueError where this version knows other settings."""
        return changed(PolicySettings(), json.loads(self.body)["settings"])

    def calendar(self) -> Calendar:
        found = json.loads(self.body)["calendar"]
        return Calendar(
            frozenset(found["years"]),
            frozenset(map(date.fromisoformat, found["holidays"])),
            frozenset(map(date.fromisoformat, found["workdays"])),
        )

    def versions(self) -> dict[str, int]:
        """Of each rule, as programmed then."""
        return dict(json.loads(self.body)["versions"])


def rules_of(settings: PolicySettings, calendar: Calendar) -> Rules:
    content = {
        "settings": written(settings),
        "calendar": {
            "years": sorted(calendar.years),
            "holidays": sorted(day.isoformat() for day in calendar.holidays),
            "workdays": sorted(day.isoformat() for day in calendar.workdays),
        },
        "versions": {name: rule.version for name, rule in RULEBOOK.items()},
    }
    body = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Rules(hashlib.sha256(body.encode()).hexdigest()[:_SHORT], body)
