"""Who is cancelled goes on only once the work is over."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from dialer.threads import beside, in_thread, whole


async def test_it_hands_on_what_comes_of_it() -> None:
    def fails() -> None:
        raise OSError("disk")

    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(OSError, match="disk"):
        await in_thread(fails)


async def test_clearing_up_comes_after_the_thread_however_often_it_is_cancelled() -> None:
    began, may_end, order = threading.Event(), threading.Event(), []

    def write() -> None:
        began.set()
        assert may_end.wait(20)
        order.append("written")

    async def work() -> None:
        try:
            await in_thread(write)
        finally:
            order.append("cleared up")

    task = asyncio.create_task(work())
    assert await asyncio.to_thread(began.wait, 20)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["written", "cleared up"]


async def test_a_fault_that_nobody_waits_for_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()

    async def fails() -> None:
        await gate.wait()
        raise OSError("disk")

    task = asyncio.create_task(whole(fails()))
    await asyncio.sleep(0)
    task.cancel()
    gate.set()
    with caplog.at_level(logging.WARNING, "dialer"), pytest.raises(asyncio.CancelledError):
        await task
    assert [one.kind for one in caplog.records] == ["OSError"]  # type: ignore[attr-defined]


async def test_what_nobody_waits_for_doesn_t_end_unheard(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("a row of a later version")

    tell = logging.getLogger("dialer.test")
    with caplog.at_level(logging.ERROR, "dialer.test"):
        stopped = beside(asyncio.sleep(60), tell, "stopped")
        failed = beside(fails(), tell, "nobody looks any more")
        stopped.cancel()
        await asyncio.wait((stopped, failed))
        await asyncio.sleep(0)
    assert [one.message for one in caplog.records] == ["nobody looks any more"]
    assert "a row of a later version" in caplog.text
