"""A customer list to tasks: good rows in, bad rows listed by the number that a spreadsheet shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from dialer.errors import ImportFileError
from dialer.intake import cells
from dialer.intake.cells import Cell
from dialer.intake.columns import SPELLINGS, Layout, read_header
from dialer.intake.config import Dating, IntakeConfig
from dialer.intake.sheets import read_rows
from dialer.model import Phone, Policyholder, RowError, Segment, Task, TaskId
from dialer.policy.duedates import cooling_off_end, due_of

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
    data: bytes,
    filename: str,
    *,
    campaign: str,
    script: str,
    config: IntakeConfig | None = None,
    dating: Dating | None = None,
) -> CustomerList:
    """``data``: a CSV or xlsx file; ``filename`` only names it in errors. Without ``dating`` no deadline
    type is known.

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
        task = _task(reading, campaign, script, config, dating or Dating())
        policy_no = reading.policy_no
        if policy_no and policy_no in first_row:
            reading.wrong("policy_no", f"is in row {first_row[policy_no]} already: remove one of them")
        elif policy_no:
            first_row[policy_no] = number
        errors += reading.errors
        if task is not None and not reading.errors:
            tasks.append(task)
    return CustomerList(tuple(tasks), tuple(errors), (*layout.notices, *_unsigned(tasks)))


def _unsigned(tasks: Sequence[Task]) -> list[str]:
    """R19: a waiver that isn't signed by all three exempts nobody, and whoever sent the list should know."""
    lacking = [task.policy_no for task in tasks if task.waiver and task.missing_signatures]
    if not lacking:
        return []
    first = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    return [
        f"{len(lacking)} waivers lack a signature and exempt nobody (R19): {first}; name who signed in a"
        f" column {SPELLINGS['waiver_signatures'][0]!r}"
    ]


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


def _task(row: _Row, campaign: str, script: str, config: IntakeConfig, dating: Dating) -> Task | None:
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
    cooling_off_days = row.optional("cooling_off_days", lambda cell: cells.whole(cell, 0, 365), 15)
    received = row.optional("received", cells.day, None)
    counted = None if received is None else cooling_off_end(received, cooling_off_days)
    event = row.optional("event", cells.day, None)
    dated = _dated(row, event, dating)
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
        cooling_off_days=cooling_off_days,
        cooling_off_end=row.optional("cooling_off_end", cells.day, counted),
        due=dated.due,
        deadline_type=dated.name,
        event=event,
        due_provisional=dated.provisional,
        branch=row.optional("branch", cells.text, ""),
        channel=row.optional("channel", cells.text, ""),
        seller=row.optional("seller", cells.text, ""),
        seller_team=row.optional("seller_team", cells.text, ""),
        tier=row.optional("tier", cells.tier, ""),
        segment=row.get("segment", cells.segment, Segment.GENERAL),
        zone=row.optional("zone", cells.zone, "Asia/Shanghai"),
        waiver=row.get("waiver", cells.truth, False),
        waiver_signatures=row.optional("waiver_signatures", cells.signatures, ()),
        surrendered=row.get("surrendered", cells.truth, False),
        do_not_call=row.get("do_not_call", cells.truth, False),
        opted_out=row.get("opted_out", cells.truth, False),
    )
    return None if row.errors else task


@dataclass(frozen=True, slots=True)
class _Dated:
    name: str = ""
    due: date | None = None
    provisional: bool = False


def _dated(row: _Row, event: date | None, dating: Dating) -> _Dated:
    """The deadline as the row gives it, else by its deadline type, or the list's, from the row's event."""
    given = row.optional("due", cells.day, None)
    own = row.optional("deadline_type", cells.text, "")
    name = own or dating.default
    kind = next((kind for kind in dating.types if kind.name == name), None)
    if kind is None:
        if own:
            known = ", ".join(kind.name for kind in dating.types) or "none"
            row.wrong("deadline_type", f"isn't a deadline type: write one of {known}")
        return _Dated("", given)
    if given is not None or event is None:
        if own and given is None:
            row.wrong("event", "is empty: give the day from which the deadline counts")
        return _Dated(name if event is not None else "", given)
    due = due_of(kind, event, dating.calendar)
    return _Dated(name, due.day, due.provisional)
