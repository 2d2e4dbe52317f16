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
from dialer.tts.slow import slowed

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


class _Shelf:
    """The clips in one folder. Each prompt of each call asks, so it is read again only after a change."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = -1
        """When the folder last changed, as it was read; -1: it isn't there."""
        self.clips: dict[str, Path] = {}

    def look(self) -> None:
        """A file that came or went since then is noticed by the folder's own date."""
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed != self._seen:
                with os.scandir(self._folder) as entries:
                    self.clips = {one.name: Path(one.path) for one in entries if one.is_file()}
        except OSError:
            changed, self.clips = -1, {}
        self._seen = changed


class PromptBook:
    """Finds clips: a recording wins over the shipped synthetic voice, that over the installation's own."""

    def __init__(self, config: PromptConfig) -> None:
        self._folders = config.folders
        self._slow = config.built / "slow"
        self._shelves = [_Shelf(str(folder)) for folder in self._folders]

    def find(self, text: str) -> Path | None:
        """The clip that speaks exactly this fragment."""
        for shelf in self._shelves:
            shelf.look()
        return self._find(text)

    def _find(self, text: str) -> Path | None:
        name = clip_name(text)
        return next((found for shelf in self._shelves if (found := shelf.clips.get(name))), None)

    def clips(self, say: Sequence[Say], *, slow: bool = False) -> list[Path]:
        """The clips that speak ``say``, in order. Raises MissingPrompt naming every fragment without one."""
        try:
            texts = fragments(say)
        except ValueError as error:
            raise MissingPrompt(str(error)) from None
        for shelf in self._shelves:
            shelf.look()
        found = [self._find(text) for text in texts]
        clips = [path for path in found if path is not None]
        if len(clips) < len(texts):
            raise MissingPrompt(self.advice(self.missing(texts)))
        return [slowed(clip, self._slow) for clip in clips] if slow else clips

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
