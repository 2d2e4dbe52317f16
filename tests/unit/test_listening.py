"""One utterance to the recogniser: words once, in order, and a crash that isn't silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from call_house import virtually
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.listening import Hearing
from dialer.model import Heard
from dialer.ports import SpeechEnded
from dialer.testing.legs import FakeRecogniser


class Ears:
    def __init__(self) -> None:
        self.recogniser = FakeRecogniser()
        self.delivered: list[tuple[Heard | None, float, float]] = []
        self.hearing = Hearing(self.recogniser, lambda *found: self.delivered.append(found))

    def utter(self, words: str, start: float = 1.0) -> None:
        self.hearing.begin(("是", "不是"))
        for sign in words:
            self.hearing.audio(sign.encode())
        self.hearing.end(SpeechEnded(0.0, start, start + 0.5, -23.0))

    @property
    def words(self) -> list[str | None]:
        return [heard.text if heard else None for heard, _, _ in self.delivered]


def heard(work: Callable[[Ears], Awaitable[None]]) -> Ears:
    async def main(clock: Any) -> Ears:
        ears = Ears()
        await work(ears)
        await asyncio.sleep(60)
        assert ears.recogniser.open_streams == 0
        return ears

    found = virtually(main)
    assert isinstance(found, Ears)
    return found


def test_the_words_come_once_with_offsets_and_level() -> None:
    async def work(ears: Ears) -> None:
        ears.utter("没有收到", start=12.5)

    ears = heard(work)
    ((found, start, end),) = ears.delivered
    assert found is not None
    assert (found.text, found.confidence) == ("没有收到", 0.95)
    assert (start, end) == (12.5, 13.0)
    assert (found.duration_s, found.level_dbov) == (0.5, -23.0)
    assert ears.recogniser.grammars == [("是", "不是")]
    assert ears.recogniser.cancelled == 0


@pytest.mark.parametrize("broken", ["open", "feed", "finish"])
def test_a_crash_delivers_none_with_the_offsets(broken: str) -> None:
    async def work(ears: Ears) -> None:
        ears.recogniser.failing = {broken}
        ears.utter("是", start=3.0)

    assert heard(work).delivered == [(None, 3.0, 3.5)]


def test_a_crash_in_the_middle_waits_for_the_end_of_the_speech() -> None:
    async def work(ears: Ears) -> None:
        ears.recogniser.failing = {"feed"}
        ears.hearing.begin(())
        ears.hearing.audio(b"x")
        await asyncio.sleep(5)
        assert ears.delivered == []
        ears.hearing.audio(b"x")
        ears.hearing.end(SpeechEnded(0.0, 1.0, 7.0, -20.0))

    assert heard(work).delivered == [(None, 1.0, 7.0)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=6), st.lists(st.floats(0, 3), min_size=6, max_size=6))
def test_utterances_are_delivered_in_the_order_they_were_said(
    slowness: list[float], pauses: list[float]
) -> None:
    async def work(ears: Ears) -> None:
        ears.recogniser.delay_s = lambda words: slowness[int(words)]
        for number in range(len(slowness)):
            ears.utter(str(number), start=float(number))
            await asyncio.sleep(pauses[number])

    assert heard(work).words == [str(number) for number in range(len(slowness))]


def test_dropped_words_are_never_delivered() -> None:
    async def work(ears: Ears) -> None:
        ears.utter("是")
        await asyncio.sleep(0.05)
        ears.hearing.drop()
        ears.hearing.audio(b"late")
        ears.hearing.end(SpeechEnded(0.0, 1.0, 2.0, -20.0))

    assert heard(work).delivered == []


def test_dropped_in_the_middle_the_stream_is_given_back() -> None:
    async def work(ears: Ears) -> None:
        ears.hearing.begin(())
        ears.hearing.audio(b"x")
        await asyncio.sleep(0.1)
        assert ears.recogniser.open_streams == 1
        ears.hearing.drop()

    ears = heard(work)
    assert (ears.delivered, ears.recogniser.cancelled) == ([], 1)


def test_speech_that_was_never_ended_gives_way_to_the_next() -> None:
    """Listening was stopped in the middle of a word: its end never comes."""

    async def work(ears: Ears) -> None:
        ears.hearing.begin(())
        ears.hearing.audio("半".encode())
        await asyncio.sleep(1)
        ears.utter("整句", start=9.0)

    ears = heard(work)
    assert ears.words == ["整句"]
    assert ears.recogniser.cancelled == 1


def test_sound_without_a_beginning_is_nothing() -> None:
    async def work(ears: Ears) -> None:
        ears.hearing.audio(b"x")
        ears.hearing.end(SpeechEnded(0.0, 1.0, 2.0, -20.0))

    ears = heard(work)
    assert ears.delivered == []
    assert ears.recogniser.grammars == []
