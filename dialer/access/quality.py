"""Quality checks (质检): the score card of one call, findings with their severity, the month's sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.model import CallId, Reason

_ITEM = re.compile(r"\s*([a-z][a-z0-9_]*)\s+(R[0-9]+)\s+([0-9]+)\s*:\s*(.+?)\s*/\s*(.+?)\s*")


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One line of the score card."""

    key: str
    rule: str
    points: int
    zh: str
    en: str

    @classmethod
    def parse(cls, text: str) -> ScoreItem:
        """``courtesy R47 10: 敬语和感谢语 / polite words and thanks``. Raises ValueError."""
        found = _ITEM.fullmatch(text)
        if found is None or not 1 <= int(found[3]) <= 100:
            raise ValueError(f"{text!r} is no score item: write e.g. 'courtesy R47 10: 敬语 / polite words'")
        return cls(found[1], found[2], int(found[3]), found[4], found[5])

    def __str__(self) -> str:
        return f"{self.key} {self.rule} {self.points}: {self.zh} / {self.en}"


ITEMS = tuple(
    ScoreItem.parse(text)
    for text in (
        "identity R2 20: 先核实投保人身份,未向他人透露投保信息 / identity before any policy data",
        "convenience R67 5: 询问客户是否方便 / asked whether the time is convenient",
        "wording R21 20: 按标准话术完整提问 / the standard wording, whole",
        "courtesy R47 10: 敬语和感谢语 / polite words and thanks",
        "mandarin R46 5: 使用普通话 / Mandarin",
        "line R36 5: 使用专用线路,录音完整清晰 / the dedicated line, recorded whole and clear",
        "truthful R59 20: 如实记录回访结果 / the result is recorded as it was",
        "on_topic R68 5: 未偏离主题,未推销 / on the subject, nothing sold",
        "dissatisfied R66 5: 客户不满时已追问原因 / a dissatisfied customer was asked why",
        "hang_up R65 5: 由客户先挂机 / the customer hung up first",
    )
)
"""The shipped score card: 100 points."""


class Severity(StrEnum):
    """How grave a finding is (R60); ``FALSIFIED`` is R61's own."""

    MINOR = "minor"
    MODERATE = "moderate"
    SERIOUS = "serious"
    FALSIFIED = "falsified"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was wrong with a call."""

    item: str
    """The score item's key."""
    rule: str
    severity: Severity
    note: str = ""
    offset_s: float = 0.0
    """Where in the recording."""


class Mark(StrEnum):
    MET = "met"
    MISSED = "missed"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One person's check of one call."""

    call_id: CallId
    by: str
    at: datetime
    marks: tuple[tuple[str, Mark], ...]
    """Of every item, by its key."""
    score: float
    """0..100: points met of the points that applied."""
    findings: tuple[Finding, ...] = ()
    note: str = ""


def score(
    items: Sequence[ScoreItem],
    marks: Mapping[str, Mark],
    findings: Sequence[Finding],
    call_id: CallId,
    by: str,
    at: datetime,
    note: str = "",
) -> ScoreCard:
    """The filled-in card. Raises ValueError: an item without a mark, or all of them not applicable."""
    if missing := [item.zh for item in items if item.key not in marks]:
        raise ValueError(Reason(f"尚未评分:{missing[0]}", f"not marked yet: {missing[0]}"))
    keys = {item.key for item in items}
    if unknown := sorted({*marks, *(one.item for one in findings)} - keys):
        raise ValueError(Reason(f"没有评分项 {unknown[0]}", f"no score item {unknown[0]}"))
    applied = [item for item in items if marks[item.key] is not Mark.NOT_APPLICABLE]
    if not applied:
        raise ValueError(Reason("至少要有一项适用", "at least one item must apply"))
    for one in findings:
        if marks[one.item] is not Mark.MISSED:
            raise ValueError(
                Reason(
                    f"{one.item}:只有未达标的项才有问题记录", f"{one.item}: only a missed item has a finding"
                )
            )
    met = sum(item.points for item in applied if marks[item.key] is Mark.MET)
    total = sum(item.points for item in applied)
    return ScoreCard(
        call_id=call_id,
        by=by,
        at=at,
        marks=tuple((item.key, marks[item.key]) for item in items),
        score=round(100 * met / total, 1),
        findings=tuple(findings),
        note=note,
    )
