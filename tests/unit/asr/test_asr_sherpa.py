"""sherpa-onnx directories: which kind, what is missing. None is small enough to ship and to load here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dialer.asr.config import AsrConfig, Engine
from dialer.asr.directory import check_directory, engine_of
from dialer.asr.sherpa_engine import heard
from dialer.asr.sherpa_model import SherpaKind, check_sherpa_model
from dialer.errors import MissingModel

PARAFORMER = "<blank> 0\n是 1\n的 2\n"
SENSE_VOICE = PARAFORMER + "<|zh|> 3\n"


def make(folder: Path, tokens: str, *files: str) -> Path:
    (folder / "tokens.txt").write_text(tokens, encoding="utf-8")
    for name in files:
        (folder / name).write_bytes(b"onnx")
    return folder


@pytest.mark.parametrize(
    ("tokens", "files", "kind", "parts"),
    [
        (SENSE_VOICE, ("model.onnx", "model.int8.onnx"), SherpaKind.SENSE_VOICE, ("model.int8.onnx",)),
        (PARAFORMER, ("model.onnx",), SherpaKind.PARAFORMER, ("model.onnx",)),
        (
            PARAFORMER,
            ("encoder-99.onnx", "encoder-99.int8.onnx", "decoder-99.onnx", "decoder-99.int8.onnx",
             "joiner-99.onnx", "joiner-99.int8.onnx"),
            SherpaKind.ZIPFORMER,
            ("encoder-99.int8.onnx", "decoder-99.onnx", "joiner-99.int8.onnx"),
        ),
    ],
)  # fmt: skip
def test_each_kind_is_told_by_its_files(
    tmp_path: Path, tokens: str, files: tuple[str, ...], kind: SherpaKind, parts: tuple[str, ...]
) -> None:
    model = check_sherpa_model(make(tmp_path, tokens, *files))
    assert model.kind is kind
    assert tuple(part.name for part in model.parts) == parts
    assert engine_of(tmp_path) is Engine.SHERPA
    assert kind.value in check_directory(AsrConfig(tmp_path, engine=Engine.SHERPA))


@pytest.mark.parametrize(
    ("tokens", "files", "told"),
    [
        (PARAFORMER, (), r"model\*\.onnx: missing"),
        (PARAFORMER, ("encoder.onnx", "decoder.onnx"), r"joiner\*\.onnx: missing"),
        (
            PARAFORMER,
            ("encoder-1.onnx", "encoder-2.onnx", "decoder.onnx", "joiner.onnx"),
            "more than one encoder",
        ),
        ("<blank> 0\n是\n", ("model.onnx",), r"tokens\.txt, line 2: not a symbol and its own number"),
        ("<blank> 0\n是 0\n", ("model.onnx",), "line 2"),
        ("<blank> 0\n是 2\n", ("model.onnx",), "numbers are missing"),
        ("", ("model.onnx",), "numbers are missing"),
    ],
)
def test_what_is_missing_or_broken_is_named(
    tmp_path: Path, tokens: str, files: tuple[str, ...], told: str
) -> None:
    make(tmp_path, tokens, *files)
    with pytest.raises(MissingModel, match=told):
        check_sherpa_model(tmp_path)


def test_an_empty_part_a_foreign_encoding_and_no_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="no such model directory"):
        check_sherpa_model(tmp_path / "none")
    with pytest.raises(MissingModel, match=r"tokens\.txt: missing"):
        check_sherpa_model(tmp_path)
    make(tmp_path, PARAFORMER)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(MissingModel, match=r"model\.onnx: empty"):
        check_sherpa_model(tmp_path)
    (tmp_path / "tokens.txt").write_bytes("是 0\n".encode("gbk"))
    with pytest.raises(MissingModel, match="not UTF-8"):
        check_sherpa_model(tmp_path)


def test_phrases_with_a_character_that_the_model_lacks(tmp_path: Path) -> None:
    model = check_sherpa_model(make(tmp_path, PARAFORMER, "model.onnx"))
    assert model.lacks(("是", "是的", "不是")) == ("不是",)


def test_confidence_is_the_mean_of_the_symbols_where_the_model_gives_it() -> None:
    assert heard(" 是 的 ", [math.log(0.9), math.log(0.4)]).text == "是的"
    assert heard("是的", [math.log(0.9), math.log(0.4)]).confidence == pytest.approx(0.6)
    assert heard("是的", []).confidence == 1.0
    assert heard("  ", []).confidence == 0.0
