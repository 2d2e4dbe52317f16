"""The real libvosk in its worker process, with the shipped demonstration model."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from dialer.asr import AsrConfig, WorkerRecogniser
from dialer.errors import MissingModel, RecogniserError
from dialer.ivr.lexicon import all_phrases, phrases
from dialer.model import Heard, QuestionKind
from dialer.ports import Recogniser, RecogniserStream

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "models" / "demo-cn"
RATE = 8000
SPOKEN = {
    "shi_de": "是的",
    "shi_wo": "是我",
    "shi_wo_qian_de": "是我签的",
    "qing_chu": "清楚",
    "bu_qing_chu": "不清楚",
    "da_cuo_le": "打错了",
    "zhuan_ren_gong": "转人工",
    "ming_tian_xia_wu_zai_da_ba": "明天下午再打吧",
    "ye_wu_yuan_shuo_bao_ben": "业务员说保本",
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recogniser() -> AsyncIterator[WorkerRecogniser]:
    async with WorkerRecogniser(AsrConfig(DEMO, workers=2, deadline_s=10)) as listening:
        yield listening


def speech(name: str) -> bytes:
    with wave.open(str(ROOT / "tests" / "data" / "asr" / f"{name}.wav")) as file:
        return file.readframes(file.getnframes())


def pcm(samples: np.ndarray) -> bytes:
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


async def hear(recogniser: WorkerRecogniser, audio: bytes, words: tuple[str, ...]) -> Heard:
    stream = await recogniser.open(words)
    for start in range(0, len(audio), 320):
        await stream.feed(audio[start : start + 320])
    return await stream.finish()


@pytest.mark.parametrize(("name", "text"), SPOKEN.items())
async def test_an_answer_is_heard_among_all_phrases(
    recogniser: WorkerRecogniser, name: str, text: str
) -> None:
    heard = await hear(recogniser, speech(name), all_phrases())
    assert heard.text == text
    assert 0.3 < heard.confidence <= 1
    assert heard.duration_s == pytest.approx(len(speech(name)) / 16000)


async def test_the_model_can_hear_every_phrase_of_every_question(recogniser: WorkerRecogniser) -> None:
    stream = await recogniser.open(all_phrases())
    await stream.cancel()
    assert not recogniser.dropped & set(all_phrases())


async def test_a_phrase_outside_the_vocabulary_is_reported_and_the_others_still_heard(
    recogniser: WorkerRecogniser,
) -> None:
    heard = await hear(recogniser, speech("bu_qing_chu"), ("清楚", "不清楚", "鸟语花香"))
    assert heard.text == "不清楚"
    assert "鸟语花香" in recogniser.dropped


@pytest.mark.parametrize("kind", ["silence", "zeros", "white", "hum", "key", "clicks"])
@pytest.mark.parametrize("level", [30, 300, 3000])
async def test_what_is_no_speech_gives_no_words(recogniser: WorkerRecogniser, kind: str, level: int) -> None:
    rng = np.random.default_rng(level)
    size = 2 * RATE
    t = np.arange(size) / RATE
    samples = {
        "silence": rng.standard_normal(size) * 3,
        "zeros": np.zeros(size),
        "white": rng.standard_normal(size) * level,
        "hum": np.sin(2 * np.pi * 50 * t) * level * 3,
        "key": (np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1209 * t)) * level * (t % 0.5 < 0.2),
        "clicks": (rng.random(size) < 0.0005) * rng.standard_normal(size) * level * 5,
    }[kind]
    heard = await hear(recogniser, pcm(samples), phrases(QuestionKind.POS))
    assert heard.text == ""


@pytest.mark.parametrize("name", ["ming_tian_xia_wu_zai_da_ba", "zhuan_ren_gong", "ye_wu_yuan_shuo_bao_ben"])
async def test_speech_outside_the_grammar_is_not_forced(recogniser: WorkerRecogniser, name: str) -> None:
    heard = await hear(recogniser, speech(name), ("是的", "对", "清楚", "知道"))
    assert heard.text == ""
    assert heard.unknown_ratio == 1


async def test_streams_at_the_same_time_do_not_mix(recogniser: WorkerRecogniser) -> None:
    names = ["shi_de", "bu_qing_chu", "zhuan_ren_gong", "da_cuo_le"] * 3
    heard = await asyncio.gather(*(hear(recogniser, speech(name), all_phrases()) for name in names))
    assert [one.text for one in heard] == [SPOKEN[name] for name in names]


async def test_odd_pieces_of_bytes_change_nothing(recogniser: WorkerRecogniser) -> None:
    audio = speech("shi_wo_qian_de")
    stream = await recogniser.open(all_phrases())
    for start in range(0, len(audio), 333):
        await stream.feed(audio[start : start + 333])
    assert (await stream.finish()).text == "是我签的"


async def test_a_stream_is_over_after_finish_or_cancel(recogniser: WorkerRecogniser) -> None:
    stream = await recogniser.open(("是的",))
    await stream.cancel()
    await stream.cancel()
    await stream.feed(b"\x00" * 320)
    with pytest.raises(RecogniserError, match="over already"):
        await stream.finish()


async def test_no_phrases_is_an_error_and_not_a_guess(recogniser: WorkerRecogniser) -> None:
    with pytest.raises(RecogniserError, match="none of the phrases"):
        await recogniser.open(())


async def test_a_missing_model_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="no such model directory"):
        await WorkerRecogniser(AsrConfig(tmp_path / "none")).start()


async def test_it_is_the_port(recogniser: WorkerRecogniser) -> None:
    port: Recogniser = recogniser
    stream: RecogniserStream = await port.open(("是的",))
    await stream.cancel()
