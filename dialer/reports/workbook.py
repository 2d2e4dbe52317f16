"""The report as xlsx: monthly report, statistics, records, tickets handed on. Rows stream to the file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook as OpenpyxlWorkbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.cell.cell import Cell as FormattedCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from dialer.kpi import Dimension
from dialer.model import Disposition
from dialer.ports import CallView
from dialer.reports.forms import HANDOVER, RECORD, handover_row, record_row
from dialer.reports.month import MonthReport
from dialer.reports.sections import Cell, Section, Share, sections
from dialer.reports.words import DIMENSIONS, word

MAX_ROWS = 1_048_576
"""Of one sheet, by the format; the rest goes to a further sheet."""


class Workbook:
    """Made for one report; ``add_calls`` as often as need be, then ``save``."""

    def __init__(
        self, report: MonthReport, lang: str, names: Mapping[Disposition, str], max_rows: int = MAX_ROWS
    ) -> None:
        self._lang, self._names = lang, names
        self._book = OpenpyxlWorkbook(write_only=True)
        found = sections(report, lang, names)
        split = len(Dimension)
        self._report_sheet(word("monthly", lang), found[:-split])
        self._report_sheet(word("statistics", lang), found[-split:])
        self._records = _Pages(self._book, word("records", lang), _titles(RECORD, lang), max_rows)
        self._tickets = _Pages(self._book, word("handover", lang), _titles(HANDOVER, lang), max_rows)

    def add_calls(self, views: Iterable[tuple[CallView, bool]]) -> None:
        """Calls in order, each with whether it is to be checked."""
        for view, checked in views:
            self._records.add(record_row(view, self._lang, self._names, checked))
            for ticket in view.record.tickets if view.record else ():
                self._tickets.add(handover_row(view, ticket, self._lang))

    def save(self, file: Path) -> None:
        """Readable by its owner only: it names customers. Raises OSError; a broken-off file isn't left."""
        part = file.with_name(f".{file.name}.part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                self._book.save(stream)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def _report_sheet(self, title: str, found: Sequence[Section]) -> None:
        sheet = _sheet(self._book, title)
        for section in found:
            _bold(sheet, (section.title,))
            _bold(sheet, section.headings)
            for row in section.rows:
                sheet.append([_cell(sheet, value) for value in row])
            sheet.append([])


def record_book(views: Iterable[CallView], lang: str, names: Mapping[Disposition, str]) -> bytes:
    """The record form alone, as xlsx."""
    book = OpenpyxlWorkbook(write_only=True)
    pages = _Pages(book, word("records", lang), _titles(RECORD, lang), MAX_ROWS)
    for view in views:
        pages.add(record_row(view, lang, names, checked=False))
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def _titles(keys: Sequence[str], lang: str) -> tuple[str, ...]:
    named = {dimension.value: name[lang] for dimension, name in DIMENSIONS.items()}
    return tuple(named.get(key) or word(key, lang) for key in keys)


class _Pages:
    """One form on as many sheets as it needs."""

    def __init__(self, book: OpenpyxlWorkbook, title: str, headings: Sequence[str], max_rows: int) -> None:
        self._book, self._title, self._headings, self._max_rows = book, title, headings, max_rows
        self._pages = 0
        self._turn()

    def add(self, row: Sequence[Cell]) -> None:
        if self._rows >= self._max_rows:
            self._turn()
        self._sheet.append([_cell(self._sheet, value) for value in row])
        self._rows += 1

    def _turn(self) -> None:
        self._pages += 1
        title = self._title if self._pages == 1 else f"{self._title} {self._pages}"
        self._sheet, self._rows = _sheet(self._book, title), 1
        self._sheet.freeze_panes = "A2"
        _bold(self._sheet, self._headings)


def _sheet(book: OpenpyxlWorkbook, title: str) -> WriteOnlyWorksheet:
    sheet = book.create_sheet(title)
    assert isinstance(sheet, WriteOnlyWorksheet)
    return sheet


def _bold(sheet: WriteOnlyWorksheet, texts: Sequence[str]) -> None:
    cells = []
    for text in texts:
        cell = WriteOnlyCell(sheet, text)
        cell.font = Font(bold=True)
        cells.append(cell)
    sheet.append(cells)


def _cell(sheet: WriteOnlyWorksheet, value: Cell) -> FormattedCell | int | str | None:
    if isinstance(value, Share):
        cell = WriteOnlyCell(sheet, value.value)
        cell.number_format = "0.00%"
        return cell
    if isinstance(value, int):
        return value
    text = ILLEGAL_CHARACTERS_RE.sub("", value)
    if text.startswith("="):
        # What a customer said or a list held is text, never a formula.
        cell = WriteOnlyCell(sheet, text)
        cell.data_type = "s"
        return cell
    return text or None
