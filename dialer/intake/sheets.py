"""A file to rows of cells: CSV (comma, semicolon, tab; UTF-8 or GBK) or xlsx. Rows stream; nothing is kept.

What can be found out before the first row is: encoding, size, a broken package, missing quotation marks.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from openpyxl.utils.exceptions import InvalidFileException

from dialer.errors import ImportFileError
from dialer.intake.cells import Cell, as_text
from dialer.intake.columns import Columns, Layout
from dialer.intake.config import IntakeConfig
from dialer.intake.workbook import Worksheet, worksheets

Source = Path | bytes
Row = list[Cell]

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SHEET_ROWS = 1_048_576
"""A spreadsheet has no more; a forged file can claim any number of empty ones."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CHUNK = 1 << 20
_HEADER_WITHIN = 10
"""How many rows may stand above the headings, a title for example."""

# What openpyxl and the libraries below it raise for a file that isn't what it says.
_XLSX_ERRORS = (
    zipfile.BadZipFile, zlib.error, ParseError, ExpatError, InvalidFileException, struct.error, UnicodeError,
    KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError, OSError, OverflowError,
    NotImplementedError, RuntimeError, AssertionError, MemoryError,
)  # fmt: skip


class Sheet:
    """A list being read: its columns are known, its rows come one by one.

    Rows are counted as a spreadsheet shows them. Raises ImportFileError, also while iterating.
    """

    def __init__(self, source: Source, filename: str, columns: Columns, config: IntakeConfig) -> None:
        self._filename, self._columns, self._config = filename, columns, config
        self._file = _open(source, filename, config)
        self._size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        self._notices: list[str] = []
        self._others: list[str] = []
        """Further sheets that hold something."""
        self._share: Callable[[], float] = lambda: min(1.0, self._file.tell() / self._size)
        start = self._file.read(8)
        self._file.seek(0)
        if start.startswith(_OLE):
            raise self._error("an old or a locked Excel file: save it as .xlsx or CSV, unlocked")
        self._rows = enumerate(
            self._limited(self._xlsx() if start.startswith(_ZIP) else self._csv()), start=1
        )
        self.layout = self._header()

    @property
    def notices(self) -> tuple[str, ...]:
        """What the reader of the report should know: columns and sheets that weren't used."""
        return (*self._notices, *self.layout.notices)

    @property
    def share(self) -> float:
        """How much of the file is read, 0 to 1."""
        return self._share()

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        """(number, cells) of each row that holds anything."""
        for number, row in self._rows:
            if any(cell is not None and as_text(cell) for cell in row):
                yield number, row

    def _error(self, message: str) -> ImportFileError:
        return ImportFileError(f"{self._filename}: {message}")

    # -- headings --------------------------------------------------------------------------------

    def _header(self) -> Layout:
        """The first row that names every column; title rows above it are left out, and said so."""
        above: list[tuple[int, list[str]]] = []
        for number, row in islice(iter(self), _HEADER_WITHIN):
            headings = [as_text(cell) for cell in row]
            if self._columns.are_in(headings):
                if above:
                    last = above[-1][0]
                    rows = f"row {last}" if len(above) == 1 else f"rows {above[0][0]} to {last}"
                    self._notices.insert(0, f"{rows} above the headings: not read")
                return self._layout(headings)
            above.append((number, headings))
        if not above:
            raise self._error("the file is empty")
        best = max(above, key=lambda one: self._columns.known_in(one[1]))
        return self._layout(best[1])

    def _layout(self, headings: list[str]) -> Layout:
        try:
            return self._columns.read_header(headings)
        except ImportFileError as error:
            elsewhere = f"; is the list on {', '.join(self._others)}? Put it first" if self._others else ""
            raise self._error(f"{error}{elsewhere}") from error

    def _limited(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Empty rows don't count, or a stray format in the last line would refuse the list."""
        filled, most, width = 0, self._config.max_rows, self._config.max_columns
        for number, row in enumerate(rows, start=1):
            filled += any(row) or any(cell is not None and cell != "" for cell in row)
            if filled > most or number > _SHEET_ROWS:
                raise self._error(
                    f"more than {most} rows: split the list (rows up to {number - 1} may be stored already;"
                    " they count as duplicates then)"
                )
            yield row[:width] if len(row) > width else row

    # -- CSV -------------------------------------------------------------------------------------

    def _csv(self) -> Iterator[Row]:
        encoding = self._encoding()
        with_text = io.TextIOWrapper(self._file, encoding, newline="")
        head = list(islice(with_text, _HEADER_WITHIN))
        delimiter = self._delimiter(head)
        # Once through without reading a cell: a file with a fault stores nothing.
        filled = 0
        for row in self._parsed(chain(head, with_text), delimiter):
            filled += any(row)
            if filled > self._config.max_rows:
                raise self._error(f"more than {self._config.max_rows} rows: split the list")
        with_text.seek(0)
        return self._parsed(with_text, delimiter)

    def _parsed(self, lines: Iterable[str], delimiter: str) -> Iterator[Row]:
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            yield from reader
        except csv.Error as error:
            raise self._error(f"line {reader.line_num}: {error}: is a quotation mark missing?") from error

    def _encoding(self) -> str:
        start = self._file.read(2)
        for encoding in ("utf-8-sig", "gb18030"):
            self._file.seek(0)
            if start not in _UTF16 and self._is(encoding):
                self._file.seek(0)
                return encoding
        raise self._error("the encoding can't be read: save the list as CSV UTF-8 or GBK")

    def _is(self, encoding: str) -> bool:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while data := self._file.read(_CHUNK):
                decoder.decode(data)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return False
        return True

    def _delimiter(self, lines: list[str]) -> str:
        """The one that gives the most known headings."""

        def known(delimiter: str) -> int:
            return max(
                (
                    self._columns.known_in([one.strip(' "\r\n') for one in line.split(delimiter)])
                    for line in lines
                ),
                default=0,
            )

        return max((",", ";", "\t"), key=known)

    # -- xlsx ------------------------------------------------------------------------------------

    def _xlsx(self) -> Iterator[Row]:
        """The first sheet's cells; formulas stay text, so that they can be refused."""
        try:
            with zipfile.ZipFile(self._file) as packed:
                unpacked = sum(entry.file_size for entry in packed.infolist())
                if unpacked > self._config.max_unpacked_bytes:
                    raise self._error(f"{unpacked} bytes unpacked, too many: split the list")
                if broken := packed.testzip():
                    raise zipfile.BadZipFile(broken)
            first, *others = worksheets(self._file)
            self._look_at(others, first.title)
            self._share = lambda: first.share
            for row in first.rows(self._config.max_columns):
                yield [_cell(value) for value in row]
        except ImportFileError:
            raise
        except _XLSX_ERRORS as error:
            raise self._error("not a readable xlsx file: save it again, or as CSV") from error

    def _look_at(self, others: list[Worksheet], first: str) -> None:
        """A list on a further sheet isn't read, and isn't passed over in silence."""
        for sheet in others:
            rows = islice(sheet.rows(self._config.max_columns), _HEADER_WITHIN)
            if any(value is not None for row in rows for value in row):
                self._others.append(repr(sheet.title))
        if self._others:
            self._notices.append(
                f"only the first sheet {first!r} is read; not read: {', '.join(self._others)}"
            )


def _open(source: Source, filename: str, config: IntakeConfig) -> IO[bytes]:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > config.max_bytes:
        raise ImportFileError(
            f"{filename}: {size} bytes, at most {config.max_bytes} are read: split the list"
        )
    file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    blank = all(not chunk.strip() for chunk in iter(lambda: file.read(_CHUNK), b""))
    if blank:
        file.close()
        raise ImportFileError(f"{filename}: the file is empty")
    file.seek(0)
    return file


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float | bool | date | datetime):
        return value
    return str(value)
