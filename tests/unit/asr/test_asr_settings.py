"""Each setting of ``[recogniser]`` that costs or saves time, with two values. No model is loaded."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from dialer.asr import AsrConfig, WorkerRecogniser
from dialer.asr.process import Worker
from dialer.asr.protocol import Feed, Frames, Request
from dialer.asr.recogniser import WorkerStream
from dialer.errors import RecogniserError
from dialer.testing.virtual import run_virtual

DEMO = Path(__file__).parents[3] / "models" / "demo-cn"
START = datetime(2026, 11, 10, tzinfo=UTC)


@pytest.fixture
def slow_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Instead of Python: says how it was called, and is never ready. Where it says so."""
    program, said = tmp_path / "python", tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{said}"\nexec sleep 30\n', encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    return said


@pytest.mark.parametrize("start_deadline_s", [0.2, 1.0])
async def test_how_long_a_worker_may_load_its_model(start_deadline_s: float, slow_program: Path) -> None:
    before = time.monotonic()
    with pytest.raises(RecogniserError, match=f"start_deadline_s = {start_deadline_s:g}"):
        await WorkerRecogniser(AsrConfig(DEMO, start_deadline_s=start_deadline_s)).start()
    # A process that isn't ready has half a second to go by itself.
    assert start_deadline_s - 0.01 <= time.monotonic() - before < start_deadline_s + 0.5 + 0.7


@pytest.mark.parametrize(("name", "workers"), [("demo", 1), ("own", 3)])
def test_each_worker_is_started_with_the_model(
    name: str, workers: int, slow_program: Path, tmp_path: Path
) -> None:
    model_dir = tmp_path / name
    model_dir.symlink_to(DEMO)
    config = AsrConfig(model_dir=model_dir, workers=workers, start_deadline_s=0.3)
    with pytest.raises(RecogniserError, match="not ready"):
        asyncio.run(WorkerRecogniser(config).start())
    said = slow_program.read_text(encoding="utf-8").splitlines()
    assert [line.split("--model ")[1] for line in said] == [str(model_dir)] * workers


class Taker:
    """Takes what a stream sends to its worker."""

    generation = 1

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def send(self, message: Request) -> None:
        assert isinstance(message, Feed)
        self.sizes.append(len(message.pcm))


@pytest.mark.parametrize(("chunk_s", "pieces"), [(0.04, [640] * 5), (0.1, [1600] * 2), (1.0, [])])
async def test_speech_reaches_the_engine_in_pieces(chunk_s: float, pieces: list[int]) -> None:
    taker = Taker()
    stream = WorkerStream(AsrConfig(DEMO, chunk_s=chunk_s), cast(Worker, taker), 1)
    for _ in range(10):
        await stream.feed(b"\x00" * 320)
    assert taker.sizes == pieces


@pytest.mark.parametrize("deadline_s", [1.0, 7.0])
def test_how_long_an_utterance_waits_for_a_worker(deadline_s: float) -> None:
    async def main(clock: Callable[[], datetime]) -> float:
        with pytest.raises(RecogniserError, match="no recogniser worker is up"):
            await WorkerRecogniser(AsrConfig(DEMO, deadline_s=deadline_s)).open(("是的",))
        return asyncio.get_running_loop().time()

    assert run_virtual(main, START) == deadline_s


class Doomed(Worker):
    """Dies at once, each time."""

    async def _spawn(self) -> Frames:
        self.starts = [*getattr(self, "starts", []), round(asyncio.get_running_loop().time(), 3)]
        if len(self.starts) > 1:
            raise RecogniserError("again")
        return Frames()

    async def _read(self, frames: Frames) -> None:
        """It has nothing to say."""

    async def _end(self, grace_s: float) -> int:
        return 0


@pytest.mark.parametrize(
    ("restart_delay_s", "restart_delay_max_s", "starts"),
    [
        (0.1, 30.0, [0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3]),
        (1.0, 30.0, [0.0, 1.0, 3.0, 7.0]),
        (1.0, 2.0, [0.0, 1.0, 3.0, 5.0, 7.0, 9.0]),
    ],
)
def test_a_dead_worker_is_started_later_each_time(
    restart_delay_s: float, restart_delay_max_s: float, starts: list[float]
) -> None:
    async def main(clock: Callable[[], datetime]) -> list[float]:
        config = AsrConfig(DEMO, restart_delay_s=restart_delay_s, restart_delay_max_s=restart_delay_max_s)
        worker = Doomed(config, 0, lambda: None)
        await worker.start()
        await asyncio.sleep(10)
        await worker.close()
        return worker.starts

    assert run_virtual(main, START) == starts
