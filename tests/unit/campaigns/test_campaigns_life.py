"""The life of a campaign: one table, locked contents, nobody approves his own."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from campaign_files import ROOT
from hypothesis import given
from hypothesis import strategies as st

from dialer.campaigns import CampaignState, CampaignStep, CampaignVersion, Content, StepTaken, advance
from dialer.campaigns.life import IN_FORCE, LOCKED, TABLE, diagram, heads, register, step
from dialer.errors import IllegalTransition

NOW = datetime(2026, 11, 10, 10, tzinfo=UTC)


def version(state: CampaignState = CampaignState.DRAFT, number: int = 1, plan: str = "p") -> CampaignVersion:
    return CampaignVersion("autumn", number, state, "张三", NOW, plan, "s")


def taken(kind: CampaignStep, by: str = "李四") -> StepTaken:
    return StepTaken(kind, by, NOW)


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(CampaignState, CampaignStep)))
def test_the_table_is_the_whole_truth(state: CampaignState, kind: CampaignStep) -> None:
    before = version(state)
    if (state, kind) in TABLE:
        assert advance(before, taken(kind)) == replace(before, state=TABLE[state, kind])
    else:
        with pytest.raises(IllegalTransition, match=f"is {state}: {kind} isn't possible"):
            advance(before, taken(kind))
    assert before == version(state)


def test_the_way_to_the_first_call_is_long() -> None:
    """Lint, rehearsal and approval by somebody else come before any call (R48-R50)."""
    reached = {CampaignState.DRAFT: {()}}
    for _ in range(8):
        for (source, kind), target in TABLE.items():
            for way in reached.get(source, set()).copy():
                if kind not in way:
                    reached.setdefault(target, set()).add((*way, kind))
    needed = {CampaignStep.LINT, CampaignStep.REHEARSE, CampaignStep.APPROVE, CampaignStep.START}
    assert all(needed <= set(way) for way in reached[CampaignState.RUNNING])
    assert not any(source in (CampaignState.FINISHED, CampaignState.SUPERSEDED) for source, _ in TABLE)


@pytest.mark.parametrize("name", ["张三", " 张 三 ", "张三\u3000"])
def test_the_author_does_not_approve(name: str) -> None:
    with pytest.raises(IllegalTransition, match="somebody else"):
        advance(version(CampaignState.REHEARSED), taken(CampaignStep.APPROVE, name))


@pytest.mark.parametrize("name", ["", "  "])
def test_nobody_takes_no_step(name: str) -> None:
    with pytest.raises(IllegalTransition, match="name"):
        advance(version(), taken(CampaignStep.LINT, name))


def content(plan: str, script: str = "s") -> Content:
    return Content("autumn", "张三", plan, script)


def test_the_same_content_is_the_same_version() -> None:
    first = register([], content("p"), "张三", NOW)
    assert first.version == version()
    for state in CampaignState:
        known = [version(state)]
        change = register(known, content("p"), "张三", NOW)
        again = state in (CampaignState.FINISHED, CampaignState.SUPERSEDED)
        assert (change.version.number, change.versions == ()) == (2 if again else 1, not again)


@pytest.mark.parametrize("other", [content("q"), content("p", "t")])
def test_another_file_or_script_never_changes_a_locked_version(other: Content) -> None:
    for state in LOCKED:
        change = register([version(state)], other, "张三", NOW)
        assert (change.version.number, change.version.state) == (2, CampaignState.DRAFT)
        texts = {(one.number, one.plan_text, one.script_text) for one in change.versions if one.number == 1}
        assert texts <= {(1, "p", "s")}
        assert not any(one.state in IN_FORCE for one in change.versions)


def test_starting_a_version_ends_the_one_before() -> None:
    known = [
        version(CampaignState.RUNNING, 1),
        version(CampaignState.APPROVED, 2, "q"),
        version(CampaignState.APPROVED, 3, "r"),
        version(CampaignState.DRAFT, 4, "t"),
    ]
    change = step(known, 3, taken(CampaignStep.START))
    assert {one.number: one.state for one in change.versions} == {
        1: CampaignState.SUPERSEDED,
        2: CampaignState.SUPERSEDED,
        3: CampaignState.RUNNING,
    }
    assert change.versions[-1].number == 3, "the last one written: two may never be in force"
    assert change.records[0].taken.note == "version 3"


@given(
    st.lists(
        st.tuples(st.sampled_from(list(CampaignStep)), st.integers(1, 3), st.sampled_from("abc")), max_size=30
    )
)
def test_over_any_history_one_version_is_in_force_at_most(
    history: list[tuple[CampaignStep, int, str]],
) -> None:
    known: dict[int, CampaignVersion] = {}
    approved: dict[int, str] = {}
    for kind, number, plan in history:
        made = register(list(known.values()), content(plan), "张三", NOW)
        known |= {one.number: one for one in made.versions}
        try:
            change = step(list(known.values()), number, taken(kind))
        except IllegalTransition:
            continue
        known |= {one.number: one for one in change.versions}
        if kind is CampaignStep.APPROVE:
            approved[number] = known[number].digest
        in_force = [one for one in known.values() if one.state in IN_FORCE]
        assert len(in_force) <= 1
        assert all(approved[one.number] == one.digest for one in in_force), "what runs is what was approved"


def test_which_version_counts() -> None:
    known = [
        version(CampaignState.SUPERSEDED, 1).head,
        version(CampaignState.PAUSED, 2).head,
        version(CampaignState.APPROVED, 3).head,
        replace(version(CampaignState.DRAFT, 1).head, campaign="b"),
        replace(version(CampaignState.LINTED, 2).head, campaign="b"),
    ]
    assert {one.campaign: one.number for one in heads(known)} == {"autumn": 2, "b": 2}


def test_a_carried_over_campaign_has_no_content() -> None:
    old = replace(version(CampaignState.RUNNING), number=0)
    assert old.carried_over
    assert old.digest == ""


def test_the_manual_draws_this_table() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    drawn = manual.split("<!-- campaign-states -->\n")[1].split("<!-- /campaign-states -->")[0]
    assert drawn == f"```mermaid\n{diagram()}\n```\n"
