"""The matrix: what was run, what it says, and which reasons are known. No I/O."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Feature(StrEnum):
    CALL = "call"
    DIGEST = "digest"
    TCP = "tcp"
    TLS = "tls"
    SRTP = "srtp"
    DTMF_RTP = "dtmf-rfc4733"
    DTMF_INFO = "dtmf-info"
    CANCEL = "cancel"
    HOLD = "hold"
    SESSION_TIMER = "session-timer"
    REFER = "refer"
    PRACK = "prack"
    EARLY_MEDIA = "early-media"


class Result(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_THERE = "n/a"


TITLES = {
    "zh": {
        Feature.CALL: "通话", Feature.DIGEST: "鉴权", Feature.TCP: "TCP", Feature.TLS: "TLS",
        Feature.SRTP: "SRTP", Feature.DTMF_RTP: "4733", Feature.DTMF_INFO: "INFO",
        Feature.CANCEL: "取消", Feature.HOLD: "保持", Feature.SESSION_TIMER: "会话定时",
        Feature.REFER: "转接", Feature.PRACK: "PRACK", Feature.EARLY_MEDIA: "早期媒体",
    },
    "en": {
        Feature.CALL: "call", Feature.DIGEST: "digest", Feature.TCP: "TCP", Feature.TLS: "TLS",
        Feature.SRTP: "SRTP", Feature.DTMF_RTP: "4733", Feature.DTMF_INFO: "INFO",
        Feature.CANCEL: "CANCEL", Feature.HOLD: "hold", Feature.SESSION_TIMER: "timer",
        Feature.REFER: "REFER", Feature.PRACK: "PRACK", Feature.EARLY_MEDIA: "early",
    },
}  # fmt: skip
WORDS = {
    "zh": {Result.PASS: "通过", Result.FAIL: "失败", Result.NOT_THERE: "—", "peer": "对端"},
    "en": {Result.PASS: "pass", Result.FAIL: "FAIL", Result.NOT_THERE: "n/a", "peer": "peer"},
}

Key = tuple[str, Feature]


@dataclass
class Outcome:
    result: Result
    detail: str
    """The evidence, or why not."""
    seconds: float = 0.0


@dataclass
class Matrix:
    """``lacking``: cells that the peer's own documentation rules out, with the reason; ``known``: fails that
    are understood, with the reason."""

    lacking: Mapping[Key, str]
    known: Mapping[Key, str]
    versions: dict[str, str] = field(default_factory=dict)
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)

    def count(self, result: Result) -> int:
        return sum(outcome.result is result for outcome in self.outcomes.values())

    def faults(self) -> list[str]:
        """Why the run isn't good: empty where it is."""
        found = [f"{peer}: not available: {why}" for peer, why in self.unavailable.items()]
        for key, outcome in self.outcomes.items():
            name = f"{key[0]} / {key[1].value}"
            if key[0] in self.unavailable:
                continue
            if outcome.result is Result.FAIL and key not in self.known:
                found.append(f"{name}: fails without a known reason: {outcome.detail}")
            elif outcome.result is Result.PASS and key in self.known:
                found.append(f"{name}: passes, but its reason to fail is still in the table")
        return found

    def table(self, lang: str) -> str:
        words, titles = WORDS[lang], TITLES[lang]
        features = [f for f in Feature if any(key[1] is f for key in self.outcomes)]
        rows = [[words["peer"], *(titles[f] for f in features)]]
        for peer in self.versions:
            cells = [self.outcomes.get((peer, f)) for f in features]
            rows.append([peer, *("" if cell is None else words[cell.result] for cell in cells)])
        widths = [max(_width(row[n]) for row in rows) for n in range(len(rows[0]))]
        lines = [
            "  ".join(text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
            for row in rows
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(line.rstrip() for line in lines)

    def json(self, seconds: float) -> str:
        peers: dict[str, dict[str, str]] = {peer: {} for peer in self.versions}
        for (peer, feature), outcome in self.outcomes.items():
            peers[peer][feature.value] = outcome.result.value
        return json.dumps(
            {
                "peers": peers,
                "passed": self.count(Result.PASS),
                "failed": self.count(Result.FAIL),
                "not_there": self.count(Result.NOT_THERE),
                "faults": self.faults(),
                "versions": self.versions,
                "seconds": round(seconds, 1),
            },
            ensure_ascii=False,
        )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
