"""The application: pages, static files, headers, and what becomes of errors."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from dialer import __version__
from dialer.errors import AccessRefused, ArchiveError, StoreError
from dialer.model import Reason
from dialer.web import auditlog, calls, desk, guard, quality, replay, takeaway
from dialer.web.guard import COOKIE, ChangingVisit, SignInNeeded, house_of
from dialer.web.house import WebHouse
from dialer.web.show import EN, LANG_COOKIE, ZH, lang_of, page, reason_text

log = logging.getLogger("dialer.web")

_STATIC = Path(__file__).parent / "static"
_BODY_MAX = 1_000_000
_YEAR_S = 365 * 86400


def make_app(house: WebHouse) -> FastAPI:
    app = FastAPI(title="Huifang", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.house = house
    app.middleware("http")(_protected)
    app.mount("/static", StaticFiles(directory=_STATIC), "static")
    _add_sign_in(app)
    for room in (calls, desk, replay, quality, auditlog, takeaway):
        app.include_router(room.router)
    _add_errors(app)
    return app


def _add_sign_in(app: FastAPI) -> None:
    @app.get("/", response_class=RedirectResponse, status_code=303)
    async def home() -> str:
        return "/calls"

    @app.get("/sign-in", response_class=HTMLResponse)
    async def sign_in_page(request: Request) -> HTMLResponse:
        return page(request, house_of(request), "signin.html", fault="")

    @app.post("/sign-in", response_class=HTMLResponse)
    async def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=256)] = "",
    ) -> Response:
        house = house_of(request)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise AccessRefused(Reason("请从本站登录", "sign in from this site"))
        try:
            token = await guard.sign_in(house, name.strip(), password)
        except AccessRefused as error:
            fault = reason_text(error, lang_of(request))
            return page(request, house, "signin.html", 401, fault=fault)
        response = RedirectResponse("/calls", 303)
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/",
            max_age=house.config.session_hours * 3600,
        )  # fmt: skip
        return response

    @app.post("/sign-out", response_class=RedirectResponse, status_code=303)
    async def sign_out(request: Request, visit: ChangingVisit) -> Response:
        await guard.sign_out(visit.house, request)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    @app.get("/lang", response_class=RedirectResponse, status_code=303)
    async def language(
        request: Request, to: Annotated[str, Query(pattern=f"^({ZH}|{EN})$")] = ZH
    ) -> Response:
        came_from = urlsplit(request.headers.get("referer", ""))
        same = came_from.netloc == request.url.netloc and re.fullmatch(r"/[\w/.-]*", came_from.path)
        back = came_from.path if same and not came_from.path.startswith("//") else "/"
        response = RedirectResponse(back, 303)
        response.set_cookie(LANG_COOKIE, to, samesite="strict", path="/", max_age=_YEAR_S)
        return response


async def _protected(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Every answer with its headers; every refusal with a log line."""
    request.state.nonce = secrets.token_urlsafe(16)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 12 or int(length) > _BODY_MAX:
        response: Response = Response("too large", 413)
    elif request.method == "POST" and "content-length" not in request.headers:
        response = Response("length required", 411)
    else:
        response = await call_next(request)
    headers = response.headers
    headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self'; img-src 'self' data:;"
        f" style-src 'self' 'nonce-{request.state.nonce}'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if request.url.scheme == "https":
        headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
    if not request.url.path.startswith("/static/"):
        headers["Cache-Control"] = "no-store"
    if response.status_code >= 400:
        account = getattr(request.state, "account", None)
        log.warning(
            "request refused",
            extra={
                "status": response.status_code,
                "method": request.method,
                "path": re.sub(r"[^\x21-\x7e]", "?", request.url.path)[:200],
                "account": account.name if account is not None else "-",
            },
        )
    return response


def _add_errors(app: FastAPI) -> None:
    def told(request: Request, status: int, zh: str, en: str) -> Response:
        message = en if lang_of(request) == EN else zh
        if request.headers.get("hx-request"):
            return page(request, house_of(request), "_fault.html", status, message=message)
        return page(request, house_of(request), "fault.html", status, message=message, status_code=status)

    @app.exception_handler(SignInNeeded)
    async def nobody(request: Request, error: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/sign-in", 303)
        return told(request, 401, "请先登录", "sign in first")

    @app.exception_handler(AccessRefused)
    async def refused(request: Request, error: Exception) -> Response:
        return told(request, 403, reason_text(error, ZH), reason_text(error, EN))

    @app.exception_handler(ArchiveError)
    async def no_evidence(request: Request, error: Exception) -> Response:
        log.error("recording can't be read", extra={"why": str(error)})
        return told(
            request,
            404,
            "录音不存在、已到期或无法读取",
            "the recording isn't there or can't be read",
        )

    @app.exception_handler(StoreError)
    async def no_store(request: Request, error: Exception) -> Response:
        log.error("database", extra={"why": str(error)})
        return told(request, 503, "数据库暂时不可用,请稍后重试", "no database now: try again later")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        zh = "没有此页面或记录" if error.status_code == 404 else "请求无效"
        detail = error.detail
        if isinstance(detail, Reason):
            return told(request, error.status_code, str(detail), detail.en)
        return told(request, error.status_code, zh, str(detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return told(request, 422, f"输入无效:{place}", f"{place}: {first['msg']}")
