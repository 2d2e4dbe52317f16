"""The end of a call: its recording sealed, its outcome decided, its row stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.call import disposition_of, refined
from dialer.errors import ArchiveError, Fenced, MediaError, StoreError
from dialer.ivr.moves import SessionResult
from dialer.model import (
    AgentLeg,
    AppointmentWish,
    CallId,
    CallRecord,
    Disposition,
    Problem,
    Recording,
    RtpStats,
    Task,
    Ticket,
    Tone,
)
from dialer.ports import Archive, Claim, Failed, MediaStream, Store

log = logging.getLogger("dialer.closing")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
"""Between two tries to store a finished call."""

Ticketing = Callable[[Sequence[Problem], Task, CallId, datetime], tuple[Ticket, ...]]
"""(problems, task, call, now) -> tickets"""
WishResolver = Callable[[AppointmentWish, Task, datetime], datetime]
"""(wish, task, now) -> the permitted time (R79)"""


@dataclass(slots=True)
class Closing:
    """What is noted while a call lives, and the record it becomes."""

    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    record_from: datetime | None = None
    recording: Recording | None = None
    failure: Failed | None = None
    rang: bool = False
    cancelled: bool = False
    hung_up_by: str = ""
    reason: str = ""
    agent: str = ""
    agent_legs: tuple[AgentLeg, ...] = ()
    rtp: RtpStats | None = None
    session: SessionResult | None = None
    outcome: Disposition | None = None
    tones: list[Tone] = field(default_factory=list)
    """Heard in early media, in order."""
    trust_tones: bool = True
    """They may decide the outcome; otherwise they are only written down."""
    answerer: str = ""
    """A machine, and why: where the call wasn't ended for it."""

    def close(self, outcome: Disposition, reason: str) -> None:
        """Settle the outcome: no INVITE left."""
        self.outcome, self.reason = outcome, reason

    def record(
        self, call_id: CallId, task: Task, now: datetime, tickets: Ticketing, appointment: WishResolver
    ) -> CallRecord:
        session = self.session
        outcome, reason = self._outcome()
        code = self.failure.code if self.failure else 200 if self.answered_at else 0
        return CallRecord(
            call_id=call_id,
            task_id=task.id,
            outcome=outcome,
            ended_at=now,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            sip_code=code,
            reason=reason,
            hung_up_by=self.hung_up_by,
            answers=session.answers if session else (),
            tickets=tickets(session.problems, task, call_id, now) if session else (),
            recording=self.recording,
            appointment=appointment(session.appointment, task, now)
            if session and session.appointment
            else None,
            agent=self.agent,
            transferred=bool(self.agent),
            rtp=self.rtp,
            script_version=session.script_version if session else "",
            agent_legs=self.agent_legs,
        )

    def _outcome(self) -> tuple[Disposition, str]:
        outcome, reason = self._bare_outcome()
        heard = ", ".join(dict.fromkeys(self.tones))
        notes = (f"early media: {heard}" if heard else "", self.answerer)
        return outcome, "; ".join(filter(None, (reason, *notes)))

    def _refined(self, outcome: Disposition, code: int, cause: int) -> Disposition:
        tones = self.tones if self.trust_tones else []
        return refined(outcome, code, cause, tones, cancelled=self.cancelled)

    def _bare_outcome(self) -> tuple[Disposition, str]:
        if self.outcome is not None:
            return self.outcome, self.reason
        if self.session is not None:
            outcome = self.session.outcome
            if self.agent and outcome is Disposition.ANSWERED_INCOMPLETE:
                outcome = Disposition.TRANSFERRED
            return outcome, self.reason or self.session.reason
        if self.failure is not None:
            failure = self.failure
            outcome = disposition_of(
                failure.code, ours=failure.ours, rang=self.rang, cancelled=self.cancelled
            )
            said = f"{failure.code} {failure.reason}".strip()
            if failure.cause and "Q.850" not in said:
                said += f" (Q.850 cause {failure.cause})"
            return self._refined(outcome, failure.code, failure.cause), self.reason or said
        if self.cancelled:
            why = self.reason or "ring time over, the far end did not confirm"
            return self._refined(Disposition.NO_ANSWER, 0, 0), why
        if self.answered_at is not None:
            return Disposition.ANSWERED_INCOMPLETE, self.reason
        return Disposition.UNKNOWN, self.reason


async def seal(
    media: MediaStream, archive: Archive, call_id: CallId, started_at: datetime
) -> Recording | None:
    """Close the recording; where the media plane is gone, repair what it left."""
    try:
        try:
            audio = await media.stop_recording()
        except MediaError:
            return await archive.repair(call_id, started_at)
        ended_at = started_at + timedelta(seconds=audio.duration_s)
        return await archive.seal(call_id, audio, started_at, ended_at)
    except ArchiveError as error:
        log.error("recording not sealed", extra={"call_id": call_id, "why": str(error)})
        return None


async def store_record(store: Store, claim: Claim, record: CallRecord, patience_s: float) -> None:
    """Store it; a database that is away is asked again for ``patience_s``. Raises StoreError after that."""
    give_up = asyncio.get_running_loop().time() + patience_s
    pause = _FIRST_PAUSE_S
    while True:
        try:
            await store.finish(claim, record)
            return
        except Fenced:
            log.error("finish refused: the claim is no longer ours", extra={"call_id": record.call_id})
            return
        except StoreError as error:
            log.error("finish not stored", extra={"call_id": record.call_id, "why": str(error)})
            if asyncio.get_running_loop().time() >= give_up:
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
