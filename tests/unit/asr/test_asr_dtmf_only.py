from __future__ import annotations

from pathlib import Path

from dialer.asr import AsrConfig, DtmfOnly, Engine, WorkerRecogniser, make_recogniser


async def test_speech_is_taken_and_never_understood() -> None:
    recogniser = DtmfOnly()
    await recogniser.start()
    stream = await recogniser.open(["是的", "不是"])
    await stream.feed(b"\x10\x20" * 8000)
    heard = await stream.finish()
    assert (heard.text, heard.confidence, heard.duration_s) == ("", 0.0, 1.0)
    await recogniser.close()


def test_the_setting_chooses_the_engine() -> None:
    assert isinstance(make_recogniser(AsrConfig(Path("m"), engine=Engine.DTMF)), DtmfOnly)
    assert isinstance(make_recogniser(AsrConfig(Path("m"))), WorkerRecogniser)
