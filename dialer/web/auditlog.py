"""The archive's log for who audits: who asked, approved, heard and deleted what (R39, R62). Newest first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from dialer.access.accounts import Right
from dialer.access.search import MAX_LOG, LogQuery
from dialer.errors import AccessRefused
from dialer.model import ArchiveEvent, CallId, LogEntry, Reason
from dialer.web.calls import day_of, number_of
from dialer.web.guard import AnyVisit, with_right
from dialer.web.house import WebHouse
from dialer.web.show import in_words, lang_of, named, page, what_is_wrong

router = APIRouter(default_response_class=HTMLResponse)

_PAGE = 100
_MOST = 100_000
"""Rows of one file: a workbook of it takes some seconds. Narrower questions give the rest."""
_Text = Annotated[str, Field(max_length=100)]
_TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_HEADINGS = (
    ("序号", "no."), ("时间", "time"), ("事项", "what"), ("人员", "by"), ("通话", "call"),
    ("详情", "details"), ("哈希", "hash"),
)  # fmt: skip


class LogForm(BaseModel):
    """The question as it stands in the address; empty fields don't narrow."""

    since: _Text = ""
    """First local day, YYYY-MM-DD."""
    until: _Text = ""
    """Last local day."""
    kind: _Text = ""
    by: _Text = ""
    call: _Text = ""
    before: _Text = ""

    def query(self, house: WebHouse) -> LogQuery:
        """Raises ValueError that says which field is wrong."""
        call = number_of(self.call, "call")
        return LogQuery(
            start=day_of(self.since, house, 0),
            end=day_of(self.until, house, 1),
            kind=ArchiveEvent(self.kind) if self.kind else None,
            by=self.by.strip(),
            call=None if call is None else CallId(call),
            before=number_of(self.before, "before"),
            limit=_PAGE + 1,
        )

    def address(self, **changed: object) -> str:
        return urlencode({name: value for name, value in {**self.model_dump(), **changed}.items() if value})


LogAsked = Annotated[LogForm, Query()]


@router.get("/log")
async def log_page(request: Request, visit: AnyVisit, form: LogAsked) -> HTMLResponse:
    house = with_right(visit, Right.AUDIT).house
    fault, found = "", list[LogEntry]()
    try:
        found = await house.log.log_search(form.query(house))
    except ValueError as error:
        fault = in_words(what_is_wrong(error), lang_of(request))
    return page(
        request,
        house,
        "log.html",
        422 if fault else 200,
        form=form,
        fault=fault,
        found=found[:_PAGE],
        details=details_text,
        kinds=list(ArchiveEvent),
        address=form.address(before=""),
        older=form.address(before=found[_PAGE - 1].seq) if len(found) > _PAGE else "",
    )


@router.get("/log.{kind_of_file}", response_class=Response)
async def log_file(
    request: Request,
    visit: AnyVisit,
    form: LogAsked,
    kind_of_file: Annotated[str, Path(pattern="^(csv|xlsx)$")],
) -> Response:
    """All that the form finds, not its page alone."""
    house = with_right(visit, Right.AUDIT).house
    lang = lang_of(request)
    try:
        query = replace(form.query(house), before=None, limit=MAX_LOG)
    except ValueError as error:
        raise HTTPException(422, what_is_wrong(error)) from None
    found: list[LogEntry] = []
    while some := await house.log.log_search(query):
        found += some
        if len(found) > _MOST:
            raise AccessRefused(
                Reason(f"超过 {_MOST} 条,请缩小范围", f"more than {_MOST} entries: narrow the question")
            )
        query = replace(query, before=some[-1].seq)

    def made() -> bytes:
        headings = [pair[lang != "zh"] for pair in _HEADINGS]
        return house.table(f".{kind_of_file}", headings, [_row(house, one, lang) for one in found])

    data = await asyncio.to_thread(made)
    name = f'attachment; filename="archive-log.{kind_of_file}"'
    return Response(data, media_type=_TYPES[kind_of_file], headers={"Content-Disposition": name})


def _row(house: WebHouse, one: LogEntry, lang: str) -> tuple[str, ...]:
    at: datetime = one.at.astimezone(house.zone)
    return (
        str(one.seq), f"{at:%Y-%m-%d %H:%M:%S}", named(one.kind, lang), one.by,
        "" if one.call_id is None else str(one.call_id), details_text(one), one.hash,
    )  # fmt: skip


def details_text(one: LogEntry) -> str:
    return ", ".join(f"{name}={value}" for name, value in one.details.items())
