"""Is this a voice that sherpa-onnx can speak with? Asked before the engine, which ends on most faults.

The layouts are those of its own archives: VITS (a model, tokens.txt, lexicon.txt), Matcha (the same with a
vocoder beside it), Kokoro (a model, voices.bin, tokens.txt, lexicons). Rules that rewrite the text
(``*.fst``, ``*.far``) belong to the voice where they lie there. ``dict/`` and ``espeak-ng-data/`` of older
archives aren't used since sherpa-onnx 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.errors import MissingModel
from dialer.tts.onnxhead import read_head


class VoiceKind(StrEnum):
    VITS = "VITS"
    MATCHA = "Matcha"
    KOKORO = "Kokoro"


@dataclass(frozen=True, slots=True)
class Voice:
    kind: VoiceKind
    folder: Path
    model: Path
    tokens: Path
    lexicons: tuple[Path, ...] = ()
    """Words and their sounds."""
    vocoder: Path | None = None
    """Matcha: from a spectrogram to sound."""
    voices: Path | None = None
    """Kokoro: the speakers."""
    rule_fsts: tuple[Path, ...] = ()
    rule_fars: tuple[Path, ...] = ()


_VOCODERS = ("hifigan", "vocos", "matcha-tts vocos")
_SMALL = (".int8.onnx", ".fp16.onnx", ".uint8.onnx")
"""Smaller copies of a model: clips are made once, so the whole one speaks where both are there."""
_RULE_ORDER = ("phone", "date", "number")
"""A telephone number is no number, and a date isn't either: as sherpa-onnx documents them."""
_OTHER_ACCENT = "lexicon-gb-en.txt"
_HOW = (
    "Set prompts.voice_dir to an unpacked voice of sherpa-onnx: VITS (model.onnx, tokens.txt, lexicon.txt), "
    "Matcha (the same and a vocoder, vocos*.onnx or hifigan*.onnx) or Kokoro (model.onnx, voices.bin, "
    "tokens.txt, lexicon-zh.txt)"
)


def check_voice(folder: Path) -> Voice:
    """Raises MissingModel naming the file and what to do."""
    if not folder.is_dir():
        raise MissingModel(f"{folder}: there is no such voice directory. {_HOW}.")
    heads = {file: _head(file) for file in sorted(folder.glob("*.onnx"))}
    vocoders = {file: head for file, head in heads.items() if head.get("model_type") in _VOCODERS}
    model = _only({file: head for file, head in heads.items() if file not in vocoders}, folder, "model")
    head = heads[model]
    kind = _kind(head, folder, bool(vocoders))
    rate = head.get("sample_rate", "")
    if not rate.isdecimal() or not int(rate):
        raise MissingModel(
            f"{model}: it doesn't say its sample_rate, so it wasn't exported for sherpa-onnx. {_HOW}."
        )
    return Voice(
        kind,
        folder,
        model,
        _tokens(folder / "tokens.txt"),
        _lexicons(folder, kind, head),
        _only(vocoders, folder, "vocoder") if kind is VoiceKind.MATCHA else None,
        _voices(folder / "voices.bin", model, head) if kind is VoiceKind.KOKORO else None,
        tuple(sorted(folder.glob("*.fst"), key=_rule_order)),
        tuple(sorted(folder.glob("*.far"))),
    )


def _head(file: Path) -> dict[str, str]:
    try:
        return read_head(file)
    except ValueError as error:
        raise MissingModel(f"{file}: {error}; unpack or copy it again. {_HOW}.") from None
    except OSError as error:
        raise MissingModel(f"{file}: can't be read ({error.strerror}). {_HOW}.") from None


def _only(found: Mapping[Path, object], folder: Path, what: str) -> Path:
    """The one file of its sort; of a whole and a small copy the whole one."""
    whole = [file for file in found if not file.name.endswith(_SMALL)]
    chosen = whole or list(found)
    if not chosen:
        raise MissingModel(f"{folder}: no {what} in it. {_HOW}.")
    if len(chosen) > 1:
        names = ", ".join(file.name for file in chosen)
        raise MissingModel(f"{folder}: more than one {what} ({names}): leave only the one to be used.")
    return chosen[0]


def _kind(head: Mapping[str, str], folder: Path, vocoder: bool) -> VoiceKind:
    told = head.get("model_type", "")
    if "style_dim" in head or told.startswith("kokoro") or (folder / "voices.bin").exists():
        return VoiceKind.KOKORO
    return VoiceKind.MATCHA if told.startswith("matcha") or vocoder else VoiceKind.VITS


def _tokens(file: Path) -> Path:
    """A symbol, which may be a blank, and its number in each line."""
    for line, text in enumerate(_lines(file), 1):
        if not (text.split() and text.split()[-1].isdecimal()):
            raise MissingModel(
                f"{file}, line {line}: not a symbol and its number, the copy is broken. {_HOW}."
            )
    return file


def _lexicons(folder: Path, kind: VoiceKind, head: Mapping[str, str]) -> tuple[Path, ...]:
    files = sorted(folder.glob("lexicon*.txt"))
    if len(files) > 1:
        files = [file for file in files if file.name != _OTHER_ACCENT]
    if kind is VoiceKind.VITS and len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise MissingModel(f"{folder}: more than one lexicon ({names}): leave only the one to be used.")
    for file in files:
        for line, text in enumerate(_lines(file), 1):
            if text.strip() and len(text.split()) < 2:
                raise MissingModel(
                    f"{file}, line {line}: not a word and its sounds, the copy is broken. {_HOW}."
                )
    if not files and head.get("frontend") != "characters":
        raise MissingModel(f"{folder / 'lexicon.txt'}: missing from the voice directory. {_HOW}.")
    return tuple(files)


def _voices(file: Path, model: Path, head: Mapping[str, str]) -> Path:
    """So many numbers of four octets as the model's speakers need."""
    if not file.is_file():
        raise MissingModel(f"{file}: missing from the voice directory. {_HOW}.")
    try:
        need = 4 * int(head.get("n_speakers", ""))
        for size in head.get("style_dim", "").split(","):
            need *= int(size)
    except ValueError:
        raise MissingModel(
            f"{model}: it doesn't say its n_speakers and style_dim, so it wasn't exported for sherpa-onnx."
            f" {_HOW}."
        ) from None
    if file.stat().st_size != need:
        raise MissingModel(
            f"{file}: {file.stat().st_size} octets where the model needs {need}: it belongs to another "
            f"model, or the copy is broken. {_HOW}."
        )
    return file


def _lines(file: Path) -> list[str]:
    """Raises MissingModel: missing, empty, not UTF-8."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise MissingModel(f"{file}: not UTF-8, the copy is broken. {_HOW}.") from None
    except OSError:
        raise MissingModel(f"{file}: missing from the voice directory. {_HOW}.") from None
    if not text.strip():
        raise MissingModel(f"{file}: empty, the copy is broken. {_HOW}.")
    return text.rstrip("\n").split("\n")  # a symbol may be a line end of Unicode's


def _rule_order(file: Path) -> tuple[int, str]:
    place = next((n for n, name in enumerate(_RULE_ORDER) if file.name.startswith(name)), len(_RULE_ORDER))
    return place, file.name
