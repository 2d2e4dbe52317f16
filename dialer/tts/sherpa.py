"""sherpa-onnx as a separate process: a voice of the installation's own, loaded once for a whole build."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np

from dialer.errors import MissingModel, MissingPrompt
from dialer.tts.audio import Wave
from dialer.tts.sherpa_worker import Head
from dialer.tts.speaker import Unspoken
from dialer.tts.voicedir import check_voice

LOAD_S = 120.0
"""Large voices take tens of seconds on a slow disk."""
SPEAK_S = 60.0
_CRASHES_MAX = 3
"""A process that dies so often dies of the voice and not of a text."""
_LAST_WORDS = 300

_SAME_SOUND = {
    "曾": "增", "单": "善", "解": "谢", "仇": "求", "任": "人", "区": "欧", "查": "渣", "朴": "瓢",
    "覃": "秦", "宁": "泞", "翟": "宅", "葛": "舸", "尉迟": "玉迟", "万俟": "末奇", "冼": "显", "洗": "显",
    "纪": "己", "盖": "舸", "缪": "庙", "乐": "月", "燕": "烟", "应": "英", "召": "绍", "种": "虫",
    "华": "画",
}  # fmt: skip
"""Surnames that are read otherwise than the same character elsewhere, by a character of that one sound."""


def spelling(text: str) -> str:
    """What the voice must be given, so that it says ``text``. Sentences stay: its lexicon has their words."""
    return _SAME_SOUND.get(text, text)


class SherpaSpeaker:
    """Raises MissingModel when made: the directory isn't a voice, or can't be loaded."""

    at_once = 1

    def __init__(
        self, folder: Path, speaker: int, speed: float, *, load_s: float = LOAD_S, speak_s: float = SPEAK_S
    ) -> None:
        check_voice(folder)
        self._command = [sys.executable, "-m", "dialer.tts", str(folder), str(speaker), str(speed)]
        self._folder, self._load_s, self._speak_s = folder, load_s, speak_s
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the speaker
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes = 0
        self._start()

    def __enter__(self) -> SherpaSpeaker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def speak(self, text: str) -> tuple[Wave, int] | Unspoken:
        """Raises MissingModel: the voice dies again and again."""
        process = self._process or self._start()
        try:
            head, samples = self._ask(process, msgspec.json.encode(spelling(text)) + b"\n", self._speak_s)
        except MissingPrompt as error:
            self._crashes += 1
            if self._crashes >= _CRASHES_MAX:
                raise MissingModel(f"{self._folder}: it fails at one text after another: {error}") from error
            return Unspoken(str(error))
        self._crashes = 0
        return (samples, head.rate) if not head.why else Unspoken(head.why)

    def close(self) -> None:
        self._end()
        self._said.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._said.seek(0)
        self._said.truncate()
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        self._process = process
        try:
            head, _ = self._ask(process, b"", self._load_s)
        except MissingPrompt as error:
            self.close()
            raise MissingModel(f"{self._folder}: sherpa-onnx can't load this voice: {error}") from error
        if head.why:
            self.close()
            raise MissingModel(head.why)
        return process

    def _ask(self, process: subprocess.Popen[bytes], question: bytes, limit_s: float) -> tuple[Head, Wave]:
        """The next answer. Raises MissingPrompt: it died, or was ended for it took too long."""
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(limit_s, process.kill)
        watch.start()
        try:
            process.stdin.write(question)
            process.stdin.flush()
            head = msgspec.json.decode(process.stdout.readline(), type=Head)
            samples = np.frombuffer(process.stdout.read(4 * head.count), dtype=np.float32)
            if len(samples) < head.count:
                raise BrokenPipeError
        except (BrokenPipeError, msgspec.DecodeError, ValueError):
            late, ended = not watch.is_alive(), self._why_it_ended()
            raise MissingPrompt(
                f"no answer within {limit_s:g} s" if late else f"sherpa-onnx ended ({ended})"
            ) from None
        finally:
            watch.cancel()
        return head, samples

    def _why_it_ended(self) -> str:
        status = self._end()
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "no word")
        return f"status {status}: {last[-_LAST_WORDS:]}"

    def _end(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what it was given last lies unread in a pipe to nobody
        try:
            return process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
