"""Synthetic Mandarin speech from espeak-ng, run as a program of its own: the training and test audio.

An utterance is 8 kHz mono int16. Everything is drawn from a seed that depends on the text alone, so a
new phrase never changes the audio of the others, and a cache folder makes a second run quick.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.int16]

RATE = 8000
ESPEAK_RATE = 22050
WAV_HEADER = 44
VOICE = "cmn-latn-pinyin"
"""``cmn`` of espeak-ng 1.51 reads characters as English; this one is right for characters and pinyin."""

HELD_OUT_VOICES = (
    "Annie", "Andrea", "boris", "david", "f3", "grandpa", "klatt2", "linda", "m3", "michel", "rob", "steph",
)  # fmt: skip
TRAINING_VOICES = (
    "", "adam", "Alex", "Alicia", "Andy", "antonio", "aunty", "belinda", "benjamin", "caleb", "Denis",
    "Diogo", "ed", "edward", "Gene", "gustave", "Henrique", "Hugo", "iven", "iven2", "Jacky", "john",
    "Lee", "marcelo", "Marco", "max", "Michael", "miguel", "Mike", "Nguyen", "pablo", "paul", "pedro",
    "quincy", "robert", "sandro", "shelby", "steph2", "travis", "victor", "zac", "anika", "f1", "f2",
    "f4", "f5", "m1", "m2", "m4", "m5", "m6", "m7", "m8", "klatt", "klatt3", "klatt4", "grandma",
    "norbert",
)  # fmt: skip

_CHARACTERS = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要出也里后自以会家可下而过天去能对小多"
    "然于心学么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它"
    "头经长儿回位分爱老因很给名法间知世什两次使身者被高已亲其进此话常与活正感收到签字电话保险业务员本人声音"
    "听见请再问候谁哪钱公司谢喂您确认清楚明白记办理投诉工稍等忙车晚点打错退合同单号码承诺息取利益银款失"
)


@dataclass(frozen=True, slots=True)
class Job:
    text: str
    voice: str
    """espeak-ng variant; empty for the plain voice."""
    speed: int
    """Words a minute as espeak-ng counts."""
    pitch: int


@dataclass(frozen=True, slots=True)
class Utterance:
    text: str
    voice: str
    audio: Samples


def speak(job: Job) -> Utterance:
    """Say one text. Raises RuntimeError where espeak-ng gives no sound."""
    voice = f"{VOICE}+{job.voice}" if job.voice else VOICE
    command = ["espeak-ng", "-v", voice, "-s", str(job.speed), "-p", str(job.pitch), "--stdout", job.text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    if len(wav) < WAV_HEADER + ESPEAK_RATE // 50:
        raise RuntimeError(f"espeak-ng gave no sound for {job.text!r} with voice {voice}")
    pcm = np.frombuffer(wav[WAV_HEADER:], dtype="<i2").astype(np.float32) / 32768
    narrow = soxr.resample(pcm, ESPEAK_RATE, RATE)
    return Utterance(job.text, job.voice, (np.clip(narrow, -1, 1) * 32767).astype(np.int16))


def require(voices: Sequence[str]) -> None:
    """Raises RuntimeError naming the variants that this espeak-ng lacks: its plain voice would speak."""
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, check=True, text=True)
    known = {line.split("!v/")[1].strip() for line in listed.stdout.splitlines() if "!v/" in line}
    if missing := sorted(set(voices) - known - {""}):
        raise RuntimeError(f"espeak-ng has no voice variants {', '.join(missing)}")


def seeded(text: str, salt: str = "") -> random.Random:
    return random.Random(hashlib.md5(f"{salt}{text}".encode()).digest())


def jobs_for(text: str, voices: Sequence[str], count: int, salt: str = "") -> list[Job]:
    """``count`` different voices for one text, each with its own speed and pitch."""
    rng = seeded(text, salt)
    chosen = rng.sample(list(voices), min(count, len(voices)))
    return [Job(text, voice, rng.randint(115, 220), rng.randint(25, 75)) for voice in chosen]


def random_texts(count: int, phrases: Sequence[str]) -> list[str]:
    """Texts that aren't answers: random characters, and phrases run together, so that the network
    learns sounds and not the list of phrases."""
    rng = random.Random(20)
    loose = ["".join(rng.choice(_CHARACTERS) for _ in range(rng.randint(1, 8))) for _ in range(count)]
    joined = [rng.choice(["", "，"]).join(rng.sample(list(phrases), 2)) for _ in range(count // 2)]
    return loose + joined


def bundle(jobs: Sequence[Job], cache: Path) -> list[Utterance]:
    """Say all, or take them from ``cache``."""
    key = hashlib.md5(repr(list(jobs)).encode()).hexdigest()
    file = cache / f"{key}.npz"
    if not file.exists():
        said = [speak(job) for job in jobs]
        ends = np.cumsum([len(utterance.audio) for utterance in said])
        with file.with_suffix(".part").open("wb") as out:
            np.savez(out, audio=np.concatenate([utterance.audio for utterance in said]), ends=ends)
        file.with_suffix(".part").rename(file)
    with np.load(file) as stored:
        pieces = np.split(stored["audio"], stored["ends"][:-1])
    return [Utterance(job.text, job.voice, piece) for job, piece in zip(jobs, pieces, strict=True)]


def speak_all(bundles: Iterable[Sequence[Job]], cache: Path, threads: int) -> list[Utterance]:
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(threads) as pool:
        return [one for said in pool.map(lambda jobs: bundle(jobs, cache), bundles) for one in said]
