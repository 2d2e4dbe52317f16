from __future__ import annotations

import csv
import io

from dialer.intake import write_report
from dialer.model import RowError


def test_rows_then_notices() -> None:
    text = write_report(
        [RowError(4, "电话", 'not a "number", really')], ["column '备注' isn't known: not used"]
    )
    assert list(csv.reader(io.StringIO(text))) == [
        ["row", "column", "message"],
        ["4", "电话", 'not a "number", really'],
        ["", "", "column '备注' isn't known: not used"],
    ]


def test_a_heading_cannot_become_a_formula() -> None:
    text = write_report([RowError(2, "=cmd|' /C calc'!A0", "wrong")])
    assert list(csv.reader(io.StringIO(text)))[1][1].startswith("'=")
