"""Sealed exports to be made and fetched in a browser (R62, R63): of one's own approved request, while it is
in force, as ``dialer calls export`` makes them. What leaves is in the archive's log first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Annotated, BinaryIO

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from dialer.access.accounts import Right
from dialer.access.requests import AccessRequest, Use, details_of, may_leave, only_call
from dialer.errors import AccessRefused
from dialer.model import ArchiveEvent, Reason
from dialer.web.calls import MAX_ID
from dialer.web.desk import RequestPath, request_of
from dialer.web.guard import AnyVisit, ChangingVisit, Visit
from dialer.web.show import lang_of, page

router = APIRouter(default_response_class=HTMLResponse)

_PAGE = 50
_BLOCK = 1 << 18
_LEAVING = (Use.DOWNLOAD, Use.REGULATOR)
Before = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/exports")
async def exports_page(request: Request, visit: AnyVisit, before: Before = 0) -> HTMLResponse:
    """One's own requests to take recordings away; everybody's for who approves or audits."""
    return await _listed(request, visit, "exports.html", before)


@router.get("/exports/list")
async def exports_part(request: Request, visit: AnyVisit, before: Before = 0) -> HTMLResponse:
    """The table alone: it is fetched again while an export is under way."""
    return await _listed(request, visit, "_exports.html", before)


async def _listed(request: Request, visit: Visit, template: str, before: int) -> HTMLResponse:
    house, account = visit.house, visit.account
    everybody = account.may(Right.APPROVE) or account.may(Right.AUDIT)
    if not everybody:
        account.require(Right.REQUEST)
    asked = await house.access.requests(
        by="" if everybody else account.name, uses=_LEAVING, before=before, limit=_PAGE + 1
    )
    now = house.clock()
    states = {one.id: house.exports.state(one, now) for one in asked}
    return page(
        request,
        house,
        template,
        found=asked[:_PAGE],
        older=asked[_PAGE - 1].id if len(asked) > _PAGE else 0,
        before=before,
        now=now,
        states=states,
        under_way=any(one is not None and one.under_way for one in states.values()),
    )


@router.post("/requests/{request_id}/export")
async def make_export(request: Request, visit: ChangingVisit, request_id: RequestPath) -> Response:
    house = visit.house
    asked = await _own(visit, request_id)
    house.exports.start(asked, lang_of(request))
    return RedirectResponse("/exports", 303)


@router.get("/requests/{request_id}/export.zip", response_class=Response)
async def fetch_export(visit: AnyVisit, request_id: RequestPath) -> Response:
    """The whole export; the grant is asked for anew, and the fetch is in the log before its first byte."""
    house = visit.house
    asked = await _own(visit, request_id)
    state = house.exports.state(asked, house.clock())
    if state is None or state.file is None:
        raise HTTPException(404, Reason("导出包尚未生成", "the export isn't made yet"))
    stream = await asyncio.to_thread(_opened, state.file)
    try:
        await house.log.append(
            ArchiveEvent.ACCESSED, only_call(asked), visit.account.name, house.clock(), details_of(asked)
        )
    except BaseException:
        stream.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="export-{request_id}.zip"',
        "Content-Length": str(state.size),
    }
    return StreamingResponse(_blocks(stream), headers=headers, media_type="application/zip")


def _opened(file: FilePath) -> BinaryIO:
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise HTTPException(404, Reason("导出包尚未生成", "the export isn't made yet")) from None


async def _blocks(stream: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while block := await asyncio.to_thread(stream.read, _BLOCK):
            yield block
    finally:
        stream.close()


async def _own(visit: Visit, request_id: int) -> AccessRequest:
    """Raises AccessRefused: somebody else's, for listening only, or not in force; the try is in the log."""
    house = visit.house
    found = await request_of(visit, request_id)
    try:
        visit.account.require(Right.REQUEST)
        if found.by != visit.account.name:
            raise AccessRefused(Reason("只有申请人本人可以导出", "only the requester may export"))
        return may_leave(found, house.clock())
    except AccessRefused:
        details = {**details_of(found), "tried": "export"}
        await house.log.append(
            ArchiveEvent.DENIED, only_call(found), visit.account.name, house.clock(), details
        )
        raise
