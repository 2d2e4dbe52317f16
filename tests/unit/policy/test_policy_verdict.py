"""The verdict's truth table: one line per rule, and the order among them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from policy_cases import CALENDAR, FIRST, FREE, SECOND, SETTINGS, at, attempt, task, verdict_on

from dialer.model import ALL_SIGNATURES, Phone, PhoneNumber, Reason, Segment, TaskState
from dialer.model import Disposition as D
from dialer.policy.duedates import DeadlineType
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.tiers import TierTable
from dialer.policy.verdict import Dial, Escalate, Refuse, Resources, Wait, decide

OPEN_TUESDAY = "11-10 10:00"


def outcome(decision: Any) -> tuple[str, ...]:
    verdict = decision.verdict
    match verdict:
        case Dial():
            return ("dial", verdict.slot)
        case Wait():
            return ("wait", verdict.rule, f"{verdict.until:%m-%d %H:%M}")
        case Refuse():
            return ("refuse", verdict.rule)
        case Escalate():
            return ("escalate", verdict.channel, verdict.rule)
    raise AssertionError(verdict)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("dial", "2026-11-10/0")),
        ({"waiver": True, "waiver_signatures": ALL_SIGNATURES}, ("refuse", "R19")),
        ({"waiver": True, "waiver_signatures": ALL_SIGNATURES[:2]}, ("dial", "2026-11-10/0")),
        ({"waiver": True}, ("dial", "2026-11-10/0")),
        ({"waiver_signatures": ALL_SIGNATURES}, ("dial", "2026-11-10/0")),
        ({"surrendered": True}, ("refuse", "R11")),
        ({"do_not_call": True}, ("refuse", "R38")),
        ({"opted_out": True}, ("escalate", "text", "R37")),
        ({"state": TaskState.DONE}, ("refuse", "R10")),
        ({"state": TaskState.REFUSED}, ("refuse", "R38")),
        ({"state": TaskState.EXCLUDED}, ("refuse", "R19")),
        ({"state": TaskState.EXCLUDED, "surrendered": True}, ("refuse", "R11")),
        ({"state": TaskState.EXCLUDED, "opted_out": True}, ("escalate", "text", "R37")),
        ({"state": TaskState.VISIT}, ("escalate", "visit", "R25")),
        ({"state": TaskState.VISIT, "visit_failed": True}, ("escalate", "letter", "R26")),
        ({"state": TaskState.LETTER}, ("escalate", "letter", "R26")),
        ({"state": TaskState.WITH_AGENT}, ("refuse", "WITH_AGENT")),
        ({"state": TaskState.CONTACT_REFRESH}, ("escalate", "contact_refresh", "R22")),
        ({"zone": "Mars/Olympus"}, ("refuse", "R44")),
        ({"zone": ""}, ("dial", "2026-11-10/0")),
        ({"phones": ()}, ("escalate", "contact_refresh", "R22")),
        ({"pass_no": 3}, ("escalate", "visit", "R25")),
        ({"pass_no": 3, "visit_failed": True}, ("escalate", "letter", "R26")),
        ({"due": at("11-01 00:00").date()}, ("dial", "2026-11-10/0")),
    ],
)
def test_who_may_be_called(change: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert outcome(verdict_on(OPEN_TUESDAY, of=task(**change))) == expected


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ((), ("dial", "2026-11-10/0")),
        ((SECOND,), ("dial", "2026-11-10/0")),
        ((FIRST,), ("dial", "2026-11-10/0")),
        ((FIRST, SECOND), ("refuse", "DESTINATION")),
    ],
)
def test_numbers_that_no_trunk_may_dial(refused: tuple[PhoneNumber, ...], expected: tuple[str, ...]) -> None:
    two = task(phones=(Phone(FIRST), Phone(SECOND)))
    resources = replace(FREE, not_dialable=dict.fromkeys(refused, "国际号码不在任何线路的允许范围内"))
    decision = verdict_on(OPEN_TUESDAY, of=two, resources=resources)
    assert outcome(decision) == expected
    if isinstance(decision.verdict, Dial):
        assert decision.verdict.number == (SECOND if FIRST in refused else FIRST)
    else:
        assert decision.findings[-1].rule == "DESTINATION"
        assert FIRST.masked in decision.findings[-1].why
        assert "国际号码" in decision.findings[-1].why


def test_another_number_is_not_taken_for_an_unallocated_one() -> None:
    """The one that trunks may dial is unallocated: the other one's refusal is what stops the call."""
    two = task(phones=(Phone(FIRST), Phone(SECOND)))
    gone = attempt("11-09 14:30", D.UNALLOCATED)
    resources = replace(FREE, not_dialable={SECOND: "国际号码"})
    assert outcome(verdict_on(OPEN_TUESDAY, gone, of=two, resources=resources)) == ("refuse", "DESTINATION")


@pytest.mark.parametrize(
    ("now", "segment", "expected"),
    [
        ("11-10 09:59:59", Segment.GENERAL, ("wait", "R44", "11-10 10:00")),
        ("11-10 10:59:35", Segment.GENERAL, ("dial", "2026-11-10/0")),
        ("11-10 10:59:36", Segment.GENERAL, ("wait", "R44", "11-10 14:00")),
        ("11-10 12:00", Segment.GENERAL, ("wait", "R44", "11-10 14:00")),
        ("11-10 14:30", Segment.GENERAL, ("dial", "2026-11-10/1")),
        ("11-10 15:59:36", Segment.GENERAL, ("wait", "R44", "11-11 10:00")),
        ("11-10 16:00", Segment.GENERAL, ("wait", "R44", "11-11 10:00")),
        ("11-10 14:30", Segment.GOVERNMENT, ("wait", "R45", "11-10 15:00")),
        ("11-10 12:00", Segment.GOVERNMENT, ("wait", "R44", "11-10 15:00")),
        ("11-10 10:59:36", Segment.GOVERNMENT, ("wait", "R44", "11-10 15:00")),
        ("11-14 14:30", Segment.GOVERNMENT, ("wait", "R44", "11-16 10:00")),
        ("11-10 15:00", Segment.GOVERNMENT, ("dial", "2026-11-10/1")),
        ("11-13 16:30", Segment.GENERAL, ("wait", "R44", "11-16 10:00")),
        ("11-14 10:00", Segment.GENERAL, ("wait", "R44", "11-16 10:00")),
        ("10-10 10:00", Segment.GENERAL, ("dial", "2026-10-10/0")),
        ("09-30 16:30", Segment.GENERAL, ("wait", "R44", "10-08 10:00")),
    ],
)
def test_windows_and_workdays(now: str, segment: Segment, expected: tuple[str, ...]) -> None:
    assert outcome(verdict_on(now, of=task(segment=segment))) == expected


def test_windows_are_local_to_the_customer() -> None:
    urumqi = task(zone="Asia/Urumqi")  # two hours behind
    assert outcome(verdict_on("11-10 10:00", of=urumqi)) == ("wait", "R44", "11-10 10:00")
    assert outcome(verdict_on("11-10 12:00", of=urumqi)) == ("dial", "2026-11-10/0")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (D.NO_ANSWER, ("wait", "R43", "11-10 14:00")),
        (D.BUSY, ("wait", "R43", "11-10 14:00")),
        (D.UNREACHABLE, ("wait", "R43", "11-10 14:00")),
        (D.UNKNOWN, ("wait", "R43", "11-10 14:00")),
        (D.ANSWERED_INCOMPLETE, ("wait", "R43", "11-10 14:00")),
        (D.WRONG_PERSON, ("wait", "R43", "11-10 14:00")),
        (D.REJECTED, ("wait", "R43", "11-11 10:00")),
        (D.UNALLOCATED, ("escalate", "contact_refresh", "R22")),
        (D.TRUNK_FAILURE, ("dial", "2026-11-10/0")),
        (D.NOT_DIALLED, ("dial", "2026-11-10/0")),
        (None, ("wait", "ONE_LIVE_CALL", "11-10 10:10")),
    ],
)
def test_after_one_attempt_in_the_same_slot(last: D | None, expected: tuple[str, ...]) -> None:
    assert outcome(verdict_on("11-10 10:10", attempt("11-10 10:00", last))) == expected


def test_another_slot_of_the_same_day_and_the_same_window_of_the_next_are_both_other_slots() -> None:
    morning = attempt("11-10 10:00")
    assert outcome(verdict_on("11-10 14:00", morning)) == ("dial", "2026-11-10/1")
    assert outcome(verdict_on("11-11 10:00", morning)) == ("dial", "2026-11-11/0")


def test_a_rejected_call_is_left_alone_for_the_rest_of_the_day() -> None:
    assert outcome(verdict_on("11-10 14:00", attempt("11-10 10:00", D.REJECTED)))[0] == "wait"
    assert outcome(verdict_on("11-11 10:00", attempt("11-10 10:00", D.REJECTED)))[0] == "dial"


def test_three_attempts_and_the_pass_is_over() -> None:
    tried = (attempt("11-09 10:00"), attempt("11-09 14:00"), attempt("11-10 10:00", D.BUSY))
    assert outcome(verdict_on("11-10 14:00", *tried)) == ("escalate", "contact_refresh", "R24")
    unverified = task(pass_no=2, phones=(Phone(FIRST, False),))
    assert outcome(verdict_on("11-11 10:00", *tried, of=unverified)) == ("escalate", "contact_refresh", "R24")
    other = task(pass_no=2, phones=(Phone(SECOND, False),))
    assert outcome(verdict_on("11-11 10:00", *tried, of=other)) == ("dial", "2026-11-11/0")
    second = tuple(replace(a, pass_no=2) for a in tried)
    assert outcome(verdict_on("11-10 14:00", *second, of=task(pass_no=2))) == ("escalate", "visit", "R25")
    assert outcome(verdict_on("11-11 10:00", *tried, of=task(pass_no=2)))[0] == "dial"


def test_what_does_not_count_does_not_use_up_the_pass() -> None:
    faults = [attempt(f"11-10 10:0{n}", D.TRUNK_FAILURE) for n in range(5)]
    assert outcome(verdict_on("11-10 10:30", *faults)) == ("dial", "2026-11-10/0")


def test_a_trunk_failure_is_not_retried_at_once() -> None:
    assert outcome(verdict_on("11-10 10:01", attempt("11-10 10:00", D.TRUNK_FAILURE))) == (
        "wait",
        "R42",
        "11-10 10:01",
    )


def test_an_unallocated_number_gives_way_to_another_verified_one() -> None:
    dead = attempt("11-10 10:00", D.UNALLOCATED)
    two = task(phones=(Phone(FIRST), Phone(SECOND)))
    found = verdict_on("11-10 14:00", dead, of=two).verdict
    assert isinstance(found, Dial)
    assert found.number == SECOND
    guess = task(phones=(Phone(FIRST), Phone(SECOND, verified=False)))
    assert outcome(verdict_on("11-10 14:00", dead, of=guess)) == ("escalate", "contact_refresh", "R22")


def test_one_live_call_per_customer_whatever_the_task() -> None:
    elsewhere = attempt("11-10 09:00", None, task_id=2)
    assert outcome(verdict_on(OPEN_TUESDAY, others=(elsewhere,)))[1] == "ONE_LIVE_CALL"


def test_daily_cap_counts_all_tasks_of_the_number() -> None:
    elsewhere = (attempt("11-10 10:00", task_id=2), attempt("11-10 14:00", task_id=2))
    assert outcome(verdict_on("11-10 14:30", others=elsewhere)) == ("wait", "DAILY_CAP", "11-11 10:00")
    faults = (attempt("11-10 10:00", D.TRUNK_FAILURE, task_id=2), elsewhere[1])
    assert outcome(verdict_on("11-10 14:30", others=faults))[0] == "dial"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (replace(FREE, lines_free=0), ("wait", "R7", "11-10 10:00")),
        (replace(FREE, can_record=False, can_record_why="disk"), ("wait", "R75", "11-10 10:00")),
        (replace(FREE, trunk_up=False, trunk_why="503"), ("wait", "R7", "11-10 10:00")),
        (replace(FREE, approved=False, approved_why="draft"), ("refuse", "R49")),
    ],
)
def test_resources(resources: Resources, expected: tuple[str, ...]) -> None:
    decision = verdict_on(OPEN_TUESDAY, resources=resources)
    assert outcome(decision) == expected
    why = resources.can_record_why + resources.trunk_why + resources.approved_why
    assert why in decision.findings[-1].why


@pytest.mark.parametrize(
    ("now", "case", "expected"),
    [
        ("11-10 10:59:20", {"resources": replace(FREE, lines_free=0)}, ("wait", "R7", "11-10 14:00")),
        ("11-10 15:59:30", {"resources": replace(FREE, trunk_up=False)}, ("wait", "R7", "11-11 10:00")),
        ("11-10 10:59:25", {"resources": replace(FREE, can_record=False)}, ("wait", "R75", "11-10 14:00")),
        (
            "11-10 12:00",
            {"others": (attempt("11-10 10:59", None, task_id=2),)},
            ("wait", "ONE_LIVE_CALL", "11-10 14:00"),
        ),
        (
            "11-13 17:00",
            {"others": (attempt("11-13 15:59", None, task_id=2),)},
            ("wait", "ONE_LIVE_CALL", "11-16 10:00"),
        ),
    ],
)
def test_a_wait_ends_at_a_permitted_time(now: str, case: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert outcome(verdict_on(now, **case)) == expected


def test_the_pause_after_a_fault_of_the_line_ends_at_a_permitted_time() -> None:
    fault = attempt("11-10 10:58:50", D.TRUNK_FAILURE)
    assert outcome(verdict_on("11-10 10:59", fault)) == ("wait", "R42", "11-10 14:00")


def test_after_the_last_pass_a_visit_and_after_that_a_letter() -> None:
    tried = [attempt("11-09 10:00"), attempt("11-09 14:00"), attempt("11-10 10:00", D.BUSY)]
    second = [replace(a, pass_no=2) for a in tried]
    last = task(pass_no=2)
    assert outcome(verdict_on("11-10 14:00", *second, of=last)) == ("escalate", "visit", "R25")
    visited = replace(last, visit_failed=True)
    assert outcome(verdict_on("11-10 14:00", *second, of=visited)) == ("escalate", "letter", "R26")


def test_a_call_back_of_the_following_month_is_not_made_in_this_one() -> None:
    """R84; 1 and 7 December 2026 are workdays."""
    event = at("11-05 00:00").date()
    monthly = task(deadline_type="R84", event=event, due=at("12-03 00:00").date())
    assert outcome(verdict_on("11-10 10:00", of=monthly)) == ("wait", "R84", "12-01 10:00")
    assert outcome(verdict_on("12-01 10:00", of=monthly))[0] == "dial"
    assert outcome(verdict_on("11-10 10:00", of=replace(monthly, deadline_type="R30")))[0] == "dial"
    assert outcome(verdict_on("11-10 10:00", of=replace(monthly, deadline_type="unknown")))[0] == "dial"


def test_a_waiver_that_lacks_a_signature_says_whose() -> None:
    half = task(waiver=True, waiver_signatures=ALL_SIGNATURES[:2])
    said = next(f for f in verdict_on(OPEN_TUESDAY, of=half).findings if f.rule == "R19")
    assert (said.result, "销售管理部门经理" in said.why, "the sales manager" in said.en) == (
        "pass",
        True,
        True,
    )


def test_reasons_speak_the_language_that_is_asked_for() -> None:
    told = Reason("话术未审批", "the script isn't approved")
    refused = verdict_on(OPEN_TUESDAY, resources=replace(FREE, approved=False, approved_why=told)).verdict
    assert ("话术未审批" in refused.why, refused.en.isascii()) == (True, True)
    assert "the script isn't approved" in refused.en


def test_a_year_without_calendar_refuses_and_names_the_file() -> None:
    decision = decide(task(), (), (), datetime(2027, 3, 1, 3, tzinfo=UTC), CALENDAR, SETTINGS, FREE)
    assert isinstance(decision.verdict, Refuse)
    assert decision.verdict.rule == "R44"
    assert "config/calendar/CN-2027.toml" in decision.verdict.why


def test_the_next_slot_in_an_unknown_year_refuses_too() -> None:
    assert outcome(verdict_on("12-31 16:30")) == ("refuse", "R44")


def test_appointments() -> None:
    agreed = task(appointment=at("11-10 15:30"))
    asked = attempt("11-10 14:05", D.APPOINTMENT)
    assert outcome(verdict_on("11-10 10:00", of=agreed)) == ("wait", "R79", "11-10 15:30")
    assert outcome(verdict_on("11-10 14:10", asked, of=agreed)) == ("wait", "R79", "11-10 15:30")
    assert outcome(verdict_on("11-10 15:30", asked, of=agreed)) == ("dial", "2026-11-10/a153000")
    assert outcome(verdict_on("11-10 15:45:01", asked, of=agreed)) == ("wait", "R43", "11-11 10:00")
    kept = attempt("11-10 15:30", slot="2026-11-10/a153000")
    assert outcome(verdict_on("11-10 15:40", asked, kept, of=agreed)) == ("wait", "R43", "11-11 10:00")


def test_an_appointment_outside_the_windows_moves_unless_the_campaign_allows_it() -> None:
    noon = task(appointment=at("11-10 12:30"))
    assert outcome(verdict_on("11-10 10:00", of=noon)) == ("wait", "R79", "11-10 14:00")
    allowed = replace(SETTINGS, appointment_outside_windows=True)
    assert outcome(verdict_on("11-10 10:00", of=noon, settings=allowed)) == ("wait", "R79", "11-10 12:30")
    assert outcome(verdict_on("11-10 12:30", of=noon, settings=allowed))[0] == "dial"
    night = task(appointment=at("11-10 21:00"))
    assert outcome(verdict_on("11-10 21:00", of=night, settings=allowed))[0] == "wait"


def test_an_appointment_is_not_held_up_by_the_daily_cap() -> None:
    agreed = task(appointment=at("11-10 15:30"))
    asked = (attempt("11-10 10:00"), attempt("11-10 14:05", D.APPOINTMENT))
    assert outcome(verdict_on("11-10 15:31", *asked, of=agreed))[0] == "dial"


def test_findings_name_each_rule_asked_and_end_with_the_one_that_stopped() -> None:
    decision = verdict_on("11-10 10:10", attempt("11-10 10:00"))
    assert [f.result for f in decision.findings] == ["pass"] * (len(decision.findings) - 1) + ["wait"]
    assert decision.findings[-1].rule == "R43"
    assert "10:00-11:00 时段已拨打过" in decision.findings[-1].why
    assert all(finding.why for finding in decision.findings)
    assert "13812345678" not in repr(decision)


def test_a_passed_deadline_is_a_finding_not_a_stop() -> None:
    late = task(cooling_off_end=at("11-09 00:00").date())
    decision = verdict_on(OPEN_TUESDAY, of=late)
    assert isinstance(decision.verdict, Dial)
    assert any("犹豫期至 11月9日已过" in finding.why for finding in decision.findings)


def test_a_naive_now_is_refused_as_a_mistake() -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(task(), (), (), datetime(2026, 11, 10, 10), CALENDAR, SETTINGS, FREE)


# (field, other value, a case whose verdict must differ)
EVERY_FIELD: list[tuple[str, object, dict[str, Any]]] = [
    ("windows", (Window(time(9), time(11)), Window(time(14), time(16))), {"now": "11-10 09:00"}),
    (
        "government_windows",
        (Window(time(14), time(16)),),
        {"now": "11-10 10:00", "of": task(segment=Segment.GOVERNMENT)},
    ),
    ("zone", "Asia/Urumqi", {"now": "11-10 10:00", "of": task(zone="")}),
    ("ring_s", 60.0, {"now": "11-10 10:59:30"}),
    ("no_18x_ring_after_s", 30.0, {"now": "11-10 10:59:30"}),
    (
        "attempts_per_pass",
        4,
        {
            "now": "11-10 14:00",
            "attempts": (attempt("11-09 10:00"), attempt("11-09 14:00"), attempt("11-10 10:00")),
        },
    ),
    ("max_passes", 3, {"now": "11-10 10:00", "of": task(pass_no=3)}),
    ("daily_cap", 1, {"now": "11-10 14:00", "attempts": (attempt("11-10 10:00"),)}),
    (
        "appointment_outside_windows",
        True,
        {"now": "11-10 12:30", "of": task(appointment=at("11-10 12:30"))},
    ),
    (
        "appointment_hours",
        Window(time(8), time(12)),
        {
            "now": "11-10 12:30",
            "of": task(appointment=at("11-10 12:30")),
            "settings": replace(SETTINGS, appointment_outside_windows=True),
        },
    ),
    (
        "appointment_tolerance_s",
        3600.0,
        {
            "now": "11-10 15:00",
            "of": task(appointment=at("11-10 14:30")),
            "attempts": (attempt("11-10 14:01", D.APPOINTMENT),),
        },
    ),
    (
        "appointment_extra_attempt",
        True,
        {
            "now": "11-10 15:30",
            "of": task(appointment=at("11-10 15:30")),
            "attempts": (
                attempt("11-09 10:00"),
                attempt("11-09 14:00"),
                attempt("11-10 14:00", D.APPOINTMENT),
            ),
        },
    ),
    (
        "tier_tables",
        (TierTable.parse("R77: A 2 months"),),
        {"now": "11-10 10:00", "of": task(tier="A"), "attempts": (attempt("10-09 10:00", D.COMPLETED),)},
    ),
    (
        "tier_table",
        "R78",
        {"now": "11-10 10:00", "of": task(tier="A"), "attempts": (attempt("10-09 10:00", D.COMPLETED),)},
    ),
    (
        "deadline_types",
        (DeadlineType.parse("month: 3 workdays of next month"),),
        {"now": "11-10 10:00", "of": task(deadline_type="month", event=at("11-05 00:00").date())},
    ),
    (
        "uncounted_retry_s",
        300.0,
        {"now": "11-10 10:03", "attempts": (attempt("11-10 10:00", D.TRUNK_FAILURE),)},
    ),
    ("busy_recheck_s", 7.0, {"now": "11-10 10:00", "resources": replace(FREE, lines_free=0)}),
    ("fault_recheck_s", 7.0, {"now": "11-10 10:00", "resources": replace(FREE, can_record=False)}),
]


def test_the_table_of_fields_is_complete() -> None:
    assert [name for name, _, _ in EVERY_FIELD] == [field.name for field in fields(PolicySettings)]


@pytest.mark.parametrize(("name", "other", "case"), EVERY_FIELD, ids=[row[0] for row in EVERY_FIELD])
def test_every_setting_changes_a_verdict(name: str, other: object, case: dict[str, Any]) -> None:
    case = dict(case)
    now, attempts = case.pop("now"), case.pop("attempts", ())
    base = case.pop("settings", SETTINGS)
    before = verdict_on(now, *attempts, settings=base, **case)
    after = verdict_on(now, *attempts, settings=replace(base, **{name: other}), **case)
    assert before.verdict != after.verdict


def test_waiting_as_told_leads_to_the_call() -> None:
    """Each Wait's time is honest: on arriving there the reason is gone."""
    now = at("11-13 16:20")
    decision = verdict_on(now, attempt("11-13 10:00"), attempt("11-13 14:00", D.REJECTED))
    assert isinstance(decision.verdict, Wait)
    assert decision.verdict.until - now == timedelta(days=2, hours=17, minutes=40)
    later = verdict_on(decision.verdict.until, attempt("11-13 10:00"), attempt("11-13 14:00", D.REJECTED))
    assert isinstance(later.verdict, Dial)
