"""espeak-ng as a separate program: text in, a waveform out. It is GPL-3 and never loaded into our process."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from dialer.errors import MissingPrompt
from dialer.tts.audio import Wave, pcm_of_wav

_TIMEOUT_S = 60
_INSTALL = "install it (Debian: apt-get install espeak-ng) or put recordings of the prompts in place"

_RESPELLED = {
    "重听": "虫听",
    "银行": "银航",
    "退还": "退环",
    "了解": "瞭解",
    "教您": "交您",
    "教过": "交过",
}
"""Words whose characters espeak-ng reads in their other way, and homophones that come out right."""

_NAMES = {
    "曾": "zeng1", "单": "shan4", "解": "xie4", "仇": "qiu2", "任": "ren2", "区": "ou1",
    "查": "zha1", "朴": "piao2", "覃": "qin2", "华": "hua4", "宁": "ning4", "翟": "zhai2",
    "葛": "ge3", "尉迟": "yu4 chi2", "万俟": "mo4 qi2", "冼": "xian3", "盖": "ge3", "缪": "miao4",
    "乐": "yue4", "燕": "yan1", "冯": "feng2", "石": "shi2", "贾": "jia3", "薛": "xue1",
    "卜": "bu3", "洗": "xian3", "纪": "ji3", "应": "ying1", "召": "shao4", "种": "chong2",
    "晟": "cheng2",
}  # fmt: skip
"""Surnames that are read otherwise than the same character elsewhere, in pinyin."""


def find_program(program: str) -> str:
    """Its path. Raises MissingPrompt saying how to install it."""
    path = shutil.which(program)
    if path is None:
        raise MissingPrompt(f"the speech program {program!r} isn't installed: {_INSTALL}")
    return path


def spelling(text: str) -> str:
    """What espeak-ng must be given, so that it says ``text``."""
    if text in _NAMES:
        return _NAMES[text]
    for word, other in _RESPELLED.items():
        text = text.replace(word, other)
    return text


@dataclass(frozen=True, slots=True)
class EspeakSpeaker:
    """``speaker.Speaker``: a process for each text."""

    program: str
    """Its path."""
    voice: str
    words_per_minute: int
    at_once: int = 2

    def speak(self, text: str) -> tuple[Wave, int]:
        """Raises MissingPrompt naming the text."""
        return speak(self.program, text, self.voice, self.words_per_minute)

    def close(self) -> None:
        return None


def speak(program: str, text: str, voice: str, words_per_minute: int, pitch: int = 50) -> tuple[Wave, int]:
    """The waveform and its sampling rate. Raises MissingPrompt naming the text."""
    command = [
        program, "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", "--", spelling(text),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_S)
        return pcm_of_wav(done.stdout)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()
        raise MissingPrompt(f"{program} failed on {text!r}: {reason[0] if reason else error}") from error
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise MissingPrompt(f"{program} failed on {text!r}: {error}") from error
