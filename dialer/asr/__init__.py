"""Listening: phrases in, words out. engines run in worker processes; without one, keys still work."""

from __future__ import annotations

from dialer.asr.config import AsrConfig, Engine
from dialer.asr.dtmf_only import DtmfOnly
from dialer.asr.recogniser import WorkerRecogniser


def make_recogniser(config: AsrConfig) -> WorkerRecogniser | DtmfOnly:
    """The recogniser that the settings ask for; not started yet."""
    return DtmfOnly() if config.engine is Engine.DTMF else WorkerRecogniser(config)


__all__ = ["AsrConfig", "DtmfOnly", "Engine", "WorkerRecogniser", "make_recogniser"]
