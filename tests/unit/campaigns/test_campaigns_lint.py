"""What a campaign may not do, each with its rule and place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from campaign_files import FIT, SCRIPT, SCRIPT_TEXT, around, plan

from dialer.campaigns.lint import lint
from dialer.campaigns.reader import line_of_place
from dialer.ivr.config import TurnSettings
from dialer.ivr.script import Purpose
from dialer.policy.settings import PolicySettings, Window

Changes = tuple[tuple[str, str], ...]


def test_a_fit_campaign_has_no_finding() -> None:
    assert lint(plan(), around()) == ()


@pytest.mark.parametrize(
    ("changes", "rule", "place", "says"),
    [
        ((("new-policy/short", "new-policy/endless"),), "R48", "content.script", "no such script"),
        ((("version: 1", "version: 2"),), "R9", "content.version", "the campaign names 2"),
        ((("number: 保监〔2026〕12号, ", ""),), "R9", "content.filing", "filing"),
        ((('"4008001234"', "service"),), "R36", "method.caller_id", "digits"),
        ((("ends: 2026-12-31", "ends: 2026-10-01"),), "R48", "time.ends", "before"),
        ((("R30, R31", "R30, R99"),), "R10", "time.deadlines", "R99"),
        ((('"10:00-11:00"', '"09:00-11:00"'),), "R44", "time.windows", "only narrows"),
        (
            (("windows:", 'government_windows: ["14:00-15:00"]\n  windows:'),),
            "R44",
            "time.government_windows",
            "only narrows",
        ),
        ((("passes: 2", "attempts_per_pass: 2"),), "R43", "method.attempts_per_pass", "below R43"),
        (
            (("windows:", "pre_notice: {text: ''}\n  windows:"),),
            "R80",
            "time.pre_notice",
            "no text",
        ),
        ((("客户服务部", "个险销售部"),), "R4", "people.department", "sales"),
        ((("responsible: 李四", "responsible: ''"),), "R48", "people.responsible", "empty"),
    ],
)
def test_what_hinders_a_campaign(changes: Changes, rule: str, place: str, says: str) -> None:
    (found,) = [one for one in lint(plan(*changes), around()) if one.blocks]
    assert (found.rule, found.place) == (rule, place)
    assert says in found.message.en
    assert found.message != found.message.en, "Chinese first"
    assert line_of_place(FIT, place) > 1


def test_a_script_that_is_not_there_is_said_plainly() -> None:
    (found,) = lint(plan(), around(script=None, script_text=""))
    assert "缺少话术 new-policy" in found.message
    assert "config/scripts" in found.message


def test_a_script_that_cannot_be_read_is_told_with_its_line() -> None:
    (found,) = lint(plan(), around(script=None, script_fault="new-policy.yaml:7: unknown key"))
    assert "new-policy.yaml:7" in found.message


def test_the_scripts_own_findings_count() -> None:
    found = lint(plan(), around(turns=TurnSettings(long_stop_s=0.5)))
    assert [(one.rule, one.place, one.blocks) for one in found] == [("R65", "script", True)]
    survey = replace(SCRIPT, purpose=Purpose.SURVEY)
    assert [one.rule for one in lint(plan(), around(script=survey))] == ["R64"]


def test_an_approved_wording_is_changed_only_with_its_version() -> None:
    locked = [("new-policy", "1", SCRIPT_TEXT + "# one comment more\n")]
    (found,) = lint(plan(), around(locked_texts=locked))
    assert (found.rule, found.place) == ("R21", "content.version")
    assert lint(plan(), around(locked_texts=[("new-policy", "1", SCRIPT_TEXT)])) == ()
    assert lint(plan(), around(locked_texts=[("new-policy", "2", "other")])) == ()


def test_what_is_only_worth_knowing() -> None:
    found = lint(plan(("[cooling_off, R30, R31]", "[]")), around(campaigns=["autumn"]))
    assert [(one.rule, one.blocks) for one in found] == [("R76", False), ("R10", False)]


def test_the_installations_windows_bound_the_campaigns() -> None:
    narrow = PolicySettings(
        windows=(Window.parse("14:00-16:00"),), government_windows=(Window.parse("15:00-16:00"),)
    )
    assert [one.rule for one in lint(plan(), around(settings=narrow))] == ["R44"]
