"""The file's bytes to rows of cells: CSV (comma, semicolon, tab; UTF-8 or GBK) or xlsx."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from dialer.errors import ImportFileError
from dialer.intake.cells import Cell
from dialer.intake.columns import field_of
from dialer.intake.config import IntakeConfig

Rows = Iterator[list[Cell]]

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SHEET_ROWS = 1_048_576
"""A spreadsheet has no more; a forged file can claim any number of empty ones."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# What openpyxl and the libraries below it raise for a file that isn't what it says.
_XLSX_ERRORS = (
    zipfile.BadZipFile, zlib.error, ParseError, InvalidFileException, struct.error, UnicodeError,
    KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError, OSError, OverflowError,
    NotImplementedError, RuntimeError, AssertionError, MemoryError,
)  # fmt: skip


def read_rows(data: bytes, filename: str, config: IntakeConfig) -> Rows:
    """Rows from the file's first on, empty ones included. Raises ImportFileError, also while iterating."""
    if len(data) > config.max_bytes:
        raise ImportFileError(
            f"{filename}: {len(data)} bytes, at most {config.max_bytes} are read: split the list"
        )
    if not data.strip():
        raise ImportFileError(f"{filename}: the file is empty")
    if data.startswith(_OLE):
        raise ImportFileError(f"{filename}: an old or a locked Excel file: save it as .xlsx or CSV, unlocked")
    rows = _xlsx(data, filename, config) if data.startswith(_ZIP) else _csv(data, filename, config)
    return _limited(rows, filename, config)


def _limited(rows: Iterable[list[Cell]], filename: str, config: IntakeConfig) -> Rows:
    """Empty rows don't count, or a stray format in the last line would refuse the list."""
    filled = 0
    for number, row in enumerate(rows, start=1):
        filled += any(cell is not None and cell != "" for cell in row)
        if filled > config.max_rows or number > _SHEET_ROWS:
            raise ImportFileError(f"{filename}: more than {config.max_rows} rows: split the list")
        yield row[: config.max_columns]


def _csv(data: bytes, filename: str, config: IntakeConfig) -> Rows:
    text = _decode(data, filename)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        for row in reader:
            yield list(row)
    except csv.Error as error:
        raise ImportFileError(
            f"{filename}: line {reader.line_num}: {error}: is a quotation mark missing?"
        ) from error


def _decode(data: bytes, filename: str) -> str:
    if not data.startswith(_UTF16):
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
    raise ImportFileError(f"{filename}: the encoding can't be read: save the list as CSV UTF-8 or GBK")


def _delimiter(text: str) -> str:
    """The one that gives the most known headings."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def known(delimiter: str) -> int:
        return sum(field_of(heading.strip('"')) is not None for heading in header.split(delimiter))

    return max((",", ";", "\t"), key=known)


def _xlsx(data: bytes, filename: str, config: IntakeConfig) -> Rows:
    """The first sheet's cells; formulas stay text, so that they can be refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > config.max_unpacked_bytes:
            raise ImportFileError(f"{filename}: {unpacked} bytes unpacked, too many: split the list")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        # What the file says about its size may be wrong; the rows themselves are counted.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_col=config.max_columns, values_only=True):
            yield [] if row.count(None) == len(row) else [_cell(value) for value in row]
    except ImportFileError:
        raise
    except _XLSX_ERRORS as error:
        raise ImportFileError(f"{filename}: not a readable xlsx file: save it again, or as CSV") from error


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float | bool | date | datetime):
        return value
    return str(value)
