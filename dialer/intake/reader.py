"""Lists to values: good rows one by one, bad rows with the number that a spreadsheet shows.

A row is read field by field; what is wrong with it is gathered, so that its sender hears all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from dialer.intake import cells
from dialer.intake.cells import Cell
from dialer.intake.columns import Layout
from dialer.intake.sheets import Row, Sheet
from dialer.model import Phone, RowError

T = TypeVar("T")

_REMEMBERED = 2048
"""Values of a column that are parsed once: branches, products and days come again and again."""
_FORMULA = "is a formula: paste its value instead"


class RowReader:
    """Gives one row's values by field and gathers what is wrong. Made once for a list."""

    def __init__(self, layout: Layout) -> None:
        self._columns = layout.columns
        self._known: dict[str, dict[str, Any]] = {field: {} for field in layout.columns}
        self._row: Row = []
        self._number = 0
        self.errors: list[RowError] = []

    def begin(self, number: int, row: Row) -> None:
        self._number, self._row, self.errors = number, row, []

    def cells_of(self, field: str) -> list[tuple[Cell, str]]:
        width = len(self._row)
        return [
            (self._row[index] if index < width else None, heading)
            for index, heading in self._columns.get(field, ())
        ]

    def wrong(self, field: str, message: str, heading: str = "") -> None:
        heading = heading or next((name for _, name in self._columns.get(field, ())), field)
        self.errors.append(RowError(self._number, heading, message))

    def get(self, field: str, parse: Callable[[Cell], T], default: T, *, optional: bool = False) -> T:
        """``default`` where the column is absent or the cell wrong; a wrong one is listed.

        ``optional``: also for an empty cell, which ``parse`` isn't asked about.
        """
        columns = self._columns.get(field)
        if columns is None:
            return default
        index, heading = columns[0]
        cell = self._row[index] if index < len(self._row) else None
        known = self._known[field]
        if isinstance(cell, str) and cell in known:
            value: T = known[cell]
            return value
        if cells.formula(cell):
            self.wrong(field, _FORMULA, heading)
            return default
        if optional and not cells.plain(cell):
            return default
        try:
            value = parse(cell)
        except ValueError as error:
            self.wrong(field, str(error), heading)
            return default
        if isinstance(cell, str) and len(known) < _REMEMBERED:
            known[cell] = value
        return value

    def phones(self, country: str, *, required: bool = True) -> tuple[Phone, ...]:
        """Of all its columns, in order, each once."""
        found: dict[str, Phone] = {}
        before = len(self.errors)
        for cell, heading in self.cells_of("phone"):
            if cells.formula(cell):
                self.wrong("phone", _FORMULA, heading)
                continue
            try:
                for phone in cells.phones(cell, country):
                    found.setdefault(phone.number.e164, phone)
            except ValueError as error:
                self.wrong("phone", str(error), heading)
        if required and not found and len(self.errors) == before:
            self.wrong("phone", "is empty")
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """One row: its value, or what is wrong with it."""

    row: int
    value: T | None
    errors: tuple[RowError, ...]


class ListReader(Generic[T]):
    """A list being read. Raises ImportFileError where nothing can be read, also while iterating."""

    def __init__(
        self,
        sheet: Sheet,
        parse: Callable[[RowReader], T | None],
        *,
        key: Callable[[T], object] | None = None,
    ) -> None:
        """``parse`` makes a row's value; what is wrong with the row counts before it.

        ``key``: what no two rows may share; it contains their policy number.
        """
        self.sheet = sheet
        self._parse, self._key = parse, key

    @property
    def notices(self) -> tuple[str, ...]:
        """Columns and sheets that weren't used, and what else the list's sender should know."""
        return self.sheet.notices

    def __iter__(self) -> Iterator[Reading[T]]:
        reader = RowReader(self.sheet.layout)
        first: dict[object, int] = {}
        for number, row in self.sheet:
            reader.begin(number, row)
            value = self._parse(reader)
            if value is not None and self._key is not None:
                earlier = first.setdefault(self._key(value), number)
                if earlier != number:
                    reader.wrong("policy_no", f"is in row {earlier} already: remove one of them")
            yield Reading(number, None if reader.errors else value, tuple(reader.errors))
