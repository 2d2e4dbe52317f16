"""``dialer verdict``: each rule about when a number may ring, as somebody with a file of cases sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dialer.cli import main
from dialer.policy.rulebook import RULEBOOK

A, B = "13800138000", "13900139000"
Row = tuple[str, dict[str, Any], str, str, str | None]


def tue(time: str) -> dict[str, Any]:
    """10 November 2026, a Tuesday."""
    return {"now": f"2026-11-10T{time}+08:00"}


def on(moment: str) -> dict[str, Any]:
    return {"now": f"{moment}+08:00"}


def tried(*made: str, number: str = A) -> list[dict[str, Any]]:
    """``11-09 10:00 busy``: that minute of 2026 in Shanghai."""
    rows = (one.split() for one in made)
    return [
        {"at": f"2026-{day}T{time}:00+08:00", "number": number, "outcome": outcome}
        for day, time, outcome in rows
    ]


def phones(*verified: tuple[str, bool]) -> dict[str, Any]:
    return {"phones": [{"number": number, "verified": flag} for number, flag in verified]}


PASS_1 = tried("11-05 10:00 no_answer", "11-06 14:00 busy", "11-09 10:00 unreachable")
PASS_2 = tried("11-09 14:00 no_answer", "11-09 15:59 trunk_failure", "11-10 10:00 machine")
PASSES = [*PASS_1, *tried("11-06 10:00 no_answer", "11-09 14:00 no_answer", "11-10 10:00 no_answer")]

CASES: list[Row] = [
    # R44: workdays and windows, to the second; the last start leaves room for the ring (R41)
    ("opens", tue("10:00:00"), "dial", "R44", None),
    ("a second early", tue("09:59:59"), "wait", "R44", "2026-11-10T10:00:00+08:00"),
    ("the last start", tue("10:59:35"), "dial", "R44", None),
    ("a second late", tue("10:59:36"), "wait", "R44", "2026-11-10T14:00:00+08:00"),
    ("noon", tue("12:00:00"), "wait", "R44", "2026-11-10T14:00:00+08:00"),
    ("afternoon", tue("14:00:00"), "dial", "R44", None),
    ("the day's last start", tue("15:59:35"), "dial", "R44", None),
    ("after it", tue("15:59:36"), "wait", "R44", "2026-11-11T10:00:00+08:00"),
    ("evening", tue("16:00:00"), "wait", "R44", "2026-11-11T10:00:00+08:00"),
    ("Saturday", on("2026-11-14T10:30:00"), "wait", "R44", "2026-11-16T10:00:00+08:00"),
    ("make-up Saturday", on("2026-10-10T10:30:00"), "dial", "R44", None),
    ("National Day", on("2026-10-01T10:30:00"), "wait", "R44", "2026-10-08T10:00:00+08:00"),
    ("weekday off", on("2026-10-07T10:30:00"), "wait", "R44", "2026-10-08T10:00:00+08:00"),
    ("a year without a notice", on("2031-06-03T10:30:00"), "refuse", "R44", None),
    ("next slot in such a year", on("2026-12-31T16:30:00"), "refuse", "R44", None),
    ("another offset", {"now": "2026-11-10T02:00:00Z"}, "dial", "R44", None),
    ("no offset", {"now": "2026-11-10T10:00:00"}, "dial", "R44", None),
    (
        "zone of the customer",
        {**tue("10:00:00"), "task": {"zone": "Asia/Urumqi"}},
        "wait",
        "R44",
        "2026-11-10T10:00:00+06:00",
    ),
    ("open there", {**tue("12:00:00"), "task": {"zone": "Asia/Urumqi"}}, "dial", "R44", None),
    ("unknown zone", {**tue("10:00:00"), "task": {"zone": "Asia/Peking"}}, "refuse", "R44", None),
    (
        "longer ring",
        {**tue("10:59:30"), "policy": {"ring_s": 40}},
        "wait",
        "R44",
        "2026-11-10T14:00:00+08:00",
    ),
    ("own windows", {**tue("12:00:00"), "policy": {"windows": ["10:00-16:00"]}}, "dial", "R44", None),
    # R45: government customers
    (
        "government at two",
        {**tue("14:00:00"), "task": {"segment": "government"}},
        "wait",
        "R45",
        "2026-11-10T15:00:00+08:00",
    ),
    (
        "government at noon",
        {**tue("12:00:00"), "task": {"segment": "government"}},
        "wait",
        "R44",
        "2026-11-10T15:00:00+08:00",
    ),
    ("government at three", {**tue("15:00:00"), "task": {"segment": "government"}}, "dial", "R44", None),
    ("government at ten", {**tue("10:00:00"), "task": {"segment": "government"}}, "dial", "R44", None),
    # R43: slots
    (
        "slot used",
        {**tue("10:30:00"), "attempts": tried("11-10 10:00 no_answer")},
        "wait",
        "R43",
        "2026-11-10T14:00:00+08:00",
    ),
    ("next slot", {**tue("14:00:00"), "attempts": tried("11-10 10:00 no_answer")}, "dial", "R44", None),
    (
        "same window, next day",
        {**tue("10:00:00"), "attempts": tried("11-09 10:00 busy")},
        "dial",
        "R44",
        None,
    ),
    (
        "wrong person",
        {**tue("10:30:00"), "attempts": tried("11-10 10:00 wrong_person")},
        "wait",
        "R43",
        "2026-11-10T14:00:00+08:00",
    ),
    (
        "answered, not to the end",
        {**tue("10:30:00"), "attempts": tried("11-10 10:00 answered_incomplete")},
        "wait",
        "R43",
        "2026-11-10T14:00:00+08:00",
    ),
    (
        "unknown counts",
        {**tue("10:30:00"), "attempts": tried("11-10 10:00 unknown")},
        "wait",
        "R43",
        "2026-11-10T14:00:00+08:00",
    ),
    (
        "a slot of the last pass",
        {**on("2026-11-09T10:30:00"), "attempts": PASS_1, "task": phones((B, True))},
        "wait",
        "R43",
        "2026-11-09T14:00:00+08:00",
    ),
    # R42: faults of the line don't count
    (
        "just after a fault",
        {**tue("10:00:30"), "attempts": tried("11-10 10:00 trunk_failure")},
        "wait",
        "R42",
        "2026-11-10T10:01:00+08:00",
    ),
    (
        "a minute after",
        {**tue("10:01:00"), "attempts": tried("11-10 10:00 trunk_failure")},
        "dial",
        "R44",
        None,
    ),
    (
        "four faults are no attempt",
        {**tue("14:30:00"), "attempts": tried(*(f"11-10 10:0{n} trunk_failure" for n in range(4)))},
        "dial",
        "R44",
        None,
    ),
    # 486 and 603 differ
    (
        "busy: another slot",
        {**tue("14:00:00"), "attempts": tried("11-10 10:00 busy")},
        "dial",
        "R44",
        None,
    ),
    (
        "rejected: another day",
        {**tue("14:00:00"), "attempts": tried("11-10 10:00 rejected")},
        "wait",
        "R43",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "rejected on Friday",
        {**on("2026-11-13T14:00:00"), "attempts": tried("11-13 10:00 rejected")},
        "wait",
        "R43",
        "2026-11-16T10:00:00+08:00",
    ),
    ("the day after", {**tue("10:00:00"), "attempts": tried("11-09 15:00 rejected")}, "dial", "R44", None),
    # unallocated numbers (R22)
    (
        "unallocated",
        {**tue("10:00:00"), "attempts": tried("11-09 10:00 unallocated")},
        "escalate",
        "R22",
        None,
    ),
    (
        "another confirmed number",
        {
            **tue("10:00:00"),
            "attempts": tried("11-09 10:00 unallocated"),
            "task": phones((A, True), (B, True)),
        },
        "dial",
        "R44",
        None,
    ),
    (
        "another number, not confirmed",
        {
            **tue("10:00:00"),
            "attempts": tried("11-09 10:00 unallocated"),
            "task": phones((A, True), (B, False)),
        },
        "escalate",
        "R22",
        None,
    ),
    ("no number", {**tue("10:00:00"), "task": {"phones": []}}, "escalate", "R22", None),
    # passes (R24), visit (R25)
    (
        "two of three",
        {**tue("10:00:00"), "attempts": PASS_1[:2], "task": phones((A, False))},
        "dial",
        "R44",
        None,
    ),
    (
        "pass full, number not confirmed anew",
        {**tue("10:00:00"), "attempts": PASS_1, "task": phones((A, False))},
        "escalate",
        "R24",
        None,
    ),
    ("pass full", {**tue("14:00:00"), "attempts": PASS_1}, "escalate", "R24", None),
    (
        "another number, not said to be confirmed",
        {**tue("14:00:00"), "attempts": PASS_1, "task": {"phones": [{"number": B}]}},
        "dial",
        "R44",
        None,
    ),
    (
        "second pass under way",
        {**tue("14:00:00"), "attempts": PASS_1 + tried("11-09 14:00 busy")},
        "dial",
        "R44",
        None,
    ),
    (
        "confirmed anew",
        {**tue("10:00:00"), "attempts": PASS_1, "task": phones((A, True))},
        "dial",
        "R44",
        None,
    ),
    (
        "another number",
        {**tue("10:00:00"), "attempts": PASS_1, "task": phones((A, False), (B, False))},
        "dial",
        "R44",
        None,
    ),
    (
        "four attempts a pass",
        {
            **tue("10:00:00"),
            "attempts": PASS_1,
            "task": phones((A, False)),
            "policy": {"attempts_per_pass": 4},
        },
        "dial",
        "R44",
        None,
    ),
    ("both passes full", {**tue("14:00:00"), "attempts": PASSES}, "escalate", "R25", None),
    (
        "three passes allowed",
        {
            **tue("14:00:00"),
            "attempts": PASSES,
            "policy": {"max_passes": 3},
            "task": phones((A, True)),
        },
        "dial",
        "R44",
        None,
    ),
    ("five and a fault", {**tue("14:00:00"), "attempts": PASS_1 + PASS_2}, "dial", "R44", None),
    # over
    ("called back", {**tue("10:00:00"), "attempts": tried("11-09 10:00 completed")}, "refuse", "R10", None),
    ("declined", {**tue("10:00:00"), "attempts": tried("11-09 10:00 refused")}, "refuse", "R38", None),
    (
        "with an agent",
        {**tue("10:00:00"), "attempts": tried("11-09 10:00 transferred")},
        "refuse",
        "WITH_AGENT",
        None,
    ),
    # who
    ("waiver", {**tue("10:00:00"), "task": {"waiver": True}}, "refuse", "R19", None),
    ("opted out", {**tue("10:00:00"), "task": {"opted_out": True}}, "escalate", "R37", None),
    ("surrendered", {**tue("10:00:00"), "task": {"surrendered": True}}, "refuse", "R11", None),
    ("do not call", {**tue("10:00:00"), "task": {"do_not_call": True}}, "refuse", "R38", None),
    ("not approved", {**tue("10:00:00"), "resources": {"approved": False}}, "refuse", "R49", None),
    (
        "never outweighs later",
        {**tue("12:00:00"), "task": {"waiver": True}, "resources": {"lines": 0}},
        "refuse",
        "R19",
        None,
    ),
    (
        "a waiver without the manager's signature",
        {**tue("10:00:00"), "task": {"waiver": ["policyholder", "seller"]}},
        "dial",
        "R44",
        None,
    ),
    (
        "after a visit without success",
        {**tue("14:00:00"), "attempts": PASSES, "task": {"visit_failed": True}},
        "escalate",
        "R26",
        None,
    ),
    # one live call, daily cap
    (
        "under way",
        {**tue("14:00:00"), "attempts": [{"at": "2026-11-10T13:59:00+08:00", "outcome": None}]},
        "wait",
        "ONE_LIVE_CALL",
        "2026-11-10T14:00:30+08:00",
    ),
    (
        "under way by another task",
        {**tue("14:00:00"), "other_attempts": [{"at": "2026-11-10T13:59:00+08:00", "outcome": None}]},
        "wait",
        "ONE_LIVE_CALL",
        "2026-11-10T14:00:30+08:00",
    ),
    (
        "cap by another task",
        {
            **tue("14:00:00"),
            "other_attempts": tried("11-10 10:00 no_answer", "11-10 10:30 no_answer"),
        },
        "wait",
        "DAILY_CAP",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "cap of one",
        {
            **tue("14:00:00"),
            "attempts": tried("11-10 10:00 no_answer"),
            "policy": {"daily_cap": 1},
        },
        "wait",
        "DAILY_CAP",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "another number has a cap of its own",
        {
            **tue("14:00:00"),
            "other_attempts": tried("11-10 10:00 no_answer", "11-10 10:30 no_answer", number=B),
        },
        "dial",
        "R44",
        None,
    ),
    # R79: appointments
    (
        "ahead",
        {**tue("10:00:00"), "task": {"appointment": "2026-11-10T15:30:00+08:00"}},
        "wait",
        "R79",
        "2026-11-10T15:30:00+08:00",
    ),
    (
        "now",
        {**tue("15:30:00"), "task": {"appointment": "2026-11-10T15:30:00+08:00"}},
        "dial",
        "R79",
        None,
    ),
    (
        "in a slot that was used",
        {
            **tue("15:30:00"),
            "task": {"appointment": "2026-11-10T15:30:00+08:00"},
            "attempts": tried("11-10 14:00 appointment"),
        },
        "dial",
        "R79",
        None,
    ),
    (
        "lapsed, the slot used",
        {
            **tue("15:50:00"),
            "task": {"appointment": "2026-11-10T15:30:00+08:00"},
            "attempts": tried("11-10 14:00 appointment"),
        },
        "wait",
        "R43",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "outside the windows: moved",
        {**tue("10:00:00"), "task": {"appointment": "2026-11-10T18:00:00+08:00"}},
        "wait",
        "R79",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "outside the windows: allowed",
        {
            **tue("18:00:00"),
            "task": {"appointment": "2026-11-10T18:00:00+08:00"},
            "policy": {"appointment_outside_windows": True},
        },
        "dial",
        "R79",
        None,
    ),
    (
        "on a day off: moved",
        {**tue("10:00:00"), "task": {"appointment": "2026-11-14T10:00:00+08:00"}},
        "wait",
        "R79",
        "2026-11-16T10:00:00+08:00",
    ),
    # deadlines and tiers
    ("deadline passed", {**tue("10:00:00"), "task": {"due": "2026-11-01"}}, "dial", "R44", None),
    ("cooling-off over", {**tue("10:00:00"), "task": {"cooling_off_end": "2026-11-01"}}, "dial", "R44", None),
    (
        "tier A within the month",
        {**tue("10:00:00"), "task": {"tier": "A"}, "attempts": tried("10-12 10:00 completed")},
        "wait",
        "R77",
        "2026-11-12T10:00:00+08:00",
    ),
    (
        "tier A a month on",
        {**tue("10:00:00"), "task": {"tier": "A"}, "attempts": tried("10-10 10:00 completed")},
        "dial",
        "R44",
        None,
    ),
    (
        "tier B by another task",
        {**tue("10:00:00"), "task": {"tier": "B"}, "other_attempts": tried("08-11 10:00 completed")},
        "wait",
        "R77",
        "2026-11-11T10:00:00+08:00",
    ),
    (
        "tier A by R78",
        {
            **tue("10:00:00"),
            "task": {"tier": "A"},
            "attempts": tried("08-12 10:00 completed"),
            "policy": {"tier_table": "R78"},
        },
        "wait",
        "R78",
        "2026-11-12T10:00:00+08:00",
    ),
    (
        "due again in a year without a notice",
        {**tue("10:00:00"), "task": {"tier": "C"}, "attempts": tried("11-09 10:00 completed")},
        "wait",
        "R77",
        "2027-05-09T00:00:00+08:00",
    ),
    (
        "a new pass each period",
        {
            **tue("10:00:00"),
            "task": {"tier": "A", **phones((A, False))},
            "attempts": tried("10-08 10:00 busy", "10-08 14:00 busy", "10-09 10:00 completed"),
        },
        "dial",
        "R44",
        None,
    ),
    ("tier without a table's entry", {**tue("10:00:00"), "task": {"tier": "D"}}, "dial", "R44", None),
    (
        "of the next month",
        {**tue("10:00:00"), "task": {"deadline_type": "R84", "event": "2026-11-05"}},
        "wait",
        "R84",
        "2026-12-01T10:00:00+08:00",
    ),
    # resources
    (
        "no line, the window ends",
        {**tue("10:59:20"), "resources": {"lines": 0}},
        "wait",
        "R7",
        "2026-11-10T14:00:00+08:00",
    ),
    ("no line", {**tue("10:00:00"), "resources": {"lines": 0}}, "wait", "R7", "2026-11-10T10:00:30+08:00"),
    (
        "disk full",
        {**tue("10:00:00"), "resources": {"disk_ok": False}},
        "wait",
        "R75",
        "2026-11-10T10:00:15+08:00",
    ),
    (
        "trunk down",
        {**tue("10:00:00"), "resources": {"trunk_up": False}},
        "wait",
        "R7",
        "2026-11-10T10:00:15+08:00",
    ),
]


def verdict(folder: Path, *lines: str, args: tuple[str, ...] = (), lang: str = "zh") -> Result:
    file = folder / "cases.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CliRunner().invoke(main, ["--lang", lang, "verdict", str(file), *args])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All cases in one file, as the command answers."""
    lines = [json.dumps(fields) for _, fields, *_ in CASES]
    found = verdict(tmp_path_factory.mktemp("cases"), *lines)
    assert (found.exit_code, found.stderr) == (0, "")
    return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[name for name, *_ in CASES])
def test_a_case(judged: list[dict[str, Any]], number: int) -> None:
    _, _, decision, rule, until = CASES[number]
    answer = judged[number]
    assert list(answer) == ["decision", "until", "rule", "why"]
    assert (answer["decision"], answer["rule"], answer["until"]) == (decision, rule, until)
    assert answer["why"]


def test_each_case_gets_a_line(judged: list[dict[str, Any]]) -> None:
    assert len(judged) == len(CASES)
    assert len({name for name, *_ in CASES}) == len(CASES)


def test_the_reasons_in_english(tmp_path: Path) -> None:
    found = verdict(tmp_path, *(json.dumps(fields) for _, fields, *_ in CASES), lang="en")
    reasons = [json.loads(line)["why"] for line in found.stdout.splitlines()]
    assert len(reasons) == len(CASES)
    assert all(reason and reason.isascii() for reason in reasons)


def test_every_rule_speaks_in_both_languages_with_its_version(tmp_path: Path) -> None:
    found = verdict(tmp_path, *(json.dumps(fields) for _, fields, *_ in CASES), args=("--all",))
    heard = [one for line in found.stdout.splitlines() for one in json.loads(line)["findings"]]
    for one in heard:
        assert one["version"] == RULEBOOK[one["rule"]].version
        assert one["why"]
        assert one["en"].isascii()
        assert one["en"]
    assert {one["result"] for one in heard} == {"pass", "wait", "refuse", "escalate"}
    assert A not in found.output


def test_the_rules_behind_the_one_that_stops_are_asked_too(tmp_path: Path) -> None:
    many = {**tue("12:00:00"), "task": {"waiver": True}, "resources": {"lines": 0, "disk_ok": False}}
    line = json.loads(verdict(tmp_path, json.dumps(many), args=("--all",)).stdout)
    stops = [one["rule"] for one in line["findings"] if one["result"] != "pass"]
    assert stops == ["R19", "R44", "R75", "R7"]
    assert line["rule"] == "R19"


def test_a_wrong_line_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    good = json.dumps(tue("10:00:00"))
    found = verdict(tmp_path, good, "", '{"now": "noon"}', "{", '{"now": "2026-11-10", "task": 1}', good)
    assert found.exit_code == 1
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert [one["decision"] for one in answers] == ["dial", "refuse", "refuse", "refuse", "dial"]
    assert {one["rule"] for one in answers[1:4]} == {"INVALID_CASE"}
    assert "now:" in answers[1]["why"]
    mistakes = found.stderr.splitlines()
    assert [line.split(".jsonl:")[1].split(":")[0] for line in mistakes] == ["3", "4", "5"]
    assert "now:" in mistakes[0]
    assert "is not JSON" in mistakes[1]
    assert "task: write an object" in mistakes[2]


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_bytes('\ufeff{"now": "2026-11-10T10:00:00+08:00"}\n'.encode() + b"\xff\xfe\n")
    found = CliRunner().invoke(main, ["verdict", str(file)])
    assert found.exit_code == 1
    assert [json.loads(line)["decision"] for line in found.stdout.splitlines()] == ["dial", "refuse"]
    assert "cases.jsonl:2: is not UTF-8" in found.stderr


def test_standard_input(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["verdict", "-"], input=json.dumps(tue("10:00:00")))
    assert json.loads(found.stdout)["decision"] == "dial"


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["verdict", str(tmp_path / "none.jsonl")]).exit_code == 2


def test_an_installations_settings_and_calendar_count(tmp_path: Path) -> None:
    config = tmp_path / "home" / "config"
    (config / "calendar").mkdir(parents=True)
    (config / "dialer.toml").write_text("[calling]\nwindows = ['08:00-11:00', '14:00-16:00']\n", "utf-8")
    (config / "calendar" / "CN-2026.toml").write_text(
        "year = 2026\nnotice = 'n'\n[holidays]\nx = [2026-11-10]\n", "utf-8"
    )
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(tue("08:00:00")) + "\n" + json.dumps(on("2026-11-11T08:00:00")), "utf-8")
    found = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "verdict", str(file)])
    off, works = map(json.loads, found.stdout.splitlines())
    assert (off["decision"], off["until"]) == ("wait", "2026-11-11T08:00:00+08:00")
    assert works["decision"] == "dial"
