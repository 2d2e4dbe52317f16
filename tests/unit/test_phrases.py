"""What a verdict is called, in both languages; rows of older versions too."""

from __future__ import annotations

import pytest
from test_story import NUMBER, at, story

from dialer.phrases import Phrases
from dialer.policy.verdict import Decision, Dial, Escalate, Finding, Refuse, Verdict, Wait

ZH, EN = Phrases(story(), "zh"), Phrases(story(), "en")


@pytest.mark.parametrize(
    ("verdict", "zh", "en"),
    [
        (Dial(NUMBER, "s", at("10 11:00")), "拨打 138****5678", "call 138****5678"),
        (Wait(at("10 14:00"), "R43", ""), "等待至 2026-11-10 14:00", "wait until 2026-11-10 14:00"),
        (Wait(at("10 14:00:05"), "R7", ""), "等待至 2026-11-10 14:00:05", "wait until 2026-11-10 14:00:05"),
        (Refuse("R19", ""), "不拨打", "don't call"),
        (Escalate("visit", "R25", ""), "转上门", "to a visit"),
        (Escalate("letter", "R26", ""), "转信函", "to a letter"),
        (Escalate("text", "R37", ""), "转短信或邮件", "to text message or e-mail"),
        (Escalate("pigeon", "R37", ""), "pigeon", "pigeon"),
    ],
)
def test_every_verdict_has_its_words(verdict: Verdict, zh: str, en: str) -> None:
    assert (ZH.verdict(verdict), EN.verdict(verdict)) == (zh, en)


def test_a_row_without_english_borrows_the_finding_s_or_the_rule_s() -> None:
    old = Wait(at("10 14:00"), "R43", "须换时段")
    finding = Finding("R43", "wait", "须换时段", 1, "another slot")
    assert ZH.why(Decision(old, ())) == "须换时段(R43)"
    assert EN.why(Decision(old, (finding,))) == "another slot (R43)"
    assert EN.why(Decision(old, ())) == "at least three attempts, each in another slot (R43)"
    assert EN.why(Decision(Wait(at("10 14:00"), "R999", "旧"), ())) == "R999 (R999)"
    assert EN.rule("R999", None) == "rule R999"
