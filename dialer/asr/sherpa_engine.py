"""sherpa-onnx: whole-vocabulary models that take no grammar. Needs the extra ``sherpa-onnx``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dialer.asr.model import LINE_RATE
from dialer.asr.sherpa_model import SherpaKind, SherpaModel
from dialer.asr.sound import Meter
from dialer.errors import MissingModel
from dialer.model import Heard

_TAIL_S = 0.5
"""Silence after the utterance, so that a streaming model gives its last words."""


class SherpaStream:
    """One utterance. A streaming model works while it is fed, the others at the end."""

    def __init__(self, recogniser: Any, streaming: bool) -> None:
        self._recogniser, self._streaming = recogniser, streaming
        self._stream = recogniser.create_stream()
        self._meter = Meter()

    def feed(self, pcm: bytes) -> None:
        self._meter.feed(pcm)
        self._stream.accept_waveform(LINE_RATE, np.frombuffer(pcm, "<i2").astype(np.float32) / 32768)
        if self._streaming:
            self._decode()

    def finish(self) -> Heard:
        stream, snr_db = self._stream, self._meter.snr_db()
        if self._streaming:
            self.feed(bytes(2 * round(_TAIL_S * LINE_RATE)))
            stream.input_finished()
            self._decode()
            text, logs = self._recogniser.get_result(stream), list(self._recogniser.ys_probs(stream))
        else:
            self._recogniser.decode_stream(stream)
            text, logs = stream.result.text, list(getattr(stream.result, "ys_log_probs", ()))
        return replace(heard(text, logs), snr_db=snr_db)

    def _decode(self) -> None:
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)


def heard(text: str, logs: Sequence[float]) -> Heard:
    """``logs``: of each symbol its log probability, where the model gives them."""
    words = "".join(text.split())
    if not words:
        return Heard("", 0.0)
    return Heard(words, math.exp(min(0.0, sum(logs) / len(logs))) if logs else 1.0)


class SherpaEngine:
    """Raises MissingModel when made: the extra isn't installed, or the model is refused."""

    def __init__(self, model: SherpaModel) -> None:
        try:
            import sherpa_onnx
        except ImportError as error:
            raise MissingModel(
                "recogniser.engine = sherpa-onnx: the package is missing, install huifang-dialer[sherpa-onnx]"
            ) from error
        parts = [str(part) for part in model.parts]
        common = {"tokens": str(model.tokens), "num_threads": 1}
        self._model = model
        self._streaming = model.kind is SherpaKind.ZIPFORMER
        try:
            match model.kind:
                case SherpaKind.SENSE_VOICE:
                    self._recogniser = sherpa_onnx.OfflineRecognizer.from_sense_voice(
                        model=parts[0], language="zh", use_itn=False, **common
                    )
                case SherpaKind.PARAFORMER:
                    self._recogniser = sherpa_onnx.OfflineRecognizer.from_paraformer(
                        paraformer=parts[0], **common
                    )
                case SherpaKind.ZIPFORMER:
                    encoder, decoder, joiner = parts
                    self._recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
                        encoder=encoder, decoder=decoder, joiner=joiner, **common
                    )
        except (RuntimeError, ValueError) as error:
            raise MissingModel(f"{model.folder}: sherpa-onnx can't load this model ({error})") from error

    def open(self, phrases: tuple[str, ...]) -> tuple[SherpaStream, tuple[str, ...]]:
        """``phrases`` narrow nothing: the model hears its whole vocabulary."""
        return SherpaStream(self._recogniser, self._streaming), self._model.lacks(phrases)
