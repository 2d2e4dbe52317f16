"""One log line: time, level, room, static text, attributes."""

from __future__ import annotations

import logging

from dialer.logs import AttributeFormatter
from dialer.model import PhoneNumber


def line(**extra: object) -> str:
    record = logging.getLogger("dialer.sip").makeRecord(
        "dialer.sip", logging.INFO, "f", 1, "invite sent", (), None, extra=extra
    )
    return AttributeFormatter("%(levelname)s %(name)s: %(message)s").format(record)


def test_attributes_stand_behind_the_text() -> None:
    assert line() == "INFO dialer.sip: invite sent"
    assert line(call_id=3, why="no line") == "INFO dialer.sip: invite sent call_id=3 why=no line"


def test_a_number_among_the_attributes_is_masked() -> None:
    assert line(number=PhoneNumber("+8613812345678")).endswith("number=138****5678")
