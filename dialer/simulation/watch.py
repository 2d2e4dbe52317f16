"""The oracle in a process of its own: it shares neither memory nor a core with the house it watches.

The house tells it what happens, in msgpack frames on its standard input; at the end of the input it answers
with what it found, in JSON, which keeps the customers' local times. A task is told once, and again when it
has changed.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import BinaryIO

import msgspec

from dialer.model import Disposition, PhoneNumber, Task, TaskId
from dialer.simulation.oracle import Figures, Oracle, Violation

_TOGETHER = 1024
"""So many are told at once."""
_PIPE = 1 << 20
"""Bytes on the way: neither process waits for the other as a rule."""
_LENGTH = 4
"""Bytes before each frame that say how long it is, the highest first."""


class Begun(msgspec.Struct, array_like=True, tag=0):
    task: Task | int
    """As it is now; its id where that hasn't changed since it was told."""
    call: int
    number: str
    at: datetime


class Ended(msgspec.Struct, array_like=True, tag=1):
    task: int
    call: int
    outcome: Disposition
    at: datetime
    rang_at: datetime | None
    ours: bool


class Found(msgspec.Struct):
    """What the oracle answers."""

    checked: int
    """Calls that it looked at."""
    violations: list[Violation]


class Watch:
    """The house's end. To be used once, in a ``with``: the process is gone after it."""

    def __init__(self, figures: Figures) -> None:
        command = [sys.executable, "-m", "dialer.simulation"]
        # A session of its own: who ends the simulation from the keyboard means the house, and it says so.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        if sys.platform == "linux" and self._process.stdin is not None:
            with suppress(OSError):  # a machine that allows less is a little slower
                fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, _PIPE)
        self._encoder = msgspec.msgpack.Encoder()
        self._news: list[Begun | Ended] = []
        self._told: dict[TaskId, Task] = {}
        self._write(figures)

    @property
    def pid(self) -> int:
        """The oracle's process."""
        return self._process.pid

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def begins(self, task: Task, call: int, number: PhoneNumber, now: datetime) -> None:
        """As ``Oracle.begins``."""
        known = self._told.get(task.id) is task
        self._tell(Begun(task.id if known else task, call, number.e164, now))
        self._told[task.id] = task

    def ends(
        self,
        task: Task,
        call: int,
        outcome: Disposition,
        now: datetime,
        rang_at: datetime | None,
        ours: bool,
    ) -> None:
        """As ``Oracle.ends``."""
        self._tell(Ended(task.id, call, outcome, now, rang_at, ours))

    def found(self) -> Found:
        """When all is told. Raises RuntimeError where the oracle broke off: nothing is proven then."""
        self._send()
        answer, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the oracle ended with {self._process.returncode}: the calls aren't checked")
        return msgspec.json.decode(answer, type=Found)

    def _tell(self, news: Begun | Ended) -> None:
        self._news.append(news)
        if len(self._news) >= _TOGETHER:
            self._send()

    def _send(self) -> None:
        if self._news:
            self._write(self._news)
            self._news = []

    def _write(self, what: object) -> None:
        frame = self._encoder.encode(what)
        pipe = self._process.stdin
        try:
            if pipe is None:
                raise BrokenPipeError
            pipe.write(len(frame).to_bytes(_LENGTH))
            pipe.write(frame)
        except BrokenPipeError:
            raise RuntimeError("the oracle broke off: the calls aren't checked") from None


def watch(told: BinaryIO) -> Found:
    """What the oracle says of all that is told. Raises EOFError where the house broke off in mid-sentence."""
    figures = _frame(told)
    if not figures:
        raise EOFError
    oracle = Oracle(msgspec.msgpack.decode(figures, type=Figures))
    decoder = msgspec.msgpack.Decoder(list[Begun | Ended])
    tasks: dict[int, Task] = {}
    while frame := _frame(told):
        for one in decoder.decode(frame):
            if isinstance(one, Ended):
                oracle.ends(tasks[one.task], one.call, one.outcome, one.at, one.rang_at, one.ours)
                continue
            if isinstance(one.task, Task):
                tasks[one.task.id] = one.task
            task = one.task if isinstance(one.task, Task) else tasks[one.task]
            oracle.begins(task, one.call, PhoneNumber(one.number), one.at)
    return Found(oracle.checked, oracle.violations)


def _frame(told: BinaryIO) -> bytes:
    """Empty at the end."""
    length = int.from_bytes(told.read(_LENGTH))
    frame = told.read(length)
    if len(frame) < length:
        raise EOFError
    return frame
