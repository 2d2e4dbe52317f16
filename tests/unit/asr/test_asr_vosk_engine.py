"""libvosk in this process: what a grammar and its rivals say of an utterance."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import pytest

from dialer.asr.model import check_model
from dialer.asr.vosk_engine import VoskEngine, _Alternative, _Result, summary
from dialer.ivr.lexicon import phrases
from dialer.model import Heard, QuestionKind, Reading

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "models" / "demo-cn"


@pytest.fixture(scope="module")
def engine() -> VoskEngine:
    return VoskEngine(check_model(DEMO))


def said(*alternatives: tuple[str, float]) -> _Result:
    return _Result([_Alternative(math.log(share), text) for text, share in alternatives])


def hear(engine: VoskEngine, name: str, words: tuple[str, ...]) -> Heard:
    with wave.open(str(ROOT / "tests" / "data" / "asr" / f"{name}.wav")) as file:
        pcm = file.readframes(file.getnframes())
    stream, _ = engine.open(words)
    for at in range(0, len(pcm), 1600):
        stream.feed(pcm[at : at + 1600])
    return stream.finish()


def test_text_has_no_blanks_and_no_unknown_words() -> None:
    heard = summary([said(("[unk] 是我 签的 [unk]", 0.5), ("是 我签的", 0.3), ("不是", 0.2))])
    assert (heard.text, heard.unknown_ratio) == ("是我签的", 0.5)
    assert heard.readings == (
        Reading("是我签的", pytest.approx(0.5), whole=False),
        Reading("是我签的", pytest.approx(0.3)),
        Reading("不是", pytest.approx(0.2)),
    )
    assert heard.confidence == pytest.approx(0.8)


def test_pieces_of_one_utterance_go_together_with_their_rivals() -> None:
    heard = summary([said(("没有", 0.5), ("没", 0.5)), _Result(), said(("收到", 0.75), ("收到了", 0.25))])
    assert heard.text == "没有收到"
    shares = {reading.text: round(reading.share, 3) for reading in heard.readings}
    assert shares == {"没有收到": 0.375, "没收到": 0.375, "没有收到了": 0.125, "没收到了": 0.125}


def test_nothing_decoded_is_no_confidence() -> None:
    for nothing in ([], [_Result()], [said(("[unk]", 1.0))]):
        heard = summary(nothing)
        assert (heard.text, heard.confidence) == ("", 0.0)


def test_other_speech_has_its_share_beside_the_grammars_words(engine: VoskEngine) -> None:
    right = hear(engine, "shi_wo_qian_de", phrases(QuestionKind.POS))
    assert (right.text, right.confidence) == ("是我签的", pytest.approx(1.0, abs=0.05))
    forced = hear(engine, "ye_wu_yuan_shuo_bao_ben", ("业务员", "没有收到"))
    assert not forced.text or forced.unknown_ratio > 0


def test_the_sound_is_measured_beside_the_words(engine: VoskEngine) -> None:
    assert hear(engine, "shi_de", phrases(QuestionKind.POS)).snr_db > 15
