from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dialer.asr.config import Engine
from dialer.asr.protocol import Cancel, Failed, Feed, Finish, Frames, Open, Opened, Ready, Words, reply
from dialer.asr.worker import Desk, load, serve

DEMO = Path(__file__).parents[3] / "models" / "demo-cn"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(load(Engine.BUNDLED, DEMO))


def test_phrases_beyond_the_vocabulary_are_named_when_a_stream_opens(desk: Desk) -> None:
    assert desk.handle(Open(1, ("是的", "鸟语花香"))) == Opened(1, ("鸟语花香",))
    assert desk.handle(Cancel(1)) is None


def test_a_grammar_without_any_known_phrase_is_refused(desk: Desk) -> None:
    assert isinstance(desk.handle(Open(2, ("鸟语花香",))), Failed)
    assert isinstance(desk.handle(Open(2, ())), Failed)


def test_a_stream_that_was_never_opened_fails_and_harms_nobody(desk: Desk) -> None:
    assert desk.handle(Feed(99, b"\x00" * 320)) is None
    assert desk.handle(Finish(99)) == Failed(99, "no such stream")


def test_an_utterance_without_speech_ends_empty(desk: Desk) -> None:
    desk.handle(Open(3, ("是的", "不是")))
    answer = desk.handle(Finish(3))
    assert isinstance(answer, Words)
    assert answer.heard.text == ""


@pytest.mark.parametrize("engine", [Engine.VOSK, Engine.SHERPA])
def test_a_missing_model_is_told_over_the_link(tmp_path: Path, engine: Engine) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert serve(theirs, engine, tmp_path / "none") == 1
        (body,) = Frames().feed(ours.recv(4096))
    message = reply(body)
    assert isinstance(message, Ready)
    assert "no such model directory" in message.trouble


def test_a_worker_hears_without_anything_that_could_fetch_a_model() -> None:
    """In a process of its own, as the service starts it."""
    program = (
        "import sys; from pathlib import Path; from dialer.asr import worker\n"
        "worker.leave_out_fetching()\n"
        f"desk = worker.Desk(worker.load(worker.Engine.BUNDLED, Path({str(DEMO)!r})))\n"
        "print(desk.handle(worker.Open(1, ('是的',))).dropped, 'urllib3' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "() False\n"
