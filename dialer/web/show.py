"""Templates and how values are shown: Chinese first, English by the switch, names and numbers masked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from dialer.access.accounts import Right, Role
from dialer.access.quality import Mark, Severity
from dialer.access.requests import State, Use
from dialer.model import AnswerClass, ArchiveEvent, Disposition, Reason, english
from dialer.web.house import WebHouse

ZH, EN = "zh", "en"
LANG_COOKIE = "huifang_lang"
_TEMPLATES = Path(__file__).parent / "templates"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
)

NAMES: dict[type, dict[object, tuple[str, str]]] = {
    Use: {
        Use.LISTEN: ("在线收听", "listen"),
        Use.DOWNLOAD: ("下载", "download"),
        Use.REGULATOR: ("报送监管机构", "export to a regulator"),
    },
    State: {
        State.WAITING: ("待审批", "waiting"),
        State.APPROVED: ("已批准", "approved"),
        State.REFUSED: ("未批准", "refused"),
        State.REVOKED: ("已撤销", "revoked"),
    },
    ArchiveEvent: {
        ArchiveEvent.SEALED: ("封存", "sealed"),
        ArchiveEvent.STORED: ("存入对象存储", "stored"),
        ArchiveEvent.REQUESTED: ("申请调阅", "requested"),
        ArchiveEvent.GRANTED: ("批准调阅", "granted"),
        ArchiveEvent.DENIED: ("拒绝", "denied"),
        ArchiveEvent.REVOKED: ("撤销授权", "revoked"),
        ArchiveEvent.ACCESSED: ("收听或下载", "accessed"),
        ArchiveEvent.EXPORTED: ("导出", "exported"),
        ArchiveEvent.FILED: ("备案", "filed"),
        ArchiveEvent.HELD: ("法律保全", "held"),
        ArchiveEvent.RELEASED: ("解除保全", "released"),
        ArchiveEvent.LISTED: ("列入到期清单", "listed"),
        ArchiveEvent.APPROVED: ("批准删除", "deletion approved"),
        ArchiveEvent.EXPIRING: ("开始删除", "expiring"),
        ArchiveEvent.EXPIRED: ("已删除", "expired"),
        ArchiveEvent.AUDITED: ("录音核对", "audited"),
    },
    Severity: {
        Severity.MINOR: ("轻微", "minor"),
        Severity.MODERATE: ("一般", "moderate"),
        Severity.SERIOUS: ("严重", "serious"),
        Severity.FALSIFIED: ("弄虚作假", "falsified"),
    },
    Mark: {
        Mark.MET: ("达标", "met"),
        Mark.MISSED: ("未达标", "missed"),
        Mark.NOT_APPLICABLE: ("不适用", "n/a"),
    },
    Role: {
        Role.OPERATOR: ("运营", "operator"),
        Role.AGENT: ("坐席", "agent"),
        Role.QA: ("质检", "QA"),
        Role.RECORDS_MANAGER: ("资料管理负责人", "records manager"),
        Role.AUDITOR: ("审计", "auditor"),
        Role.ADMIN: ("账号管理", "admin"),
    },
    Disposition: {
        Disposition.COMPLETED: ("回访完成", "completed"),
        Disposition.ANSWERED_INCOMPLETE: ("接通未完成", "answered, incomplete"),
        Disposition.WRONG_PERSON: ("非本人", "wrong person"),
        Disposition.REFUSED: ("拒访", "refused"),
        Disposition.APPOINTMENT: ("预约再访", "appointment"),
        Disposition.NO_ANSWER: ("无人接听", "no answer"),
        Disposition.BUSY: ("占线", "busy"),
        Disposition.REJECTED: ("拒接", "rejected"),
        Disposition.UNALLOCATED: ("空号", "unallocated"),
        Disposition.UNREACHABLE: ("无法接通", "unreachable"),
        Disposition.TRUNK_FAILURE: ("线路故障", "trunk failure"),
        Disposition.NOT_DIALLED: ("未呼出", "not dialled"),
        Disposition.MACHINE: ("语音信箱或答录机", "machine"),
        Disposition.TRANSFERRED: ("已转人工", "transferred"),
        Disposition.UNKNOWN: ("结果不明", "unknown"),
    },
    AnswerClass: {
        AnswerClass.YES: ("是", "yes"),
        AnswerClass.NO: ("否", "no"),
        AnswerClass.MAYBE_YES: ("是?", "yes?"),
        AnswerClass.MAYBE_NO: ("否?", "no?"),
        AnswerClass.UNCLEAR: ("不明确", "unclear"),
        AnswerClass.REPEAT: ("请重复", "repeat"),
        AnswerClass.BUSY: ("不方便", "busy"),
        AnswerClass.WRONG: ("非本人", "wrong person"),
        AnswerClass.REFUSE: ("拒访", "refuses"),
        AnswerClass.COMPLAINT: ("投诉", "complaint"),
        AnswerClass.HUMAN: ("转人工", "asks for a person"),
        AnswerClass.SAID: ("自由陈述", "free speech"),
    },
}
"""By their type first: values of two kinds may be the same word."""


def lang_of(request: Request) -> str:
    return EN if request.cookies.get(LANG_COOKIE) == EN else ZH


def named(value: object, lang: str) -> str:
    pair = NAMES.get(type(value), {}).get(value)
    return str(value) if pair is None else pair[lang == EN]


def masked_name(name: str) -> str:
    return name[:1] + "*" * max(len(name) - 1, 1)


def clock_text(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def reason_text(error: Exception, lang: str) -> str:
    """What an error tells the person: in his language where it knows two."""
    return in_words(error.args[0] if error.args else str(error), lang)


def in_words(said: str, lang: str) -> str:
    return english(said) if lang == EN else str(said)


_INVALID = Reason("输入无效", "invalid value")


def what_is_wrong(error: ValueError, otherwise: Reason = _INVALID) -> Reason:
    """What it tells of a form; ``otherwise`` where it isn't one of ours, which name the field."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Reason) else otherwise


def page(request: Request, house: WebHouse, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    lang = lang_of(request)
    account = getattr(request.state, "account", None)

    def say(zh: str, en: str) -> str:
        return zh if lang == ZH else en

    def local(at: datetime | None) -> str:
        return at.astimezone(house.zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""

    def may(right: str) -> bool:
        return account is not None and account.may(Right(right))

    shown: dict[str, Callable[..., Any]] = {
        "say": say,
        "local": local,
        "may": may,
        "named": lambda value: named(value, lang),
        "masked_name": masked_name,
        "clock_text": clock_text,
    }
    text = _ENVIRONMENT.get_template(template).render(
        lang=lang,
        account=account,
        csrf=getattr(request.state, "csrf", ""),
        nonce=request.state.nonce,
        path=request.url.path,
        **shown,
        **values,
    )
    return HTMLResponse(text, status)
