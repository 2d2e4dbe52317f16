from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dialer.access.config import QualityConfig
from dialer.access.quality import ITEMS, Finding, Mark, ScoreItem, Severity, score
from dialer.model import CallId

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
ALL_MET = {item.key: Mark.MET for item in ITEMS}


def test_points_of_what_applied() -> None:
    assert score(ITEMS, ALL_MET, [], CallId(1), "qa1", NOW).score == 100
    marks = ALL_MET | {"courtesy": Mark.MISSED}
    assert score(ITEMS, marks, [], CallId(1), "qa1", NOW).score == 90
    marks |= {key: Mark.NOT_APPLICABLE for key in ALL_MET if key not in ("courtesy", "wording")}
    assert score(ITEMS, marks, [], CallId(1), "qa1", NOW).score == 66.7


def test_a_card_must_be_whole_and_fit() -> None:
    with pytest.raises(ValueError, match="尚未评分"):
        score(ITEMS, {"courtesy": Mark.MET}, [], CallId(1), "qa1", NOW)
    with pytest.raises(ValueError, match="没有评分项"):
        score(ITEMS, ALL_MET | {"extra": Mark.MET}, [], CallId(1), "qa1", NOW)
    with pytest.raises(ValueError, match="至少"):
        score(ITEMS, dict.fromkeys(ALL_MET, Mark.NOT_APPLICABLE), [], CallId(1), "qa1", NOW)
    finding = Finding("courtesy", "R47", Severity.MINOR)
    with pytest.raises(ValueError, match="未达标"):
        score(ITEMS, ALL_MET, [finding], CallId(1), "qa1", NOW)


def test_items_are_written_as_text_and_come_back() -> None:
    assert [ScoreItem.parse(str(item)) for item in ITEMS] == list(ITEMS)
    for wrong in (
        "courtesy R47: x / y",
        "courtesy R47 0: x / y",
        "courtesy 47 5: x / y",
        "courtesy R47 5: x",
        "",
    ):
        with pytest.raises(ValueError, match="score item"):
            ScoreItem.parse(wrong)


def test_no_card_without_items_or_with_one_twice() -> None:
    with pytest.raises(ValueError, match="items"):
        QualityConfig(items=())
    with pytest.raises(ValueError, match="twice"):
        QualityConfig(items=(ITEMS[0], ITEMS[0]))
