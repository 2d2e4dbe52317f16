"""Hearing a call: the player, its sound by ranges, the waveform's peaks, the download. Each asks for a grant.

A play or a download is in the archive's log before its first byte leaves (R62); a try without a grant, too.
"""

from __future__ import annotations

import asyncio
import json
import logging as logs
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, NoReturn

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from dialer.access.accounts import Right
from dialer.access.quality import Mark, Severity
from dialer.access.requests import AccessRequest, Use, grant_for
from dialer.errors import AccessRefused, ArchiveError
from dialer.model import ArchiveEvent, CallId, Reason
from dialer.ports import RangeReader
from dialer.web.calls import CallPath, call_of
from dialer.web.guard import AnyVisit, Visit
from dialer.web.markers import for_player, markers_of
from dialer.web.plays import Play
from dialer.web.ranges import ByteRange, read_range
from dialer.web.show import lang_of, named, page

log = logs.getLogger("dialer.web")

router = APIRouter(default_response_class=HTMLResponse)

_BLOCK = 1 << 16
_PEAKS = 1200
_HEAD = 58
"""Bytes before the first sample: 8 kHz stereo G.711, as the recorder writes it."""
_CODEC_AT = 20
_A_LAW = 6
PlayToken = Annotated[str, Query(max_length=100)]


@router.get("/calls/{call_id}/replay")
async def replay_page(request: Request, visit: AnyVisit, call_id: CallPath) -> HTMLResponse:
    house = visit.house
    view = await call_of(house, call_id)
    grant = await _grant(visit, CallId(call_id), Use.LISTEN)
    token = house.token()
    house.plays.open(token, visit.account.name, CallId(call_id), house.clock())
    lang = lang_of(request)
    found, why_not = await markers_of(house.evidence, CallId(call_id), view.record)
    if why_not:
        log.error("markers from the index", extra={"call_id": call_id, "why": why_not})
    return page(
        request,
        house,
        "replay.html",
        view=view,
        grant=grant,
        play=token,
        found=found,
        markers=for_player(found, lambda one: named(one, lang)),
        items=house.quality.items,
        marks=list(Mark),
        severities=list(Severity),
        cards=await house.access.scores([CallId(call_id)]) if visit.account.may(Right.FINDINGS) else [],
    )


@router.get("/calls/{call_id}/audio")
async def audio(request: Request, visit: AnyVisit, call_id: CallPath, play: PlayToken = "") -> Response:
    """The WAV by ranges (206), or whole. 403 without a grant, 416 for a range that isn't there."""
    grant, opened = await _open_play(visit, CallId(call_id), play)
    reader = await visit.house.evidence.open(CallId(call_id))
    try:
        asked = read_range(request.headers.get("range"), reader.size)
    except ValueError:
        size = reader.size
        await reader.close()
        await _denied(visit, CallId(call_id), "range")
        return Response("", 416, {"Content-Range": f"bytes */{size}"})
    return await _sound(reader, asked, {}, _logged(visit, grant, opened))


@router.get("/calls/{call_id}/download")
async def download(visit: AnyVisit, call_id: CallPath) -> Response:
    """The recording as it lies in the archive."""
    await call_of(visit.house, call_id)
    grant = await _grant(visit, CallId(call_id), Use.DOWNLOAD)
    reader = await visit.house.evidence.open(CallId(call_id))
    name = {"Content-Disposition": f'attachment; filename="call-{call_id:08d}.wav"'}
    return await _sound(reader, None, name, _log_access(visit, grant, CallId(call_id), Use.DOWNLOAD))


@router.get("/calls/{call_id}/peaks")
async def peaks(visit: AnyVisit, call_id: CallPath, play: PlayToken = "") -> Response:
    """The waveform: ``{"seconds": s, "sides": [[0..1, ...], [...]]}``, prompt side first."""
    grant, opened = await _open_play(visit, CallId(call_id), play)
    reader = await visit.house.evidence.open(CallId(call_id))
    try:
        await _logged(visit, grant, opened)
        head = await reader.read(0, _HEAD)
        sound = bytearray()
        while block := await reader.read(_HEAD + len(sound), 1 << 20):
            sound += block
    finally:
        await reader.close()
    a_law = head[_CODEC_AT : _CODEC_AT + 1] == bytes([_A_LAW])
    found = await asyncio.to_thread(_levels, bytes(sound), a_law=a_law)
    return Response(
        json.dumps({"seconds": len(sound) / 16_000, "sides": found}), media_type="application/json"
    )


def _levels(sound: bytes, *, a_law: bool) -> list[list[float]]:
    """Loudest of each stretch on a logarithmic scale: G.711 is one itself (its magnitude bits)."""
    samples = np.frombuffer(sound[: len(sound) // 2 * 2], np.uint8).reshape(-1, 2)
    magnitude = ((samples ^ 0x55) if a_law else ~samples) & 0x7F
    step = max(1, -(-len(magnitude) // _PEAKS))
    missing = -len(magnitude) % step
    loudest = np.pad(magnitude, ((0, missing), (0, 0))).reshape(-1, step, 2).max(axis=1)
    return [[round(float(one) / 127, 3) for one in side] for side in loudest.T]


async def _sound(
    reader: RangeReader, asked: ByteRange | None, headers: dict[str, str], logging: Coroutine[Any, Any, None]
) -> StreamingResponse:
    """The first block is read, then the play is logged, then the first byte leaves. Raises ArchiveError,
    StoreError."""
    part = asked or ByteRange(0, reader.size - 1)
    try:
        first = await reader.read(part.start, min(_BLOCK, part.length))
        await logging
    except BaseException:
        logging.close()
        await reader.close()
        raise
    told = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(part.length)}
    if asked is not None:
        told["Content-Range"] = f"bytes {part.start}-{part.last}/{reader.size}"
    return StreamingResponse(
        _blocks(reader, part, first), 206 if asked is not None else 200, told, media_type="audio/wav"
    )


async def _blocks(reader: RangeReader, part: ByteRange, block: bytes) -> AsyncIterator[bytes]:
    """A recording that turns out to be changed ends short of its length: no player takes that for whole."""
    try:
        at = part.start
        while block:
            yield block
            at += len(block)
            block = await reader.read(at, min(_BLOCK, part.last + 1 - at))
    except ArchiveError as error:
        log.error("recording changed", extra={"why": str(error)})
    finally:
        await reader.close()


async def _open_play(visit: Visit, call_id: CallId, token: str) -> tuple[AccessRequest, Play]:
    """The grant counts at each range anew: it may end while somebody listens. Raises AccessRefused."""
    grant = await _grant(visit, call_id, Use.LISTEN)
    opened = visit.house.plays.find(token, visit.account.name, call_id, visit.house.clock())
    if opened is None:
        await _refuse(visit, call_id, Reason("请重新打开播放页面", "open the player's page anew"), "play")
    return grant, opened


async def _grant(visit: Visit, call_id: CallId, use: Use) -> AccessRequest:
    house = visit.house
    try:
        own = await house.access.requests_for(visit.account.name, call_id)
        return grant_for(own, visit.account, call_id, use, house.clock())
    except AccessRefused as error:
        await _denied(visit, call_id, use.value)
        raise error


async def _refuse(visit: Visit, call_id: CallId, reason: Reason, what: str) -> NoReturn:
    await _denied(visit, call_id, what)
    raise AccessRefused(reason)


async def _denied(visit: Visit, call_id: CallId, what: str) -> None:
    if await visit.house.store.call(call_id) is None:
        raise HTTPException(404, Reason("没有这通通话", "there is no such call"))
    await visit.house.log.append(
        ArchiveEvent.DENIED, call_id, visit.account.name, visit.house.clock(), {"tried": what}
    )


async def _logged(visit: Visit, grant: AccessRequest, opened: Play) -> None:
    if not opened.logged:
        await _log_access(visit, grant, opened.call_id, Use.LISTEN)
        opened.logged = True


async def _log_access(visit: Visit, grant: AccessRequest, call_id: CallId, use: Use) -> None:
    await visit.house.log.append(
        ArchiveEvent.ACCESSED,
        call_id,
        visit.account.name,
        visit.house.clock(),
        {"request": grant.id, "use": use.value},
    )
