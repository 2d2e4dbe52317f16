"""Voices for sherpa-onnx that whistle: whole directories of each layout, with graphs that the library runs.

Each symbol of a text gives 0.1 s of a tone; its pitch is the speaker's. So a test hears who spoke, how fast,
and whether a word was left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto

sys.path.append(str(Path(__file__).parents[1]))

from onnx_parts import constants, node, save, value

RATE = 22050
SYMBOL_S = 0.1
PITCH = 440.0
"""Of speaker 0; speaker n whistles n + 1 times as high."""
WORDS = {"您": "n in2", "好": "h ao3", "谢谢": "x ie4 x ie5", "谢": "x ie4", "增": "z eng1"}
PUNCTUATION = "， 。 ？ ！"
KOKORO_STYLE = 3
"""Numbers of a speaker for each length; the first is his pitch in octaves of ``PITCH``."""
KOKORO_LENGTHS = 60


def _whistle(samples: str, times: str) -> list[NodeProto]:
    """So many ``samples`` of a tone ``times`` as high as PITCH, as ``y`` (1, 1, n)."""
    return [
        node("Cast", samples, "count", to=TensorProto.INT64),
        node("Squeeze", "count", "n"),
        node("Range", "zero n one", "t"),
        node("Cast", "t", "time", to=TensorProto.FLOAT),
        node("Mul", f"{times} step", "turn"),
        node("Mul", "time turn", "phase"),
        node("Sin", "phase", "sine"),
        node("Mul", "sine half", "tone"),
        node("Unsqueeze", "tone front", "y"),
    ]


_CONSTANTS = {
    "zero": np.int64(0),
    "one": np.int64(1),
    "step": np.float32(2 * np.pi * PITCH / RATE),
    "half": np.float32(0.5),
    "front": np.array([0, 1]),
    "single": np.array([1.0], np.float32),
}


def _texts(folder: Path, **words: str) -> None:
    known = WORDS | words
    symbols = dict.fromkeys(["sil", "eos", *PUNCTUATION.split(), *" ".join(known.values()).split()])
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    lexicon = "".join(f"{word} {sounds}\n" for word, sounds in known.items())
    (folder / "lexicon.txt").write_text(lexicon, encoding="utf-8")


def vits(folder: Path, *, speakers: int = 1, words: dict[str, str] | None = None, **metadata: object) -> Path:
    """``words``: of the lexicon, beside WORDS."""
    folder.mkdir(parents=True, exist_ok=True)
    _texts(folder, **(words or {}))
    scales = ("noise_scale", "length_scale", "noise_scale_w")
    save(
        folder / "model.onnx",
        [
            node("Cast", "x_length", "length", to=TensorProto.FLOAT),
            node("Mul", "length length_scale", "paced"),
            node("Mul", "paced per_symbol", "samples"),
            node("Cast", "sid", "speaker", to=TensorProto.FLOAT),
            node("Add", "speaker single", "times"),
            *_whistle("samples", "times"),
        ],
        [
            value("x", TensorProto.INT64, [1, "symbols"]),
            value("x_length", TensorProto.INT64, [1]),
            *(value(name, TensorProto.FLOAT, [1]) for name in scales),
            value("sid", TensorProto.INT64, [1]),
        ],
        [value("y", TensorProto.FLOAT, None)],
        constants(per_symbol=np.float32(SYMBOL_S * RATE), **_CONSTANTS),
        **{
            "model_type": "vits", "sample_rate": RATE, "n_speakers": speakers, "language": "Chinese",
            "comment": "icefall", "punctuation": PUNCTUATION, "add_blank": 0,
        } | metadata,
    )  # fmt: skip
    return folder


def matcha(folder: Path, *, speakers: int = 1) -> Path:
    """An acoustic model that gives ten frames for each symbol, and a vocoder that whistles 10 ms for each."""
    folder.mkdir(parents=True, exist_ok=True)
    _texts(folder)
    save(
        folder / "model-steps-3.onnx",
        [
            node("Cast", "x_length", "length", to=TensorProto.FLOAT),
            node("Mul", "length length_scale", "paced"),
            node("Mul", "paced per_symbol", "frames"),
            node("Cast", "frames", "count", to=TensorProto.INT64),
            node("Concat", "band count", "shape", axis=0),
            node("Cast", "sid", "speaker", to=TensorProto.FLOAT),
            node("Add", "speaker single", "times"),
            node("Expand", "times shape", "mel"),
        ],
        [
            value("x", TensorProto.INT64, [1, "symbols"]),
            value("x_length", TensorProto.INT64, [1]),
            value("noise_scale", TensorProto.FLOAT, [1]),
            value("length_scale", TensorProto.FLOAT, [1]),
            value("sid", TensorProto.INT64, [1]),
        ],
        [value("mel", TensorProto.FLOAT, None)],
        constants(
            per_symbol=np.float32(SYMBOL_S * 100), band=np.array([1, 1]), single=_CONSTANTS["single"]
        ),
        model_type="matcha-tts", sample_rate=RATE, n_speakers=speakers, version=1, jieba=1, has_espeak=0,
        use_eos_bos=0, pad_id=0, add_blank=0, language="Chinese",
    )  # fmt: skip
    save(
        folder / "hifigan_v2.onnx",
        [
            node("Shape", "mel", "size"),
            node("Gather", "size last", "frames"),
            node("Cast", "frames", "many", to=TensorProto.FLOAT),
            node("Mul", "many per_frame", "samples"),
            node("ReduceMax", "mel", "times", keepdims=0),
            *_whistle("samples", "times"),
        ],
        [value("mel", TensorProto.FLOAT, [1, 1, "frames"])],
        [value("y", TensorProto.FLOAT, None)],
        constants(last=np.array([2]), per_frame=np.float32(RATE / 100), **_CONSTANTS),
        model_type="hifigan",
    )
    return folder


def kokoro(folder: Path, *, speakers: int = 1) -> Path:
    """Its symbols are single characters."""
    folder.mkdir(parents=True, exist_ok=True)
    words = {"您": "n i n", "好": "x a u", "谢谢": "ɕ e ɕ e", "增": "t s ə ŋ"}
    symbols = dict.fromkeys(["$", *';:,.!?—…"()“” ', *" ".join(words.values()).split()])
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    lexicon = "".join(f"{word} {sounds}\n" for word, sounds in words.items())
    (folder / "lexicon-zh.txt").write_text(lexicon, encoding="utf-8")
    styles = np.zeros((speakers, KOKORO_LENGTHS, 1, KOKORO_STYLE), np.float32)
    styles[..., 0] = np.arange(1, speakers + 1)[:, None, None]
    (folder / "voices.bin").write_bytes(styles.tobytes())
    save(
        folder / "model.onnx",
        [
            node("Shape", "tokens", "size"),
            node("Gather", "size last", "symbols"),
            node("Cast", "symbols", "many", to=TensorProto.FLOAT),
            node("Mul", "many per_symbol", "whole"),
            node("Div", "whole speed", "samples"),
            node("ReduceMax", "style", "times", keepdims=0),
            *_whistle("samples", "times"),
        ],
        [
            value("tokens", TensorProto.INT64, [1, "symbols"]),
            value("style", TensorProto.FLOAT, [1, KOKORO_STYLE]),
            value("speed", TensorProto.FLOAT, [1]),
        ],
        [value("y", TensorProto.FLOAT, None)],
        constants(last=np.array([1]), per_symbol=np.float32(SYMBOL_S * RATE), **_CONSTANTS),
        model_type="kokoro", sample_rate=RATE, n_speakers=speakers, version=2, has_espeak=0, voice="en-us",
        style_dim=f"{KOKORO_LENGTHS},1,{KOKORO_STYLE}",
    )  # fmt: skip
    return folder
