"""What a worker's death or hang costs: one answer, for a bounded time. Only own processes are harmed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from dialer.asr import AsrConfig, WorkerRecogniser
from dialer.asr.recogniser import WorkerStream
from dialer.errors import MissingModel, RecogniserError

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "models" / "demo-cn"
WORDS = ("是的", "不是", "没有")
DEADLINE_S = 1.5


@pytest_asyncio.fixture
async def recogniser() -> AsyncIterator[WorkerRecogniser]:
    async with WorkerRecogniser(AsrConfig(DEMO, deadline_s=DEADLINE_S)) as listening:
        yield listening


def speech() -> bytes:
    with wave.open(str(ROOT / "tests" / "data" / "asr" / "shi_de.wav")) as file:
        return file.readframes(file.getnframes())


async def half_said(recogniser: WorkerRecogniser) -> WorkerStream:
    stream = await recogniser.open(WORDS)
    await stream.feed(speech()[:8000])
    return stream


async def hears_again(recogniser: WorkerRecogniser) -> bool:
    """The next utterances work once the worker is back; opening may miss its deadline while it loads."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            stream = await recogniser.open(WORDS)
            await stream.feed(speech())
            return (await stream.finish()).text == "是的"
        except RecogniserError:
            continue
    return False


async def becomes(state: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if state():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
async def test_a_worker_lost_in_mid_utterance_is_an_error_within_the_deadline(
    recogniser: WorkerRecogniser, how: signal.Signals
) -> None:
    stream = await half_said(recogniser)
    (pid,) = recogniser.pids
    os.kill(pid, how)
    asked = time.monotonic()
    await stream.feed(speech()[8000:])
    with pytest.raises(RecogniserError):
        await stream.finish()
    assert time.monotonic() - asked < DEADLINE_S + 0.5
    assert await hears_again(recogniser)
    assert recogniser.pids != [pid]


async def test_an_utterance_does_not_go_on_in_the_next_process(recogniser: WorkerRecogniser) -> None:
    stream = await half_said(recogniser)
    (pid,) = recogniser.pids
    os.kill(pid, signal.SIGKILL)
    assert await becomes(lambda: recogniser.ready == 0)
    assert await becomes(lambda: recogniser.ready == 1)
    await stream.feed(speech()[8000:])
    with pytest.raises(RecogniserError, match="died"):
        await stream.finish()


async def test_a_stopped_worker_never_blocks_the_audio(recogniser: WorkerRecogniser) -> None:
    stream = await half_said(recogniser)
    os.kill(recogniser.pids[0], signal.SIGSTOP)
    started = time.monotonic()
    for _ in range(300):
        await stream.feed(b"\x00" * 16000)
    assert time.monotonic() - started < 1
    with pytest.raises(RecogniserError, match="take speech"):
        await stream.finish()
    assert await hears_again(recogniser)


async def test_the_other_worker_serves_while_one_is_down() -> None:
    # A long pause before the restart: what is heard now, the other one heard.
    config = AsrConfig(DEMO, workers=2, deadline_s=DEADLINE_S, restart_delay_s=60, restart_delay_max_s=60)
    async with WorkerRecogniser(config) as recogniser:
        first, second = recogniser.pids
        os.kill(first, signal.SIGKILL)
        assert await becomes(lambda: recogniser.ready == 1)
        for _ in range(3):
            stream = await recogniser.open(WORDS)
            await stream.feed(speech())
            assert (await stream.finish()).text == "是的"
        assert recogniser.pids == [second]
        os.kill(second, signal.SIGKILL)
        assert await becomes(lambda: recogniser.ready == 0)
        asked = time.monotonic()
        with pytest.raises(RecogniserError, match="no recogniser worker is up"):
            await recogniser.open(WORDS)
        assert time.monotonic() - asked < DEADLINE_S + 0.5


async def test_a_start_that_is_given_up_leaves_no_process() -> None:
    recogniser = WorkerRecogniser(AsrConfig(DEMO, workers=2))
    start = asyncio.create_task(recogniser.start())
    assert await becomes(lambda: len(recogniser.pids) == 2)
    pids = recogniser.pids
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_closing_ends_the_processes_even_a_stopped_one() -> None:
    recogniser = WorkerRecogniser(AsrConfig(DEMO, workers=2))
    await recogniser.start()
    pids = recogniser.pids
    os.kill(pids[0], signal.SIGSTOP)
    await recogniser.close()
    assert recogniser.ready == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_model_that_libvosk_refuses_is_named_and_leaves_no_process(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(DEMO, broken)
    (broken / "am" / "final.mdl").write_bytes(b"not a network")
    recogniser = WorkerRecogniser(AsrConfig(broken, deadline_s=DEADLINE_S))
    with pytest.raises(MissingModel, match="broken: libvosk"):
        await recogniser.start()
    assert recogniser.pids == []


async def test_a_model_without_the_unknown_word_is_refused(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    shutil.copytree(DEMO, deaf)
    words = deaf / "graph" / "words.txt"
    words.write_text(words.read_text(encoding="utf-8").replace("[unk]", "[other]"), encoding="utf-8")
    with pytest.raises(MissingModel, match=r"no word \[unk\]"):
        await WorkerRecogniser(AsrConfig(deaf)).start()
