"""One utterance at a time from the media plane to a recogniser, never blocking the call.

The words come back through ``deliver``; a lost recogniser delivers None, and the call goes on with keys.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence

from dialer.errors import RecogniserError
from dialer.model import Heard
from dialer.ports import Recogniser, SpeechEnded

log = logging.getLogger("dialer.listening")

Deliver = Callable[[Heard | None, float, float], None]
"""(what was heard, start offset, end offset)"""


class Hearing:
    """Feeds the utterance under way. ``begin``, ``audio`` and ``end`` follow the VAD's events."""

    def __init__(self, recogniser: Recogniser, deliver: Deliver) -> None:
        self._recogniser, self._deliver = recogniser, deliver
        self._queue: asyncio.Queue[bytes | SpeechEnded] | None = None
        self._latest: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, words: Sequence[str]) -> None:
        """Open a stream with this grammar for the utterance that starts now.

        Speech that wasn't ended (listening stopped in the middle of it) is dropped.
        """
        if self._queue is not None and self._latest is not None:
            self._latest.cancel()
        queue: asyncio.Queue[bytes | SpeechEnded] = asyncio.Queue()
        self._queue = queue
        task = asyncio.create_task(self._run(words, queue, self._latest))
        self._latest = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def audio(self, pcm: bytes) -> None:
        if self._queue is not None:
            self._queue.put_nowait(pcm)

    def end(self, event: SpeechEnded) -> None:
        if self._queue is not None:
            self._queue.put_nowait(event)
            self._queue = None

    def drop(self) -> None:
        """Forget the utterance under way; its words will not be delivered."""
        self._queue = None
        for task in self._tasks:
            task.cancel()

    async def _run(
        self,
        words: Sequence[str],
        queue: asyncio.Queue[bytes | SpeechEnded],
        before: asyncio.Task[None] | None,
    ) -> None:
        heard: Heard | None = None
        stream = None
        finished = False
        end: SpeechEnded | None = None
        try:
            stream = await self._recogniser.open(words)
            while isinstance(item := await queue.get(), bytes):
                await stream.feed(item)
            end = item
            finished = True
            heard = await stream.finish()
        except RecogniserError as error:
            log.warning("recogniser lost", extra={"why": str(error)})
            while end is None:
                item = await queue.get()
                end = None if isinstance(item, bytes) else item
        finally:
            if stream is not None and not finished:
                await stream.cancel()
        if heard is not None:
            heard = dataclasses.replace(
                heard, duration_s=end.end_offset_s - end.start_offset_s, level_dbov=end.level_dbov
            )
        if before is not None and not before.done():
            await asyncio.wait((before,))  # words come in the order they were said
        self._deliver(heard, end.start_offset_s, end.end_offset_s)
