"""Where prompt clips lie and how missing ones are synthesised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SLOWEST, _FASTEST = 80, 450
"""What espeak-ng takes."""


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """Folders are searched in the order recorded, synthetic, built; the first clip of a name wins."""

    recorded: Path = Path("config/prompts/recorded")
    """Studio recordings, 8 kHz mono WAV, named as in prompts.tsv."""
    synthetic: Path = Path("config/prompts/synthetic")
    """The shipped synthetic voice."""
    built: Path = Path("prompts")
    """What this installation synthesised for itself; ``prompts build`` writes here."""
    espeak: str = "espeak-ng"
    """The speech program, by name or path. It always runs as a program of its own."""
    voice: str = "cmn-latn-pinyin+f2"
    """espeak-ng voice and variant."""
    words_per_minute: int = 230
    """Speaking rate as espeak-ng counts; 230 gives some five characters a second."""

    def __post_init__(self) -> None:
        if not self.espeak or not self.voice:
            raise ValueError(f"{'voice' if self.espeak else 'espeak'}: empty")
        if not _SLOWEST <= self.words_per_minute <= _FASTEST:
            raise ValueError(f"words_per_minute: write {_SLOWEST} to {_FASTEST}")

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        return (self.recorded, self.synthetic, self.built)
