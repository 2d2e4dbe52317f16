"""What the interop program makes of its results."""

from __future__ import annotations

import json

import pytest

from tests.interop.matrix import Feature, Matrix, Outcome, Result

CALL, TLS = ("peer", Feature.CALL), ("peer", Feature.TLS)


def matrix(known: dict[tuple[str, Feature], str], call: Result) -> Matrix:
    made = Matrix({TLS: "its manual says so"}, known, {"peer": "1.0"})
    made.outcomes = {CALL: Outcome(call, "seen"), TLS: Outcome(Result.NOT_THERE, "its manual says so")}
    return made


@pytest.mark.parametrize(
    ("known", "call", "says"),
    [
        ({}, Result.PASS, ""),
        ({CALL: "its bug 7"}, Result.FAIL, ""),
        ({}, Result.FAIL, "without a known reason: seen"),
        ({CALL: "its bug 7"}, Result.PASS, "still in the table"),
    ],
)
def test_a_fail_needs_its_reason_and_a_reason_its_fail(
    known: dict[tuple[str, Feature], str], call: Result, says: str
) -> None:
    faults = matrix(known, call).faults()
    assert bool(faults) is bool(says)
    assert all(says in fault for fault in faults)


def test_a_peer_that_is_not_there_is_a_fault_of_its_own() -> None:
    made = matrix({}, Result.FAIL)
    made.unavailable["peer"] = "apt-get install peer"
    assert made.faults() == ["peer: not available: apt-get install peer"]


def test_the_last_line_is_one_object_and_the_table_has_both_languages() -> None:
    made = matrix({}, Result.PASS)
    said = json.loads(made.json(1.0))
    assert said["peers"] == {"peer": {"call": "pass", "tls": "n/a"}}
    assert (said["passed"], said["failed"], said["not_there"], said["faults"]) == (1, 0, 1, [])
    assert "\n" not in made.json(1.0)
    assert "通话" in made.table("zh")
    assert "pass" in made.table("en")
