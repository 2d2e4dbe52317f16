"""The recogniser killed or stopped while the customer speaks: the call goes on to keys in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from daemon import Daemon
from far_end import MakeFarEnd

from dialer.archive.wav import HEADER_SIZE, RATE, WavHeader
from dialer.media.g711 import decode
from dialer.testing import phone
from dialer.testing.personas import Press, Speak, Talk

pytestmark = [pytest.mark.slow]

MID_UTTERANCE_S = 0.45
"""After the customer's voice began; it takes 0.63 s, and 0.7 s more end it."""
KEYS_WITHIN_S = 3.0


class Assassin:
    """Signals every recogniser worker once, in the middle of the first utterance."""

    def __init__(self, how: signal.Signals) -> None:
        self._how = how
        self.daemon: Daemon | None = None
        self.harmed: list[int] = []

    def __call__(self, key: str) -> Path:
        """Instead of ``voice_file``: the phone asks for the file when it begins to speak."""
        if not self.harmed:
            asyncio.get_running_loop().call_later(MID_UTTERANCE_S, self._strike)
        return VOICE_FILE(key)

    def _strike(self) -> None:
        assert self.daemon is not None
        for pid in self.daemon.children("dialer.asr"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, self._how)
                self.harmed.append(pid)


VOICE_FILE = phone.voice_file


def last_word_s(recording: Path, before_s: float) -> float:
    """Where the customer's last sound before this offset ends."""
    raw = recording.read_bytes()
    heard = decode(raw[HEADER_SIZE + 1 :: 2], WavHeader.parse(raw).codec)[: int(before_s * RATE)]
    frames = np.abs(heard[: len(heard) // 160 * 160].reshape(-1, 160)).max(1)
    return float(np.flatnonzero(frames > 1000)[-1] + 1) * 160 / RATE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_lost_in_mid_utterance_leads_to_keys_within_three_seconds(
    make_far_end: MakeFarEnd, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    assassin = Assassin(how)
    monkeypatch.setattr(phone, "voice_file", assassin)
    far_end, home = await make_far_end(
        Talk((Speak("shi-wo"), Press("1"), Press("1"))), recogniser={"engine": "bundled"}
    )
    daemon = assassin.daemon = home.start()
    await home.until("SELECT outcome FROM attempts", "the call did not end", 60)
    (harmed,) = assassin.harmed
    (view,) = (await home.calls())["C1"]
    answers = [one for one in view["record"]["answers"] if one["final"]]
    assert [(one["question"], one["answer_class"], one["source"]) for one in answers] == [
        ("identity", "Y", "dtmf"),
        ("consent", "Y", "dtmf"),
    ]
    asked = answers[0]["asked_offset_s"]
    waited = asked - last_word_s(home.recording(view), asked)
    assert 0 < waited <= KEYS_WITHIN_S
    assert view["record"]["hung_up_by"] == "customer"
    assert daemon.process.poll() is None
    assert harmed not in daemon.children("dialer.asr"), "the lost worker is replaced"
    assert len(daemon.children("dialer.asr")) == 1
    assert far_end.invites == {"C1": 1}
