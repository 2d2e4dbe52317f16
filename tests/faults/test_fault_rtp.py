"""What a network does to RTP, at a real media process: jitter, reordering, loss, silence, injection."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

sys.path.append(str(Path(__file__).parents[1] / "unit" / "media"))

from media_peer import Events, Peer, frames_of, read_recording, silence, until, vowel

from dialer.media import rtp
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.media.srtp import SrtpContext
from dialer.ports import ListenSpec, MediaTimeout, SpeechAudio, SpeechEnded, SpeechStarted, Srtp, SrtpKeys

pytestmark = [pytest.mark.slow]

JITTER_S, LOSS = 0.06, 0.05
SPOKEN = np.concatenate([silence(0.6), vowel(1.2), silence(1.2), vowel(0.5), silence(1.4)])


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[ProcessMediaPlane]:
    plane = ProcessMediaPlane(
        MediaConfig(port_low=41400, port_high=41499, port_rest_s=0.5, rtp_timeout_s=1.0)
    )
    await plane.start()
    yield plane
    await plane.close()


async def through_a_bad_network(
    to: tuple[str, int], sock: socket.socket, frames: list[bytes], cipher: SrtpContext | None
) -> set[int]:
    """Each frame at its 20 ms plus up to 60 ms; one in twenty never. Says which."""
    chance = random.Random(11)
    lost = {n for n in range(3, len(frames) - 1) if chance.random() < LOSS}
    plan = sorted((n * 0.02 + chance.random() * JITTER_S * (n > 0), n) for n in range(len(frames)))
    wires = {}
    for number, frame in enumerate(frames):
        head = bytearray(rtp.HEADER_SIZE)
        rtp.pack_header(head, 0, 0x80, 8, number, number * 160, 0xABCD)
        packet = bytes(head) + frame
        wires[number] = packet if cipher is None else cipher.protect(packet) or b""
    start = time.monotonic()
    for at, number in plan:
        await asyncio.sleep(max(0.0, start + at - time.monotonic()))
        if number not in lost:
            sock.sendto(wires[number], to)
    return lost


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "srtp"])
async def test_jitter_reordering_and_loss_leave_speech_and_timeline_whole(
    plane: ProcessMediaPlane, tmp_path: Path, encrypted: bool
) -> None:
    keys = SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_80, os.urandom(30), os.urandom(30)) if encrypted else None
    cipher = None if keys is None else SrtpContext(replace(keys, send=keys.receive, receive=keys.send))
    peer, events = Peer(), Events()
    try:
        stream = await plane.open(events)
        await stream.connect(replace(peer.remote(), srtp=keys))
        await stream.record(tmp_path / "call.wav")
        await stream.listen(ListenSpec())
        frames = frames_of(SPOKEN)
        lost = await through_a_bad_network(stream.local, peer.sock, frames, cipher)
        await until(lambda: len(events.of(SpeechEnded)) == 2)
        await asyncio.sleep(0.2)
        await stream.stop_recording()
        stats = await stream.close()
    finally:
        peer.close()
    assert stats.lost == len(lost) > 5
    assert stats.reordered > 20
    assert (stats.late, stats.foreign, stats.unauthentic) == (0, 0, 0)
    assert 5 < stats.jitter_ms < 40
    assert len(events.of(SpeechStarted)) == 2
    spans = [(e.start_offset_s, e.end_offset_s) for e in events.of(SpeechEnded)]
    assert [end - start for start, end in spans] == pytest.approx([1.2, 0.5], abs=0.06)
    assert spans[1][0] - spans[0][0] == pytest.approx(2.4, abs=0.05)
    pcm = np.frombuffer(b"".join(e.pcm for e in events.of(SpeechAudio)), dtype=np.int16).astype(int)
    first = int(np.argmax(np.abs(pcm) > 500))
    assert min(np.abs(pcm[at : at + 160]).max() for at in range(first, first + 9000, 160)) > 400
    _, received = read_recording(tmp_path / "call.wav")
    loud = np.abs(received.astype(int)) > 500
    start = int(np.argmax(loud))
    gap = received[start + 9600 : start + 9600 + 9600 - 400]
    assert np.abs(gap).max() < 100, "the pause stands where it was spoken"
    assert loud[start + 19200 : start + 19200 + 3000].any()


async def test_injected_packets_never_reach_the_recording(plane: ProcessMediaPlane, tmp_path: Path) -> None:
    """From another address, from another port of the peer's host, and as a forgery of its SSRC."""
    peer, events = Peer(), Events()
    loud = b"\x2a" * 160
    try:
        stream = await plane.open(events)
        await stream.connect(peer.remote())
        await stream.record(tmp_path / "call.wav")
        speaking = peer.speak(stream.local, frames_of(silence(4.0)))
        await asyncio.sleep(0.1)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as neighbour,
        ):
            stranger.bind(("127.0.0.2", 0))
            neighbour.bind(("127.0.0.1", 0))
            while speaking.is_alive():
                head = bytearray(rtp.HEADER_SIZE)
                rtp.pack_header(head, 0, 0x80, 8, (peer.sequence + 1) & 0xFFFF, peer.timestamp, peer.ssrc)
                for sock in (stranger, neighbour):
                    sock.sendto(bytes(head) + loud, stream.local)
                await asyncio.sleep(0.02)
        await stream.stop_recording()
        stats = await stream.close()
    finally:
        peer.close()
    _, received = read_recording(tmp_path / "call.wav")
    assert np.abs(received).max() < 100
    assert stats.received == 200
    assert stats.foreign > 50, "those of the first seconds; later ones the kernel drops"


async def test_a_far_end_that_falls_silent_is_reported_once(plane: ProcessMediaPlane) -> None:
    peer, events = Peer(), Events()
    try:
        stream = await plane.open(events)
        await stream.connect(peer.remote())
        peer.speak(stream.local, frames_of(vowel(0.4))).join(5)
        await until(lambda: bool(events.of(MediaTimeout)), 6)
        await asyncio.sleep(1.2)
        assert len(events.of(MediaTimeout)) == 1
        await stream.close()
    finally:
        peer.close()
