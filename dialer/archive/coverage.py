"""Whether a day's answered calls lie in the archive whole: presence, both sides, length, handed-over parts.

What isn't there becomes a ticket for the auditors, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from dialer.archive.config import ArchiveConfig
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.sidecar import coverage
from dialer.errors import ArchiveError
from dialer.model import AUDIT_CATEGORY, ArchiveEvent, CallId, Detail, Reason, Ticket
from dialer.ports import ArchiveIndex, CallView

_DEPARTMENT = "质检部"
_LOST = 0.2
"""Share of packets that never came, above which the customer's side isn't whole."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why an answered call isn't proven whole; one line each."""

    call: CallId
    why: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """One local day's reconciliation."""

    day: date
    answered: int
    gaps: tuple[Gap, ...]
    tickets: int
    """Issued by this run."""


async def audit(
    config: ArchiveConfig,
    index: ArchiveIndex,
    room: EvidenceRoom,
    day: date,
    now: datetime,
    due: Callable[[datetime], datetime],
    by: str,
) -> Audit:
    """Compare, issue tickets, tell the log. ``due``: when a ticket issued then is due (R57).

    Raises StoreError; ArchiveError where a shelf can't be reached.
    """
    zone = ZoneInfo(config.zone)
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    views = await index.answered_between(start, end)
    gaps: list[Gap] = []
    for view in views:
        why = tuple(faults(view, await _sound(index, room, view), config.audit_tolerance_s))
        if why:
            gaps.append(Gap(view.attempt.id, why))
    tasks = {view.attempt.id: view.task.id for view in views}
    tickets = [
        Ticket(
            call_id=gap.call, task_id=tasks[gap.call], category=AUDIT_CATEGORY, departments=(_DEPARTMENT,),
            question="", words=";".join(gap.why), answer_offset_s=0.0, issued_at=now, due=due(now),
        )
        for gap in gaps
    ]  # fmt: skip
    issued = await index.audit_tickets(tickets)
    details: dict[str, Detail] = {
        "day": day.isoformat(),
        "answered": len(views),
        "gaps": len(gaps),
        "tickets": len(issued),
    }
    await index.append(ArchiveEvent.AUDITED, None, by, now, details)
    return Audit(day, len(views), tuple(gaps), len(issued))


async def _sound(index: ArchiveIndex, room: EvidenceRoom, view: CallView) -> dict[str, float] | None:
    """Seconds of each side that aren't silence, from the sidecar; None: there is no evidence."""
    kept = await index.kept(view.attempt.id)
    if kept is None:
        return None
    try:
        told = msgspec.json.decode(await room.sidecar_of(kept))
        return {
            "prompt_s": float(told["sound"]["prompt_s"]),
            "customer_s": float(told["sound"]["customer_s"]),
        }
    except (ArchiveError, msgspec.DecodeError, KeyError, TypeError):
        return None


def faults(view: CallView, sound: dict[str, float] | None, tolerance_s: float) -> Iterator[Reason]:
    """What is missing of an answered, finished call (R40, R75). Pure."""
    record = view.record
    recording = record.recording if record is not None else None
    if record is None or recording is None:
        yield Reason("没有录音", "no recording")
        return
    if recording.partial:
        yield Reason("录音因中断不完整", "the recording was cut by a crash")
    told = coverage(record, recording)
    if told["recorded_s"] + tolerance_s < told["signalled_s"]:
        part = Reason("转人工后的部分缺失", "the part after the transfer is missing")
        yield Reason(
            f"录音 {told['recorded_s']:.1f} 秒,通话 {told['signalled_s']:.1f} 秒"
            + (f"({part})" if record.transferred else ""),
            f"{told['recorded_s']:.1f} s are recorded of {told['signalled_s']:.1f} s"
            + (f" ({part.en})" if record.transferred else ""),
        )
    rtp = record.rtp
    if rtp is not None and recording.duration_s > tolerance_s:
        if rtp.received == 0:
            yield Reason("未收到客户一侧的声音", "no audio came from the customer's side")
        elif rtp.lost / (rtp.lost + rtp.received) > _LOST:
            share = rtp.lost / (rtp.lost + rtp.received)
            yield Reason(
                f"客户一侧丢失 {share:.0%} 的语音包", f"{share:.0%} of the customer's packets are lost"
            )
    if sound is None:
        yield Reason("没有证据文件", "no evidence can be read")
        return
    if sound["prompt_s"] == 0 and recording.duration_s > tolerance_s:
        yield Reason("提示音一侧没有声音", "the prompt side is silent")
    spoke = any(answer.words and answer.source.value == "asr" for answer in record.answers)
    if sound["customer_s"] == 0 and spoke:
        yield Reason("客户说过话,录音中却没有", "the customer spoke, and the recording is silent")
