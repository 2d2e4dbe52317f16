"""Log lines: time, level, room, static text, then the attributes as key=value. English, no personal data."""

from __future__ import annotations

import logging
import sys

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


class AttributeFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        return line + "".join(f" {key}={value}" for key, value in extra.items())


def configure(level: str) -> None:
    """One handler on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AttributeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("dialer")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
