"""Make the clips that are missing: espeak-ng, resampled, trimmed, of one loudness, written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dialer.errors import MissingPrompt
from dialer.tts.audio import Wave, normalise, resample, trim, wav
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.config import PromptConfig
from dialer.tts.espeak import find_program, speak
from dialer.tts.tones import BEEP, HOLD, beep, melody

_DEFAULTS = PromptConfig()
_LEAD_S = 0.04
_TAIL_S = 0.04
_SENTENCE_TAIL_S = 0.12
_SENTENCE_ENDS = "。？！，?!."
_THREADS = 2


def build(
    texts: Iterable[str],
    out_dir: Path,
    espeak: str = "espeak-ng",
    *,
    voice: str = _DEFAULTS.voice,
    words_per_minute: int = _DEFAULTS.words_per_minute,
    anew: bool = False,
) -> list[Path]:
    """Synthesise the clips of ``texts`` that ``out_dir`` lacks (all with ``anew``); returns what was made.

    A clip appears whole or not at all. Raises MissingPrompt where espeak-ng is absent or fails.
    """
    wanted = [text for text in dict.fromkeys(texts) if anew or not (out_dir / clip_name(text)).is_file()]
    if not wanted:
        return []
    program = find_program(espeak)
    out_dir.mkdir(parents=True, exist_ok=True)

    def make(text: str) -> Path:
        path = out_dir / clip_name(text)
        write_clip(path, _spoken(program, text, voice, words_per_minute))
        return path

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(make, wanted))


def build_missing(texts: Iterable[str], config: PromptConfig, *, anew: bool = False) -> list[Path]:
    """The clips that no folder of ``config`` has, into its ``built`` folder; with ``anew`` all of them."""
    every = list(dict.fromkeys(texts))
    wanted = every if anew else PromptBook(config).missing(every)
    return build(
        wanted,
        config.built,
        config.espeak,
        voice=config.voice,
        words_per_minute=config.words_per_minute,
        anew=anew,
    )


def build_tones(out_dir: Path) -> list[Path]:
    """``hold.wav`` and ``beep.wav``: computed, no speech program needed."""
    out_dir.mkdir(parents=True, exist_ok=True)
    return [write_clip(out_dir / name, wave) for name, wave in ((HOLD, melody()), (BEEP, beep()))]


def write_list(texts: Sequence[str], path: Path) -> None:
    """``prompts.tsv`` for a recording studio: file name and words."""
    rows = ["file\ttext", *(f"{clip_name(text)}\t{text}" for text in dict.fromkeys(texts))]
    _write(path, ("\n".join(rows) + "\n").encode())


def write_clip(path: Path, wave: Wave) -> Path:
    """One A-law WAV file, written beside and moved into place."""
    _write(path, wav(wave))
    return path


def _spoken(program: str, text: str, voice: str, words_per_minute: int) -> Wave:
    wave, rate = speak(program, text, voice, words_per_minute)
    tail = _SENTENCE_TAIL_S if text.rstrip().endswith(tuple(_SENTENCE_ENDS)) else _TAIL_S
    speech = trim(normalise(resample(wave, rate)), _LEAD_S, tail)
    if not len(speech):
        raise MissingPrompt(f"{program} gave no sound for {text!r} with voice {voice}")
    return speech


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
