"""What a broker may learn: ids, times, categories."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import get_args, get_type_hints

import pytest

from dialer.events import Event

WORDS = {
    "campaign",
    "category",
    "channel",
    "month",
    "outcome",
    "public_key",
    "root",
    "sha256",
    "signature",
    "statement",
    "step",
    "trunk",
    "why",
}
"""Text fields, none of them about a person."""


@pytest.mark.parametrize("kind", get_args(Event))
def test_events_carry_ids_and_no_personal_data(kind: type) -> None:
    hints = get_type_hints(kind)
    assert hints.pop("at") is datetime
    for field in fields(kind):
        if field.name in hints:
            kinds = get_args(hints[field.name]) or (hints[field.name],)
            names = {getattr(kind, "__name__", "") for kind in kinds}
            assert (
                names <= {"TaskId", "CallId", "TicketId", "bool", "int", "date", "datetime", "NoneType"}
                or field.name in WORDS
            )
