"""Campaign files: what they say, and how a mistake is told."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from campaign_files import FIT, TEMPLATES, plan, text
from hypothesis import given
from hypothesis import strategies as st

from dialer.campaigns import read_plan
from dialer.campaigns.reader import line_of_place
from dialer.errors import CampaignError
from dialer.policy.settings import Window


def test_the_five_elements_are_read() -> None:
    made = plan()
    assert (made.id, made.author, made.content.script, made.content.version) == (
        "autumn",
        "张三",
        "new-policy/short",
        "1",
    )
    assert made.content.filing.filed_on == date(2026, 10, 20)
    assert (made.method.caller_id, made.method.passes) == ("4008001234", 2)
    assert made.time.windows == (Window.parse("10:00-11:00"),)
    assert made.has_cooling_off
    assert made.deadline_types == ("R30", "R31")
    assert (made.subjects.description, made.people.department) == ("新契约投保人", "客户服务部")


@pytest.mark.parametrize(
    ("changes", "line", "says"),
    [
        ((("title: 新契约回访\n", ""),), 1, "title is missing: write title: ..."),
        ((("passes: 2", "passses: 2"),), 11, "unknown key 'method.passses', did you mean 'passes'"),
        ((("passes: 2", "passes: many"),), 11, "method.passes: .*not 'many'"),
        ((("passes: 2", "passes: 0"),), 11, "method.passes: .*greater than or equal to 1"),
        ((('"10:00-11:00"', '"10:00-9:00"'),), 16, "ends before it starts"),
        ((('"10:00-11:00"', "10"),), 16, "time.windows.0"),
        ((("starts: 2026-11-01", "starts: soon"),), 13, "time.starts: .*not 'soon'"),
        ((("id: autumn", "id: a b"),), 1, "one word of letters"),
        ((("method:\n", "method:\n  channel: fax\n"),), 9, "method.channel: .*'phone'"),
        ((("starts: 2026-11-01", "pre_notice: soon"),), 13, "time.pre_notice: must be a table"),
        ((("id: autumn\n", "id: autumn\nid: winter\n"),), 2, "found duplicate key"),
        ((("id: autumn", "id: ["),), 3, "not YAML"),
        (
            (("script: new-policy/short\n", "script: new-policy/short\n  scrip: x\n"),),
            6,
            "did you mean 'script'",
        ),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    changes: tuple[tuple[str, str], ...], line: int, says: str
) -> None:
    with pytest.raises(CampaignError, match=says) as caught:
        read_plan(text(*changes), "autumn.yaml")
    assert (caught.value.file, caught.value.line) == ("autumn.yaml", line)


@pytest.mark.parametrize(
    "bad", ["", "- a", "just words", "a: &x [*x]", "[" * 3000, "? [a]\n: b", "a: 2026-99-99"]
)
def test_what_is_no_campaign_at_all(bad: str) -> None:
    with pytest.raises(CampaignError):
        read_plan(bad, "x.yaml")


@given(st.text(alphabet=st.sampled_from("abid:title \n-[]{}'\"#&*!|>%@`,?1."), max_size=60))
def test_any_text_is_a_plan_or_a_campaign_error(junk: str) -> None:
    for wrong in (junk, FIT + junk, junk + FIT):
        with suppress(CampaignError):
            read_plan(wrong, "x.yaml")


def test_places_have_lines() -> None:
    assert line_of_place(FIT, "content.filing") == 7
    assert line_of_place(FIT, "time.pre_notice") == 12, "what isn't written stands where its table does"
    assert line_of_place(FIT, "people.department") == 21
    assert line_of_place(FIT, "") == 1


@pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_template_is_a_campaign_file(file: Path) -> None:
    made = read_plan(file.read_text(encoding="utf-8"), str(file))
    assert made.id == file.stem
    assert made.content.script.split("/")[0] == file.stem


def test_there_is_a_template_for_each_kind_of_call_back() -> None:
    assert {file.stem for file in TEMPLATES.glob("*.yaml")} == {
        "new-policy", "wealth", "claims", "lapse", "policy-change", "orphan", "complaint", "satisfaction",
        "visit-verification",
    }  # fmt: skip
