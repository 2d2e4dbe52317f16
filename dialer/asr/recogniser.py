"""``ports.Recogniser`` in worker processes: a crash or hang costs one answer, never a call."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from dialer.asr.config import AsrConfig
from dialer.asr.directory import check_directory
from dialer.asr.model import LINE_RATE
from dialer.asr.process import Worker
from dialer.asr.protocol import Cancel, Failed, Feed, Finish, Open, Opened, Words
from dialer.errors import RecogniserError
from dialer.model import Heard

log = logging.getLogger("dialer.asr")

BYTES_PER_SECOND = 2 * LINE_RATE


class WorkerRecogniser:
    """Streams go round-robin over the workers that are up.

    ``async with`` or ``start``/``close``. ``start`` raises MissingModel (names the file and how to get
    it) or RecogniserError.
    """

    def __init__(self, config: AsrConfig) -> None:
        self._config = config
        self._changed = asyncio.Event()
        self._workers = [Worker(config, number, self._changed.set) for number in range(config.workers)]
        self._streams = itertools.count(1)
        self._dropped: set[str] = set()

    async def start(self) -> None:
        check_directory(self._config)
        failures: list[BaseException] = [asyncio.CancelledError()]
        try:
            starts = (worker.start() for worker in self._workers)
            results = await asyncio.gather(*starts, return_exceptions=True)
            failures = [result for result in results if isinstance(result, BaseException)]
        finally:
            if failures:
                await self.close()
        if failures:
            raise failures[0]

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def __aenter__(self) -> WorkerRecogniser:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def ready(self) -> int:
        """Workers that can take an utterance now."""
        return sum(worker.ready for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Processes now running, for ``doctor`` and for tests that end one."""
        return [worker.pid for worker in self._workers if worker.pid]

    @property
    def dropped(self) -> frozenset[str]:
        """Phrases asked for so far that the model's vocabulary can't make up."""
        return frozenset(self._dropped)

    async def open(self, words: Sequence[str]) -> WorkerStream:
        """Listen for these phrases. Raises RecogniserError within the deadline."""
        number = next(self._streams)
        worker = await self._free_worker(number)
        answer = await worker.ask(number, Open(number, tuple(words)))
        if isinstance(answer, Failed):
            raise RecogniserError(answer.reason)
        if not isinstance(answer, Opened):
            raise RecogniserError("the recogniser worker gave a wrong reply")
        if new := set(answer.dropped) - self._dropped:
            self._dropped |= new
            log.warning("phrases that the model can't hear", extra={"phrases": sorted(new)})
        return WorkerStream(self._config, worker, number, frozenset(words))

    async def _free_worker(self, turn: int) -> Worker:
        """The next one that is up; waits through a restart, up to the deadline."""
        try:
            async with asyncio.timeout(self._config.deadline_s):
                while True:
                    up = [worker for worker in self._workers if worker.ready]
                    if up:
                        return up[turn % len(up)]
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RecogniserError("no recogniser worker is up") from None


class WorkerStream:
    """One utterance. Trouble while feeding shows at ``finish``, so that audio never has to wait for it."""

    def __init__(
        self, config: AsrConfig, worker: Worker, number: int, phrases: Collection[str] = frozenset()
    ) -> None:
        self._config, self._worker, self._number, self._phrases = config, worker, number, phrases
        self._generation = worker.generation
        self._chunk = int(config.chunk_s * LINE_RATE) * 2
        self._held = bytearray()
        self._bytes = 0
        self._trouble = ""
        self._over = False

    async def feed(self, pcm: bytes) -> None:
        """8 kHz mono signed 16-bit little-endian, any length. Never waits, never raises."""
        if self._over:
            return
        self._bytes += len(pcm)
        self._held += pcm
        if len(self._held) >= self._chunk:
            self._push()

    async def finish(self) -> Heard:
        """What was said. Raises RecogniserError: worker dead, hung or late. The stream is over either way."""
        if self._over:
            raise RecogniserError("this utterance is over already")
        self._push()
        self._over = True
        if not self._trouble and self._worker.generation != self._generation:
            self._trouble = "the recogniser worker died"
        if self._trouble:
            raise RecogniserError(self._trouble)
        answer = await self._worker.ask(self._number, Finish(self._number))
        if isinstance(answer, Failed):
            raise RecogniserError(answer.reason)
        if not isinstance(answer, Words):
            raise RecogniserError("the recogniser worker gave a wrong reply")
        said = answer.heard
        whole = said.text in self._phrases
        return replace(said, duration_s=self._bytes / BYTES_PER_SECOND, expected=whole)

    async def cancel(self) -> None:
        """Nobody wants the words any more. Idempotent; never raises."""
        if self._over:
            return
        self._over = True
        self._held.clear()
        if not self._trouble and self._worker.generation == self._generation:
            try:
                self._worker.send(Cancel(self._number))
            except RecogniserError:
                return

    def _push(self) -> None:
        """Send whole samples; an odd byte waits for its other half."""
        whole = len(self._held) // 2 * 2
        if not whole or self._trouble:
            return
        pcm = bytes(self._held[:whole])
        del self._held[:whole]
        if self._worker.generation != self._generation:
            self._trouble = "the recogniser worker died"
            return
        try:
            self._worker.send(Feed(self._number, pcm))
        except RecogniserError as error:
            self._trouble = str(error)
