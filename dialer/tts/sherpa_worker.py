"""The process that holds sherpa-onnx: a text in each line of its input, header and samples to its output.

Native code that ends the process, or hangs, takes nothing else with it. sherpa-onnx leaves out what its
lexicon doesn't know and says so on standard error only; a prompt that lacks a word must not be played, so its
words there are read.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from dialer.errors import MissingModel
from dialer.tts.voicedir import Voice, VoiceKind, check_voice

_THREADS = 2
_LEFT_OUT = re.compile(r"OOV.*|[Ss]kip unknown.*")


class Head(msgspec.Struct):
    """A header; ``count`` samples, float32 in the machine's order, follow it."""

    rate: int = 0
    count: int = 0
    why: str = ""
    """Nothing follows: this text can't be said or, in the first header, no text."""


def engine(voice: Voice, speaker: int) -> Any:
    """The loaded voice. Raises MissingModel; the library itself may end the process."""
    try:
        import sherpa_onnx as native
    except ImportError as error:
        raise MissingModel(
            "prompts.synthesiser = sherpa-onnx: the package is missing, install huifang-dialer[sherpa-onnx]"
        ) from error
    common = {"tokens": str(voice.tokens), "lexicon": _joined(voice.lexicons)}
    models: dict[str, Any] = {}
    match voice.kind:
        case VoiceKind.VITS:
            models["vits"] = native.OfflineTtsVitsModelConfig(model=str(voice.model), **common)
        case VoiceKind.MATCHA:
            models["matcha"] = native.OfflineTtsMatchaModelConfig(
                acoustic_model=str(voice.model), vocoder=str(voice.vocoder), **common
            )
        case VoiceKind.KOKORO:
            models["kokoro"] = native.OfflineTtsKokoroModelConfig(
                model=str(voice.model), voices=str(voice.voices), **common
            )
    try:
        loaded = native.OfflineTts(
            native.OfflineTtsConfig(
                model=native.OfflineTtsModelConfig(num_threads=_THREADS, **models),
                rule_fsts=_joined(voice.rule_fsts),
                rule_fars=_joined(voice.rule_fars),
                max_num_sentences=1,
            )
        )
    except (RuntimeError, ValueError, IndexError) as error:
        raise MissingModel(f"{voice.folder}: sherpa-onnx can't load this voice ({error})") from error
    speakers = max(1, loaded.num_speakers)
    if speaker >= speakers:
        raise MissingModel(
            f"prompts.speaker = {speaker}: {voice.folder} has {speakers} of them, write 0 to {speakers - 1}"
        )
    return loaded


def _joined(files: tuple[Path, ...]) -> str:
    return ",".join(str(file) for file in files)


class Said:
    """What the library wrote to standard error since the last look: a file, read where it is written."""

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._read = os.fstat(descriptor).st_size

    def new(self) -> str:
        size = os.fstat(self._file).st_size
        words = os.pread(self._file, size - self._read, self._read)
        self._read = size
        return words.decode(errors="replace")


def speak(native: Any, text: str, speaker: int, speed: float, said: Said) -> tuple[Head, bytes]:
    try:
        audio = native.generate(text, sid=speaker, speed=speed)
    except (RuntimeError, ValueError, IndexError) as error:
        return Head(why=str(error)), b""
    if found := _LEFT_OUT.search(said.new()):
        return Head(why=f"the voice would leave out a part of it ({found[0].strip()})"), b""
    samples = np.asarray(audio.samples, dtype=np.float32)
    if not len(samples) or not np.isfinite(samples).all():
        return Head(why="the voice gave no sound"), b""
    return Head(audio.sample_rate, len(samples)), samples.tobytes()


def serve(folder: Path, speaker: int, speed: float, texts: IO[bytes], out: IO[bytes], said: Said) -> int:
    """Load the voice, then speak until ``texts`` ends. Exit status."""

    def answer(head: Head, body: bytes = b"") -> None:
        out.write(msgspec.json.encode(head) + b"\n" + body)
        out.flush()

    try:
        native = engine(check_voice(folder), speaker)
    except MissingModel as error:
        answer(Head(why=str(error)))
        return 1
    answer(Head())
    for line in texts:
        answer(*speak(native, msgspec.json.decode(line, type=str), speaker, speed, said))
    return 0


def main() -> int:
    """Standard error must be a file that can be read: what was left out is told nowhere else."""
    folder, speaker, speed = sys.argv[1:]
    # Ctrl-C reaches the whole terminal; who started this process decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said = Said(sys.stderr.fileno())
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever native code prints is no answer
        try:
            return serve(Path(folder), int(speaker), float(speed), sys.stdin.buffer, out, said)
        except BrokenPipeError:
            return 0
