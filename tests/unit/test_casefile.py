"""Cases as JSON: defaults, passes that follow from attempts, and mistakes by field."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.casefile import CaseInput, read_case
from dialer.errors import ConfigError
from dialer.model import Disposition, Segment, TaskState
from dialer.policy.calendar import calendar_from
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Dial

CALENDAR = calendar_from()
NOW = "2026-11-10T10:00:00+08:00"


def case(**fields: Any) -> CaseInput:
    return read_case(json.dumps({"now": NOW, **fields}), PolicySettings())


def tried(*days: str, outcome: str = "no_answer") -> list[dict[str, Any]]:
    return [{"at": f"2026-11-{day}:00+08:00", "outcome": outcome} for day in days]


def test_the_defaults_are_a_call_that_may_leave() -> None:
    made = case()
    assert isinstance(made.decide(CALENDAR).verdict, Dial)
    assert made.settings == PolicySettings()
    task = made.task
    assert (task.segment, task.tier, task.due, task.cooling_off_end) == (Segment.GENERAL, "", None, None)
    assert [(phone.number.national, phone.verified) for phone in task.phones] == [("13800138000", True)]
    assert (task.waiver, task.opted_out, task.surrendered, task.appointment) == (False, False, False, None)
    assert (made.resources.lines_free, made.resources.can_record, made.resources.approved) == (1, True, True)
    assert (made.attempts, made.others, task.pass_no, task.state) == ((), (), 1, TaskState.OPEN)


def test_nulls_stand_for_what_is_not_there() -> None:
    task = {"due": None, "cooling_off_end": None, "appointment": None, "tier": None, "zone": None}
    assert case(task=task) == case()


def test_a_null_stands_for_nothing_anywhere() -> None:
    attempts = [{"at": NOW, "number": None}]
    nulls = {"policy": None, "task": None, "attempts": None, "other_attempts": None, "resources": None}
    assert case(**nulls) == case()
    assert case(task={"waiver": None, "segment": None, "phones": None, "deadline_type": None}) == case()
    assert case(attempts=attempts) == case(attempts=[{"at": NOW}])
    assert case(resources={"lines": None, "disk_ok": None}) == case()


def test_what_is_written_for_the_reader_changes_nothing() -> None:
    noted = case(
        id=7, name="opens", expect={"decision": "dial"}, _line=3, task={"policy_no": "P1", "product": "x"}
    )
    assert noted == case()


def test_a_waiver_is_signed_by_all_or_by_those_named() -> None:
    assert case(task={"waiver": True}).task.missing_signatures == ()
    assert case(task={"waiver": ["seller", "policyholder"]}).task.missing_signatures == ("sales_manager",)
    assert case(task={"waiver": False}).task.waiver is False


@pytest.mark.parametrize(
    ("phones", "many", "verified"),
    [
        (None, 2, True),
        (None, 3, False),
        (None, 4, True),
        ([{"number": "13800138000"}], 3, False),
        ([{"number": "13800138000", "verified": True}], 3, True),
        ([{"number": "13800138000", "verified": False}], 4, False),
        ([{"number": "13900139000"}], 3, True),
    ],
)
def test_a_number_that_a_full_pass_dialled_must_be_said_to_be_confirmed_anew(
    phones: object, many: int, verified: bool
) -> None:
    made = tried("02T10:00", "02T14:00", "03T10:00", "03T14:00")[:many]
    made = [{**one, "number": "13800138000"} for one in made]
    assert case(task={"phones": phones}, attempts=made).task.phones[0].verified is verified


def test_every_field_is_read() -> None:
    made = read_case(
        json.dumps(
            {
                "now": "2026-11-10T10:00:00",
                "policy": {
                    "attempts_per_pass": 4,
                    "windows": ["09:00-11:00", "13:00-17:00"],
                    "ring_s": 30,
                    "appointment_outside_windows": True,
                    "appointment_hours": "08:00-21:00",
                    "tier_tables": ["R78: A 2 months"],
                    "tier_table": "R78",
                },
                "task": {
                    "due": "2026-11-30",
                    "cooling_off_end": "2026-11-20",
                    "segment": "government",
                    "tier": "A",
                    "phones": [{"number": "010-65123456", "verified": False}, {"number": "+8613987654321"}],
                    "waiver": True,
                    "opted_out": True,
                    "surrendered": True,
                    "do_not_call": True,
                    "appointment": "2026-11-10T11:30:00Z",
                    "zone": "Asia/Urumqi",
                    "deadline_type": "R30",
                    "event": "2026-11-02",
                    "visit_failed": True,
                },
                "attempts": [
                    {"at": "2026-11-09T14:00:00", "number": "13987654321", "outcome": None},
                    {"at": "2026-11-06T10:00:00+06:00"},
                ],
                "other_attempts": [{"at": "2026-11-09T10:00:00", "outcome": "busy"}],
                "resources": {"lines": 0, "disk_ok": False, "approved": False, "trunk_up": False},
            }
        ),
        PolicySettings(),
    )
    assert made.now.isoformat() == "2026-11-10T04:00:00+00:00"  # 10:00 in Urumqi
    assert (made.settings.attempts_per_pass, made.settings.ring_s) == (4, 30.0)
    assert [str(window) for window in made.settings.windows] == ["09:00-11:00", "13:00-17:00"]
    assert (str(made.settings.appointment_hours), str(made.settings.tiers)) == (
        "08:00-21:00",
        "R78: A 2 months",
    )
    task = made.task
    assert (str(task.due), str(task.cooling_off_end)) == ("2026-11-30", "2026-11-20")
    assert (task.segment, task.tier, task.zone) == (Segment.GOVERNMENT, "A", "Asia/Urumqi")
    assert [(phone.number.national, phone.verified) for phone in task.phones] == [
        ("01065123456", False),
        ("13987654321", True),
    ]
    assert all((task.waiver, task.opted_out, task.surrendered, task.do_not_call))
    assert task.appointment is not None
    assert task.appointment.hour == 11
    assert (task.deadline_type, str(task.event), task.visit_failed) == ("R30", "2026-11-02", True)
    first, second = made.attempts
    assert (first.outcome, first.number.national, first.slot) == (
        Disposition.UNKNOWN,
        "01065123456",
        "2026-11-06/0",
    )
    assert (second.live, second.slot) == (True, "2026-11-09/a140000")
    assert made.others[0].outcome is Disposition.BUSY
    resources = made.resources
    assert (resources.lines_free, resources.can_record, resources.approved, resources.trunk_up) == (
        0,
        False,
        False,
        False,
    )


def test_passes_follow_from_the_attempts() -> None:
    many = tried("02T10:00", "02T14:00", "03T10:00", "03T14:00", "04T10:00", "04T14:00")
    assert case(attempts=many[:2]).task.pass_no == 1
    assert case(attempts=many[:3]).task.pass_no == 2
    assert [one.pass_no for one in case(attempts=many[:4]).attempts] == [1, 1, 1, 2]
    assert case(attempts=many).task.pass_no == 3
    faults = tried("02T10:00", "02T14:00", "03T10:00", outcome="trunk_failure")
    assert case(attempts=faults).task.pass_no == 1


def test_the_order_of_attempts_does_not_matter() -> None:
    many = tried("02T10:00", "02T14:00", "03T10:00", "03T14:00")
    moments = [(one.invited_at, one.pass_no) for one in case(attempts=many).attempts]
    assert [(one.invited_at, one.pass_no) for one in case(attempts=many[::-1]).attempts] == moments


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"now": "noon"}, "now: .* is no moment.*2026-11-10T10:00:00"),
        ({"now": "2026-11-10"}, "now: .* is no moment"),
        ({"now": 5}, "now: 5 is no moment"),
        ({"now": "9999-12-31T23:59:59-12:00"}, "now: .*2000 to 2999"),
        ({"taks": {}}, "taks: unknown; write 'task'"),
        ({"task": []}, r"task: write an object \{...\}, not \[\]"),
        ({"task": {"dew": 1}}, "task.dew: unknown; write 'due'"),
        ({"task": {"due": "30.11.2026"}}, "task.due: .*2026-11-30 or null"),
        ({"task": {"due": 20261130}}, "task.due: 20261130 is no date"),
        ({"task": {"segment": "vip"}}, "task.segment: 'vip'.*general or government"),
        ({"task": {"waiver": 1}}, "task.waiver: write true, false or a list of who signed, not 1"),
        ({"task": {"waiver": ["seler"]}}, "task.waiver: .*write 'seller'"),
        ({"task": {"zone": 8}}, "task.zone: write text in quotes"),
        ({"task": {"phones": {}}}, r"task.phones: write a list"),
        ({"task": {"phones": [{"number": "12"}]}}, r"task.phones\[0\].number: .*13812345678"),
        ({"task": {"phones": [{"number": 13800138000}]}}, r"task.phones\[0\].number: .*quotes"),
        ({"task": {"phones": [{"verified": "yes"}]}}, r"task.phones\[0\].verified: write true or false"),
        ({"task": {"appointment": "tomorrow"}}, "task.appointment: .* is no moment"),
        ({"attempts": {}}, "attempts: write a list"),
        ({"attempts": [{}]}, r"attempts\[0\].at: is missing"),
        ({"attempts": [{"at": "2026-11-11T10:00:00+08:00"}]}, r"attempts\[0\].at: .* is after now"),
        ({"attempts": [{"at": NOW, "outcome": "no_anser"}]}, r"attempts\[0\].outcome: .*write 'no_answer'"),
        ({"other_attempts": [{"at": NOW, "number": "1"}]}, r"other_attempts\[0\].number"),
        ({"resources": {"lines": 1.5}}, "resources.lines: write a whole number"),
        ({"resources": {"lines": -1}}, "resources.lines: -1; write 0 or more"),
        ({"resources": {"disk": True}}, "resources.disk: unknown; write 'disk_ok'"),
        ({"policy": {"daily_cup": 1}}, "policy.daily_cup: unknown; write 'daily_cap'"),
        ({"policy": {"daily_cap": "2"}}, 'policy.daily_cap: write a value such as 2, not "2"'),
        ({"policy": {"daily_cap": True}}, "policy.daily_cap: write a value such as 2, not true"),
        ({"policy": {"ring_s": 19}}, "policy.ring_s: 19.0 is below.*R41"),
        ({"policy": {"windows": "10:00-11:00"}}, "policy.windows: write a list"),
        ({"policy": {"windows": [10]}}, "policy.windows: write text such as '10:00-11:00'"),
        ({"policy": {"windows": ["10-11"]}}, "policy.windows: '10-11' is not a window"),
        ({"policy": {"tier_tables": ["R77"]}}, "policy.tier_tables: .*R77: A 1 month"),
    ],
)
def test_a_mistake_is_named_with_its_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        case(**fields)


@pytest.mark.parametrize("text", ["", "{", "null", "[" * 100_000, '{"now": 1e999}', '"now"'])
def test_what_is_no_case(text: str) -> None:
    with pytest.raises(ConfigError):
        read_case(text, PolicySettings())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just(NOW),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["now", "task", "policy", "attempts", "resources", "phones", "number", "at", "outcome", "due"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_judged_or_refused(value: object) -> None:
    text = json.dumps({"now": NOW, **value} if isinstance(value, dict) else value)
    with contextlib.suppress(ConfigError):
        read_case(text, PolicySettings()).decide(CALENDAR)
