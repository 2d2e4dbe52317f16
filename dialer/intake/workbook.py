"""A worksheet's XML to rows of values, one row at a time.

openpyxl finds the sheets, their shared strings and their date styles. Its own reader makes an object of every
XML element, takes three times as long over a large list, and reads it twice where it doesn't say its size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any
from xml.parsers.expat import ParserCreate
from zipfile import ZipFile

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.datetime import from_excel, from_ISO8601

_NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
_ROW, _CELL, _VALUE, _FORMULA = (_NS + name for name in ("row", "c", "v", "f"))
_TEXT, _PHONETIC = _NS + "t", _NS + "rPh"
_CHUNK = 1 << 16
_NO_DATE = "#VALUE!"
"""What a spreadsheet shows where a cell for dates holds a number that is none."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the cells of a workbook refer to."""

    strings: Sequence[str]
    dates: Collection[int]
    """Styles that show a number as a date."""
    spans: Collection[int]
    """Of these, those that show it as a length of time."""
    epoch: datetime


class Worksheet:
    """A sheet in its workbook; ``rows`` reads it."""

    def __init__(self, title: str, archive: ZipFile, part: str, book: Book) -> None:
        self.title = title
        self._archive, self._part, self._book = archive, part, book
        self._size = max(1, archive.getinfo(part).file_size)
        self._read = 0

    @property
    def share(self) -> float:
        """How much of it is read, 0 to 1."""
        return min(1.0, self._read / self._size)

    def rows(self, width: int) -> Iterator[list[Any]]:
        """As ``read_rows``."""
        with self._archive.open(self._part) as source:
            for row in read_rows(source, self._book, width):
                self._read = source.tell()
                yield row


def worksheets(file: IO[bytes]) -> list[Worksheet]:
    """Of a workbook, in order. Raises what zipfile, ElementTree and openpyxl raise for what is none.

    ``load_workbook`` would do, but for sheets that don't say their size: it reads those through.
    """
    reader = ExcelReader(file, read_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    made: Any = reader.wb
    apply_stylesheet(reader.archive, made)
    # What the cells refer to has no public name there.
    book = Book(reader.shared_strings, made._date_formats, made._timedelta_formats, made.epoch)
    return [
        Worksheet(sheet.name, reader.archive, rel.target, book)
        for sheet, rel in reader.parser.find_sheets()
        if rel.target in reader.valid_files and "chartsheet" not in rel.Type
    ]


def read_rows(source: IO[bytes], book: Book, width: int) -> Iterator[list[Any]]:
    """Each row up to its last cell, ``width`` cells at most; rows that the file leaves out are empty.

    A formula is its text, beginning with ``=``. Raises ExpatError, ValueError and IndexError for what is no
    worksheet.
    """
    cells = _Cells(book, width)
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = cells.begin
    parser.EndElementHandler = cells.end
    parser.CharacterDataHandler = cells.text
    done = 0
    while data := source.read(_CHUNK):
        parser.Parse(data, False)
        for number, row in cells.rows:
            while done + 1 < number:
                done += 1
                yield []
            done = number
            yield row
        cells.rows.clear()
    parser.Parse(b"", True)


class _Cells:
    """What the parser hears, made into rows."""

    __slots__ = (
        "_book", "_column", "_columns", "_formula", "_heard", "_kind", "_listening", "_number", "_phonetic",
        "_row", "_style", "_width", "rows",
    )  # fmt: skip

    def __init__(self, book: Book, width: int) -> None:
        self._book, self._width = book, width
        self.rows: list[tuple[int, list[Any]]] = []
        """Complete ones with their numbers."""
        self._number = self._column = self._style = 0
        self._row: list[Any] = []
        self._kind = "n"
        self._formula = self._listening = self._phonetic = False
        self._heard: list[str] = []
        self._columns: dict[str, int] = {}

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == _CELL:
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", 0))
            self._formula = False
            self._heard = []
            place = attributes.get("r")
            self._column = self._column_of(place) if place else self._column + 1
        elif tag in (_VALUE, _TEXT):
            self._listening = not (self._formula or self._phonetic)
        elif tag == _FORMULA:
            self._formula = self._listening = True
            self._heard = ["="]
        elif tag == _ROW:
            number = attributes.get("r")
            self._number = int(number) if number else self._number + 1
            self._row, self._column = [], 0
        elif tag == _PHONETIC:
            self._phonetic = True

    def text(self, data: str) -> None:
        if self._listening:
            self._heard.append(data)

    def end(self, tag: str) -> None:
        if tag == _CELL:
            if self._heard and self._column <= self._width:
                self._row += [None] * (self._column - len(self._row))
                self._row[self._column - 1] = self._value("".join(self._heard))
        elif tag in (_VALUE, _TEXT, _FORMULA):
            self._listening = False
        elif tag == _ROW:
            self.rows.append((self._number, self._row))
        elif tag == _PHONETIC:
            self._phonetic = False

    def _column_of(self, place: str) -> int:
        letters = place.rstrip("0123456789")
        found = self._columns.get(letters)
        if found is None:
            found = self._columns[letters] = column_index_from_string(letters)
        return found

    def _value(self, heard: str) -> Any:
        if self._formula or self._kind in ("inlineStr", "str", "e"):
            return heard
        match self._kind:
            case "s":
                return self._book.strings[int(heard)]
            case "n":
                number = float(heard) if "." in heard or "E" in heard or "e" in heard else int(heard)
                return self._dated(number) if self._style in self._book.dates else number
            case "b":
                return bool(int(heard))
            case "d":
                return from_ISO8601(heard)  # type: ignore[no-untyped-call]
        raise ValueError(f"a cell of the unknown kind {self._kind!r}")

    def _dated(self, number: float) -> Any:
        try:
            return from_excel(number, self._book.epoch, timedelta=self._style in self._book.spans)
        except (OverflowError, ValueError):
            return _NO_DATE
