"""The record form (客户回访信息记录表) and the hand-over form (问题件转办表), row by row (R16).

Numbers are masked. Names are not: R53 asks for the customer's name, and the forms are made for
those who must know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.kpi import Method
from dialer.model import Disposition, Ticket
from dialer.ports import CallView
from dialer.reports.sections import Cell
from dialer.reports.words import METHODS, word

RECORD = (
    "call", "at", "method", "caller", "holder", "callee", "policy_no", "product", "branch", "channel",
    "seller", "campaign", "script", "content", "problems", "outcome", "reason", "recording", "checked",
)  # fmt: skip
"""R35: object, method, content, problems and result; time and caller; R53; R42: failed calls, too."""
HANDOVER = (
    "ticket", "policy_no", "holder", "product", "channel", "branch", "seller", "question", "words", "call",
    "recording", "offset", "category", "departments", "major", "escalated", "issued", "deadline", "status",
    "handler", "handled", "confirmed", "revisit", "review",
)  # fmt: skip
"""R23, R57: the last five are filled in by those who handle the ticket."""
BY_HAND = HANDOVER[-5:]


def record_row(
    view: CallView, lang: str, names: Mapping[Disposition, str], checked: bool
) -> tuple[Cell, ...]:
    """One call, in the order of ``RECORD``; live calls have no row."""
    task, attempt, record = view.task, view.attempt, view.record
    answers = record.answers if record else ()
    recording = record.recording if record else None
    said = ";".join(f"{one.question}: {one.words}" for one in answers if one.final)
    problems = ";".join(one.category for one in record.tickets) if record else ""
    values: dict[str, Cell] = {
        "call": int(attempt.id),
        "at": _local(attempt.invited_at, task.zone),
        "method": METHODS[Method.PHONE][lang],
        "caller": (record.agent if record else "") or word("machine", lang),
        "holder": task.holder.name,
        "callee": attempt.number.masked,
        "policy_no": task.policy_no,
        "product": task.product,
        "branch": task.branch,
        "channel": task.channel,
        "seller": task.seller,
        "campaign": task.campaign,
        "script": record.script_version if record else "",
        "content": said,
        "problems": problems,
        "outcome": names[attempt.outcome] if attempt.outcome else "",
        "reason": attempt.reason,
        "recording": recording.path if recording else "",
        "checked": word("yes", lang) if checked else "",
    }
    return tuple(values[key] for key in RECORD)


def handover_row(view: CallView, ticket: Ticket, lang: str) -> tuple[Cell, ...]:
    """One ticket of the call, in the order of ``HANDOVER``."""
    task, record = view.task, view.record
    recording = record.recording if record else None
    values: dict[str, Cell] = {
        "ticket": int(ticket.id),
        "policy_no": task.policy_no,
        "holder": task.holder.name,
        "product": task.product,
        "channel": task.channel,
        "branch": task.branch,
        "seller": task.seller,
        "question": ticket.question,
        "words": ticket.words,
        "call": int(ticket.call_id),
        "recording": recording.path if recording else "",
        "offset": f"{ticket.answer_offset_s:.1f}",
        "category": ticket.category,
        "departments": "、".join(ticket.departments),
        "major": word("yes" if ticket.major else "no", lang),
        "escalated": word("yes" if ticket.escalated else "no", lang),
        "issued": _local(ticket.issued_at, task.zone),
        "deadline": _local(ticket.due, task.zone),
        "status": ticket.status,
        **dict.fromkeys(BY_HAND, ""),
    }
    return tuple(values[key] for key in HANDOVER)


def _local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
