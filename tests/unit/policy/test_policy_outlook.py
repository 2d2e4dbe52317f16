"""What comes next: every try the rules permit, and where the telephone ends."""

from __future__ import annotations

import itertools

import pytest
from policy_cases import CALENDAR, FREE, SETTINGS, at, attempt, task

from dialer.model import Attempt, Disposition, Task
from dialer.policy.outlook import Step, outlook
from dialer.policy.verdict import Dial, Escalate, Refuse, Wait


def steps(now: str, *attempts: Attempt, of: Task | None = None) -> tuple[Step, ...]:
    return outlook(of or task(), attempts, (), at(now), CALENDAR, SETTINGS, FREE)


def tries(found: tuple[Step, ...]) -> list[str]:
    return [f"{step.at:%m-%d %H:%M}" for step in found if isinstance(step.decision.verdict, Dial)]


def test_three_tries_in_different_slots_and_then_the_business_side() -> None:
    found = steps("11-13 14:30")
    assert tries(found) == ["11-13 14:30", "11-16 10:00", "11-16 14:00"]
    last = found[-1].decision.verdict
    assert isinstance(last, Escalate)
    assert (last.channel, last.rule, found[-1].unanswered) == ("contact_refresh", "R24", 3)


def test_the_first_step_is_the_present() -> None:
    live = attempt("11-10 10:00", None)
    found = steps("11-10 10:00:10", live)
    assert isinstance(found[0].decision.verdict, Wait)
    assert found[0].decision.verdict.rule == "ONE_LIVE_CALL"
    assert tries(found) == ["11-10 14:00", "11-11 10:00"], "the call under way is supposed to count"


def test_an_agreed_time_comes_first() -> None:
    found = steps("11-10 10:00", of=task(appointment=at("11-12 15:30")))
    assert tries(found) == ["11-12 15:30", "11-13 10:00", "11-13 14:00"]


def test_after_the_last_pass_the_visit() -> None:
    found = steps("11-10 10:00", of=task(pass_no=2))
    assert [step.decision.verdict.rule for step in found[-1:]] == ["R25"]


def test_what_no_time_changes_is_one_step() -> None:
    (only,) = steps("11-10 10:00", of=task(surrendered=True))
    assert isinstance(only.decision.verdict, Refuse)


@pytest.mark.parametrize("tier", ["A", ""])
def test_it_ends(tier: str) -> None:
    done = attempt("11-09 10:00", Disposition.COMPLETED)
    found = steps("11-10 10:00", done, of=task(tier=tier))
    assert len(found) < 40
    assert all(later.at > one.at for one, later in itertools.pairwise(found))
    assert not isinstance(found[-1].decision.verdict, Dial | Wait)
