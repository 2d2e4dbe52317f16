"""What a plan makes of the calling rules and of a customer list's rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from campaign_files import CALENDAR, plan, task

from dialer.campaigns import CampaignState, CampaignVersion
from dialer.campaigns.rules import NotAdmitted, admission, dated, halted, out_of_time, settings_of
from dialer.errors import CampaignError
from dialer.policy.settings import PolicySettings, Window

BASE = PolicySettings()
SIGNED = date(2026, 11, 6)
"""A Friday."""


def narrowed(*changes: tuple[str, str]) -> PolicySettings:
    return settings_of(plan(*changes), BASE)


def test_a_plan_narrows_and_leaves_the_rest() -> None:
    made = narrowed()
    assert made.windows == (Window.parse("10:00-11:00"),)
    assert made.government_windows == (Window.parse("10:00-11:00"),), "what is left of them inside"
    assert replace(made, windows=BASE.windows, government_windows=BASE.government_windows) == BASE


def test_every_override_reaches_the_rules() -> None:
    made = narrowed(
        ("passes: 2", "passes: 3\n  attempts_per_pass: 4"),
        ("windows:", 'appointments: {outside_windows: true, hours: "08:00-21:00"}\n  windows:'),
        ('"10:00-11:00"', '"10:00-11:00", "15:00-15:30"'),
        ("time:\n", 'time:\n  government_windows: ["15:00-15:30"]\n'),
    )
    assert (made.max_passes, made.attempts_per_pass) == (3, 4)
    assert made.appointment_outside_windows
    assert made.appointment_hours == Window.parse("08:00-21:00")
    assert made.government_windows == (Window.parse("15:00-15:30"),)
    forbidden = settings_of(
        plan(("windows:", "appointments: {outside_windows: false}\n  windows:")),
        replace(BASE, appointment_outside_windows=True),
    )
    assert not forbidden.appointment_outside_windows


def test_windows_without_a_government_hour_need_general_customers() -> None:
    outside = (('"10:00-11:00"', '"14:00-15:00"'),)
    with pytest.raises(ValueError, match="R45"):
        narrowed(*outside)
    general = (*outside, ("subjects:\n", "subjects:\n  segments: [general]\n"))
    assert narrowed(*general).windows == (Window.parse("14:00-15:00"),)


@pytest.mark.parametrize("state", list(CampaignState))
def test_only_a_running_campaign_is_dialled(state: CampaignState) -> None:
    version = CampaignVersion("autumn", 2, state, "张三", datetime(2026, 11, 1, tzinfo=UTC), "p", "s")
    why = halted("autumn", version.head)
    if state is CampaignState.RUNNING:
        assert why is None
    else:
        assert why is not None
        assert "autumn" in why
        assert "version 2" in why.en
        assert why != why.en
    assert halted("autumn", None) is not None


def test_first_and_last_day_count() -> None:
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [bool(out_of_time(plan(), day)) for day in days] == [True, False, False, True]


def admitted(changes: tuple[tuple[str, str], ...] = (), **more: Any) -> Any:
    return admission(plan(*changes), CALENDAR, BASE)(task(**more))


def test_the_earliest_deadline_counts() -> None:
    made = admitted(event=SIGNED, cooling_off_end=date(2026, 11, 20))
    assert (made.due, made.deadline_type, made.due_provisional) == (date(2026, 11, 13), "R30", False)


def test_a_date_of_the_list_goes_before() -> None:
    made = admitted(due=date(2026, 12, 24), cooling_off_end=date(2026, 11, 20))
    assert (made.due, made.deadline_type) == (date(2026, 12, 24), "")


def test_a_deadline_in_an_unknown_year_is_marked() -> None:
    made = admitted(event=date(2026, 12, 30), cooling_off_end=date(2027, 1, 10))
    assert made.due_provisional
    assert made.due >= date(2027, 1, 1)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"cooling_off_end": date(2026, 11, 20)}, "event"),
        ({"event": SIGNED}, "cooling_off_end"),
    ],
)
def test_what_a_deadline_counts_from_must_be_there(more: dict[str, Any], field: str) -> None:
    with pytest.raises(NotAdmitted) as caught:
        admitted(**more)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("listed", "field"),
    [
        ("segments: [government]", "segment"),
        ("branches: [杭州]", "branch"),
        ("channels: [银代]", "channel"),
        ("products: [安心年金]", "product"),
    ],
)
def test_only_subjects_are_admitted(listed: str, field: str) -> None:
    changes = (("subjects:\n", f"subjects:\n  {listed}\n"),)
    with pytest.raises(NotAdmitted) as caught:
        admitted(changes, event=SIGNED, cooling_off_end=SIGNED)
    assert caught.value.field == field


def test_no_deadline_no_date() -> None:
    made = admitted((("[cooling_off, R30, R31]", "[]"),))
    assert (made.due, made.cooling_off_end) == (None, None)


def test_an_unknown_deadline_type_is_no_deadline() -> None:
    with pytest.raises(CampaignError, match="R99"):
        dated("R99", SIGNED, CALENDAR, BASE)
