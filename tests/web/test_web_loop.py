"""Work that takes long holds up nobody else's page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from web_home import Desk

from dialer import packing
from dialer.web import quality, replay


@pytest.mark.parametrize("what", ["log.xlsx", "findings.csv", "peaks", "export"])
async def test_another_page_is_answered_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    began, may_end, waited = threading.Event(), threading.Event(), []

    def slow(real: Callable[..., object]) -> Callable[..., object]:
        def held_up(*given: object, **named: object) -> object:
            began.set()
            waited.append(may_end.wait(10))
            return real(*given, **named)

        return held_up

    desk.furnished(table=slow(desk.house.table))
    for module, name in ((quality, "_csv"), (replay, "_levels"), (packing, "record_book")):
        monkeypatch.setattr(module, name, slow(getattr(module, name)))
    asks = asyncio.create_task(asked(desk, what))
    assert await asyncio.to_thread(began.wait, 20)
    assert (await (await desk.signed_in("qa2")).get("/calls")).status_code == 200
    may_end.set()
    await asks
    await desk.house.exports.close()  # type: ignore[attr-defined]
    assert waited == [True], "the other page had to wait"


async def asked(desk: Desk, what: str) -> None:
    """By somebody with the right to it."""
    if what == "export":
        taking = await desk.granted(calls=(1,), use="download")
        assert (await taking.post("/requests/1/export")).status_code == 303
        return
    browser = await desk.granted() if what == "peaks" else await desk.signed_in("chief")
    path = f"/calls/1/peaks?play={await browser.player()}" if what == "peaks" else f"/{what}"
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
