"""libvosk: one model, and for each utterance the question's grammar and what else may have been said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import vosk

from dialer.asr.grammar import UNKNOWN, Grammar, build
from dialer.asr.model import LINE_RATE, ModelInfo
from dialer.asr.sound import Meter
from dialer.errors import MissingModel, RecogniserError
from dialer.model import Heard, Reading

GRAMMARS_KEPT = 256
"""One per kind of question in practice; bounded all the same."""
READINGS = 8
"""What else may have been said: so many readings of an utterance are weighed against each other."""
_ONLY_SOUNDS = f'["{UNKNOWN}"]'


class _Alternative(msgspec.Struct):
    confidence: float
    """Log likelihood, in nats."""
    text: str = ""


class _Result(msgspec.Struct):
    """libvosk's JSON with SetMaxAlternatives."""

    alternatives: list[_Alternative] = []


_results = msgspec.json.Decoder(_Result)


@dataclass(slots=True)
class Stream:
    recogniser: vosk.KaldiRecognizer
    meter: Meter = field(default_factory=Meter)
    pieces: list[_Result] = field(default_factory=list)

    def feed(self, pcm: bytes) -> None:
        self.meter.feed(pcm)
        if self.recogniser.AcceptWaveform(pcm):
            self.pieces.append(_results.decode(self.recogniser.Result()))

    def finish(self) -> Heard:
        self.pieces.append(_results.decode(self.recogniser.FinalResult()))
        return replace(summary(self.pieces), snr_db=self.meter.snr_db())


def summary(pieces: Sequence[_Result]) -> Heard:
    """Decoded pieces of one utterance -> what was heard, ``[unk]`` left out of the text."""
    readings = {("", True): 1.0}
    words: list[str] = []
    for piece in pieces:
        if not piece.alternatives:
            continue
        best = piece.alternatives[0]
        words += best.text.split()
        weights = [math.exp(one.confidence - best.confidence) for one in piece.alternatives]
        together: dict[tuple[str, bool], float] = {}
        for (text, whole), share in readings.items():
            for one, weight in zip(piece.alternatives, weights, strict=True):
                parts = one.text.split()
                known = "".join(word for word in parts if word != UNKNOWN)
                key = text + known, whole and UNKNOWN not in parts
                together[key] = together.get(key, 0.0) + share * weight / sum(weights)
        readings = dict(sorted(together.items(), key=lambda pair: -pair[1])[:READINGS])
    heard = [word for word in words if word != UNKNOWN]
    whole_text = "".join(heard)
    share = sum(share for (read, _), share in readings.items() if read == whole_text)
    return Heard(
        whole_text,
        min(1.0, share) if whole_text else 0.0,
        1 - len(heard) / len(words) if words else 0.0,
        readings=tuple(Reading(read, share, whole) for (read, whole), share in readings.items()),
    )


class VoskEngine:
    """Raises MissingModel when made."""

    def __init__(self, info: ModelInfo) -> None:
        vosk.SetLogLevel(-2)  # it warns of what is no fault, at every utterance
        try:
            # Always with the path: without it the package looks for a model on the network.
            self._model = vosk.Model(model_path=str(info.folder))
        except Exception as error:  # libvosk raises nothing narrower
            raise MissingModel(f"{info.folder}: libvosk can't load this model ({error})") from error
        if info.takes_grammar and not self.knows(UNKNOWN):
            raise MissingModel(
                f"{info.folder}: the model has no word {UNKNOWN}; it would take noise for an answer"
            )
        self._takes_grammar = info.takes_grammar
        self._grammars: dict[tuple[str, ...], tuple[Grammar, str]] = {}
        # libvosk loads a model without the graph that it couldn't read, and dies of its first use: now.
        self._recogniser(_ONLY_SOUNDS if info.takes_grammar else None).FinalResult()

    def open(self, phrases: tuple[str, ...]) -> tuple[Stream, tuple[str, ...]]:
        """A stream, and the phrases that the vocabulary can't make up. Raises RecogniserError."""
        grammar, text = self._grammar(phrases)
        if not self._takes_grammar:
            return Stream(self._recogniser(None)), grammar.dropped
        if len(grammar.phrases) == 1:
            raise RecogniserError("the model's vocabulary holds none of the phrases")
        return Stream(self._recogniser(text)), grammar.dropped

    def knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)

    def _recogniser(self, grammar: str | None) -> vosk.KaldiRecognizer:
        given = () if grammar is None else (grammar,)
        recogniser = vosk.KaldiRecognizer(self._model, LINE_RATE, *given)
        recogniser.SetMaxAlternatives(READINGS)
        return recogniser

    def _grammar(self, phrases: tuple[str, ...]) -> tuple[Grammar, str]:
        if phrases not in self._grammars:
            if len(self._grammars) >= GRAMMARS_KEPT:
                self._grammars.clear()
            grammar = build(phrases, self.knows)
            self._grammars[phrases] = (grammar, grammar.json)
        return self._grammars[phrases]
