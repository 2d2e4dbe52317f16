"""Quality checks: the month's sample, the score card of a call, findings and their export (R59-R61)."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from dialer.access.accounts import Right
from dialer.access.config import QualityConfig
from dialer.access.quality import Finding, Mark, ScoreCard, Severity, score
from dialer.access.requests import Use, grant_for
from dialer.kpi import Month, sample_positions, sample_size
from dialer.model import CallId, Reason
from dialer.ports import CallView
from dialer.web.calls import MAX_ID, CallPath, call_of
from dialer.web.guard import AnyVisit, ChangingVisit, with_right
from dialer.web.house import WebHouse
from dialer.web.show import lang_of, named, page, what_is_wrong

router = APIRouter(default_response_class=HTMLResponse)

_PAGE = 100
MonthAsked = Annotated[str, Query(max_length=7)]


def _month(text: str, house: WebHouse) -> Month:
    if not text:
        return Month.parse(f"{house.clock().astimezone(house.zone):%Y-%m}")
    try:
        return Month.parse(text)
    except ValueError as error:
        raise HTTPException(422, Reason("月份请写成 2026-11", str(error))) from None


async def sample_of(house: WebHouse, month: Month) -> list[CallId]:
    """The month's conversations that are to be checked; the same ones as the month's report marks."""
    calls = await house.store.month_conversations(month)
    size = sample_size(len(calls), house.sample_rate, house.sample_floor)
    return [calls[place] for place in sample_positions(len(calls), size)]


@router.get("/quality")
async def sample_page(
    request: Request,
    visit: AnyVisit,
    month: MonthAsked = "",
    skip: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> HTMLResponse:
    house = with_right(visit, Right.SCORE).house
    asked = _month(month, house)
    sample = await sample_of(house, asked)
    scored = {card.call_id: card for card in await house.access.scores(sample)}
    waiting = [call for call in sample if call not in scored]
    shown = (waiting + [call for call in sample if call in scored])[skip : skip + _PAGE]
    views = {view.attempt.id: view for view in await house.store.calls_by_id(shown)}
    return page(
        request,
        house,
        "quality.html",
        month=asked,
        sample=sample,
        scored=scored,
        views=[views[call] for call in shown if call in views],
        further=skip + _PAGE if skip + _PAGE < len(sample) else 0,
        to_ask=waiting[: house.config.max_calls],
    )


@router.post("/calls/{call_id}/score")
async def score_call(request: Request, visit: ChangingVisit, call_id: CallPath) -> Response:
    """Fields: ``mark-KEY``, and of a missed item ``severity-KEY``, ``note-KEY``, ``offset-KEY``; ``note``."""
    house = with_right(visit, Right.SCORE).house
    view = await call_of(house, call_id)
    own = await house.access.requests_for(visit.account.name, CallId(call_id))
    grant_for(own, visit.account, CallId(call_id), Use.LISTEN, house.clock())
    form = await request.form()
    if view.record is not None and view.record.agent == visit.account.name:
        raise HTTPException(422, Reason("不能给自己的通话评分", "nobody scores a call of his own"))
    try:
        marks, findings = _filled(form, house.quality)
        note = _text(form, "note")
        card = score(
            house.quality.items, marks, findings, CallId(call_id), visit.account.name, house.clock(), note
        )
    except ValueError as error:
        wrong = what_is_wrong(error, Reason("评分表无效", "not a score card"))
        raise HTTPException(422, wrong) from None
    await house.access.add_score(card)
    return RedirectResponse(f"/calls/{call_id}", 303)


def _filled(form: FormData, quality: QualityConfig) -> tuple[dict[str, Mark], list[Finding]]:
    """Raises ValueError."""
    marks: dict[str, Mark] = {}
    findings: list[Finding] = []
    for item in quality.items:
        given = _text(form, f"mark-{item.key}")
        if not given:
            continue
        marks[item.key] = Mark(given)
        severity = _text(form, f"severity-{item.key}")
        if marks[item.key] is Mark.MISSED and severity:
            offset_s = float(_text(form, f"offset-{item.key}") or 0)
            if not 0 <= offset_s <= 86_400:
                raise ValueError
            note = _text(form, f"note-{item.key}")
            findings.append(Finding(item.key, item.rule, Severity(severity), note, round(offset_s, 1)))
    return marks, findings


def _text(form: FormData, key: str) -> str:
    value = form.get(key, "")
    return value.strip()[:500] if isinstance(value, str) else ""


@router.get("/findings")
async def findings_page(request: Request, visit: AnyVisit, month: MonthAsked = "") -> HTMLResponse:
    house = with_right(visit, Right.FINDINGS).house
    asked = _month(month, house)
    cards = await house.access.scores_between(asked.begin(house.zone), asked.end(house.zone))
    return page(
        request,
        house,
        "findings.html",
        month=asked,
        cards=cards,
        found=[(card, one) for card in cards for one in card.findings],
        mean=round(sum(card.score for card in cards) / len(cards), 1) if cards else None,
        items={item.key: item for item in house.quality.items},
        yuan={severity: _yuan(house.quality, severity) for severity in Severity},
    )


@router.get("/findings.csv", response_class=Response)
async def findings_file(request: Request, visit: AnyVisit, month: MonthAsked = "") -> Response:
    """The month's findings for the employer: who, what, how grave, the sum that the rule names (R60, R61)."""
    house = with_right(visit, Right.FINDINGS).house
    asked = _month(month, house)
    cards = await house.access.scores_between(asked.begin(house.zone), asked.end(house.zone))
    text = await findings_csv(house, cards, lang_of(request))
    name = f'attachment; filename="findings-{asked}.csv"'
    return Response(text.encode("utf-8-sig"), media_type="text/csv", headers={"Content-Disposition": name})


_HEADINGS = (
    ("通话", "call"), ("通话时间", "time"), ("中心支公司", "branch"), ("坐席", "agent"), ("规则", "rule"),
    ("项目", "item"), ("严重程度", "severity"), ("扣款(元)", "yuan"), ("录音位置(秒)", "offset (s)"),
    ("说明", "note"), ("得分", "score"), ("质检人", "checked by"), ("质检时间", "checked at"),
)  # fmt: skip


async def findings_csv(house: WebHouse, cards: list[ScoreCard], lang: str) -> str:
    views = {
        view.attempt.id: view
        for view in await house.store.calls_by_id([card.call_id for card in cards if card.findings])
    }
    return await asyncio.to_thread(_csv, house, cards, views, lang)


def _csv(house: WebHouse, cards: list[ScoreCard], views: Mapping[CallId, CallView], lang: str) -> str:
    items = {item.key: item for item in house.quality.items}
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([pair[lang != "zh"] for pair in _HEADINGS])
    for card in cards:
        for one in card.findings:
            view, item = views[card.call_id], items.get(one.item)
            title = one.item if item is None else item.zh if lang == "zh" else item.en
            rows.writerow(
                [
                    card.call_id, _local(house, view.attempt.invited_at), _plain(view.task.branch),
                    _plain(view.record.agent if view.record else ""), one.rule, title,
                    named(one.severity, lang), _yuan(house.quality, one.severity), f"{one.offset_s:.1f}",
                    _plain(one.note), f"{card.score:.1f}", card.by, _local(house, card.at),
                ]
            )  # fmt: skip
    return text.getvalue()


def _local(house: WebHouse, at: datetime) -> str:
    return at.astimezone(house.zone).strftime("%Y-%m-%d %H:%M:%S")


def _plain(text: str) -> str:
    """A note that a spreadsheet would take for a formula is text."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t") else text


def _yuan(quality: QualityConfig, severity: Severity) -> int:
    return {
        Severity.MINOR: quality.minor_yuan,
        Severity.MODERATE: quality.moderate_yuan,
        Severity.SERIOUS: quality.serious_yuan,
        Severity.FALSIFIED: quality.falsified_yuan,
    }[severity]
