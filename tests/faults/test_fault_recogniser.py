"""The recogniser killed or stopped while SIPp's customer speaks: how long he waits for keys, on the wire."""

from __future__ import annotations

import asyncio
import os
import signal
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from daemon import ROOT, Customer, Home, wait_for
from onwire import Wiretap
from sip_peers import Peers
from spoken import Voices

from dialer.ivr.config import TurnSettings
from dialer.ivr.moves import Action, Key, Play, PlayedOut, RecogniserLost, SpeechStarted
from dialer.ivr.prompt import Facts
from dialer.ivr.reader import read_script
from dialer.ivr.session import Session
from dialer.tts.audio import RATE, alaw, clip_wave
from dialer.tts.book import PromptBook
from dialer.tts.config import PromptConfig

pytestmark = [pytest.mark.wire, pytest.mark.slow]

MID_UTTERANCE_S = 0.3
"""After the customer's voice began."""
KEYS_WITHIN_S = 3.0
BREATH_S = 4.0
"""From the end of a prompt to speech or key: prompts may begin so late on a loaded machine."""
NO_INPUT_S = 15.0
"""And so early."""
WORDS = "是我本人"
SHIPPED = ROOT / "config"
FACTS = Facts("王", "先生", "安心相伴终身寿险", Decimal(12000), 10, 15)


@dataclass(frozen=True)
class Plan:
    """When the customer speaks and presses, in seconds; keys come late enough for the slowest dialler."""

    sound: bytes
    """A-law without a header, which SIPp would play too."""
    speech_s: float
    first_s: float
    second_s: float


def plan(folder: Path) -> Plan:
    """By a session of the same script and the lengths of the same clips."""
    script = read_script((SHIPPED / "scripts" / "new-policy.yaml").read_text(encoding="utf-8"), "new-policy")
    clips = SHIPPED / "prompts"
    book = PromptBook(PromptConfig(clips / "recorded", clips / "synthetic", folder / "none"))

    def length_s(actions: list[Action]) -> float:
        plays = (one for one in actions if isinstance(one, Play))
        return sum(len(clip_wave(clip)) for one in plays for clip in book.clips(one.say)) / RATE

    session = Session(script, "short", FACTS, TurnSettings())
    greeting = session.start(0.0)
    (play,) = (one for one in greeting if isinstance(one, Play))
    session.feed(PlayedOut(play.play_id), 1.0)
    session.feed(SpeechStarted(2.0), 2.0)
    by_keys = session.feed(RecogniserLost(), 3.0)
    (play,) = (one for one in by_keys if isinstance(one, Play))
    session.feed(PlayedOut(play.play_id), 4.0)
    consent = session.feed(Key("1", 5.0), 5.0)
    words = Voices("Adam").of(WORDS)
    start = length_s(greeting) + BREATH_S
    sound = np.zeros(int(90 * RATE), np.float32)
    sound[int(start * RATE) :][: len(words)] = words
    first = start + len(words) / RATE + KEYS_WITHIN_S + length_s(by_keys) + BREATH_S
    return Plan(alaw(sound), start, first, length_s(consent) + BREATH_S)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_keys_are_offered_within_three_seconds_of_the_last_word(
    peers: Peers, tmp_path: Path, how: signal.Signals
) -> None:
    customer = plan(tmp_path)
    file = tmp_path / "customer.alaw"
    file.write_bytes(customer.sound)
    pauses_s = {"FIRST": customer.first_s, "SECOND": customer.second_s, "LAST": 2.0}
    pauses = {name: str(int(seconds * 1000)) for name, seconds in pauses_s.items()}
    sipp = await peers.sipp("speak_then_press", patience_s=90, FILE=str(file), **pauses)
    tables: dict[str, dict[str, object]] = {
        "recogniser": {"engine": "bundled"}, "turns": {"no_input_s": NO_INPUT_S}
    }  # fmt: skip
    home = Home.make(tmp_path / "home", sipp.port, tables)
    ports = tomllib.loads((home.path / "config" / "dialer.toml").read_text())["media"]
    await home.add([Customer("C1", "13800000501")])
    with Wiretap(ports["port_low"], ports["port_high"]) as tap:
        try:
            daemon = home.start()
            await wait_for(lambda: tap.loud(ours=False), "the customer did not speak", 60, home.log)
            begun = tap.loud(ours=False)[0]
            await asyncio.sleep(MID_UTTERANCE_S)
            (harmed,) = daemon.children("dialer.asr")
            os.kill(harmed, how)
            await home.until("SELECT outcome FROM attempts", "the call did not end", 90)
            (view,) = (await home.calls())["C1"]
            children = daemon.children("dialer.asr")
            assert daemon.process.poll() is None
        finally:
            home.stop()
    await sipp.finished()
    last_word = tap.loud(ours=False)[-1]
    assert last_word - begun > MID_UTTERANCE_S, "the worker was lost in mid-utterance"
    greeted = tap.loud(ours=True)
    assert not [at for at in greeted if begun - 1 < at < begun], "the customer spoke into the prompt"
    keys = next(at for at in greeted if at > begun)
    assert 0 < keys - last_word <= KEYS_WITHIN_S
    answers = [one for one in view["record"]["answers"] if one["final"]]
    assert [(one["question"], one["answer_class"], one["source"]) for one in answers] == [
        ("identity", "Y", "dtmf"),
        ("consent", "Y", "dtmf"),
    ]
    assert view["record"]["hung_up_by"] == "customer"
    assert len(children) == 1
    assert harmed not in children, "the lost worker is replaced"
