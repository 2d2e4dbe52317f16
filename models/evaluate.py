"""Test a model directory with libvosk itself on voices that training never heard, and report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import vosk
from augment import RATE, Wave, line, no_speech, telephone
from phrases import Phrase
from synth import Utterance

CHUNK = RATE // 5 * 2
NO_SPEECH_TESTS = 400
ANSWERS = ("YES", "NO")


@dataclass(slots=True)
class Score:
    """Counts of one condition. Flips are shares of what was said with that meaning."""

    said: Counter[str] = field(default_factory=Counter)
    right: int = 0
    exact: int = 0
    flips: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def add(self, family: str, text: str, heard_family: str, heard: str) -> None:
        self.said[family] += 1
        self.right += heard_family == family
        self.exact += heard == text
        if heard_family != family:
            self.flips[family, heard_family] += 1
            self.missed[f"{text} -> {heard or 'nothing'}"] += 1

    @property
    def accuracy(self) -> float:
        return self.right / max(1, self.said.total())

    def flip(self, said: str, heard: str) -> float:
        return self.flips[said, heard] / max(1, self.said[said])


@dataclass(frozen=True, slots=True)
class Result:
    clean: Score
    damaged: Score
    unheard: Score
    """Phrases of the clean condition that training never heard from any voice."""
    nothing: Counter[str]
    """What came of audio without speech."""
    real_time_factor: float


class Families:
    """Recognised words -> the family of answers they belong to."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self.known = {phrase.text: phrase.family for phrase in phrases if phrase.tested}

    def of(self, words: Sequence[str]) -> str:
        text = "".join(words)
        if text in self.known:
            return self.known[text]
        found = {self.known[word] for word in words if word in self.known}
        return found.pop() if len(found) == 1 else "MIXED" if found else "NOTHING"


def words_of(recogniser: vosk.KaldiRecognizer, pcm: bytes) -> list[str]:
    parts = []
    for start in range(0, len(pcm), CHUNK):
        if recogniser.AcceptWaveform(pcm[start : start + CHUNK]):
            parts.append(recogniser.Result())
    parts.append(recogniser.FinalResult())
    return [word for part in parts for word in json.loads(part)["text"].split() if word != "[unk]"]


def clean_line(utterance: Utterance, rng: np.random.Generator) -> bytes:
    """Quiet line: G.711, a little noise, silence around it."""
    speech = utterance.audio.astype(np.float32) / 32768
    speech *= 0.5 / (np.abs(speech).max() + 1e-6)
    wave = np.concatenate([np.zeros(2400), speech, np.zeros(3200)]).astype(np.float32)
    return pcm_of(line(wave + rng.standard_normal(len(wave)).astype(np.float32) * 0.001, rng))


def pcm_of(wave: Wave) -> bytes:
    return (np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes()


def evaluate(folder: Path, phrases: Sequence[Phrase], tests: Sequence[Utterance]) -> Result:
    vosk.SetLogLevel(-2)
    model = vosk.Model(str(folder))
    families = Families(phrases)
    grammar = json.dumps([*families.known, "[unk]"], ensure_ascii=False)
    held = {phrase.text for phrase in phrases if phrase.held_out}
    rng = np.random.default_rng(11)
    clean, damaged, unheard, nothing = Score(), Score(), Score(), Counter[str]()
    busy, seconds = 0.0, 0.0
    for utterance in tests:
        family = families.known[utterance.text]
        harsh = telephone(utterance.audio.astype(np.float32) / 32768, rng)
        for score, pcm in ((clean, clean_line(utterance, rng)), (damaged, pcm_of(harsh))):
            started = time.process_time()
            words = words_of(vosk.KaldiRecognizer(model, RATE, grammar), pcm)
            busy, seconds = busy + time.process_time() - started, seconds + len(pcm) / 2 / RATE
            score.add(family, utterance.text, families.of(words), "".join(words))
            if score is clean and utterance.text in held:
                unheard.add(family, utterance.text, families.of(words), "".join(words))
    voices = [one.audio.astype(np.float32) / 32768 for one in tests[::7]]
    for _ in range(NO_SPEECH_TESTS):
        words = words_of(vosk.KaldiRecognizer(model, RATE, grammar), pcm_of(no_speech(rng, voices)))
        nothing["".join(words)] += 1
    return Result(clean, damaged, unheard, nothing, busy / seconds)


def report(result: Result, size: int) -> str:
    return "\n".join(_report(result, size)) + "\n"


def _report(result: Result, size: int) -> Iterator[str]:
    yield "# demo-cn: a demonstration model"
    yield ""
    yield "**Synthetic voices only. It says nothing about people's voices and is no model for production.**"
    yield "It lets `dialer demo` and the tests run real libvosk on a fresh machine. For real calls use a"
    yield "model trained on people, such as `vosk-model-small-cn-0.22`."
    yield ""
    yield f"Made by `python models/train.py`; {size / 1e6:.1f} MB. Figures by libvosk on espeak-ng voices"
    yield "that training never heard, with the whole phrase list as grammar:"
    yield ""
    yield "| condition | utterances | right family | same words | yes heard as no | no heard as yes |"
    yield "|---|---|---|---|---|---|"
    for name, score in (
        ("quiet line, G.711", result.clean),
        ("damaged line (noise 6-40 dB SNR, band, loss, clipping, speed)", result.damaged),
        ("quiet line, phrases never heard in training", result.unheard),
    ):
        total = score.said.total()
        yield (
            f"| {name} | {total} | {score.accuracy:.1%} | {score.exact / max(1, total):.1%} "
            f"| {score.flip('YES', 'NO'):.1%} | {score.flip('NO', 'YES'):.1%} |"
        )
    silent = result.nothing[""]
    words = ", ".join(f"{word} {count}" for word, count in result.nothing.most_common(9) if word)
    yield ""
    yield f"No speech (silence, noise, clicks, tones, chords, babble): {silent} of {result.nothing.total()}"
    yield f"gave no word; the others: {words or 'none'}."
    yield f"Real-time factor {result.real_time_factor:.3f} on one core."
