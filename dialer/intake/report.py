"""The list of bad rows as CSV, for the person who sent the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from dialer.model import RowError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEADINGS = ("row", "column", "message")


def write_report(errors: Sequence[RowError], notices: Sequence[str] = ()) -> str:
    """``row,column,message`` lines; notices come last, without a row. Write it as ``utf-8-sig`` for Excel."""
    out = io.StringIO(newline="")
    _write(out, [_HEADINGS, *_lines(errors, notices)])
    return out.getvalue()


class ReportFile:
    """The same into a file, line by line as the rows are read. Opened before anything is stored: rows whose
    report is lost must be sent again. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        _write(self._file, [_HEADINGS])

    def add(self, errors: Iterable[RowError], notices: Iterable[str] = ()) -> None:
        _write(self._file, _lines(errors, notices))

    def __enter__(self) -> ReportFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _lines(errors: Iterable[RowError], notices: Iterable[str]) -> Iterable[tuple[object, str, str]]:
    for error in errors:
        yield error.row, inert(error.column), inert(error.message)
    for notice in notices:
        yield "", "", inert(notice)


def _write(out: TextIO, lines: Iterable[Sequence[object]]) -> None:
    csv.writer(out, lineterminator="\r\n").writerows(lines)


def inert(text: str) -> str:
    """A text from a stranger's file must not become a formula in ours."""
    return f"'{text}" if text.startswith(_FORMULA) else text
