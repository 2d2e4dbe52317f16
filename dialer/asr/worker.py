"""The recogniser process: one model, one KaldiRecognizer per stream, requests from a socket.

It holds what may crash or hang (native code) away from the calls. It ends when the socket ends.
"""

from __future__ import annotations

import argparse
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import vosk

from dialer.asr.grammar import UNKNOWN, Grammar, build
from dialer.asr.model import LINE_RATE, ModelInfo, check_model
from dialer.asr.protocol import (
    Cancel,
    Failed,
    Feed,
    Finish,
    Frames,
    Open,
    Opened,
    Ready,
    Reply,
    Request,
    Words,
    encode,
    request,
)
from dialer.errors import MissingModel

GRAMMARS_KEPT = 256
"""One per kind of question in practice; bounded all the same."""


class _Word(msgspec.Struct):
    word: str
    conf: float


class _Result(msgspec.Struct):
    """libvosk's JSON with SetWords(True)."""

    text: str = ""
    result: list[_Word] = []


_results = msgspec.json.Decoder(_Result)


@dataclass(slots=True)
class Stream:
    recogniser: vosk.KaldiRecognizer
    words: list[_Word] = field(default_factory=list)

    def feed(self, pcm: bytes) -> None:
        if self.recogniser.AcceptWaveform(pcm):
            self._take(self.recogniser.Result())

    def finish(self, stream: int) -> Words:
        self._take(self.recogniser.FinalResult())
        return summary(stream, [(word.word, word.conf) for word in self.words])

    def _take(self, text: str) -> None:
        self.words += _results.decode(text).result


def summary(stream: int, words: list[tuple[str, float]]) -> Words:
    """Decoded (word, confidence) pairs -> what was heard; the mean confidence leaves ``[unk]`` out."""
    known = [(word, confidence) for word, confidence in words if word != UNKNOWN]
    confidence = sum(confidence for _, confidence in known) / len(known) if known else 0.0
    unknown = (len(words) - len(known)) / len(words) if words else 0.0
    text = "".join(word for word, _ in known)
    return Words(stream, text, min(1.0, max(0.0, confidence)), unknown)


class Engine:
    """Requests in, replies out; knows nothing of sockets. Raises MissingModel when made."""

    def __init__(self, info: ModelInfo) -> None:
        vosk.SetLogLevel(-1)
        try:
            # Always with the path: without it the package looks for a model on the network.
            self._model = vosk.Model(model_path=str(info.folder))
        except Exception as error:  # libvosk raises nothing narrower
            raise MissingModel(f"{info.folder}: libvosk can't load this model ({error})") from error
        if info.takes_grammar and not self._knows(UNKNOWN):
            raise MissingModel(
                f"{info.folder}: the model has no word {UNKNOWN}; it would take noise for an answer"
            )
        self._takes_grammar = info.takes_grammar
        self._streams: dict[int, Stream] = {}
        self._grammars: dict[tuple[str, ...], tuple[Grammar, str]] = {}

    def handle(self, message: Request) -> Reply | None:
        match message:
            case Open():
                return self._open(message)
            case Feed(stream=number, pcm=pcm):
                if number in self._streams:
                    self._streams[number].feed(pcm)
                return None
            case Finish(stream=number):
                stream = self._streams.pop(number, None)
                return Failed(number, "no such stream") if stream is None else stream.finish(number)
            case Cancel(stream=number):
                self._streams.pop(number, None)
                return None

    def _open(self, message: Open) -> Reply:
        grammar, text = self._grammar(message.phrases)
        if not self._takes_grammar:
            recogniser = vosk.KaldiRecognizer(self._model, LINE_RATE)
        elif len(grammar.phrases) == 1:
            return Failed(message.stream, "the model's vocabulary holds none of the phrases")
        else:
            recogniser = vosk.KaldiRecognizer(self._model, LINE_RATE, text)
        recogniser.SetWords(True)
        self._streams[message.stream] = Stream(recogniser)
        return Opened(message.stream, grammar.dropped)

    def _grammar(self, phrases: tuple[str, ...]) -> tuple[Grammar, str]:
        if phrases not in self._grammars:
            if len(self._grammars) >= GRAMMARS_KEPT:
                self._grammars.clear()
            grammar = build(phrases, self._knows) if self._takes_grammar else Grammar((), ())
            self._grammars[phrases] = (grammar, grammar.json)
        return self._grammars[phrases]

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)


def serve(link: socket.socket, folder: Path) -> int:
    """Load the model, then answer until the other side closes. Exit status."""
    try:
        engine = Engine(check_model(folder))
    except MissingModel as error:
        link.sendall(encode(Ready(str(error))))
        return 1
    link.sendall(encode(Ready()))
    frames = Frames()
    while data := link.recv(1 << 16):
        for body in frames.feed(data):
            answer = engine.handle(request(body))
            if answer is not None:
                link.sendall(encode(answer))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dialer.asr", description="A recogniser worker process.")
    parser.add_argument("--fd", type=int, required=True, help="inherited stream socket to the service")
    parser.add_argument("--model", type=Path, required=True, help="Vosk model directory")
    options = parser.parse_args()
    # Ctrl-C reaches the whole terminal; the service decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=options.fd) as link:
        try:
            return serve(link, options.model)
        except (BrokenPipeError, ConnectionResetError):
            return 0
