"""A customer list to tasks: good rows in, bad rows listed by the number that a spreadsheet shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from dialer.errors import ImportFileError
from dialer.intake import cells
from dialer.intake.cells import Cell
from dialer.intake.columns import Layout, read_header
from dialer.intake.config import IntakeConfig
from dialer.intake.sheets import read_rows
from dialer.model import Phone, Policyholder, RowError, Segment, Task, TaskId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CustomerList:
    """What a file gave."""

    tasks: tuple[Task, ...]
    """Good rows, in order; their ids are 0 until the store has them."""
    errors: tuple[RowError, ...]
    """What is wrong with the others, in order of rows; a row may have several."""
    notices: tuple[str, ...]
    """Columns that weren't used."""


def read_customers(
    data: bytes, filename: str, *, campaign: str, script: str, config: IntakeConfig | None = None
) -> CustomerList:
    """``data``: a CSV or xlsx file; ``filename`` only names it in errors.

    Rows are counted as a spreadsheet shows them, so a header in the first row is row 1. Raises
    ImportFileError where nothing can be read: encoding, columns, size.
    """
    config = config or IntakeConfig()
    rows = enumerate(read_rows(data, filename, config), start=1)
    layout = None
    for _, row in rows:
        if any(cells.as_text(cell) for cell in row):
            layout = _header(row, filename)
            break
    if layout is None:
        raise ImportFileError(f"{filename}: the file is empty")
    tasks: list[Task] = []
    errors: list[RowError] = []
    first_row: dict[str, int] = {}
    for number, row in rows:
        if not any(cells.as_text(cell) for cell in row):
            continue
        reading = _Row(number, row, layout)
        task = _task(reading, campaign, script, config)
        policy_no = reading.policy_no
        if policy_no and policy_no in first_row:
            reading.wrong("policy_no", f"is in row {first_row[policy_no]} already: remove one of them")
        elif policy_no:
            first_row[policy_no] = number
        errors += reading.errors
        if task is not None and not reading.errors:
            tasks.append(task)
    return CustomerList(tuple(tasks), tuple(errors), layout.notices)


def _header(row: Sequence[Cell], filename: str) -> Layout:
    try:
        return read_header([cells.as_text(cell) for cell in row])
    except ImportFileError as error:
        raise ImportFileError(f"{filename}: {error}") from error


class _Row:
    """One row being read: gives values by field and gathers what is wrong."""

    def __init__(self, number: int, row: Sequence[Cell], layout: Layout) -> None:
        self._number = number
        self._row = row
        self._columns = layout.columns
        self.errors: list[RowError] = []
        self.policy_no = self.get("policy_no", cells.policy_no, "")

    def _cells(self, field: str) -> list[tuple[Cell, str]]:
        width = len(self._row)
        return [
            (self._row[index] if index < width else None, heading)
            for index, heading in self._columns.get(field, ())
        ]

    def wrong(self, field: str, message: str, heading: str = "") -> None:
        heading = heading or next((name for _, name in self._cells(field)), field)
        self.errors.append(RowError(self._number, heading, message))

    def get(self, field: str, parse: Callable[[Cell], T], default: T) -> T:
        """``default`` where the column is absent or the cell wrong; a wrong one is listed."""
        for cell, heading in self._cells(field):
            if cells.formula(cell):
                self.wrong(field, "is a formula: paste its value instead", heading)
                return default
            try:
                return parse(cell)
            except ValueError as error:
                self.wrong(field, str(error), heading)
        return default

    def optional(self, field: str, parse: Callable[[Cell], T], default: T) -> T:
        """As ``get``, and ``default`` for an empty cell."""
        return self.get(field, lambda cell: parse(cell) if cells.plain(cell) else default, default)

    def phones(self, country: str) -> tuple[Phone, ...]:
        found: dict[str, Phone] = {}
        for cell, heading in self._cells("phone"):
            if cells.formula(cell):
                self.wrong("phone", "is a formula: paste its value instead", heading)
                continue
            try:
                for phone in cells.phones(cell, country):
                    found.setdefault(phone.number.e164, phone)
            except ValueError as error:
                self.wrong("phone", str(error), heading)
        if not found and not any(error.column == h for _, h in self._cells("phone") for error in self.errors):
            self.wrong("phone", "is empty")
        return tuple(found.values())


def _task(row: _Row, campaign: str, script: str, config: IntakeConfig) -> Task | None:
    def words(cell: Cell) -> str:
        return cells.text(cell, required=True)

    phones = row.phones(config.country)
    name = row.get("name", words, "")
    product = row.get("product", words, "")
    premium = row.get("premium", cells.money, Decimal(0))
    pay_years = row.get("pay_years", cells.pay_years, 0)
    holder = Policyholder(
        name, row.get("gender", cells.honorific, ""), row.get("insured_differs", cells.truth, False)
    )
    task = Task(
        id=TaskId(0),
        campaign=campaign,
        policy_no=row.policy_no,
        holder=holder,
        phones=phones,
        product=product,
        premium=premium,
        pay_years=pay_years,
        script=script,
        cooling_off_days=row.optional("cooling_off_days", lambda cell: cells.whole(cell, 0, 365), 15),
        cooling_off_end=row.optional("cooling_off_end", cells.day, None),
        due=row.optional("due", cells.day, None),
        branch=row.optional("branch", cells.text, ""),
        channel=row.optional("channel", cells.text, ""),
        seller=row.optional("seller", cells.text, ""),
        segment=row.get("segment", cells.segment, Segment.GENERAL),
        zone=row.optional("zone", cells.zone, "Asia/Shanghai"),
        waiver=row.get("waiver", cells.truth, False),
        surrendered=row.get("surrendered", cells.truth, False),
        do_not_call=row.get("do_not_call", cells.truth, False),
        opted_out=row.get("opted_out", cells.truth, False),
    )
    return None if row.errors else task
