"""Lists for the business side, CSV or xlsx by the file's ending. They name customers: their owner's alone."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.cell.cell import Cell as FormattedCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from dialer.errors import DialerError
from dialer.intake.report import inert

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A heading and what stands below it."""

    heading: str
    value: Callable[[T], object]


def write_table(file: Path, columns: Sequence[Column[T]], rows: Iterable[T]) -> None:
    """All of it or nothing: a file that broke off isn't left. Raises DialerError, OSError."""
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        raise DialerError(f"{file}: name a .csv or .xlsx file")
    texts = ([_text(column.value(row)) for column in columns] for row in rows)
    write_private(file, as_table(suffix, [column.heading for column in columns], texts))


def as_table(suffix: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The same as a file's bytes; ``suffix``: ``.csv`` or ``.xlsx``."""
    return _csv(headings, rows) if suffix == ".csv" else _xlsx(headings, rows)


def write_private(file: Path, data: bytes) -> None:
    """Readable by its owner only. Raises OSError."""
    part = file.with_name(f".{file.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(headings)
    lines.writerows([inert(text) for text in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _xlsx(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    assert isinstance(sheet, WriteOnlyWorksheet)
    sheet.freeze_panes = "A2"
    bold = [WriteOnlyCell(sheet, heading) for heading in headings]
    for cell in bold:
        cell.font = Font(bold=True)
    sheet.append(bold)
    for row in rows:
        sheet.append([_cell(sheet, text) for text in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: WriteOnlyWorksheet, text: str) -> FormattedCell | None:
    """Text, whatever it looks like: a policy number isn't rounded, what a stranger wrote isn't calculated."""
    if not text:
        return None
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    cell.number_format = "@"
    return cell
