"""The recogniser process: one engine, a stream for each utterance, requests from a socket.

It holds what may crash or hang (native code) away from the calls. It ends when the socket ends.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Protocol

from dialer.asr.config import Engine
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
from dialer.errors import MissingModel, RecogniserError
from dialer.model import Heard


class Utterance(Protocol):
    def feed(self, pcm: bytes) -> None:
        """8 kHz mono signed 16-bit little-endian, whole samples."""
        ...

    def finish(self) -> Heard: ...


class Listener(Protocol):
    """What each engine is to this process."""

    def open(self, phrases: tuple[str, ...]) -> tuple[Utterance, tuple[str, ...]]:
        """A new utterance, and the phrases that can't be heard. Raises RecogniserError."""
        ...


def load(engine: Engine, folder: Path) -> Listener:
    """The engine with its model in memory. Raises MissingModel."""
    if engine is Engine.SHERPA:
        from dialer.asr.sherpa_engine import SherpaEngine
        from dialer.asr.sherpa_model import check_sherpa_model

        return SherpaEngine(check_sherpa_model(folder))
    from dialer.asr.model import check_model
    from dialer.asr.vosk_engine import VoskEngine

    return VoskEngine(check_model(folder))


class Desk:
    """Requests in, replies out; knows nothing of sockets."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._streams: dict[int, Utterance] = {}

    def handle(self, message: Request) -> Reply | None:
        match message:
            case Open(stream=number, phrases=phrases):
                try:
                    self._streams[number], dropped = self._listener.open(phrases)
                except RecogniserError as error:
                    return Failed(number, str(error))
                return Opened(number, dropped)
            case Feed(stream=number, pcm=pcm):
                if number in self._streams:
                    self._streams[number].feed(pcm)
                return None
            case Finish(stream=number):
                stream = self._streams.pop(number, None)
                return Failed(number, "no such stream") if stream is None else Words(number, stream.finish())
            case Cancel(stream=number):
                self._streams.pop(number, None)
                return None


def serve(link: socket.socket, engine: Engine, folder: Path) -> int:
    """Load the model, then answer until the other side closes. Exit status."""
    try:
        desk = Desk(load(engine, folder))
    except MissingModel as error:
        link.sendall(encode(Ready(str(error))))
        return 1
    link.sendall(encode(Ready()))
    frames = Frames()
    while data := link.recv(1 << 16):
        for body in frames.feed(data):
            answer = desk.handle(request(body))
            if answer is not None:
                link.sendall(encode(answer))
    return 0


def leave_out_fetching() -> None:
    """vosk brings a client that fetches models: a worker must never do that, and is 6 MB smaller so."""
    for name in ("requests", "tqdm", "srt"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["tqdm"].__dict__.setdefault("tqdm", None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dialer.asr", description="A recogniser worker process.")
    parser.add_argument("--fd", type=int, required=True, help="inherited stream socket to the service")
    parser.add_argument("--engine", type=Engine, required=True, help="bundled, vosk or sherpa-onnx")
    parser.add_argument("--model", type=Path, required=True, help="model directory")
    options = parser.parse_args()
    leave_out_fetching()
    # Ctrl-C reaches the whole terminal; the service decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=options.fd) as link:
        try:
            return serve(link, options.engine, options.model)
        except (BrokenPipeError, ConnectionResetError):
            return 0
