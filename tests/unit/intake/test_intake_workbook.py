"""A worksheet's cells: the same values as openpyxl reads, also where spreadsheets write them in odd ways."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import WINDOWS_EPOCH

from dialer.intake.workbook import Book, read_rows, worksheets

NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=12
)
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.sampled_from(["=A1+1", "P1", "王芳", " 13800000001", "<&>\"'"]),
    st.integers(-(10**12), 10**12),
    st.floats(-1e9, 1e9),
    st.booleans(),
    st.dates(date(1950, 1, 1), date(2090, 1, 1)),
    st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1)).map(lambda one: one.replace(microsecond=0)),
    st.just(time(9, 30)),
    st.just(timedelta(hours=30)),
)


def of(xml: str, strings: tuple[str, ...] = (), width: int = 100) -> list[list[Any]]:
    book = Book(strings, {3, 4}, {4}, WINDOWS_EPOCH)
    return list(islice(read_rows(io.BytesIO(xml.encode()), book, width), 50))


def sheet(rows: str) -> str:
    return f'<worksheet xmlns="{NS}"><sheetData>{rows}</sheetData></worksheet>'


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(VALUES, max_size=5), max_size=5))
def test_the_values_are_openpyxls(rows: list[list[Any]]) -> None:
    made = Workbook()
    for row in rows:
        made.active.append(row)  # type: ignore[union-attr]
    file = io.BytesIO()
    made.save(file)
    book = load_workbook(file, read_only=True)
    first = book.worksheets[0]
    first.reset_dimensions()  # type: ignore[attr-defined]
    theirs = [list(row) for row in first.iter_rows(max_col=5, values_only=True)]
    ours = [row + [None] * (5 - len(row)) for row in worksheets(file)[0].rows(5)]
    assert repr(ours) == repr(theirs), "the same values of the same kinds"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="A1" t="s"><v>1</v></c>', "李"),
        ('<c t="str"><v>合计</v></c>', "合计"),
        ('<c r="A1"><f>SUM(B1)</f><v>7</v></c>', "=SUM(B1)"),
        ('<c r="A1"><f t="shared" si="0"/><v>7</v></c>', "="),
        ('<c r="A1" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="A1" t="b"><v>1</v></c>', True),
        ('<c r="A1" t="d"><v>2026-11-10</v></c>', date(2026, 11, 10)),
        ('<c r="A1" s="3"><v>46336</v></c>', datetime(2026, 11, 10)),
        ('<c r="A1" s="3"><v>99999999999</v></c>', "#VALUE!"),
        ('<c r="A1" s="4"><v>1.25</v></c>', timedelta(hours=30)),
        ('<c r="A1"><v>1.5E3</v></c>', 1500.0),
        ('<c r="A1" t="inlineStr"><is><r><t>王</t></r><r><t>芳</t></r></is></c>', "王芳"),
        ('<c r="A1" t="inlineStr"><is><t>王</t><rPh sb="0" eb="1"><t>Wang</t></rPh></is></c>', "王"),
    ],
)
def test_the_kinds_of_cells(cell: str, value: object) -> None:
    assert of(sheet(f"<row>{cell}</row>"), ("王", "李")) == [[value]]


def test_what_is_left_out_is_empty() -> None:
    xml = sheet(
        '<row r="2"><c r="C2"><v>1</v></c><c><v>2</v></c></row><row r="4"/><row><c><v>3</v></c></row>'
    )
    assert of(xml) == [[], [None, None, 1, 2], [], [], [3]]
    assert of(xml, width=3)[1] == [None, None, 1], "no wider than asked"


def test_a_prefix_means_nothing() -> None:
    row = "<x:row><x:c><x:v>1</x:v></x:c></x:row>"
    assert of(f'<x:worksheet xmlns:x="{NS}"><x:sheetData>{row}</x:sheetData></x:worksheet>') == [[1]]


def test_forged_places_cost_nothing() -> None:
    assert of(sheet('<row r="999999999999"><c r="A1"><v>1</v></c></row>')) == [[]] * 50
    assert of(sheet('<row><c r="ZZZ1"><v>1</v></c></row>')) == [[]]
    with pytest.raises(ValueError, match="not a valid column"):
        of(sheet('<row><c r="ZZZZZ1"><v>1</v></c></row>'))
