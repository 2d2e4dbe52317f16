"""A voice of the installation's own: the real library runs small graphs that whistle, in its own process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tone_voices import PITCH, RATE, SYMBOL_S, kokoro, matcha, vits

from dialer.errors import MissingModel, MissingPrompt
from dialer.tts.audio import Wave, clip_fault, clip_wave
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.build import build_missing
from dialer.tts.config import PromptConfig, Synthesiser
from dialer.tts.sherpa import SherpaSpeaker, spelling
from dialer.tts.speaker import Unspoken


def pitch(wave: Wave, rate: int) -> float:
    return float(np.fft.rfftfreq(len(wave), 1 / rate)[np.abs(np.fft.rfft(wave)).argmax()])


def said(speaker: SherpaSpeaker, text: str) -> tuple[float, float]:
    """Its pitch in Hz and its length in seconds."""
    spoken = speaker.speak(text)
    assert not isinstance(spoken, Unspoken), spoken.why
    wave, rate = spoken
    assert rate == RATE
    return pitch(wave, rate), len(wave) / rate


def why(speaker: SherpaSpeaker, text: str) -> str:
    spoken = speaker.speak(text)
    assert isinstance(spoken, Unspoken)
    return spoken.why


@pytest.mark.parametrize("make", [vits, matcha, kokoro])
def test_each_layout_speaks_with_the_chosen_speaker_at_the_chosen_speed(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    folder = make(tmp_path, speakers=3)
    with SherpaSpeaker(folder, 0, 1.0) as slow, SherpaSpeaker(folder, 2, 2.0) as fast:
        tone, length = said(slow, "您好，谢谢。")
        assert tone == pytest.approx(PITCH, abs=2)
        other, shorter = said(fast, "您好，谢谢。")
        assert other == pytest.approx(3 * PITCH, abs=4)
        assert shorter == pytest.approx(length / 2, abs=0.02)
        assert said(slow, "您好")[1] < length


@pytest.mark.parametrize("make", [vits, matcha, kokoro])
def test_a_text_with_a_word_that_the_voice_lacks_is_not_spoken_without_it(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    with SherpaSpeaker(make(tmp_path), 0, 1.0) as speaker:
        assert "坏" in why(speaker, "您坏好")
        assert said(speaker, "您好")[0] == pytest.approx(PITCH, abs=2)
        assert "坏" in why(speaker, "坏")


def test_a_speaker_whom_the_voice_has_not_is_refused_instead_of_another_speaking(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"speaker = 2: .* has 2 of them, write 0 to 1"):
        SherpaSpeaker(vits(tmp_path, speakers=2), 2, 1.0)


def test_a_surname_is_given_as_a_character_of_its_one_sound(tmp_path: Path) -> None:
    assert spelling("曾") == "增"
    assert spelling("曾经") == "曾经"
    with SherpaSpeaker(vits(tmp_path), 0, 1.0) as speaker:
        assert said(speaker, "曾")[1] > 2 * SYMBOL_S


def test_a_voice_that_the_engine_itself_refuses_is_named_with_its_words(tmp_path: Path) -> None:
    """No check sees through a graph: the engine ends its process, and says why."""
    vits(tmp_path, comment="melo", version=1)
    with pytest.raises(
        MissingModel, match=r"can't load this voice: .*Please download the latest MeloTTS model"
    ) as caught:
        SherpaSpeaker(tmp_path, 0, 1.0)
    assert str(tmp_path) in str(caught.value)


def kill(speaker: SherpaSpeaker, how: signal.Signals) -> None:
    assert speaker._process is not None
    os.kill(speaker._process.pid, how)


def test_a_process_that_died_is_started_again(tmp_path: Path) -> None:
    with SherpaSpeaker(vits(tmp_path), 0, 1.0) as speaker:
        kill(speaker, signal.SIGKILL)
        assert "sherpa-onnx ended (status -9" in why(speaker, "您好")
        assert said(speaker, "您好")[0] == pytest.approx(PITCH, abs=2)


def test_a_process_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    with SherpaSpeaker(vits(tmp_path), 0, 1.0, speak_s=0.5) as speaker:
        kill(speaker, signal.SIGSTOP)
        assert why(speaker, "您好") == "no answer within 0.5 s"
        assert said(speaker, "您好")[0] == pytest.approx(PITCH, abs=2)


def test_a_voice_that_dies_at_one_text_after_another_ends_the_build(tmp_path: Path) -> None:
    with SherpaSpeaker(vits(tmp_path), 0, 1.0) as speaker:
        for _ in range(2):
            kill(speaker, signal.SIGKILL)
            why(speaker, "您好")
            speaker._start()
        kill(speaker, signal.SIGKILL)
        with pytest.raises(MissingModel, match="one text after another"):
            speaker.speak("您好")


def test_a_voice_that_speaks_again_may_die_again(tmp_path: Path) -> None:
    """Each text that it fails at costs no more than that text, however many there are."""
    with SherpaSpeaker(vits(tmp_path), 0, 1.0) as speaker:
        for _ in range(4):
            said(speaker, "您好")
            kill(speaker, signal.SIGKILL)
            why(speaker, "您好")
        said(speaker, "您好")


# -- prompts build ------------------------------------------------------------------------------------


def settings(folder: Path, **values: object) -> PromptConfig:
    places = {"recorded": folder / "recorded", "synthetic": folder / "synthetic", "built": folder / "built"}
    given = {"synthesiser": Synthesiser.SHERPA, "voice_dir": folder / "voice", "espeak": "no-such-program"}
    return PromptConfig(**(places | given | values))  # type: ignore[arg-type]


def test_clips_are_built_for_the_telephone(tmp_path: Path) -> None:
    vits(tmp_path / "voice", speakers=2)
    config = settings(tmp_path, speaker=1, speed=0.5)
    (clip,) = build_missing(["您好"], config)
    assert clip == tmp_path / "built" / clip_name("您好")
    assert clip_fault(clip) is None
    wave = clip_wave(clip)
    assert pitch(wave, 8000) == pytest.approx(2 * PITCH, abs=2)
    assert len(wave) / 8000 == pytest.approx(2 * 7 * SYMBOL_S + 0.08, abs=0.05)
    assert build_missing(["您好"], config) == []
    assert len(build_missing(["您好"], config, anew=True)) == 1


def test_with_a_voice_of_ones_own_the_shipped_one_is_silent(tmp_path: Path) -> None:
    """What it says, the installation's voice must say too: nobody is asked in two synthetic voices."""
    vits(tmp_path / "voice")
    config = settings(tmp_path)
    shipped = tmp_path / "synthetic" / clip_name("您好")
    shipped.parent.mkdir()
    shipped.write_bytes(b"")
    assert PromptBook(settings(tmp_path, synthesiser=Synthesiser.ESPEAK)).find("您好") == shipped
    assert PromptBook(config).missing(["您好"]) == ["您好"]
    (clip,) = build_missing(["您好"], config)
    assert PromptBook(config).find("您好") == clip


def test_what_the_voice_cannot_say_is_named_and_the_rest_is_made(tmp_path: Path) -> None:
    vits(tmp_path / "voice")
    told = r"1 prompts can't be spoken: '您坏好'.*坏.*2 others were made"
    with pytest.raises(MissingPrompt, match=told) as caught:
        build_missing(["您好", "您坏好", "谢谢"], settings(tmp_path))
    assert str(tmp_path / "recorded") in str(caught.value)
    assert {clip.name for clip in (tmp_path / "built").iterdir()} == {clip_name("您好"), clip_name("谢谢")}


def test_a_directory_without_a_voice_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="no such voice directory"):
        build_missing(["您好"], settings(tmp_path))
    assert not (tmp_path / "built").exists()
