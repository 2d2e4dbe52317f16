"""Tables of how often: read, written, and refused where they break the yearly minimum."""

from __future__ import annotations

from datetime import date

import pytest

from dialer.policy.days import add_months
from dialer.policy.settings import PolicySettings
from dialer.policy.tiers import TierTable


@pytest.mark.parametrize("table", PolicySettings().tier_tables, ids=lambda table: table.name)
def test_a_table_is_written_as_it_is_read(table: TierTable) -> None:
    assert TierTable.parse(str(table)) == table


@pytest.mark.parametrize(
    ("entry", "last", "due"),
    [
        ("A 1 month", "2026-01-31", "2026-02-28"),
        ("A 3 months", "2026-11-30", "2027-02-28"),
        ("A 12 months", "2028-02-29", "2029-02-28"),
        ("A 2 weeks", "2026-12-25", "2027-01-08"),
    ],
)
def test_when_a_tier_is_due_again(entry: str, last: str, due: str) -> None:
    every = TierTable.parse(f"R77: {entry}").of("A")
    assert every is not None
    assert every.after(date.fromisoformat(last)) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A 1 month", "R77: A 1 month"),
        ("R44: A 1 month", "R77, R78 or R96"),
        ("R77: A monthly", "tier, number and unit"),
        ("R77: A 13 months", "R32"),
        ("R77: A 53 weeks", "R32"),
        ("R77: A 0 months", "1 to 12"),
        ("R77: A 1 month, A 2 months", "twice"),
    ],
)
def test_what_is_no_table(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TierTable.parse(text)


def test_the_table_in_force_must_be_given() -> None:
    with pytest.raises(ValueError, match="tier_table: no table 'R78'; given: R77"):
        PolicySettings(tier_tables=(TierTable.parse("R77: A 1 month"),), tier_table="R78")
    with pytest.raises(ValueError, match="twice"):
        PolicySettings(tier_tables=(TierTable.parse("R77: A 1 month"),) * 2)


def test_months_over_a_years_end() -> None:
    assert add_months(date(2026, 12, 31), 2) == date(2027, 2, 28)
    assert add_months(date(2026, 12, 1), 12) == date(2027, 12, 1)
