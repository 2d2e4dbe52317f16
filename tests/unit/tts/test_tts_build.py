"""Building clips: a stand-in program speaks, so that the tests need no espeak-ng."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from dialer.errors import MissingPrompt
from dialer.tts.audio import clip_fault
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.build import build, build_missing, build_tones, write_list
from dialer.tts.config import PromptConfig
from dialer.tts.espeak import spelling

SPEAKER = """#!{python}
import math, struct, sys
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
if "坏" in sys.argv[-1]:
    sys.exit("no such voice")
loud = 0 if "静" in sys.argv[-1] else 9000
body = b"".join(struct.pack("<h", int(loud * math.sin(i / 9))) for i in range(11025))
head = struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
sys.stdout.buffer.write(b"RIFF\\xff\\xff\\xff\\x7fWAVEfmt " + head
    + b"data" + struct.pack("<I", len(body)) + body)
"""


@pytest.fixture
def speaker(tmp_path: Path) -> Path:
    program = tmp_path / "speaker"
    program.write_text(SPEAKER.format(python=sys.executable, log=str(tmp_path / "log")), encoding="utf-8")
    program.chmod(0o755)
    return program


def said(speaker: Path) -> list[str]:
    log = speaker.with_name("log")
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_clips_are_made_once(speaker: Path, tmp_path: Path) -> None:
    made = build(["您好。", "谢谢", "您好。"], tmp_path / "out", PromptConfig(espeak=str(speaker)))
    assert [path.name for path in made] == [clip_name("您好。"), clip_name("谢谢")]
    assert [clip_fault(path) for path in made] == [None, None]
    assert build(["您好。", "谢谢"], tmp_path / "out", PromptConfig(espeak=str(speaker))) == []
    assert len(said(speaker)) == 2
    assert len(build(["谢谢"], tmp_path / "out", PromptConfig(espeak=str(speaker)), anew=True)) == 1
    assert list((tmp_path / "out").glob("*.part")) == []


def test_voice_and_speed_reach_the_program(speaker: Path, tmp_path: Path) -> None:
    config = PromptConfig(
        tmp_path / "r",
        tmp_path / "s",
        tmp_path / "b",
        espeak=str(speaker),
        voice="cmn-latn-pinyin+f4",
        words_per_minute=150,
    )
    assert build_missing(["您好"], config) == [tmp_path / "b" / clip_name("您好")]
    assert said(speaker) == ["-v cmn-latn-pinyin+f4 -s 150 -p 50 --stdout -- 您好"]
    assert build_missing(["您好"], config) == []
    assert PromptBook(config).missing(["您好"]) == []


def test_what_another_folder_has_is_not_made_again(speaker: Path, tmp_path: Path) -> None:
    config = PromptConfig(tmp_path / "r", tmp_path / "s", tmp_path / "b", espeak=str(speaker))
    build(["您好"], config.recorded, config)
    assert build_missing(["您好"], config) == []
    assert len(build_missing(["您好"], config, anew=True)) == 1


def test_without_the_program_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingPrompt, match="apt-get install espeak-ng"):
        build(["您好"], tmp_path, PromptConfig(espeak="no-such-speech-program"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "reason"), [("坏", "no such voice"), ("静", "no sound")])
def test_a_failing_program_names_the_text_and_leaves_nothing(
    speaker: Path, tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(MissingPrompt, match=reason) as caught:
        build([text], tmp_path / "out", PromptConfig(espeak=str(speaker)))
    assert text in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_studio_list_has_a_row_for_each_text(tmp_path: Path) -> None:
    write_list(["您好", "谢谢", "您好"], tmp_path / "prompts.tsv")
    rows = (tmp_path / "prompts.tsv").read_text(encoding="utf-8").splitlines()
    assert rows == ["file\ttext", f"{clip_name('您好')}\t您好", f"{clip_name('谢谢')}\t谢谢"]


def test_tones_need_no_program(tmp_path: Path) -> None:
    assert [clip_fault(path) for path in build_tones(tmp_path)] == [None, None]


def test_words_with_two_readings_are_respelled() -> None:
    assert spelling("重听请按九") == "虫听请按九"
    assert spelling("曾") == "zeng1"
    assert spelling("您好") == "您好"


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng isn't installed")
def test_espeak_speaks_a_sentence_at_a_fit_pace(tmp_path: Path) -> None:
    text = "请问保险合同您拿到了并且签字了吗？"
    (clip,) = build([text], tmp_path)
    seconds = clip.stat().st_size / 8000
    assert 2.2 < seconds < 4.2
