"""The daemon calls SIPp, which sounds like a network, a mailbox and a person: what becomes of the calls.

Early media is 183 with SDP and audio. Each customer is a SIPp of its own behind one carrier.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from carrier import Carrier
from daemon import Customer, Home
from sip_peers import Peer, Peers, until

from dialer.testing.make_voices import say
from dialer.tts.audio import Wave, alaw

pytestmark = [pytest.mark.wire, pytest.mark.slow]

RATE = 8000
NUMBERS = {
    name: f"1380000030{n}"
    for n, name in enumerate(("busy", "cause", "ringback", "music", "mailbox", "hello", "fax"))
}


def quiet(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def tone(seconds: float, *hertz: float) -> Wave:
    time = np.arange(round(seconds * RATE)) / RATE
    wave: Wave = (0.1 * np.sum([np.sin(2 * np.pi * f * time) for f in hertz], axis=0)).astype(np.float32)
    return wave


def sounds() -> dict[str, list[Wave]]:
    greeting = say("espeak-ng", "您好，我现在不能接听您的电话，请在听到提示音以后留下姓名和电话", "m3")
    notes = (523, 587, 659, 784, 659, 587, 523, 392, 440, 494)
    music = [tone(0.3 + 0.1 * (n % 3), note, note * 1.5) for n, note in enumerate(notes)]
    return {
        "busy": [tone(0.35, 450), quiet(0.35)],
        "cause": [*music],
        "ringback": [tone(1.0, 450), quiet(4.0)],
        "music": [*music],
        "mailbox": [quiet(0.3), greeting, quiet(0.4), tone(0.6, 1000), quiet(12)],
        "hello": [quiet(0.4), say("espeak-ng", "喂你好", "f4"), quiet(25)],
        "fax": [quiet(0.4), tone(3.2, 2100), quiet(12)],
    }


class Observed:
    def __init__(self) -> None:
        self.calls: dict[str, list[Any]] = {}
        self.peers: dict[str, Peer] = {}

    def only(self, name: str) -> Any:
        (view,) = self.calls[name]
        return view

    def outcome(self, name: str) -> tuple[str, int]:
        attempt = self.only(name)["attempt"]
        assert self.peers[name].process.poll() == 0, self.peers[name].logs()
        return attempt["outcome"], attempt["sip_code"]


async def call_all(folder: Path, observed: Observed) -> None:
    peers, carrier, home = Peers(folder), Carrier(), None
    refuse = {"PAUSE": "5000", "CODE": "480", "PHRASE": "Temporarily Unavailable"}
    scenarios = {
        "busy": ("early_media_then_refuse", {**refuse, "HEADER": "X-None: 1"}),
        "cause": (
            "early_media_then_refuse",
            {**refuse, "HEADER": 'Reason: Q.850;cause=1;text="Unallocated number"'},
        ),
        "ringback": ("early_media_for_ever", {}),
        "music": ("early_media_then_refuse", {**refuse, "HEADER": "X-None: 1"}),
        "mailbox": ("speak_until_bye", {}),
        "hello": ("speak_until_bye", {}),
        "fax": ("speak_until_bye", {}),
    }
    try:
        await carrier.open()
        for name, parts in sounds().items():
            file = folder / f"{name}.al"
            file.write_bytes(alaw(np.concatenate(parts)))
            scenario, values = scenarios[name]
            peer = await peers.sipp(
                scenario, contact_port=carrier.port, patience_s=120, FILE=str(file), **values
            )
            observed.peers[name] = peer
            await carrier.add(NUMBERS[name], peer.port)
        home = Home.make(folder / "home", carrier.port)
        await home.add([Customer(name, number) for name, number in NUMBERS.items()])
        home.start()
        over = f"SELECT count(*) = {len(NUMBERS)} FROM attempts WHERE outcome IS NOT NULL"
        await home.until(over, "not every call is over", 110)
        await until(lambda: all(peer.process.poll() is not None for peer in peers.started), "a SIPp runs", 10)
        observed.calls = await home.calls()
    finally:
        if home is not None:
            await asyncio.to_thread(home.stop)
        for peer in peers.started:
            peer.stop()
        carrier.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Observed]:
    found = Observed()
    await call_all(tmp_path_factory.mktemp("progress"), found)
    yield found


def test_a_busy_tone_and_a_code_that_says_nothing_are_busy(observed: Observed) -> None:
    assert observed.outcome("busy") == ("busy", 480)
    assert "early media: busy" in observed.only("busy")["attempt"]["reason"]


def test_the_networks_cause_tells_an_empty_number(observed: Observed) -> None:
    assert observed.outcome("cause") == ("unallocated", 480)
    assert "Q.850" in observed.only("cause")["attempt"]["reason"]


def test_ringback_is_no_answer_after_the_whole_ring(observed: Observed) -> None:
    assert observed.outcome("ringback") == ("no_answer", 487)
    assert "early media: ringback" in observed.only("ringback")["attempt"]["reason"]


def test_music_before_the_answer_is_neither_answer_nor_tone(observed: Observed) -> None:
    """彩铃."""
    assert observed.outcome("music") == ("unreachable", 480)
    view = observed.only("music")
    assert view["attempt"]["answered_at"] is None
    assert "early media" not in view["attempt"]["reason"]


@pytest.mark.parametrize(("name", "why"), [("mailbox", "a greeting, then a beep"), ("fax", "fax tone")])
def test_a_machine_is_hung_up_on_and_recorded(observed: Observed, name: str, why: str) -> None:
    assert observed.outcome(name) == ("machine", 200)
    record = observed.only(name)["record"]
    assert record["reason"] == f"a machine answered: {why}"
    assert record["hung_up_by"] == "dialer"
    assert record["tickets"] == []
    assert record["recording"]["partial"] is False
    assert not [answer for answer in record["answers"] if answer["question"] != "identity"]


def test_a_short_greeting_is_a_person_who_is_asked_on(observed: Observed) -> None:
    """Nothing is answered afterwards, so the ladder is climbed to its end and no machine is claimed."""
    assert observed.outcome("hello") == ("answered_incomplete", 200)
    record = observed.only("hello")["record"]
    assert "machine" not in record["reason"]
    assert len(record["answers"]) >= 2, "asked again"
