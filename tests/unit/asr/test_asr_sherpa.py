"""sherpa-onnx: which kind a directory is, what is missing; the real library on models that hear loudness."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tone_models import paraformer, sense_voice, zipformer

from dialer.asr import WorkerRecogniser
from dialer.asr.config import AsrConfig, Engine
from dialer.asr.directory import check_directory, engine_of
from dialer.asr.sherpa_engine import heard
from dialer.asr.sherpa_model import SherpaKind, check_sherpa_model
from dialer.errors import MissingModel
from dialer.model import Heard

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


# -- the library itself, in its worker ----------------------------------------------------------------

Make = Callable[[Path], Path]
KINDS = [
    pytest.param(sense_voice, "是", "是是", id="SenseVoice"),
    pytest.param(paraformer, "是的", "是的", id="Paraformer"),
    pytest.param(zipformer, "是", "是", id="streaming zipformer"),
]
"""One loud sound, and two, as each model writes them."""


def sound(*parts: tuple[float, bool]) -> bytes:
    """Seconds of hiss, loud or faint, as a call has it."""
    rng = np.random.default_rng(7)
    waves = [rng.normal(size=int(seconds * 8000)) * (3000 if loud else 3) for seconds, loud in parts]
    return np.concatenate(waves).astype("<i2").tobytes()


async def hear(recogniser: WorkerRecogniser, pcm: bytes) -> Heard:
    """In pieces, as the voice detector gives them."""
    stream = await recogniser.open(("是", "是的"))
    for at in range(0, len(pcm), 3200):
        await stream.feed(pcm[at : at + 3200])
    return await stream.finish()


@pytest.mark.parametrize(("make", "once", "twice"), KINDS)
async def test_the_real_library_hears_through_a_worker(
    tmp_path: Path, make: Make, once: str, twice: str
) -> None:
    async with WorkerRecogniser(AsrConfig(make(tmp_path), engine=Engine.SHERPA, deadline_s=20)) as recogniser:
        one = await hear(recogniser, sound((0.3, False), (0.4, True), (0.7, False)))
        assert one.text == once
        assert 0.3 < one.confidence <= 1.0
        assert one.snr_db > 40
        two = sound((0.3, False), (0.4, True), (0.4, False), (0.4, True), (0.7, False))
        assert (await hear(recogniser, two)).text == twice
        assert (await hear(recogniser, sound((1.0, False)))).text == ""
        assert (await hear(recogniser, b"")).text == ""
        assert recogniser.ready == 1


@pytest.mark.parametrize(("make", "once", "twice"), KINDS)
async def test_many_utterances_at_once_keep_their_own_words(
    tmp_path: Path, make: Make, once: str, twice: str
) -> None:
    loud, quiet = sound((0.3, False), (0.4, True), (0.7, False)), sound((1.4, False))
    async with WorkerRecogniser(AsrConfig(make(tmp_path), engine=Engine.SHERPA, deadline_s=20)) as recogniser:
        streams = [await recogniser.open(("是",)) for _ in range(6)]
        for at in range(0, len(loud), 3200):
            for number, stream in enumerate(streams):
                await stream.feed((loud if number % 2 else quiet)[at : at + 3200])
        assert [(await stream.finish()).text for stream in streams] == ["", once] * 3


async def test_a_phrase_that_the_model_cannot_write_is_told(tmp_path: Path) -> None:
    config = AsrConfig(sense_voice(tmp_path), engine=Engine.SHERPA, deadline_s=20)
    async with WorkerRecogniser(config) as recogniser:
        await (await recogniser.open(("是", "不是"))).cancel()
        assert recogniser.dropped == {"不是"}


@pytest.mark.parametrize(("make", "once", "twice"), KINDS)
async def test_a_model_that_was_cut_off_in_copying_is_refused(
    tmp_path: Path, make: Make, once: str, twice: str
) -> None:
    part = max(make(tmp_path).glob("*.onnx"), key=lambda file: file.stat().st_size)
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.raises(MissingModel) as caught:
        await WorkerRecogniser(AsrConfig(tmp_path, engine=Engine.SHERPA)).start()
    assert str(tmp_path) in str(caught.value)
