"""Tables and JSON of what the store holds, in Chinese or English; numbers are masked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.table import Table

from dialer.campaigns import CampaignStep
from dialer.model import AnswerClass, Disposition, PhoneNumber, RtpStats, Task, TaskState, Ticket
from dialer.policy.verdict import Dial, Escalate, Refuse, Wait
from dialer.ports import CallView

if TYPE_CHECKING:
    from dialer.ivr.why import Why
    from dialer.sip.probe import Probed

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

ZH, EN = "zh", "en"

_WORDS: dict[str, tuple[str, str]] = {
    "task": ("任务", "task"),
    "policy_no": ("保单号", "policy"),
    "holder": ("投保人", "policyholder"),
    "phone": ("电话", "phone"),
    "product": ("产品", "product"),
    "state": ("状态", "state"),
    "due": ("截止", "due"),
    "appointment": ("预约", "appointment"),
    "call": ("通话", "call"),
    "at": ("时间", "time"),
    "decision": ("判定", "decision"),
    "logged": ("台账", "logged"),
    "again": ("重演", "again"),
    "rules": ("规则", "rules"),
    "slot": ("时段", "slot"),
    "outcome": ("结果", "outcome"),
    "reason": ("原因", "reason"),
    "talk": ("通话时长", "talk"),
    "recording": ("录音", "recording"),
    "ticket": ("问题件", "ticket"),
    "category": ("类别", "category"),
    "departments": ("部门", "departments"),
    "question": ("问题", "question"),
    "words": ("客户原话", "words"),
    "major": ("重大异常", "major"),
    "escalated": ("上报领导小组", "escalated"),
    "status": ("状态", "status"),
    "offset": ("位置", "offset"),
    "event": ("事件", "event"),
    "class": ("判定", "class"),
    "confidence": ("置信度", "confidence"),
    "source": ("来源", "source"),
    "decided_by": ("依据", "decided by"),
    "read_as": ("理解为", "read as"),
    "check": ("检查项", "check"),
    "result": ("结果", "result"),
    "detail": ("说明", "detail"),
    "hold": ("法定留存", "hold"),
    "calls": ("通话", "calls"),
    "megabytes": ("MB", "MB"),
    "backup": ("备份", "backup"),
    "made_at": ("时间", "made at"),
    "node": ("节点", "node"),
    "database": ("数据库", "database"),
    "log_entries": ("档案日志", "log entries"),
    "retain_until": ("保存至", "keep until"),
    "entries": ("日志", "entries"),
    "root": ("默克尔根", "Merkle root"),
    "public_key": ("公钥", "public key"),
    "kept_sealed": ("已封存,待归位", "sealed, being moved"),
    "kept_kept": ("在档", "kept"),
    "kept_listed": ("已列出,待同意", "listed"),
    "kept_approved": ("已同意删除", "approved"),
    "kept_expiring": ("删除中", "expiring"),
    "kept_expired": ("已到期删除", "expired"),
    "customer": ("客户", "customer"),
    "expected": ("预期", "expected"),
    "heard": ("实际", "observed"),
    "attempts": ("拨打", "attempts"),
    "tickets": ("问题件", "tickets"),
    "recordings": ("录音", "recordings"),
    "rule": ("规则", "rule"),
    "verdict": ("判定", "verdict"),
    "why": ("说明", "why"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "ringing": ("振铃", "ringing"),
    "answered": ("接听", "answered"),
    "invited": ("呼出", "INVITE"),
    "ended": ("挂机", "ended"),
    "transferred": ("转人工", "transferred"),
    "asked": ("提问", "asked"),
    "trunk": ("线路", "trunk"),
    "type": ("类型", "type"),
    "place": ("地址", "address"),
    "transport": ("传输", "transport"),
    "priority": ("优先级", "priority"),
    "weight": ("权重", "weight"),
    "lines": ("并发", "lines"),
    "cps": ("每秒呼叫", "cps"),
    "audio": ("语音质量", "audio"),
    "day": ("日期", "day"),
    "days": ("天数", "days"),
    "kind": ("类别", "kind"),
    "campaign": ("回访项目", "campaign"),
    "title": ("标题", "title"),
    "version": ("版本", "version"),
    "file": ("文件", "file"),
    "tasks": ("待办/任务", "open/tasks"),
    "template": ("模板", "template"),
    "script": ("话术", "script"),
    "deadlines": ("期限", "deadlines"),
    "key": ("位置", "place"),
    "message": ("说明", "message"),
    "step": ("步骤", "step"),
    "by": ("经办人", "by"),
    "note": ("备注", "note"),
    "item": ("项目", "item"),
    "signed": ("签字", "signed"),
    "number": ("编号", "number"),
    "branch": ("机构", "branch"),
    "assignee": ("上门人员", "assignee"),
    "questions": ("题数", "questions"),
    "forms": ("形式", "forms"),
    "condition": ("条件", "when"),
    "notes": ("说明", "notes"),
    "prompt": ("问句", "asked"),
    "account": ("账号", "account"),
    "roles": ("角色", "roles"),
    "active": ("启用", "active"),
    "locked": ("锁定至", "locked until"),
}

_OUTCOMES: dict[Disposition, str] = {
    Disposition.COMPLETED: "回访完成",
    Disposition.ANSWERED_INCOMPLETE: "接通未完成",
    Disposition.WRONG_PERSON: "非本人",
    Disposition.REFUSED: "拒访",
    Disposition.APPOINTMENT: "预约再访",
    Disposition.NO_ANSWER: "无人接听",
    Disposition.BUSY: "占线",
    Disposition.REJECTED: "拒接",
    Disposition.UNALLOCATED: "空号",
    Disposition.UNREACHABLE: "无法接通",
    Disposition.TRUNK_FAILURE: "线路故障",
    Disposition.NOT_DIALLED: "未呼出",
    Disposition.MACHINE: "语音信箱或答录机",
    Disposition.TRANSFERRED: "已转人工",
    Disposition.UNKNOWN: "结果不明",
}

_STATES: dict[TaskState, str] = {
    TaskState.OPEN: "待回访",
    TaskState.DONE: "已回访",
    TaskState.REFUSED: "拒访",
    TaskState.CONTACT_REFRESH: "待核实电话",
    TaskState.WITH_AGENT: "人工处理中",
    TaskState.EXCLUDED: "免访",
    TaskState.VISIT: "待上门",
    TaskState.LETTER: "待信函",
    TaskState.UNREACHED: "未能回访",
}

_CLASSES: dict[AnswerClass, str] = {
    AnswerClass.YES: "是",
    AnswerClass.NO: "否",
    AnswerClass.MAYBE_YES: "是?",
    AnswerClass.MAYBE_NO: "否?",
    AnswerClass.UNCLEAR: "不明确",
    AnswerClass.REPEAT: "请重复",
    AnswerClass.BUSY: "不方便",
    AnswerClass.WRONG: "非本人",
    AnswerClass.REFUSE: "拒访",
    AnswerClass.COMPLAINT: "投诉",
    AnswerClass.HUMAN: "转人工",
    AnswerClass.SAID: "已陈述",
}


def word(key: str, lang: str) -> str:
    zh, en = _WORDS[key]
    return zh if lang == ZH else en


def outcome_text(outcome: Disposition | None, lang: str) -> str:
    if outcome is None:
        return "通话中" if lang == ZH else "live"
    return _OUTCOMES[outcome] if lang == ZH else outcome.value


def state_text(state: TaskState, lang: str) -> str:
    return _STATES[state] if lang == ZH else state.value


def local(at: datetime | None, zone: str = "Asia/Shanghai") -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def to_json(value: object) -> Json:
    """Values as plain JSON; a telephone number is always masked."""
    if isinstance(value, PhoneNumber):
        return value.masked
    names = getattr(type(value), "__dataclass_fields__", None) or getattr(value, "__struct_fields__", None)
    if names and not isinstance(value, type):
        shallow = {name: to_json(getattr(value, name)) for name in names}
        if isinstance(value, Dial | Wait | Refuse | Escalate):
            return {"kind": type(value).__name__.lower(), **shallow}
        return shallow
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no JSON for {type(value).__name__}")


def dumps(value: object) -> str:
    return json.dumps(to_json(value), ensure_ascii=False)


def table(keys: Sequence[str], rows: Iterable[Sequence[str]], lang: str, title: str = "") -> Table:
    made = Table(title=title or None, header_style="bold")
    for key in keys:
        made.add_column(word(key, lang), overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def why_table(found: Why, lang: str) -> Table:
    """Clause by clause, under the class and the words that decided it."""
    rows = [(one.words, one.zh if lang == ZH else one.en) for one in found.because]
    shown = _CLASSES[found.answer_class] if lang == ZH else found.answer_class.value
    title = f"{found.kind} {shown} ← {found.decided_by}"
    return table(("words", "read_as"), rows, lang, title)


def tasks_table(tasks: Sequence[Task], lang: str) -> Table:
    rows = [
        (
            str(task.id),
            task.policy_no,
            task.holder.name[:1] + "*" * max(len(task.holder.name) - 1, 1),
            ", ".join(phone.number.masked for phone in task.phones),
            task.product,
            state_text(task.state, lang),
            (task.cooling_off_end or task.due or "") and str(task.cooling_off_end or task.due),
            local(task.appointment, task.zone),
        )
        for task in tasks
    ]
    return table(
        ("task", "policy_no", "holder", "phone", "product", "state", "due", "appointment"), rows, lang
    )


def calls_table(calls: Sequence[CallView], lang: str) -> Table:
    rows = []
    for view in calls:
        record, attempt = view.record, view.attempt
        recording = record.recording if record else None
        rows.append(
            (
                str(attempt.id),
                str(attempt.task_id),
                local(attempt.invited_at, view.task.zone),
                attempt.number.masked,
                attempt.slot,
                outcome_text(attempt.outcome, lang),
                attempt.reason,
                f"{recording.duration_s:.1f}s" if recording else "",
                recording.path if recording else "",
            )
        )
    return table(
        ("call", "task", "at", "phone", "slot", "outcome", "reason", "talk", "recording"), rows, lang
    )


def ticket_matter(ticket: Ticket, lang: str) -> str:
    """The category, the anomaly that makes it major, and the earlier ticket about the same matter."""
    again = f"(#{ticket.repeat_of} 再次)" if lang == ZH else f" (again, see #{ticket.repeat_of})"
    major = f" [{ticket.anomaly}]" if ticket.anomaly and ticket.anomaly != ticket.category else ""
    return ticket.category + major + (again if ticket.repeat_of else "")


def tickets_table(tickets: Sequence[Ticket], lang: str) -> Table:
    rows = [
        (
            str(ticket.id),
            str(ticket.call_id),
            ticket_matter(ticket, lang),
            "、".join(ticket.departments),
            ticket.question,
            ticket.words,
            f"{ticket.answer_offset_s:.1f}s",
            word("yes" if ticket.major else "no", lang),
            word("yes" if ticket.escalated else "no", lang),
            local(ticket.due),
            ticket.status,
        )
        for ticket in tickets
    ]
    keys = (
        "ticket",
        "call",
        "category",
        "departments",
        "question",
        "words",
        "offset",
        "major",
        "escalated",
        "due",
        "status",
    )
    return table(keys, rows, lang)


@dataclass(frozen=True, slots=True)
class TrunkFacts:
    """One trunk for the interface: no password, no user name."""

    name: str
    type: str
    place: str
    transport: str
    priority: int
    weight: int
    lines: int
    cps: float
    alive: bool
    code: int
    error: str


def trunk_facts(found: Probed) -> TrunkFacts:
    trunk = found.trunk
    return TrunkFacts(
        trunk.name, trunk.type.value, found.place, trunk.transport.value, trunk.priority, trunk.weight,
        trunk.lines, trunk.cps, found.alive, found.code, found.error,
    )  # fmt: skip


def trunks_table(found: Sequence[Probed], lang: str) -> Table:
    """The trunks of the settings, and what each said to OPTIONS just now."""
    types = {"register": "注册", "static": "专线"} if lang == ZH else {}
    rows = []
    for one in found:
        facts = trunk_facts(one)
        silent = "无应答" if lang == ZH else "no answer"
        said = facts.error or (str(facts.code) if facts.code else silent)
        rows.append(
            (
                facts.name, types.get(facts.type, facts.type), facts.place, facts.transport,
                str(facts.priority), str(facts.weight), str(facts.lines),
                f"{facts.cps:g}" if facts.cps else "-", "✓" if facts.alive else "✗", said,
            )
        )  # fmt: skip
    keys = (
        "trunk", "type", "place", "transport", "priority", "weight", "lines", "cps", "result", "detail"
    )  # fmt: skip
    return table(keys, rows, lang)


def timeline_table(view: CallView, lang: str) -> Table:
    """ring, answer, each question with words, class, confidence and offsets, end."""
    attempt, record, zone = view.attempt, view.record, view.task.zone
    rows: list[tuple[str, ...]] = []

    def add(event: str, at: datetime | None, detail: str = "") -> None:
        if at is not None:
            rows.append((local(at, zone), "", word(event, lang), detail, "", "", "", ""))

    add("invited", attempt.invited_at, attempt.number.masked)
    add("ringing", attempt.ringing_at)
    add("answered", attempt.answered_at)
    for answer in record.answers if record else ():
        shown = _CLASSES[answer.answer_class] if lang == ZH else answer.answer_class.value
        rows.append(
            (
                "",
                f"{answer.start_offset_s:.1f}-{answer.end_offset_s:.1f}s",
                f"{answer.question} #{answer.asking}",
                answer.words,
                shown,
                f"{answer.confidence:.2f}",
                answer.source.value,
                answer.decided_by,
            )
        )
    if record and record.transferred:
        rows.append(("", "", word("transferred", lang), record.agent, "", "", "", ""))
    end = f"{outcome_text(attempt.outcome, lang)} {attempt.reason}".strip()
    add("ended", attempt.ended_at, end)
    if record and record.rtp and (record.rtp.sent or record.rtp.received):
        rows.append(("", "", word("audio", lang), audio_text(record.rtp, lang), "", "", "", ""))
    keys = ("at", "offset", "event", "words", "class", "confidence", "source", "decided_by")
    return table(keys, rows, lang)


def audio_text(rtp: RtpStats, lang: str) -> str:
    """What arrived here, and what the far end's reports said of our stream."""
    zh = lang == ZH
    expected = rtp.received - rtp.duplicated + rtp.lost
    share = 100 * rtp.lost / expected if expected > 0 else 0.0
    if zh:
        parts = [f"收 {rtp.received} 包,丢 {rtp.lost}({share:.1f}%),抖动 {rtp.jitter_ms:.1f} ms"]
    else:
        parts = [f"received {rtp.received}, lost {rtp.lost} ({share:.1f} %), jitter {rtp.jitter_ms:.1f} ms"]
    if rtp.unauthentic:
        parts.append(f"未通过认证 {rtp.unauthentic} 包" if zh else f"not authentic {rtp.unauthentic}")
    if rtp.remote_lost is None:
        parts.append("对方未报告" if zh else "no report by the far end")
        return (";" if zh else "; ").join(parts)
    jitter = f"{rtp.remote_jitter_ms or 0.0:.1f} ms"
    said = (
        f"对方丢 {rtp.remote_lost},抖动 {jitter}"
        if zh
        else f"far end lost {rtp.remote_lost}, jitter {jitter}"
    )
    if rtp.round_trip_ms is not None:
        said += f"{',往返' if zh else ', round trip'} {rtp.round_trip_ms:.0f} ms"
    parts.append(said)
    return (";" if zh else "; ").join(parts)


_STEPS: dict[CampaignStep, str] = {
    CampaignStep.LINT: "检查",
    CampaignStep.REHEARSE: "演练",
    CampaignStep.APPROVE: "审批",
    CampaignStep.NOTIFY: "预通知",
    CampaignStep.START: "启动",
    CampaignStep.PAUSE: "暂停",
    CampaignStep.RESUME: "恢复",
    CampaignStep.FINISH: "结束",
    CampaignStep.SUPERSEDE: "取代",
    CampaignStep.CARRY_OVER: "沿用",
}


def step_text(step: CampaignStep, lang: str) -> str:
    return _STEPS[step] if lang == ZH else step.value
