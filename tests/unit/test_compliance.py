"""``docs/compliance.md``: every rule once, and whatever it cites is there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from dialer.policy.rulebook import RULEBOOK

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "compliance.md"
RULES = 96
STATES = ("served", "partly", "not built yet", "not ours")


@dataclass(frozen=True)
class Row:
    rule: int
    asks: str
    state: str
    code: tuple[str, ...]
    tests: tuple[str, ...]
    note: str


def rows() -> list[Row]:
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 6 and (number := re.fullmatch(r"R(\d+)", cells[0])):
            _, asks, state, code, tests, note = cells
            found.append(Row(int(number[1]), asks, state, cited(code), cited(tests), note))
    return found


def cited(cell: str) -> tuple[str, ...]:
    """What stands in backticks; nothing else may stand there."""
    assert not re.sub(r"`[^`]*`", "", cell).strip(), f"write `file:symbol` only: {cell}"
    return tuple(re.findall(r"`([^`]*)`", cell))


ROWS = rows()


@cache
def names(file: str) -> frozenset[str]:
    """Functions, classes, methods (``Class.method``) and constants that the file defines."""
    found: set[str] = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name, body=body):
                found.add(name)
                found |= {f"{name}.{one}" for inner in body for one in defined(inner)}
            case _:
                found |= set(defined(node))
    return frozenset(found)


def defined(node: ast.stmt) -> tuple[str, ...]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.AnnAssign(target=ast.Name(id=name)):
            return (name,)
        case ast.Assign(targets=targets):
            return tuple(one.id for one in targets if isinstance(one, ast.Name))
        case _:
            return ()


def test_every_rule_stands_there_once_and_in_order() -> None:
    assert [row.rule for row in ROWS] == list(range(1, RULES + 1))


@pytest.mark.parametrize("row", ROWS, ids=[f"R{row.rule}" for row in ROWS])
def test_a_rule_is_served_with_proof_or_it_is_said_why_not(row: Row) -> None:
    assert row.asks
    assert row.state in STATES
    if row.state in ("served", "partly"):
        assert row.code, "which code serves it?"
        assert row.tests, "which test proves it?"
    else:
        assert not row.code
        assert not row.tests
    if row.state != "served":
        assert len(row.note) > 10, "say what is missing, or why"
    for place in row.code:
        file, _, symbol = place.partition(":")
        assert file.startswith(("dialer/", "config/")), place
        if file.endswith(".py"):
            assert symbol in names(file), f"no {place}"
        else:
            assert symbol in (ROOT / file).read_text(encoding="utf-8"), f"no {place}"
    for place in row.tests:
        file, _, test = place.partition("::")
        assert file.startswith("tests/"), place
        assert re.match(r"test_|Test", test), place
        assert test in names(file), f"no {place}"


def test_the_rules_that_a_verdict_names_are_served() -> None:
    numbered = {int(name[1:]) for name in RULEBOOK if re.fullmatch(r"R\d+", name)}
    assert {row.rule for row in ROWS if row.state in ("served", "partly")} >= numbered


def test_the_count_at_the_top_is_that_of_the_table() -> None:
    text = FILE.read_text(encoding="utf-8")
    for state in STATES:
        number = sum(row.state == state for row in ROWS)
        assert re.search(rf"^- {state}: {number}\b", text, re.M), f"{state}: {number}"
