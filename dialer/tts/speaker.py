"""What speaks to this room: text in, a waveform out, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dialer.tts.audio import Wave


@dataclass(frozen=True, slots=True)
class Unspoken:
    """This text can't be said, others can."""

    why: str


class Speaker(Protocol):
    """A synthesiser at work."""

    @property
    def at_once(self) -> int:
        """How many texts it may be given at the same time."""
        ...

    def speak(self, text: str) -> tuple[Wave, int] | Unspoken:
        """The waveform and its sampling rate. Raises MissingPrompt or MissingModel: no text can be said."""
        ...

    def close(self) -> None: ...
