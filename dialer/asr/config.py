"""What an operator may set about listening."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Engine(StrEnum):
    BUNDLED = "bundled"
    """The shipped demonstration model, in libvosk. Synthetic voices only."""
    VOSK = "vosk"
    """A Vosk model directory of yours, in libvosk."""
    SHERPA = "sherpa-onnx"
    """A sherpa-onnx model directory: SenseVoice, Paraformer or a streaming zipformer. Needs the extra."""
    DTMF = "dtmf"
    """No recogniser: customers answer with keys only."""


@dataclass(frozen=True, slots=True)
class AsrConfig:
    """Settings of the recogniser. Raises ValueError where a value makes no sense."""

    model_dir: Path
    """The model's directory, for ``vosk`` and ``sherpa-onnx``. Never downloaded while calls are made."""
    engine: Engine = Engine.BUNDLED
    """``bundled``, ``vosk``, ``sherpa-onnx``, or ``dtmf`` for a service that listens to keys only."""
    workers: int = 1
    """Recogniser processes. One serves some 20 people who speak at the same moment with a small model."""
    deadline_s: float = 2.0
    """How long opening or finishing one utterance may take; then the call goes on with keys."""
    start_deadline_s: float = 60.0
    """How long a worker may take to load the model: large models need tens of seconds."""
    chunk_s: float = 0.1
    """Speech is handed to the engine in pieces of this length; shorter ones cost more time for nothing."""
    restart_delay_s: float = 0.1
    """Pause before a dead worker is started again; doubles with each failure that follows at once."""
    restart_delay_max_s: float = 30.0
    """The longest such pause."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("recogniser.workers: at least 1")
        if not 0.02 <= self.chunk_s <= 1:
            raise ValueError("recogniser.chunk_s: between 0.02 and 1 second")
        for name in ("deadline_s", "start_deadline_s", "restart_delay_s", "restart_delay_max_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"recogniser.{name}: must be above 0")
