"""Directories of voices: which layout, what is missing, what is broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tone_voices import kokoro, matcha, vits

from dialer.errors import MissingModel
from dialer.tts.voicedir import VoiceKind, check_voice

Make = Callable[[Path], Path]


@pytest.mark.parametrize(
    ("make", "kind", "model"),
    [
        (vits, VoiceKind.VITS, "model.onnx"),
        (matcha, VoiceKind.MATCHA, "model-steps-3.onnx"),
        (kokoro, VoiceKind.KOKORO, "model.onnx"),
    ],
)
def test_each_layout_is_told_by_its_files(tmp_path: Path, make: Make, kind: VoiceKind, model: str) -> None:
    voice = check_voice(make(tmp_path))
    assert (voice.kind, voice.model.name) == (kind, model)
    assert (voice.vocoder is not None) is (kind is VoiceKind.MATCHA)
    assert (voice.voices is not None) is (kind is VoiceKind.KOKORO)


def test_rules_are_applied_in_the_order_that_numbers_need(tmp_path: Path) -> None:
    for name in ("new_heteronym", "number", "date", "phone"):
        (vits(tmp_path) / f"{name}.fst").write_bytes(b"")
    (tmp_path / "rule.far").write_bytes(b"")
    voice = check_voice(tmp_path)
    assert [file.stem for file in voice.rule_fsts] == ["phone", "date", "number", "new_heteronym"]
    assert [file.name for file in voice.rule_fars] == ["rule.far"]


def test_the_whole_model_speaks_where_a_smaller_copy_lies_beside_it(tmp_path: Path) -> None:
    shutil.copy(vits(tmp_path) / "model.onnx", tmp_path / "model.int8.onnx")
    assert check_voice(tmp_path).model.name == "model.onnx"
    (tmp_path / "model.onnx").unlink()
    assert check_voice(tmp_path).model.name == "model.int8.onnx"


def test_a_kokoro_voice_leaves_the_second_english_lexicon_out(tmp_path: Path) -> None:
    for name in ("lexicon-us-en.txt", "lexicon-gb-en.txt"):
        (kokoro(tmp_path) / name).write_text("yes j e s\n", encoding="utf-8")
    assert [file.name for file in check_voice(tmp_path).lexicons] == ["lexicon-us-en.txt", "lexicon-zh.txt"]


@pytest.mark.parametrize(
    ("make", "gone", "told"),
    [
        (vits, "model.onnx", "no model in it"),
        (vits, "tokens.txt", r"tokens\.txt: missing"),
        (vits, "lexicon.txt", r"lexicon\.txt: missing"),
        (matcha, "model-steps-3.onnx", "no model in it"),
        (matcha, "hifigan_v2.onnx", "no vocoder in it"),
        (matcha, "lexicon.txt", r"lexicon\.txt: missing"),
        (kokoro, "voices.bin", r"voices\.bin: missing"),
        (kokoro, "tokens.txt", r"tokens\.txt: missing"),
        (kokoro, "lexicon-zh.txt", r"lexicon\.txt: missing"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, make: Make, gone: str, told: str) -> None:
    (make(tmp_path) / gone).unlink()
    with pytest.raises(MissingModel, match=told) as caught:
        check_voice(tmp_path)
    assert "prompts.voice_dir" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "file", "data", "told"),
    [
        (vits, "model.onnx", b"<html>404</html>", r"model\.onnx: (not an ONNX model|cut off)"),
        (vits, "tokens.txt", "sil 0\n，\n".encode(), r"tokens\.txt, line 2: not a symbol and its number"),
        (vits, "tokens.txt", "您 0\n".encode("gbk"), r"tokens\.txt: not UTF-8"),
        (vits, "tokens.txt", b"", r"tokens\.txt: empty"),
        (vits, "lexicon.txt", "您 n in2\n好\n".encode(), r"lexicon\.txt, line 2: not a word and its sounds"),
        (vits, "lexicon.txt", b"\n", r"lexicon\.txt: empty"),
        (matcha, "hifigan_v2.onnx", b"\x08", r"hifigan_v2\.onnx: "),
        (kokoro, "voices.bin", b"\0" * 8, r"voices\.bin: 8 octets where the model needs 720"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, make: Make, file: str, data: bytes, told: str) -> None:
    (make(tmp_path) / file).write_bytes(data)
    with pytest.raises(MissingModel, match=told):
        check_voice(tmp_path)


def test_a_model_that_was_cut_off_in_copying_is_named(tmp_path: Path) -> None:
    model = vits(tmp_path) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-30])
    with pytest.raises(MissingModel, match=r"model\.onnx: cut off"):
        check_voice(tmp_path)


def test_a_model_of_another_program_is_refused(tmp_path: Path) -> None:
    vits(tmp_path, sample_rate="")
    with pytest.raises(MissingModel, match="doesn't say its sample_rate"):
        check_voice(tmp_path)


def test_what_could_be_meant_twice_and_no_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="no such voice directory"):
        check_voice(tmp_path / "none")
    shutil.copy(vits(tmp_path / "two") / "model.onnx", tmp_path / "two" / "other.onnx")
    with pytest.raises(MissingModel, match=r"more than one model \(model\.onnx, other\.onnx\)"):
        check_voice(tmp_path / "two")
    shutil.copy(vits(tmp_path / "words") / "lexicon.txt", tmp_path / "words" / "lexicon-2.txt")
    with pytest.raises(MissingModel, match="more than one lexicon"):
        check_voice(tmp_path / "words")
