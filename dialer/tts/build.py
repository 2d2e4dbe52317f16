"""Make the clips that are missing: synthesised, resampled, trimmed, of one loudness, written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

from dialer.errors import DialerError, MissingPrompt
from dialer.tts.audio import Wave, normalise, resample, trim, wav
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.config import PromptConfig, Synthesiser
from dialer.tts.espeak import EspeakSpeaker, find_program
from dialer.tts.sherpa import SherpaSpeaker
from dialer.tts.speaker import Speaker, Unspoken
from dialer.tts.tones import BEEP, HOLD, beep, melody

_DEFAULTS = PromptConfig()
_SOUNDLESS = Unspoken("no sound came of it")
_LEAD_S = 0.04
_TAIL_S = 0.04
_SENTENCE_TAIL_S = 0.12
_SENTENCE_ENDS = "。？！，?!."
_SHOWN = 5


def open_speaker(config: PromptConfig) -> Speaker:
    """The synthesiser that the settings ask for. Raises MissingPrompt, MissingModel: it isn't there."""
    if config.synthesiser is Synthesiser.SHERPA:
        return SherpaSpeaker(config.voice_dir, config.speaker, config.speed)
    return EspeakSpeaker(find_program(config.espeak), config.voice, config.words_per_minute)


def build(
    texts: Iterable[str], out_dir: Path, config: PromptConfig = _DEFAULTS, *, anew: bool = False
) -> list[Path]:
    """Synthesise the clips of ``texts`` that ``out_dir`` lacks (all with ``anew``); returns what was made.

    A clip appears whole or not at all. Raises MissingPrompt where the synthesiser is absent or fails, or
    can't say some texts: the others are made. Raises MissingModel where a voice's directory is no voice.
    """
    wanted = [text for text in dict.fromkeys(texts) if anew or not (out_dir / clip_name(text)).is_file()]
    if not wanted:
        return []
    with closing(open_speaker(config)) as speaker, ThreadPoolExecutor(speaker.at_once) as pool:
        out_dir.mkdir(parents=True, exist_ok=True)

        def make(text: str) -> Path | Unspoken:
            spoken = speaker.speak(text)
            if isinstance(spoken, Unspoken):
                return spoken
            speech = _fit(text, *spoken)
            return write_clip(out_dir / clip_name(text), speech) if len(speech) else _SOUNDLESS

        try:
            made = list(pool.map(make, wanted))
        except DialerError:
            pool.shutdown(cancel_futures=True)
            raise
    unspoken = {text: one.why for text, one in zip(wanted, made, strict=True) if isinstance(one, Unspoken)}
    if unspoken:
        raise MissingPrompt(_advice(unspoken, len(made) - len(unspoken), config.recorded))
    return [one for one in made if isinstance(one, Path)]


def build_missing(texts: Iterable[str], config: PromptConfig, *, anew: bool = False) -> list[Path]:
    """The clips that no folder of ``config`` has, into its ``built`` folder; with ``anew`` all of them."""
    every = list(dict.fromkeys(texts))
    wanted = every if anew else PromptBook(config).missing(every)
    return build(wanted, config.built, config, anew=anew)


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


def _fit(text: str, wave: Wave, rate: int) -> Wave:
    """For the telephone: 8 kHz, one loudness, silence at its ends as short as the text wants it."""
    tail = _SENTENCE_TAIL_S if text.rstrip().endswith(tuple(_SENTENCE_ENDS)) else _TAIL_S
    return trim(normalise(resample(wave, rate)), _LEAD_S, tail)


def _advice(unspoken: Mapping[str, str], made: int, recorded: Path) -> str:
    shown = "; ".join(
        f"{text!r} ({clip_name(text)}): {why}" for text, why in islice(unspoken.items(), _SHOWN)
    )
    more = f"; and {len(unspoken) - _SHOWN} more" if len(unspoken) > _SHOWN else ""
    return (
        f"{len(unspoken)} prompts can't be spoken: {shown}{more}. {made} others were made. Put recordings "
        f"of these in {recorded}, or take another voice"
    )


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
