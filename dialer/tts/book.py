"""The prompt book: which clip speaks which fragment (``ports.Synthesiser``)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from dialer.errors import MissingPrompt
from dialer.model import Say
from dialer.tts.audio import clip_fault
from dialer.tts.config import PromptConfig
from dialer.tts.reading import fragments

_UNSAFE = re.compile(r"[^0-9A-Za-z\u3007\u3400-\u9fff]+")
_NAME_CHARS = 16
_SHOWN = 5


@lru_cache(maxsize=4096)
def clip_name(text: str) -> str:
    """``请问是-1a2b3c4d.wav``: the words for people, 8 hex digits of their SHA-256 for certainty.

    Changed wording has another name, so it can never play old audio.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{_UNSAFE.sub('', text)[:_NAME_CHARS] or 'clip'}-{digest}.wav"


class PromptBook:
    """Finds clips: a recording wins over the shipped synthetic voice, that over the installation's own."""

    def __init__(self, config: PromptConfig) -> None:
        self._folders = config.folders

    def find(self, text: str) -> Path | None:
        """The clip that speaks exactly this fragment."""
        name = clip_name(text)
        # Each prompt of each call asks: no Path is made before there is a file.
        places = (f"{folder}/{name}" for folder in self._folders)
        found = next((place for place in places if os.path.isfile(place)), None)
        return None if found is None else Path(found)

    def clips(self, say: Sequence[Say]) -> list[Path]:
        """The clips that speak ``say``, in order. Raises MissingPrompt naming every fragment without one."""
        try:
            texts = fragments(say)
        except ValueError as error:
            raise MissingPrompt(str(error)) from None
        found = [self.find(text) for text in texts]
        clips = [path for path in found if path is not None]
        if len(clips) < len(texts):
            raise MissingPrompt(self.advice(self.missing(texts)))
        return clips

    def missing(self, texts: Iterable[str]) -> list[str]:
        """The fragments that no folder has a clip for, once each."""
        return [text for text in dict.fromkeys(texts) if self.find(text) is None]

    def recorded_faults(self) -> list[str]:
        """Recordings that can't be played, used or not, each with its file and what to do."""
        folder = self._folders[0]
        found = [(path, clip_fault(path)) for path in sorted(folder.glob("*.wav"))] if folder.is_dir() else []
        return [f"{path}: {fault}; make it 8000 Hz mono WAV" for path, fault in found if fault]

    def faults(self, texts: Iterable[str]) -> list[str]:
        """Clips for these fragments that are there but can't be played, each with what to do."""
        clips = [path for text in dict.fromkeys(texts) if (path := self.find(text)) is not None]
        return [
            f"{path}: {fault}; remove it and run `dialer prompts build`"
            for path in clips
            if (fault := clip_fault(path))
        ]

    def advice(self, missing: Sequence[str]) -> str:
        """Which clips are missing, by words and file name, and how to get them."""
        return _advice(missing, self._folders[0])


def _advice(texts: Sequence[str], recorded: Path) -> str:
    shown = ", ".join(f"{text!r} ({clip_name(text)})" for text in texts[:_SHOWN])
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"no clip for {shown}{more}: run `dialer prompts build`, or put recordings in {recorded}"
