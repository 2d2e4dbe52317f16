"""Media with baresip, which has SRTP and RTCP of its own (libre): what it decrypts, reports and hears."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from bare_caller import BareCaller, offer, remote_media
from correlate import likeness, loudest, read
from daemon import ROOT, wait_for
from ports import free_ports
from sip_peers import PEERS, Peer, Peers

from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane, ProcessMediaStream
from dialer.model import RtpStats
from dialer.ports import MediaEvent, Srtp

pytestmark = [pytest.mark.wire, pytest.mark.slow]

NUMBER = "13800000402"
TALK_S = 6.5
"""Time for each side's first report and the other's answer to it."""


def prompt() -> Path:
    (found,) = (ROOT / "config" / "prompts" / "synthetic").glob("您好这里是禾安人寿-????????.wav")
    return found


def voice(folder: Path) -> Path:
    """What baresip says: 8 kHz mono 16 bit, the only thing that it takes."""
    file, source = folder / "voice.wav", ROOT / "dialer" / "testing" / "voices" / "meiyou-le.wav"
    form = ["-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    subprocess.run(["sox", str(source), *form, str(file), "pad", "0.2", "0.5", "repeat", "9"], check=True)
    return file


@dataclass
class Summary:
    """What baresip's own statistics say at the end: sent and received packets, loss and jitter each way."""

    received: int
    sent: int
    lost_to: int
    lost_from: int
    text: str


@pytest_asyncio.fixture
async def media() -> AsyncIterator[ProcessMediaPlane]:
    low = free_ports(width=40)[0]
    plane = ProcessMediaPlane(MediaConfig(port_low=low, port_high=low + 39, rtcp_interval_s=2.0))
    await plane.start()
    yield plane
    await plane.close()


@pytest.fixture
def callers() -> Iterator[list[BareCaller]]:
    made: list[BareCaller] = []
    yield made
    for caller in made:
        caller.close()


async def start_baresip(peers: Peers, encryption: str) -> Peer:
    port, rtp, control = free_ports(3)
    folder = peers.folder / "baresip-home"
    folder.mkdir()
    values = {
        "PORT": port, "RTP": rtp, "RTP_END": rtp + 20, "CONTROL": control,
        "VOICE": voice(peers.folder), "FOLDER": peers.folder / f"baresip-{port}",
    }  # fmt: skip
    text = (PEERS / "baresip.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "config").write_text(text + "module srtp.so\nmodule_app rtcpsummary.so\n")
    account = f"<sip:{NUMBER}@127.0.0.1:{port}>;regint=0;answermode=auto"
    (folder / "accounts").write_text(account + (f";mediaenc={encryption}" if encryption else "") + "\n")
    return await peers.baresip(folder, port)


async def summary(peer: Peer) -> Summary:
    """baresip's line of RTCP figures."""
    pattern = r"EX=BareSip;CS=\d+;CD=\d+;PR=(\d+);PS=(\d+);PL=(-?\d+),(-?\d+);"
    await wait_for(lambda: re.search(pattern, peer.logs()) is not None, "no RTCP figures", 10, peer.logs)
    found = re.search(pattern, peer.logs())
    assert found is not None
    return Summary(*(int(found[n]) for n in range(1, 5)), found[0])


async def talk(stream: ProcessMediaStream, seconds: float, folder: Path) -> Path:
    """Prompt out, both sides recorded."""
    file = folder / "ours.wav"
    await stream.record(file)
    await stream.play([prompt()], 1, loop=True)
    await asyncio.sleep(seconds)
    await stream.stop_recording()
    return file


def check_audio(ours: Path, peer: Peer) -> None:
    said = loudest(read(prompt())[0], 1.2)
    spoken = loudest(read(peer.folder.parent / "voice.wav")[0][:8000], 0.5)
    (file,) = peer.folder.glob("dump-*-dec.wav")
    assert likeness(read(file)[0], said) > 0.5, "baresip did not hear our prompt"
    sent, received = read(ours)
    assert likeness(sent, said) > 0.9
    assert likeness(received, spoken) > 0.5, "we did not hear baresip"
    assert np.abs(received).max() < 32000


def check_reports(stats: RtpStats, theirs: Summary) -> None:
    assert stats.remote_lost == 0, "baresip's report on our stream"
    assert stats.remote_jitter_ms is not None
    assert stats.remote_jitter_ms < 20
    assert stats.round_trip_ms is not None
    assert stats.round_trip_ms < 50
    assert stats.jitter_ms < 20
    assert stats.lost == 0
    # libre 1.1 says goodbye (RTCP BYE) in clear, having forgotten its keys: dropped where it comes in time.
    assert stats.unauthentic <= 1
    # It believes our reports only where they are RTCP by its own reading.
    assert theirs.received > 100, theirs.text
    assert (theirs.lost_to, theirs.lost_from) == (0, 0), theirs.text


@pytest.mark.parametrize("suite", [None, *Srtp], ids=["plain", "80", "32"])
async def test_each_side_hears_the_other_and_both_report(
    suite: Srtp | None, peers: Peers, media: ProcessMediaPlane, callers: list[BareCaller], tmp_path: Path
) -> None:
    peer = await start_baresip(peers, "srtp-mand" if suite else "")
    events: list[MediaEvent] = []
    stream = await media.open(events.append)
    key = os.urandom(30)
    caller = BareCaller(peer.port, NUMBER)
    callers.append(caller)
    await asyncio.to_thread(caller.invite, offer(stream.local[1], 1, suite, key))
    remote = remote_media(caller.answer, key)
    assert (remote.srtp is None) is (suite is None), caller.answer
    await stream.connect(remote)
    ours = await talk(stream, TALK_S, tmp_path)
    await asyncio.to_thread(caller.hang_up)
    stats = await stream.close()
    if suite is Srtp.AES_CM_128_HMAC_SHA1_32:
        # libre 1.1 cuts SRTCP's tag to 32 bits as well, against RFC 4568 6.2.2: no report is believed.
        assert stats.remote_lost is None
        assert 0 < stats.unauthentic < 20
    else:
        check_reports(stats, await summary(peer))
    peer.stop()  # it closes its own recording then
    check_audio(ours, peer)
