"""The list of bad rows as CSV, for the person who sent the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from dialer.model import RowError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_report(errors: Sequence[RowError], notices: Sequence[str] = ()) -> str:
    """``row,column,message`` lines; notices come last, without a row. Write it as ``utf-8-sig`` for Excel."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("row", "column", "message"))
    for error in errors:
        writer.writerow((error.row, _inert(error.column), _inert(error.message)))
    for notice in notices:
        writer.writerow(("", "", _inert(notice)))
    return out.getvalue()


def _inert(text: str) -> str:
    """A heading from a stranger's file must not become a formula in the report."""
    return f"'{text}" if text.startswith(_FORMULA) else text
