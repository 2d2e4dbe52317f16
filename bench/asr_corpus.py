"""Spoken answers for the recogniser's bench: labelled phrases x voices x lines, as a call has them.

All of it is synthetic: espeak-ng speaks, noise and babble are computed, G.711 and lost packets are made.
Each answer passes the real voice detector and loss concealment, so that a recogniser gets what it gets in
a call. Two sets of voices: thresholds were chosen with ``tuning``; figures are of ``held-out``. Neither
was heard in training (``models/synth.py``).
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.sounds import RATE, Pcm, at_level, coloured, say, silence
from dialer.ivr.config import TurnSettings
from dialer.ivr.lexicon import phrases
from dialer.media.config import MediaConfig
from dialer.media.g711 import FRAME, PCMA, PCMU, encode
from dialer.media.vad import Audio, Endpointer, Finished, new_detector
from dialer.model import AnswerClass, QuestionKind
from dialer.ports import ListenSpec

DATA = Path(__file__).parents[1] / "tests" / "data"
LABELS = ("answers-dev.tsv", "answers-more.tsv")
KINDS = (QuestionKind.POS, QuestionKind.KNOW, QuestionKind.BAD, QuestionKind.LEFT, QuestionKind.CONS)
CONDITIONS = ("clean", "A-law", "noise", "babble", "loss")
NOISE_SNR_DB = 10.0
BABBLE_SNR_DB = 15.0
LOSS = 0.05
VOICES = {
    "tuning": ("announcer", "edward2", "gene2", "iven3", "klatt5", "steph3"),
    "held-out": (
        "Andrea", "Annie", "boris", "david", "f3", "grandpa", "klatt2", "linda", "m3", "michel", "rob",
        "steph",
    ),
}  # fmt: skip
TALKERS = ("kaukovalta", "iven4", "klatt6", "mario", "ricishaymax")
"""Who is heard in the babble."""
CHATTER = (
    "这个菜多少钱一斤啊能不能便宜一点", "孩子作业写完了没有赶紧去洗手吃饭", "下一站是中山路请从后门下车",
    "明天早上八点在学校门口集合不要迟到", "这件衣服还有没有大一号的", "他昨天说的那个事情后来怎么样了",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase and what it means to a question of this kind, as people labelled it."""

    kind: QuestionKind
    text: str
    wanted: AnswerClass
    expected: bool
    """It is in the recogniser's grammar for this kind."""


@dataclass(frozen=True, slots=True)
class Spoken:
    phrase: Phrase
    voice: str
    condition: str
    pcm: tuple[bytes, ...]
    """Pieces of the utterance as the voice detector gave them; empty where it found none."""
    duration_s: float
    level_dbov: float


def spoken_text(text: str) -> str:
    return text.replace("?", "").replace("？", "")


def plain(text: str) -> str:
    """As a recogniser writes it."""
    return "".join(c for c in text if c.isalnum())


def labelled() -> list[Phrase]:
    """Every labelled phrase with every kind, the labels being the files' own."""
    found: dict[tuple[QuestionKind, str], Phrase] = {}
    grammar = {kind: frozenset(phrases(kind)) for kind in KINDS}
    for name in LABELS:
        with (DATA / name).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                for kind in KINDS:
                    phrase = Phrase(
                        kind,
                        row["phrase"],
                        AnswerClass(row[kind.value]),
                        plain(row["phrase"]) in grammar[kind],
                    )
                    found.setdefault((kind, phrase.text), phrase)
    return list(found.values())


def telling(phrases: list[Phrase]) -> list[Phrase]:
    """Of each phrase the kinds where it is a yes or a no; of one that never is, a single kind."""
    definite = {AnswerClass.YES, AnswerClass.NO}
    kept: list[Phrase] = []
    spoken: set[str] = set()
    for phrase in sorted(phrases, key=lambda phrase: phrase.wanted not in definite):
        if phrase.wanted in definite or phrase.text not in spoken:
            kept.append(phrase)
        spoken.add(phrase.text)
    return kept


def rng_for(*key: str | int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(part).encode()) for part in key])


def voice_of(phrase: str, voices: tuple[str, ...], number: int) -> tuple[str, int, int]:
    """The ``number``-th speaker of a phrase, with speed and pitch."""
    rng = rng_for("voice", phrase)
    order = rng.permutation(len(voices))
    return voices[order[number % len(voices)]], int(rng.integers(125, 225)), int(rng.integers(25, 76))


def babble(rng: np.random.Generator, samples: int) -> Pcm:
    """A room of talkers."""
    total = np.zeros(samples)
    for talker in TALKERS:
        part = at_level(say(CHATTER[rng.integers(len(CHATTER))], talker), -20)
        total += np.resize(np.roll(part, int(rng.integers(len(part)))), samples)
    return total


def on_line(speech: Pcm, condition: str, rng: np.random.Generator) -> tuple[str, list[bytes], list[bool]]:
    """Codec, 20 ms packets, and which of them arrive."""
    level = float(rng.uniform(-26, -14))
    wave = np.concatenate([silence(0.6), at_level(speech, level), silence(1.4)])
    wave = wave + at_level(rng.normal(size=len(wave)), -65)
    if condition == "noise":
        wave = wave + at_level(
            coloured(rng, len(wave) / RATE, float(rng.uniform(0, 1))), level - NOISE_SNR_DB
        )
    elif condition == "babble":
        wave = wave + at_level(babble(rng, len(wave)), level - BABBLE_SNR_DB)
    codec = PCMA if condition != "clean" else PCMU
    data = encode((np.clip(wave, -1, 1) * 32767).astype(np.int16), codec)
    packets = [data[at : at + FRAME] for at in range(0, len(data) - FRAME + 1, FRAME)]
    share = LOSS if condition == "loss" else 0.0
    return codec, packets, [bool(rng.random() >= share) for _ in packets]


def heard_by_the_plane(
    codec: str, packets: list[bytes], arrived: list[bool], end_silence_s: float
) -> tuple[tuple[bytes, ...], float, float]:
    """The first utterance that the voice detector finds: its audio, its length, its level."""
    media = MediaConfig()
    ears = Endpointer(
        ListenSpec(end_silence_s=end_silence_s),
        codec,
        media.speech_floor_dbov,
        media.pre_roll_s,
        new_detector(media.vad_mode),
        media.speech_drop_db,
    )
    pieces: list[bytes] = []
    for number, (packet, here) in enumerate(zip(packets, arrived, strict=True)):
        for found in ears.feed(number * FRAME, packet, lost=True) if here else ():
            if isinstance(found, Audio):
                pieces.append(found.pcm)
            elif isinstance(found, Finished):
                return tuple(pieces), (found.end - found.start) / RATE, found.level_dbov
    return (), 0.0, -90.0


def corpus(
    which: str, speakers: int, conditions: tuple[str, ...] = CONDITIONS, part: int = 0, parts: int = 1
) -> Iterator[Spoken]:
    """Every telling phrase by ``speakers`` voices on every line; of ``parts`` shares the ``part``-th."""
    turn = TurnSettings()
    for number, phrase in enumerate(telling(labelled())):
        if number % parts != part:
            continue
        pause = turn.long_end_silence_s if phrase.kind is QuestionKind.LEFT else turn.end_silence_s
        for speaker in range(speakers):
            voice, speed, pitch = voice_of(phrase.text, VOICES[which], speaker)
            speech = say(spoken_text(phrase.text), voice, speed, pitch)
            for condition in conditions:
                rng = rng_for(which, phrase.kind.value, phrase.text, voice, condition)
                pcm, length, level = heard_by_the_plane(*on_line(speech, condition, rng), pause)
                yield Spoken(phrase, voice, condition, pcm, length, level)
