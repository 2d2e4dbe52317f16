"""Models for sherpa-onnx that hear no more than whether it is loud: whole directories of each kind.

The library does all that it does with a real model: resampling, features, normalisation, the graph, decoding,
symbols. A loud sound is written 是; one after a pause is another one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto

sys.path.append(str(Path(__file__).parents[1]))

from onnx_parts import constants, node, save, value

BANDS = 80
WINDOW, SHIFT = 7, 6
"""Frames of 10 ms that are stacked, and by how many the next stack is later."""
LOUD = -7.0
"""Mean log energy of a band, samples being -1..1: silence is about -16, a hiss at a tenth of all -3."""
LOUD_WHOLE = LOUD + 2 * np.log(32768)
"""The same for samples of 16 bits."""
NEVER = -50.0


def _tokens(folder: Path, symbols: Sequence[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    return len(symbols)


def _choice(features: str, scores: str, threshold: str) -> list[NodeProto]:
    """For each frame a score of its loudness: above 0 from ``threshold`` on."""
    return [
        node("ReduceMean", features, "mean", axes=[2], keepdims=1),
        node("Sub", f"mean {threshold}", scores),
    ]


def _stacked() -> dict[str, object]:
    """Metadata of models that take stacked frames; features are left as they are."""
    size = BANDS * WINDOW
    return {
        "lfr_window_size": WINDOW, "lfr_window_shift": SHIFT,
        "neg_mean": ",".join(["0"] * size), "inv_stddev": ",".join(["1"] * size),
    }  # fmt: skip


def sense_voice(folder: Path) -> Path:
    """CTC: blank where it's quiet, 是 where it's loud, behind the symbols of language, mood, event, style."""
    tags = ("<|zh|>", "<|NEUTRAL|>", "<|Speech|>", "<|woitn|>")
    count = _tokens(folder, ("<blank>", "是", *tags))
    loud, head = np.zeros((1, 1, count), np.float32), np.full((1, 4, count), NEVER, np.float32)
    loud[..., 1] = 1
    for place in range(4):
        head[0, place, 2 + place] = 0
    rest = np.full((1, 1, count), NEVER, np.float32)
    rest[..., :2] = 0
    save(
        folder / "model.onnx",
        [
            *_choice("x", "score", "threshold"),
            node("Mul", "score loud", "yes"),
            node("Add", "yes rest", "frames"),
            node("Concat", "head frames", "logits", axis=1),
        ],
        [
            value("x", TensorProto.FLOAT, [1, "frames", BANDS * WINDOW]),
            *(value(name, TensorProto.INT32, [1]) for name in ("x_length", "language", "text_norm")),
        ],
        [value("logits", TensorProto.FLOAT, None)],
        constants(threshold=np.float32(LOUD), loud=loud, rest=rest, head=head),
        model_type="sense_voice_ctc", comment="", vocab_size=count, normalize_samples=1,
        with_itn=14, without_itn=15,
        **{f"lang_{name}": n for n, name in enumerate(("auto", "zh", "en", "yue", "ja", "ko"))}, **_stacked(),
    )  # fmt: skip
    return folder


def paraformer(folder: Path) -> Path:
    """是的 where anything was loud, else the end at once."""
    count = _tokens(folder, ("<blank>", "<s>", "</s>", "是", "的"))
    said, nothing = np.zeros((1, 3, count), np.float32), np.zeros((1, 3, count), np.float32)
    said[0, (0, 1, 2), (3, 4, 2)] = 1
    nothing[..., 2] = 1
    save(
        folder / "model.onnx",
        [
            *_choice("speech", "score", "threshold"),
            node("ReduceMax", "score", "loudest", keepdims=0),
            node("Greater", "loudest zero", "any"),
            node("Where", "any said nothing", "logits"),
            node("Identity", "three", "token_num"),
        ],
        [
            value("speech", TensorProto.FLOAT, [1, "frames", BANDS * WINDOW]),
            value("speech_lengths", TensorProto.INT32, [1]),
        ],
        [value("logits", TensorProto.FLOAT, None), value("token_num", TensorProto.INT32, [1])],
        constants(
            threshold=np.float32(LOUD_WHOLE), zero=np.float32(0), said=said, nothing=nothing,
            three=np.array([3], np.int32),
        ),
        model_type="paraformer", vocab_size=count, **_stacked(),
    )  # fmt: skip
    return folder


def zipformer(folder: Path) -> Path:
    """A streaming transducer: 是 at the first loud frame, and never again, for the decoder knows of it."""
    count = _tokens(folder, ("<blk>", "是"))
    shapes: dict[str, list[int]] = {
        "key": [1, 1, 1], "attention": [1, 1, 1, 3], "value1": [1, 1, 1], "value2": [1, 1, 1],
        "conv1": [1, 4, 1], "conv2": [1, 4, 1], "embed": [1, 128, 3, 19],
    }  # fmt: skip
    states = [*shapes, "processed"]

    def count_of(name: str) -> ValueInfoProto:
        return value(name, TensorProto.INT64, [1])

    floats = [value(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    news = [value(f"new_{name}", TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    save(
        folder / "encoder.onnx",
        [
            *_choice("x", "encoder_out", "threshold"),
            *(node("Identity", name, f"new_{name}") for name in states),
        ],
        [value("x", TensorProto.FLOAT, [1, "frames", BANDS]), *floats, count_of("processed")],
        [value("encoder_out", TensorProto.FLOAT, None), *news, count_of("new_processed")],
        constants(threshold=np.float32(LOUD)),
        model_type="zipformer2", version=1, T=45, decode_chunk_len=32,
        encoder_dims=4, query_head_dims=1, value_head_dims=1, num_heads=1, num_encoder_layers=1,
        cnn_module_kernels=3, left_context_len=1,
    )  # fmt: skip
    save(
        folder / "decoder.onnx",
        [
            node("ReduceMax", "y", "last", axes=[1], keepdims=1),
            node("Cast", "last", "decoder_out", to=TensorProto.FLOAT),
        ],
        [value("y", TensorProto.INT64, ["N", 2])],
        [value("decoder_out", TensorProto.FLOAT, None)],
        [],
        vocab_size=count,
        context_size=2,
    )
    save(
        folder / "joiner.onnx",
        [
            node("Mul", "decoder_out much", "told"),
            node("Sub", "encoder_out told", "yes"),
            node("Mul", "yes zero", "blank"),
            node("Concat", "blank yes", "logit", axis=1),
        ],
        [
            value("encoder_out", TensorProto.FLOAT, ["N", 1]),
            value("decoder_out", TensorProto.FLOAT, ["N", 1]),
        ],
        [value("logit", TensorProto.FLOAT, None)],
        constants(much=np.float32(-NEVER), zero=np.float32(0)),
    )
    return folder
