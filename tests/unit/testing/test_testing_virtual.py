"""The virtual loop: time jumps from timer to timer, in their order."""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta

import pytest

from dialer.testing.virtual import run_virtual

Clock = Callable[[], datetime]
START = datetime(2026, 11, 10, 10, tzinfo=UTC)


def test_time_jumps_to_each_timer() -> None:
    async def main(clock: Clock) -> object:
        seen = [clock() - START]
        for seconds in (0.5, 3600.0, 86_400.0):
            await asyncio.sleep(seconds)
            seen.append(clock() - START)
        return seen

    assert run_virtual(main, START) == [timedelta(seconds=s) for s in (0.0, 0.5, 3600.5, 90_000.5)]


def test_timers_of_one_time_ring_in_the_order_in_which_they_were_set() -> None:
    async def main(_clock: Clock) -> object:
        loop = asyncio.get_running_loop()
        rang: list[object] = []
        for n in range(50):
            loop.call_later(1.0, rang.append, n)
        loop.call_later(0.5, rang.append, "first")
        await asyncio.sleep(2.0)
        return rang

    assert run_virtual(main, START) == ["first", *range(50)]


def test_a_cancelled_timer_neither_rings_nor_moves_time() -> None:
    async def main(clock: Clock) -> object:
        loop = asyncio.get_running_loop()
        rang: list[object] = []
        kept = [loop.call_later(5.0 + n, rang.append, n) for n in range(1000)]
        for n, timer in enumerate(kept):
            if n % 4:
                timer.cancel()
        await asyncio.sleep(1.0)
        assert clock() == START + timedelta(seconds=1)
        await asyncio.sleep(2000.0)
        return rang

    assert run_virtual(main, START) == list(range(0, 1000, 4))


def test_a_timeout_ends_a_wait() -> None:
    async def main(clock: Clock) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7.0):
                await asyncio.Event().wait()
        return clock()

    assert run_virtual(main, START) == START + timedelta(seconds=7)


def test_a_run_in_which_everybody_waits_for_ever_ends_with_an_error() -> None:
    async def main(_clock: Clock) -> object:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="would never end"):
        run_virtual(main, START)


def test_a_timer_that_another_of_the_same_time_cancels_does_not_ring() -> None:
    async def main(_clock: Clock) -> object:
        loop = asyncio.get_running_loop()
        rang: list[str] = []
        loop.call_later(1.0, lambda: second.cancel())
        second = loop.call_later(1.0, rang.append, "second")
        loop.call_later(1.0, rang.append, "third")
        await asyncio.sleep(2.0)
        return rang

    assert run_virtual(main, START) == ["third"]


def test_a_timer_runs_in_the_context_that_it_was_set_in() -> None:
    async def main(_clock: Clock) -> object:
        name.set("main")
        loop = asyncio.get_running_loop()
        seen: list[str] = []
        loop.call_later(1.0, lambda: seen.append(name.get()))
        loop.call_at(2.0, lambda: seen.append(name.get("nobody")), context=Context())
        name.set("later")
        await asyncio.sleep(3.0)
        return seen

    name: ContextVar[str] = ContextVar("name")
    assert run_virtual(main, START) == ["main", "nobody"]
