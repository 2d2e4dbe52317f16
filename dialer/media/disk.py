"""What may block, away from the clock: threads for the disk, and the recording file."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from dialer.errors import MediaError
from dialer.media.priority import ask_for_real_time
from dialer.media.recorder import HEADER_SIZE, wav_header

T = TypeVar("T")

_LIVE = ".part"
"""Behind the name of a recording while it is made (``ports.Archive.reserve``)."""


class DiskThread:
    """Runs jobs in order on a thread of its own; ``deliver()`` brings results back on the caller's.

    OSError and MediaError go to ``failed`` as text. Anything else ends the thread: ``alive`` is false then.
    """

    def __init__(self, name: str, realtime_priority: int = 0) -> None:
        self._realtime_priority = realtime_priority
        self._jobs: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._news: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self.pending = 0
        """Jobs whose result hasn't been delivered."""

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]) -> None:
        def run() -> Callable[[], None]:
            try:
                result = work()
            except OSError as error:
                reason = error.strerror or str(error)
            except MediaError as error:
                reason = str(error)
            else:
                return lambda: done(result)
            return lambda: failed(reason)

        self.pending += 1
        self._jobs.put(run)

    def deliver(self) -> None:
        """Call ``done`` or ``failed`` of every job that is over."""
        while self.pending:
            try:
                news = self._news.get_nowait()
            except Empty:
                return
            self.pending -= 1
            news()

    def finish(self, timeout_s: float) -> None:
        """Let it do what is queued, then end it."""
        self._jobs.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        ask_for_real_time(self._realtime_priority)
        while (job := self._jobs.get()) is not None:
            self._news.put(job())


class RecordingFile:
    """The file of one recording; every method blocks and may raise OSError. For the disk thread."""

    def __init__(self, path: str, codec: str) -> None:
        self.path = path
        self.codec = codec
        self._fd = -1
        self.size = 0

    def open(self) -> None:
        """Create it (or take it over while empty) and write a live header. Never overwrites audio, and
        never begins what would get a name that is taken: ``.part`` goes once a recording is whole."""
        if self.path.endswith(_LIVE) and os.path.lexists(self.path.removesuffix(_LIVE)):
            raise FileExistsError(errno.EEXIST, "there is a recording already")
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_size:
            self.give_up()
            raise FileExistsError(errno.EEXIST, "there is a recording already")
        self.write(wav_header(self.codec, None))

    def write(self, data: bytes) -> None:
        if self._fd < 0:
            raise OSError(errno.EBADF, "the recording was given up")
        view = memoryview(data)
        try:
            while view:
                count = os.write(self._fd, view)
                self.size += count
                view = view[count:]
        except OSError:
            # No later write may leave a hole: what is there stays whole.
            self.give_up()
            raise

    def seal(self) -> int:
        """Write the sizes, close. Returns the size of the file in bytes. The archive brings it to the disk:
        it does so for many at once, and no row speaks of a recording before that."""
        if self._fd < 0:
            raise OSError(errno.EBADF, "the recording was given up")
        try:
            os.pwrite(self._fd, wav_header(self.codec, (self.size - HEADER_SIZE) // 2), 0)
        finally:
            self.give_up()
        return self.size

    def leave_open(self) -> None:
        """Keep what was written but leave the sizes unknown: nobody closed this recording."""
        if self._fd >= 0:
            os.fsync(self._fd)
            self.give_up()

    def give_up(self) -> None:
        """Close without sizes. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
