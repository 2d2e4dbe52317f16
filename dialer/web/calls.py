"""Finding calls, and one call's page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from dialer.access.accounts import Right
from dialer.access.requests import Use, grant_for
from dialer.access.search import CallQuery
from dialer.errors import AccessRefused
from dialer.model import AnswerClass, CallId, Disposition, PhoneNumber, Reason
from dialer.ports import CallView
from dialer.web.guard import AnyVisit, Visit, with_right
from dialer.web.house import WebHouse
from dialer.web.show import in_words, lang_of, page, reason_text, what_is_wrong

router = APIRouter(default_response_class=HTMLResponse)

MAX_ID = 2**31 - 1
"""What PostgreSQL's integer holds."""
CallPath = Annotated[int, Path(ge=1, le=MAX_ID)]
_Text = Annotated[str, Field(max_length=100)]
_LONGEST_S = 86_400.0


class SearchForm(BaseModel):
    """The search as it stands in the address; texts are stripped, empty ones don't narrow."""

    phone: _Text = ""
    name: _Text = ""
    policy_no: _Text = ""
    since: _Text = ""
    """First local day, YYYY-MM-DD."""
    until: _Text = ""
    """Last local day."""
    branch: _Text = ""
    campaign: _Text = ""
    seller: _Text = ""
    agent: _Text = ""
    outcome: _Text = ""
    answer_class: _Text = ""
    question: _Text = ""
    ticket: _Text = ""
    """A number, or a category."""
    shortest_s: _Text = ""
    longest_s: _Text = ""
    words: _Text = ""
    before: _Text = ""

    def query(self, house: WebHouse) -> CallQuery:
        """Raises ValueError that says which field is wrong."""
        ticket = self.ticket.strip()
        before = number_of(self.before, "before")
        return CallQuery(
            phone=_phone(self.phone),
            name=self.name.strip(),
            policy_no=self.policy_no.strip(),
            start=day_of(self.since, house, 0),
            end=day_of(self.until, house, 1),
            branch=self.branch.strip(),
            campaign=self.campaign.strip(),
            seller=self.seller.strip(),
            agent=self.agent.strip(),
            outcome=Disposition(self.outcome) if self.outcome else None,
            answer_class=AnswerClass(self.answer_class) if self.answer_class else None,
            question=self.question.strip(),
            ticket=number_of(ticket, "ticket") if ticket.isdecimal() else None,
            ticket_category="" if ticket.isdecimal() else ticket,
            shortest_s=_seconds(self.shortest_s),
            longest_s=_seconds(self.longest_s),
            words=self.words.strip(),
            before=None if before is None else CallId(before),
        )

    def address(self, **changed: object) -> str:
        """The same search as the query part of an address."""
        return urlencode({name: value for name, value in {**self.model_dump(), **changed}.items() if value})


SearchAsked = Annotated[SearchForm, Query()]


def _phone(text: str) -> PhoneNumber | None:
    if not text.strip():
        return None
    try:
        return PhoneNumber.parse(text)
    except ValueError as error:
        raise ValueError(Reason("电话号码无效", str(error))) from None


def day_of(text: str, house: WebHouse, later: int) -> datetime | None:
    """Midnight of a typed local day, ``later`` days on; None for nothing typed. Raises ValueError."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip()) + timedelta(days=later)
        if not 2000 <= day.year <= 9000:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(Reason("日期请写成 2026-11-10", "write days as 2026-11-10")) from None
    return datetime.combine(day, time(), house.zone)


def number_of(text: str, what: str) -> int | None:
    """A typed id; None for nothing typed. Raises ValueError."""
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdecimal() or not 0 < int(text) <= MAX_ID:
        raise ValueError(Reason("编号无效", f"{what}: not a number of ours"))
    return int(text)


def _seconds(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _LONGEST_S:
        raise ValueError(Reason("时长请写秒数", "lengths: write seconds"))
    return found


@router.get("/calls")
async def calls_page(request: Request, visit: AnyVisit, form: SearchAsked) -> HTMLResponse:
    return await _found(request, visit, form, "calls.html")


@router.get("/calls/found")
async def found_part(request: Request, visit: AnyVisit, form: SearchAsked) -> HTMLResponse:
    """The table alone, for the page's form."""
    return await _found(request, visit, form, "_found.html")


async def _found(request: Request, visit: Visit, form: SearchForm, template: str) -> HTMLResponse:
    house = with_right(visit, Right.SEARCH).house
    fault, views, more = "", [], False
    try:
        found = await house.store.search(form.query(house))
        views, more = (await house.store.calls_by_id(found.calls))[::-1], found.more
    except ValueError as error:
        fault = in_words(what_is_wrong(error), lang_of(request))
    last = views[-1].attempt.id if views else 0
    return page(
        request,
        house,
        template,
        422 if fault else 200,
        form=form,
        views=views,
        fault=fault,
        address=form.address(before=""),
        older=form.address(before=last) if more else "",
        outcomes=list(Disposition),
        classes=list(AnswerClass),
        uses=list(Use),
    )


async def call_of(house: WebHouse, call_id: int) -> CallView:
    """Raises HTTPException 404: no such call, or not over yet."""
    view = await house.store.call(CallId(call_id))
    if view is None or view.record is None:
        raise HTTPException(404, Reason("没有这通通话", "there is no such call"))
    return view


@router.get("/calls/{call_id}")
async def call_page(request: Request, visit: AnyVisit, call_id: CallPath) -> HTMLResponse:
    house = with_right(visit, Right.SEARCH).house
    view = await call_of(house, call_id)
    own = await house.access.requests_for(visit.account.name, CallId(call_id))
    granted, why_not = None, ""
    try:
        granted = grant_for(own, visit.account, CallId(call_id), Use.LISTEN, house.clock())
    except AccessRefused as error:
        why_not = reason_text(error, lang_of(request))
    return page(
        request,
        house,
        "call.html",
        view=view,
        granted=granted,
        why_not=why_not,
        cards=await house.access.scores([CallId(call_id)]) if visit.account.may(Right.FINDINGS) else [],
        uses=list(Use),
        max_hours=house.config.max_hours,
    )
