"""Where prompt clips lie and how missing ones are synthesised."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SLOWEST, _FASTEST = 80, 450
"""What espeak-ng takes."""
_DRAWN_OUT, _HASTY = 0.5, 2.0
"""Beyond these no voice is fit for a telephone."""


class Synthesiser(StrEnum):
    ESPEAK = "espeak-ng"
    """A program of its own; it speaks the shipped clips too."""
    SHERPA = "sherpa-onnx"
    """A neural voice of yours: VITS, Matcha or Kokoro. Needs the extra."""


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """Folders are searched in the order recorded, synthetic, built; the first clip of a name wins.

    With a sherpa-onnx voice the shipped clips aren't used: nobody is asked in two synthetic voices.
    """

    recorded: Path = Path("config/prompts/recorded")
    """Studio recordings, 8 kHz mono WAV, named as in prompts.tsv."""
    synthetic: Path = Path("config/prompts/synthetic")
    """The shipped synthetic voice."""
    built: Path = Path("prompts")
    """What this installation synthesised for itself; ``prompts build`` writes here."""
    synthesiser: Synthesiser = Synthesiser.ESPEAK
    """Who speaks what nobody recorded: ``espeak-ng`` or ``sherpa-onnx``."""
    espeak: str = "espeak-ng"
    """The speech program, by name or path. It always runs as a program of its own."""
    voice: str = "cmn-latn-pinyin+f2"
    """espeak-ng voice and variant."""
    words_per_minute: int = 230
    """Speaking rate as espeak-ng counts; 230 gives some five characters a second."""
    voice_dir: Path = Path("voice")
    """sherpa-onnx: the unpacked voice. Read by ``prompts build`` only, never while calls are made."""
    speaker: int = 0
    """sherpa-onnx: which of the voice's speakers, counted from 0."""
    speed: float = 1.0
    """sherpa-onnx: 1 is the voice's own pace, 1.2 a fifth faster."""

    def __post_init__(self) -> None:
        if not self.espeak or not self.voice:
            raise ValueError(f"{'voice' if self.espeak else 'espeak'}: empty")
        if not _SLOWEST <= self.words_per_minute <= _FASTEST:
            raise ValueError(f"words_per_minute: write {_SLOWEST} to {_FASTEST}")
        if self.speaker < 0:
            raise ValueError("speaker: must be 0 or more")
        if not _DRAWN_OUT <= self.speed <= _HASTY:
            raise ValueError(f"speed: write {_DRAWN_OUT} to {_HASTY}")

    @property
    def folders(self) -> tuple[Path, ...]:
        if self.synthesiser is Synthesiser.SHERPA:
            return (self.recorded, self.built)
        return (self.recorded, self.synthetic, self.built)
