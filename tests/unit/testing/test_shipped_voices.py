"""The customers' voices of the demonstration: all there, playable, small."""

from __future__ import annotations

from pathlib import Path

from dialer.ivr.lexicon import all_phrases
from dialer.testing.make_voices import ANSWERS, VOICES, mumble
from dialer.tts.audio import RATE, clip_fault
from dialer.tts.tones import melody


def listed() -> list[list[str]]:
    return [line.split("\t") for line in (VOICES / "voices.tsv").read_text(encoding="utf-8").splitlines()[1:]]


def clip(key: str) -> Path:
    return VOICES / f"{key}.wav"


def test_every_listed_voice_is_a_playable_clip_and_no_other_lies_there() -> None:
    keys = {row[0] for row in listed()}
    assert {path.stem for path in VOICES.glob("*.wav")} == keys
    assert [key for key in keys if clip_fault(clip(key))] == []
    assert {"agent", "mumble", *ANSWERS, *(f"{key}-b" for key in ANSWERS)} <= keys
    assert sum(clip(key).stat().st_size for key in keys) < 400_000


def test_answers_are_short_and_in_the_recognisers_grammar() -> None:
    for key, text, _ in listed():
        if key in ANSWERS:
            assert text in all_phrases()
            assert 0.3 < clip(key).stat().st_size / RATE < 2.5


def test_the_mumble_keeps_its_length_and_loses_its_words() -> None:
    wave = melody()
    assert len(mumble(wave)) == len(wave)
