"""Which kind of sherpa-onnx model a directory holds, and whether all of it is there. Asked before the engine.

The engine itself ends the process on some faults. It resamples telephone speech by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.errors import MissingModel


class SherpaKind(StrEnum):
    SENSE_VOICE = "SenseVoice"
    PARAFORMER = "Paraformer"
    ZIPFORMER = "streaming zipformer"


_LANGUAGE = "<|zh|>"
"""A symbol that only SenseVoice has."""
_SMALL = ".int8.onnx"
_HOW = (
    "Set recogniser.model_dir to an unpacked model of sherpa-onnx: SenseVoice or Paraformer (model.onnx and "
    "tokens.txt), or a streaming zipformer (encoder, decoder, joiner and tokens.txt)"
)


@dataclass(frozen=True, slots=True)
class SherpaModel:
    kind: SherpaKind
    folder: Path
    tokens: Path
    parts: tuple[Path, ...]
    """The model; of a zipformer encoder, decoder and joiner."""
    symbols: frozenset[str]

    def lacks(self, phrases: Iterable[str]) -> tuple[str, ...]:
        """Phrases with a character that the model can't write."""
        return tuple(phrase for phrase in phrases if not set(phrase) <= self.symbols)


def check_sherpa_model(folder: Path) -> SherpaModel:
    """Raises MissingModel naming the file and what to do."""
    if not folder.is_dir():
        raise MissingModel(f"{folder}: there is no such model directory. {_HOW}.")
    tokens = folder / "tokens.txt"
    if not tokens.is_file():
        raise MissingModel(f"{tokens}: missing from the model directory. {_HOW}.")
    symbols = read_symbols(tokens)
    if any(folder.glob("encoder*.onnx")) or any(folder.glob("joiner*.onnx")):
        parts = (
            _part(folder, "encoder", small=True),
            _part(folder, "decoder", small=False),
            _part(folder, "joiner", small=True),
        )
        return SherpaModel(SherpaKind.ZIPFORMER, folder, tokens, parts, symbols)
    kind = SherpaKind.SENSE_VOICE if _LANGUAGE in symbols else SherpaKind.PARAFORMER
    return SherpaModel(kind, folder, tokens, (_part(folder, "model", small=True),), symbols)


def read_symbols(file: Path) -> frozenset[str]:
    """``tokens.txt``: a symbol and its number in each line. Raises MissingModel naming the line."""
    found: dict[int, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise MissingModel(f"{file}: not UTF-8, the copy is broken. {_HOW}.") from None
    for line, text in enumerate(lines, 1):
        symbol, _, number = text.rstrip().rpartition(" ")
        if not number.isdecimal() or int(number) in found:
            raise MissingModel(
                f"{file}, line {line}: not a symbol and its own number, the copy is broken. {_HOW}."
            )
        found[int(number)] = symbol.strip()
    if set(found) != set(range(len(found))) or not found:
        raise MissingModel(f"{file}: numbers are missing, the copy is broken. {_HOW}.")
    return frozenset(found.values())


def _part(folder: Path, name: str, small: bool) -> Path:
    """The file of one part; of two sizes the ``small`` one, where it may be chosen."""
    files = sorted(file for file in folder.glob(f"{name}*.onnx") if file.is_file())
    alike = [file for file in files if file.name.endswith(_SMALL) is small]
    chosen = alike or files
    if not chosen:
        raise MissingModel(f"{folder / name}*.onnx: missing from the model directory. {_HOW}.")
    if len(chosen) > 1:
        names = ", ".join(file.name for file in chosen)
        raise MissingModel(f"{folder}: more than one {name} ({names}): leave only the one to be used.")
    if chosen[0].stat().st_size == 0:
        raise MissingModel(f"{chosen[0]}: empty, the copy is broken. {_HOW}.")
    return chosen[0]
