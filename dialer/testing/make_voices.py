"""Make the customers' voices of the demonstration: ``python -m dialer.testing.make_voices``.

Short answers in several espeak-ng voices, a mumble that nobody can understand, and the agent's greeting;
8 kHz mono A-law WAV, one file per key, listed in ``voices.tsv``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dialer.tts.audio import RATE, Wave, normalise, resample, trim
from dialer.tts.build import write_clip
from dialer.tts.espeak import find_program, speak

VOICES = Path(__file__).parent / "voices"
LANGUAGE = "cmn-latn-pinyin"
SPEED = 190
CUSTOMER_DB = -22.0
SPEAKERS = {"": "Adam", "-b": "f4", "-c": "paul"}
"""Key suffix -> espeak-ng variant."""

ANSWERS = {
    "shi-wo": "是我",
    "shi-de": "是的",
    "fangbian": "方便",
    "qingchu": "清楚",
    "zhidao": "知道",
    "shoudao-le": "收到了",
    "shi-wo-qian-de": "是我签的",
    "meiyou": "没有",
    "meiyou-le": "没有了",
    "bu-qingchu": "不清楚",
    "da-cuo-le": "打错了",
    "bu-shi": "不是",
    "zhuan-rengong": "转人工",
    "mingtian-xiawu-zai-da-ba": "明天下午再打吧",
    "xiawu-zai-da": "下午再打",
    "bu-fangbian": "不方便",
    "youren-chengnuo-guo-baoben": "有人承诺过保本",
    "dui": "对",
    "keyi": "可以",
    "mei-shoudao": "没收到",
}
EVERYBODY_SAYS = (
    "shi-wo",
    "shi-de",
    "fangbian",
    "qingchu",
    "zhidao",
    "shoudao-le",
    "shi-wo-qian-de",
    "meiyou",
    "meiyou-le",
)
"""What the third speaker says too: enough for a whole call."""
MUMBLE = ("mumble", "今天菜还没买呢")
AGENT = ("agent", "您好，我是人工坐席，请问有什么可以帮您")
AGENT_VOICE = "f2"


def say(program: str, text: str, variant: str, speed: int = SPEED) -> Wave:
    wave, rate = speak(program, text, f"{LANGUAGE}+{variant}", speed)
    return trim(normalise(resample(wave, rate), CUSTOMER_DB), 0.06, 0.1)


def mumble(speech: Wave) -> Wave:
    """Speech backwards, dulled to its lowest band, in steady noise: a voice, but no words."""
    spectrum = np.fft.rfft(speech[::-1])
    spectrum[np.fft.rfftfreq(len(speech), 1 / RATE) > 700] *= 0.03
    noise = np.random.default_rng(7).normal(0, 0.01, len(speech))
    dull: Wave = (np.fft.irfft(spectrum, len(speech)) + noise).astype(np.float32)
    return normalise(dull, CUSTOMER_DB)


def make(folder: Path, espeak: str = "espeak-ng") -> list[Path]:
    """Write every voice file and ``voices.tsv``. Raises MissingPrompt where espeak-ng is absent or fails."""
    program = find_program(espeak)
    folder.mkdir(parents=True, exist_ok=True)
    rows, made = ["key\ttext\tvoice"], []
    for suffix, variant in SPEAKERS.items():
        for key, text in ANSWERS.items():
            if suffix != "-c" or key in EVERYBODY_SAYS:
                made.append(write_clip(folder / f"{key}{suffix}.wav", say(program, text, variant)))
                rows.append(f"{key}{suffix}\t{text}\t{variant}")
    key, text = MUMBLE
    made.append(write_clip(folder / f"{key}.wav", mumble(say(program, text, SPEAKERS[""]))))
    rows.append(f"{key}\t\t{SPEAKERS['']}")
    key, text = AGENT
    made.append(write_clip(folder / f"{key}.wav", say(program, text, AGENT_VOICE, 210)))
    rows.append(f"{key}\t{text}\t{AGENT_VOICE}")
    (folder / "voices.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return made


def main() -> None:
    for path in make(VOICES):
        print(path)


if __name__ == "__main__":
    main()
