"""What the commands do with speech models: check one as the daemon would use it, fetch one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.asr import AsrConfig, Engine, WorkerRecogniser
from dialer.asr.directory import check_directory, engine_of
from dialer.asr.fetch import Progress, fetch_model
from dialer.asr.known import KNOWN, KnownModel, check_sums
from dialer.errors import ConfigError
from dialer.ivr.lexicon import all_phrases


@dataclass(frozen=True, slots=True)
class ModelReport:
    folder: Path
    engine: str
    about: str
    checked_sums: int
    """Files whose checksums were right; 0: the directory has no list of them."""
    phrases: int
    """What the dialer's grammars expect."""
    unheard: tuple[str, ...]
    """Those of them that the model's vocabulary can't make up."""
    memory_mb: int
    """A worker process that has loaded it."""

    @property
    def fit(self) -> bool:
        return not self.unheard


async def check(config: AsrConfig, expected: Sequence[str] = ()) -> ModelReport:
    """Files, checksums, rate; then a worker loads it and is asked for every phrase of the dictionary.

    ``expected``: more phrases, of an installation's scripts. Raises MissingModel, RecogniserError.
    """
    about = check_directory(config)
    sums = check_sums(config.model_dir)
    phrases = tuple(dict.fromkeys((*all_phrases(), *expected)))
    async with WorkerRecogniser(dataclasses.replace(config, workers=1)) as recogniser:
        stream = await recogniser.open(phrases)
        await stream.cancel()
        (pid,) = recogniser.pids
        memory = _resident_mb(pid)
        unheard = tuple(phrase for phrase in phrases if phrase in recogniser.dropped)
    return ModelReport(config.model_dir, config.engine.value, about, sums, len(phrases), unheard, memory)


def config_for(folder: Path) -> AsrConfig:
    """A directory named on the command line: which engine it is for shows in its files."""
    return AsrConfig(folder, engine=engine_of(folder))


def wanted_model(name: str, url: str, sha256: str) -> KnownModel:
    """A known one by name, or any with its checksum. Raises ConfigError."""
    if url or sha256:
        if not (url.startswith(("https://", "http://")) and len(sha256) == 64):
            raise ConfigError(
                "--url and --sha256 belong together: an http(s) address and 64 hexadecimal digits"
            )
        return KnownModel(name, url, 0, sha256.lower())
    for model in KNOWN:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in KNOWN)
    raise ConfigError(f"{name}: known are {names}; any other needs --url and --sha256")


def fetch(model: KnownModel, into: Path, progress: Progress) -> Path:
    """Raises MissingModel."""
    return fetch_model(model, into, progress)


def _resident_mb(pid: int) -> int:
    """Memory of a process in MB; 0 where the system doesn't say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0")
    return int(line.split()[1]) // 1024


__all__ = ["Engine", "ModelReport", "check", "config_for", "fetch", "wanted_model"]
