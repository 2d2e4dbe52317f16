"""Requests for recordings: asking, the list, the records manager's decision (R62, R63)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dialer.access.accounts import Account, Right
from dialer.access.requests import AccessRequest, State, Use, Wish, ask, decide, details_of, only_call, revoke
from dialer.access.search import MAX_LIMIT
from dialer.access.store import AccessStore
from dialer.errors import AccessRefused
from dialer.model import ArchiveEvent, CallId, Reason
from dialer.ports import ArchiveLog
from dialer.web.calls import MAX_ID, SearchForm
from dialer.web.guard import AnyVisit, ChangingVisit, Visit
from dialer.web.house import WebHouse
from dialer.web.show import page, what_is_wrong

router = APIRouter(default_response_class=HTMLResponse)

_PAGE = 50
RequestPath = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/requests")
async def requests_page(
    request: Request,
    visit: AnyVisit,
    state: Annotated[State | None, Query()] = None,
    before: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> HTMLResponse:
    """One's own; of everybody for who approves or audits."""
    house, account = visit.house, visit.account
    everybody = account.may(Right.APPROVE) or account.may(Right.AUDIT)
    if not everybody:
        account.require(Right.REQUEST)
    found = await house.access.requests(
        by="" if everybody else account.name, state=state, before=before, limit=_PAGE + 1
    )
    return page(
        request,
        house,
        "requests.html",
        found=found[:_PAGE],
        older=found[_PAGE - 1].id if len(found) > _PAGE else 0,
        now=house.clock(),
        states=list(State),
        state=state,
    )


@router.post("/requests")
async def ask_for_calls(
    visit: ChangingVisit,
    purpose: Annotated[str, Form(max_length=600)] = "",
    use: Annotated[Use, Form()] = Use.LISTEN,
    hours: Annotated[int, Form(ge=1, le=100_000)] = 24,
    filing_no: Annotated[str, Form(max_length=600)] = "",
    calls: Annotated[list[int] | None, Form(max_length=5000)] = None,
    search: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """``calls``, or all that ``search`` finds (the query part of the search page's address)."""
    house = visit.house
    try:
        picked, told = [CallId(call) for call in calls or []], ""
        if any(not 0 < call <= MAX_ID for call in picked):
            raise ValueError(Reason("没有这通通话", "there is no such call"))
        if not picked and search:
            picked, told = await _all_found(house, _form_of(search))
        wish = Wish(purpose, tuple(picked), use, hours, filing_no, told)
        asked = ask(visit.account, wish, house.clock(), house.config)
    except ValueError as error:
        raise _unprocessable(error) from None
    known = await house.store.calls_by_id(asked.calls)
    if len(known) != len(asked.calls) or any(view.record is None for view in known):
        raise HTTPException(422, Reason("没有这通通话", "there is no such call"))
    made = await house.access.add_request(asked)
    await _log(house, ArchiveEvent.REQUESTED, visit, made)
    return RedirectResponse(f"/requests/{made.id}", 303)


def _form_of(address: str) -> SearchForm:
    try:
        return SearchForm(**dict(parse_qsl(address, max_num_fields=30)))
    except (TypeError, ValueError):  # pydantic's error is a ValueError
        raise ValueError(Reason("查询条件无效", "not a search of this site")) from None


async def _all_found(house: WebHouse, form: SearchForm) -> tuple[list[CallId], str]:
    """Every call of the search (one more than a request may name at most), and the search in words."""
    query = replace(form.query(house), limit=MAX_LIMIT, before=None)
    told, found = str(query), list[CallId]()
    while len(found) <= house.config.max_calls:
        some = await house.store.search(query)
        found += some.calls
        if not some.more:
            break
        query = replace(query, before=found[-1])
    return found, told


@router.get("/requests/{request_id}")
async def request_page(request: Request, visit: AnyVisit, request_id: RequestPath) -> HTMLResponse:
    house = visit.house
    found = await request_of(visit, request_id)
    views = await house.store.calls_by_id(found.calls[:_PAGE])
    return page(request, house, "request.html", found=found, views=views, now=house.clock())


@router.post("/requests/{request_id}/decision")
async def decision(
    visit: ChangingVisit,
    request_id: RequestPath,
    approve: Annotated[bool, Form()] = False,
    why: Annotated[str, Form(max_length=600)] = "",
) -> Response:
    house = visit.house
    visit.account.require(Right.APPROVE)
    found = await request_of(visit, request_id)
    try:
        decided = decide(found, visit.account, house.clock(), approve=approve, why=why)
    except ValueError as error:
        raise _unprocessable(error) from None
    if not await house.access.save_decision(decided):
        raise AccessRefused(Reason("该申请已经处理", "this request is decided already"))
    if approve and decided.use is Use.REGULATOR:
        await _log(house, ArchiveEvent.FILED, visit, decided)
    await _log(house, ArchiveEvent.GRANTED if approve else ArchiveEvent.DENIED, visit, decided)
    return RedirectResponse(f"/requests/{request_id}", 303)


@router.post("/requests/{request_id}/revocation")
async def revocation(
    visit: ChangingVisit, request_id: RequestPath, why: Annotated[str, Form(max_length=600)] = ""
) -> Response:
    """A records manager takes a grant back before its end."""
    house = visit.house
    visit.account.require(Right.APPROVE)
    found = await request_of(visit, request_id)
    try:
        await take_back(house.access, house.log, found, visit.account, why, house.clock())
    except ValueError as error:
        raise _unprocessable(error) from None
    return RedirectResponse(f"/requests/{request_id}", 303)


async def take_back(
    access: AccessStore, log: ArchiveLog, found: AccessRequest, account: Account, why: str, now: datetime
) -> AccessRequest:
    """The grant revoked, and the log told. Raises as ``revoke`` does, also where somebody was faster."""
    revoked = revoke(found, account, now, why)
    if not await access.save_decision(revoked, State.APPROVED):
        raise AccessRefused(Reason("该授权不在有效期内", "this grant isn't in force"))
    await log.append(ArchiveEvent.REVOKED, only_call(revoked), account.name, now, details_of(revoked))
    return revoked


async def request_of(visit: Visit, request_id: int) -> AccessRequest:
    """One's own, or anybody's for who approves or audits; others' aren't there. Raises HTTPException."""
    found = await visit.house.access.request(request_id)
    all_seen = visit.account.may(Right.APPROVE) or visit.account.may(Right.AUDIT)
    if found is None or (found.by != visit.account.name and not all_seen):
        raise HTTPException(404, Reason("没有这份申请", "there is no such request"))
    return found


async def _log(house: WebHouse, kind: ArchiveEvent, visit: Visit, made: AccessRequest) -> None:
    await house.log.append(kind, only_call(made), visit.account.name, house.clock(), details_of(made))


def _unprocessable(error: ValueError) -> HTTPException:
    return HTTPException(422, what_is_wrong(error))
