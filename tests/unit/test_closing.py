"""What a call's notes become: outcome and reason, and the recording that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from call_house import TUESDAY, task, virtually

from dialer.closing import Closing, seal
from dialer.ivr.moves import SessionResult
from dialer.model import AppointmentWish, CallId, CallRecord, Disposition
from dialer.ports import Failed
from dialer.testing.legs import FakeArchive, FakeMediaStream

INCOMPLETE = SessionResult(Disposition.ANSWERED_INCOMPLETE, "hung up before the end", "customer", "s@1")
REFUSED = SessionResult(Disposition.REFUSED, "does not want it", "customer", "s@1")


def record(**notes: Any) -> CallRecord:
    return Closing(**notes).record(
        CallId(1), task(), TUESDAY, lambda *given: (), lambda wish, one, now: TUESDAY.replace(hour=15)
    )


@pytest.mark.parametrize(
    ("notes", "outcome", "reason"),
    [
        ({"session": REFUSED}, Disposition.REFUSED, "does not want it"),
        ({"session": REFUSED, "agent": "李"}, Disposition.REFUSED, "does not want it"),
        ({"session": INCOMPLETE, "agent": "李"}, Disposition.TRANSFERRED, "hung up before the end"),
        ({"session": INCOMPLETE, "reason": "no audio"}, Disposition.ANSWERED_INCOMPLETE, "no audio"),
        ({"failure": Failed(0, 486, "Busy Here"), "rang": True}, Disposition.BUSY, "486 Busy Here"),
        ({"failure": Failed(0, 0, "no response", ours=True)}, Disposition.TRUNK_FAILURE, "0 no response"),
        (
            {"failure": Failed(0, 487, "Terminated"), "rang": True, "cancelled": True},
            Disposition.NO_ANSWER,
            "487 Terminated",
        ),
        ({"cancelled": True}, Disposition.NO_ANSWER, "ring time over, the far end did not confirm"),
        ({"answered_at": TUESDAY, "reason": "disk full"}, Disposition.ANSWERED_INCOMPLETE, "disk full"),
        ({"reason": "the daemon ended this call"}, Disposition.UNKNOWN, "the daemon ended this call"),
    ],
)
def test_what_the_notes_come_to(notes: dict[str, Any], outcome: Disposition, reason: str) -> None:
    made = record(**notes)
    assert (made.outcome, made.reason) == (outcome, reason)


def test_a_call_that_never_left_is_settled() -> None:
    note = Closing(failure=Failed(0, 503, ""))
    note.close(Disposition.NOT_DIALLED, "the window closed")
    made = note.record(CallId(1), task(), TUESDAY, lambda *given: (), lambda *given: TUESDAY)
    assert (made.outcome, made.reason) == (Disposition.NOT_DIALLED, "the window closed")


def test_the_status_code_of_a_call() -> None:
    assert record(failure=Failed(0, 404, "")).sip_code == 404
    assert record(answered_at=TUESDAY).sip_code == 200
    assert record().sip_code == 0


def test_a_wish_becomes_a_permitted_time() -> None:
    wish = SessionResult(
        Disposition.APPOINTMENT, "another time", "customer", "s@1", appointment=AppointmentWish(0, "pm")
    )
    assert record(session=wish).appointment == TUESDAY.replace(hour=15)
    assert record(session=REFUSED).appointment is None


@pytest.mark.parametrize(
    ("failing", "full", "partial"), [(False, False, False), (True, False, True), (False, True, None)]
)
def test_the_recording_is_sealed_repaired_or_its_loss_logged(
    failing: bool, full: bool, partial: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(clock: Any) -> Any:
        media, archive = FakeMediaStream("m", lambda event: None, []), FakeArchive()
        await media.record(Path("a.part"))
        media.failing = {"stop_recording"} if failing else set()
        archive.full = full
        return await seal(media, archive, CallId(7), TUESDAY)

    found = virtually(main)
    assert (found.partial if found else None) is partial
    lost = [line for line in caplog.records if line.message == "recording not sealed"]
    assert len(lost) == int(full)
