"""Which check belongs to which engine's model directory."""

from __future__ import annotations

from pathlib import Path

from dialer.asr.config import AsrConfig, Engine
from dialer.asr.model import check_model
from dialer.asr.sherpa_model import check_sherpa_model


def check_directory(config: AsrConfig) -> str:
    """A line about the model that was found. Raises MissingModel naming the file and what to do."""
    if config.engine is Engine.DTMF:
        return "keys only"
    if config.engine is Engine.SHERPA:
        found = check_sherpa_model(config.model_dir)
        return f"{config.model_dir}, {found.kind.value}"
    info = check_model(config.model_dir)
    note = " (demonstration model, synthetic voices)" if config.engine is Engine.BUNDLED else ""
    return f"{config.model_dir}, {info.rate} Hz{note}"


def engine_of(folder: Path) -> Engine:
    """The engine whose model this looks like."""
    return Engine.SHERPA if (folder / "tokens.txt").is_file() else Engine.VOSK
