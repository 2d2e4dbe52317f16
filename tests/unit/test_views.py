"""Words and tables in both languages."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from call_house import TUESDAY, task
from rich.console import Console
from rich.table import Table

from dialer import views
from dialer.model import (
    AnswerClass,
    Attempt,
    CallId,
    CallRecord,
    Disposition,
    PhoneNumber,
    RtpStats,
    TaskId,
    TaskState,
)
from dialer.ports import CallView

LIVE = Attempt(CallId(1), TaskId(1), PhoneNumber("+8613812345678"), 1, "2026-11-10/1", TUESDAY)


def text(table: Table) -> str:
    console = Console(width=240)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_every_outcome_and_state_has_its_words() -> None:
    for outcome in Disposition:
        assert views.outcome_text(outcome, views.EN) == outcome.value
        assert not views.outcome_text(outcome, views.ZH).isascii()
    for state in TaskState:
        assert not views.state_text(state, views.ZH).isascii()
    assert len({views.outcome_text(one, views.ZH) for one in Disposition}) == len(Disposition)
    assert set(views._CLASSES) == set(AnswerClass)


def test_a_live_call_is_shown_as_live() -> None:
    view = CallView(LIVE, task(), None)
    assert "通话中" in text(views.calls_table([view], views.ZH))
    assert "live" in text(views.calls_table([view], views.EN))
    assert "呼出" in text(views.timeline_table(view, views.ZH))


def test_a_transfer_is_in_the_timeline() -> None:
    record = CallRecord(
        CallId(1), TaskId(1), Disposition.TRANSFERRED, TUESDAY, agent="客服小李", transferred=True
    )
    view = CallView(LIVE, task(), record)
    assert "转人工" in text(views.timeline_table(view, views.ZH))
    assert "客服小李" in text(views.timeline_table(view, views.EN))


HEARD = RtpStats(sent=900, received=1000, lost=20, jitter_ms=3.26)


@pytest.mark.parametrize(
    ("rtp", "zh", "en"),
    [
        (
            HEARD,
            "收 1000 包,丢 20(2.0%),抖动 3.3 ms;对方未报告",
            "received 1000, lost 20 (2.0 %), jitter 3.3 ms; no report by the far end",
        ),
        (
            replace(HEARD, remote_lost=4, remote_jitter_ms=1.5, round_trip_ms=41.6),
            "收 1000 包,丢 20(2.0%),抖动 3.3 ms;对方丢 4,抖动 1.5 ms,往返 42 ms",
            "received 1000, lost 20 (2.0 %), jitter 3.3 ms; far end lost 4, jitter 1.5 ms, round trip 42 ms",
        ),
        (
            replace(HEARD, lost=0, unauthentic=7, remote_lost=0, remote_jitter_ms=0.0),
            "收 1000 包,丢 0(0.0%),抖动 3.3 ms;未通过认证 7 包;对方丢 0,抖动 0.0 ms",
            "received 1000, lost 0 (0.0 %), jitter 3.3 ms; not authentic 7; far end lost 0, jitter 0.0 ms",
        ),
    ],
)
def test_a_call_shows_how_its_audio_went(rtp: RtpStats, zh: str, en: str) -> None:
    record = CallRecord(CallId(1), TaskId(1), Disposition.COMPLETED, TUESDAY, rtp=rtp)
    view = CallView(LIVE, task(), record)
    assert views.audio_text(rtp, views.ZH) == zh
    assert views.audio_text(rtp, views.EN) == en
    assert "语音质量" in text(views.timeline_table(view, views.ZH))
    silent = CallView(LIVE, task(), replace(record, rtp=RtpStats()))
    assert "语音质量" not in text(views.timeline_table(silent, views.ZH))


def test_times_are_the_customers() -> None:
    at = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
    assert views.local(at) == "2026-11-10 10:00:00"
    assert views.local(at, "Asia/Urumqi") == "2026-11-10 08:00:00"
    assert views.local(None) == ""


def test_json_of_every_kind_of_value() -> None:
    value = {
        "number": PhoneNumber("+8613812345678"),
        1: (Decimal("1.50"), Path("a/b"), date(2026, 1, 2), TUESDAY, TaskState.OPEN, None, True, 0.5, 3),
    }
    assert json.loads(views.dumps(value)) == {
        "number": "138****5678",
        "1": ["1.50", "a/b", "2026-01-02", TUESDAY.isoformat(), "open", None, True, 0.5, 3],
    }


def test_what_has_no_json_is_an_error_and_not_a_guess() -> None:
    @dataclass
    class Odd:
        inner: object

    with pytest.raises(TypeError, match="no JSON for set"):
        views.dumps(Odd({1}))
