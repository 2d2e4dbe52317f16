from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dialer.asr.model import check_model
from dialer.asr.protocol import Cancel, Failed, Feed, Finish, Frames, Open, Opened, Ready, Words, reply
from dialer.asr.worker import Engine, serve, summary

DEMO = Path(__file__).parents[3] / "models" / "demo-cn"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(check_model(DEMO))


def test_text_has_no_blanks_and_no_unknown_words() -> None:
    heard = summary(7, [("[unk]", 1.0), ("是我", 0.8), ("签的", 0.6), ("[unk]", 0.2)])
    assert heard == Words(7, "是我签的", pytest.approx(0.7), 0.5)


def test_nothing_decoded_is_no_confidence() -> None:
    assert summary(1, []) == Words(1, "", 0.0, 0.0)
    assert summary(1, [("[unk]", 1.0)]) == Words(1, "", 0.0, 1.0)


def test_phrases_beyond_the_vocabulary_are_named_when_a_stream_opens(engine: Engine) -> None:
    assert engine.handle(Open(1, ("是的", "鸟语花香"))) == Opened(1, ("鸟语花香",))
    assert engine.handle(Cancel(1)) is None


def test_a_grammar_without_any_known_phrase_is_refused(engine: Engine) -> None:
    assert isinstance(engine.handle(Open(2, ("鸟语花香",))), Failed)
    assert isinstance(engine.handle(Open(2, ())), Failed)


def test_a_stream_that_was_never_opened_fails_and_harms_nobody(engine: Engine) -> None:
    assert engine.handle(Feed(99, b"\x00" * 320)) is None
    assert engine.handle(Finish(99)) == Failed(99, "no such stream")


def test_an_utterance_without_speech_ends_empty(engine: Engine) -> None:
    engine.handle(Open(3, ("是的", "不是")))
    heard = engine.handle(Finish(3))
    assert isinstance(heard, Words)
    assert heard.text == ""


def test_a_missing_model_is_told_over_the_link(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert serve(theirs, tmp_path / "none") == 1
        (body,) = Frames().feed(ours.recv(4096))
    message = reply(body)
    assert isinstance(message, Ready)
    assert "no such model directory" in message.trouble
