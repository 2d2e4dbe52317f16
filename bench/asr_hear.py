"""The corpus through the real engine and the real ladder: shared by the bench and by the calibration."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from bench.asr_corpus import Phrase, Spoken, corpus
from dialer.asr.model import check_model
from dialer.asr.vosk_engine import VoskEngine
from dialer.ivr.lexicon import grammar
from dialer.model import Heard

DEMO = Path(__file__).parents[1] / "models" / "demo-cn"


@dataclass(frozen=True, slots=True)
class Trial:
    phrase: Phrase
    voice: str
    condition: str
    heard: Heard | None
    """None: the voice detector found no utterance."""


def hear(engine: VoskEngine, spoken: Spoken) -> Heard | None:
    if not spoken.pcm:
        return None
    words = grammar(spoken.phrase.kind)
    stream, _ = engine.open(words)
    for piece in spoken.pcm:
        stream.feed(piece)
    heard = stream.finish()
    return replace(
        heard, expected=heard.text in words, duration_s=spoken.duration_s, level_dbov=spoken.level_dbov
    )


def _share(work: tuple[str, int, Path, int, int]) -> list[Trial]:
    which, speakers, model, part, parts = work
    engine = VoskEngine(check_model(model))
    return [
        Trial(spoken.phrase, spoken.voice, spoken.condition, hear(engine, spoken))
        for spoken in corpus(which, speakers, part=part, parts=parts)
    ]


def trials(which: str, speakers: int, model: Path = DEMO, processes: int = 2) -> Sequence[Trial]:
    """Every telling phrase by so many voices of a set on every line."""
    work = [(which, speakers, model, part, processes) for part in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return [trial for share in pool.map(_share, work) for trial in share]
