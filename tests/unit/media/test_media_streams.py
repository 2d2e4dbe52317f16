"""What a far end on the wire notices of the media plane: a real media process over loopback UDP."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from media_peer import (
    TONE_TYPE,
    Events,
    Peer,
    frames_of,
    onset_s,
    read_recording,
    silence,
    until,
    vowel,
    write_wav,
)

from dialer.errors import MediaError
from dialer.media.config import MediaConfig
from dialer.media.dtmf import KeyReceiver
from dialer.media.g711 import decode, encode
from dialer.media.plane import ProcessMediaPlane
from dialer.ports import (
    KeyPressed,
    ListenSpec,
    MediaFailed,
    MediaTimeout,
    Played,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
)

ALAW_SILENCE = b"\xd5" * 160


async def test_prompt_arrives_bit_exact_in_20_ms_steps(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    clip = write_wav(tmp_path / "prompt.wav", vowel(1.01))
    events = Events()
    stream = await plane.open(events)
    await stream.connect(peer.remote())
    await stream.play([clip, clip], 7)
    await until(lambda: bool(events.of(Played)))
    await until(lambda: peer.audio()[-1][1].payload == ALAW_SILENCE)

    packets = peer.audio()
    sound = [packet.payload for _, packet in packets if packet.payload != ALAW_SILENCE]
    once = frames_of(np.concatenate([vowel(1.01), silence(0.01)]))
    assert sound == once + once, "each clip's last frame is filled up with silence"
    assert [(e.play_id, e.completed) for e in events.of(Played)] == [(7, True)]
    sequences = [packet.sequence for _, packet in packets]
    stamps = [packet.timestamp for _, packet in packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences))
    assert all((b - a) & 0xFFFFFFFF == 160 for a, b in pairwise(stamps))
    assert packets[0][1].marker
    assert not any(packet.marker for _, packet in packets[1:])
    span = packets[-1][0] - packets[0][0]
    assert span == pytest.approx(0.02 * (len(packets) - 1), abs=0.03)
    assert (await stream.close()).sent >= len(packets)


async def test_stop_replace_and_loop(plane: ProcessMediaPlane, peer: Peer, tmp_path: Path) -> None:
    long = write_wav(tmp_path / "long.wav", vowel(5))
    short = write_wav(tmp_path / "short.wav", vowel(0.1, 3000))
    events = Events()
    stream = await plane.open(events)
    with pytest.raises(MediaError, match="connect"):
        await stream.play([long], 1)
    await stream.connect(peer.remote())
    await stream.play([long], 1)
    await stream.play([short], 2, loop=True)
    assert [(e.play_id, e.completed) for e in events.of(Played)] == [(1, False)]
    wanted = frames_of(vowel(0.1, 3000))
    await until(lambda: sum(p.payload == wanted[4] for _, p in peer.audio()) >= 4)
    assert len(events.of(Played)) == 1, "a loop doesn't end by itself"
    await stream.stop_playing()
    await until(lambda: len(events.of(Played)) == 2)
    assert events.of(Played)[1].completed is False
    with pytest.raises(MediaError, match=r"nope\.wav"):
        await stream.play([tmp_path / "nope.wav"], 3)
    await stream.play([], 4)
    await until(lambda: len(events.of(Played)) == 3)
    assert events.of(Played)[2] == Played(events.of(Played)[2].at, 4, True)


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_recording_holds_both_sides_time_aligned(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path, codec: str
) -> None:
    clip = write_wav(tmp_path / "prompt.wav", vowel(0.5))
    answer = frames_of(np.concatenate([silence(0.6), vowel(0.4, 5000), silence(0.6)]), codec)
    path = tmp_path / "call.part"
    stream = await plane.open(Events())
    await stream.connect(peer.remote(codec))
    peer.speak(stream.local, answer, {"PCMA": 8, "PCMU": 0}[codec])
    await stream.record(path)
    await stream.play([clip], 1)
    await asyncio.sleep(1.7)
    audio = await stream.stop_recording()

    sent, heard = read_recording(path)
    assert audio.path == path
    assert audio.codec == codec
    assert audio.size == path.stat().st_size == 58 + 2 * len(sent)
    assert audio.duration_s == len(sent) / 8000 == len(heard) / 8000
    assert audio.duration_s == pytest.approx(1.7, abs=0.15)
    assert onset_s(sent) < 0.08
    assert onset_s(heard) - onset_s(sent) == pytest.approx(0.6, abs=0.06)
    law = path.read_bytes()[58:]
    assert b"".join(answer[31:49]) in law[1::2], "the received bytes as they came"
    assert b"".join(frames_of(vowel(0.5), codec)) in law[0::2]
    path.rename(tmp_path / "call.wav")
    described = _soxi(tmp_path / "call.wav")
    assert "Channels       : 2" in described
    assert f"= {len(sent)} samples" in described
    assert ("A-law" if codec == "PCMA" else "u-law") in described


async def test_loss_and_reordering_leave_the_timeline_true(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    stream = await plane.open(Events())
    await stream.connect(peer.remote())
    path = tmp_path / "call.part"
    await stream.record(path)
    frames = frames_of(np.concatenate([vowel(0.2), silence(0.4), vowel(0.2)]))
    order = [*range(5), 6, 5, *range(7, 10), *range(15, 20), 20, 20, *range(21, 40)]
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in order:
        await asyncio.sleep(start + number * 0.02 - loop.time())
        peer.sequence, peer.timestamp = 100 + number - 1, 5000 + number * 160
        peer.send(stream.local, frames[number])
    await asyncio.sleep(0.1)
    await stream.stop_recording()
    stats = await stream.close()
    assert (stats.lost, stats.reordered, stats.duplicated) == (5, 1, 1)
    assert stats.received == len(order)
    _, heard = read_recording(path)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > 1000)
    gap = np.max(np.diff(loud))
    assert gap / 8000 == pytest.approx(0.4, abs=0.02)


async def test_keys_both_ways(plane: ProcessMediaPlane, peer: Peer) -> None:
    events = Events()
    stream = await plane.open(events)
    await stream.connect(peer.remote())
    await stream.send_keys("19*#")
    keys = KeyReceiver()
    for code, duration, end in ((1, 160, 0), (1, 320, 0), (1, 480, 0x80), (1, 480, 0x80), (1, 480, 0x80)):
        peer.send(stream.local, bytes([code, end | 10]) + duration.to_bytes(2), TONE_TYPE, duration == 160)
    peer.timestamp += 2000
    peer.send(stream.local, bytes([1, 10, 0, 160]), TONE_TYPE, True)
    await until(lambda: len(events.of(KeyPressed)) == 2)
    await asyncio.sleep(1.4)
    assert [e.digit for e in events.of(KeyPressed)] == ["1", "1"]
    received = [p for _, p in peer.got if p.payload_type == TONE_TYPE]
    digits = [keys.take(p.timestamp, p.marker, p.payload) for p in received]
    assert [digit for digit in digits if digit] == list("19*#")
    assert sum(bool(p.payload[1] & 0x80) for p in received) == 12, "each end is sent three times"
    with pytest.raises(MediaError, match="0-9"):
        await stream.send_keys("1A")
    await stream.connect(peer.remote(keys=None))
    with pytest.raises(MediaError, match="telephone-event"):
        await stream.send_keys("1")


async def test_an_utterance_is_found_with_its_offsets(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    events = Events()
    stream = await plane.open(events)
    await stream.connect(peer.remote())
    await stream.listen(ListenSpec(end_silence_s=0.4))
    await stream.record(tmp_path / "call.part")
    peer.speak(stream.local, frames_of(np.concatenate([silence(0.5), vowel(0.6), silence(0.8)])))
    await until(lambda: bool(events.of(SpeechEnded)))
    await stream.listen(None)
    await stream.stop_recording()
    _, heard = read_recording(tmp_path / "call.part")
    started, ended = events.of(SpeechStarted)[0], events.of(SpeechEnded)[0]
    assert started.offset_s == pytest.approx(onset_s(heard), abs=0.06)
    assert ended.start_offset_s == started.offset_s
    assert ended.end_offset_s == pytest.approx(onset_s(heard) + 0.6, abs=0.2)
    assert -30 < ended.level_dbov < -5
    pcm = b"".join(e.pcm for e in events.of(SpeechAudio))
    assert len(pcm) / 16000 == pytest.approx(0.2 + 0.6 + 0.4, abs=0.25)
    assert max(len(e.pcm) for e in events.of(SpeechAudio)) == 9600
    assert events.index(started) < events.index(events.of(SpeechAudio)[0]) < events.index(ended)


async def test_bridge_carries_both_ways_and_transcodes(
    plane: ProcessMediaPlane, peer: Peer, other_peer: Peer, tmp_path: Path
) -> None:
    events = Events()
    one, two = await plane.open(events), await plane.open(Events())
    await one.connect(peer.remote("PCMA"))
    await two.connect(other_peer.remote("PCMU"))
    await one.record(tmp_path / "one.part")
    await one.play([write_wav(tmp_path / "hold.wav", vowel(9))], 5)
    await one.bridge(two)
    await until(lambda: bool(events.of(Played)))
    assert events.of(Played)[0].completed is False
    peer.speak(one.local, frames_of(vowel(0.5)))
    other_peer.speak(two.local, frames_of(vowel(0.5, 3000), "PCMU"), 0)
    await asyncio.sleep(0.8)
    to_two = b"".join(p.payload for _, p in other_peer.audio())
    to_one = b"".join(p.payload for _, p in peer.audio())
    alaw_as_ulaw = b"".join(frames_of(_through(vowel(0.5), "PCMA"), "PCMU"))
    ulaw_as_alaw = b"".join(frames_of(_through(vowel(0.5, 3000), "PCMU"), "PCMA"))
    assert alaw_as_ulaw[160:-160] in to_two
    assert ulaw_as_alaw[160:-160] in to_one
    await one.unbridge()
    await asyncio.sleep(0.1)
    before = len(other_peer.got)
    peer.speak(one.local, frames_of(vowel(0.2))).join()
    await asyncio.sleep(0.1)
    assert {p.payload for _, p in other_peer.got[before:]} == {b"\xff" * 160}
    await one.stop_recording()
    sent, heard = read_recording(tmp_path / "one.part")
    assert onset_s(sent[8000:], 300) == -1.0, "after the bridge ended nothing more"
    assert np.abs(sent.astype(np.int32)).max() > 1000
    assert np.abs(heard.astype(np.int32)).max() > 3000
    with pytest.raises(MediaError, match="one stream"):
        await one.bridge(one)


async def test_packets_carry_the_dscp(plane: ProcessMediaPlane) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        stream = await plane.open(Events())
        await stream.connect(RemoteMedia(*sock.getsockname(), "PCMA", 8, None))
        _, ancillary, _, _ = sock.recvmsg(2048, 64)
    assert [data[0] >> 2 for _, kind, data in ancillary if kind == socket.IP_TOS] == [46]


async def test_only_the_negotiated_source_is_heard(
    plane: ProcessMediaPlane, peer: Peer, other_peer: Peer, tmp_path: Path
) -> None:
    stream = await plane.open(Events())
    await stream.connect(peer.remote())
    await stream.record(tmp_path / "call.part")
    peer.speak(stream.local, frames_of(silence(0.1))).join()
    other_peer.speak(stream.local, frames_of(vowel(0.3))).join()
    stranger = Peer("127.0.0.2")
    stranger.speak(stream.local, frames_of(vowel(0.1))).join()
    stranger.close()
    await asyncio.sleep(0.1)
    await stream.stop_recording()
    stats = await stream.close()
    assert stats.foreign == 20
    assert stats.received == 5
    assert onset_s(read_recording(tmp_path / "call.part")[1], 300) == -1.0


async def test_a_nat_port_is_learnt_once_before_the_named_one_spoke(
    plane: ProcessMediaPlane, peer: Peer, other_peer: Peer
) -> None:
    stream = await plane.open(Events())
    await stream.connect(peer.remote())
    other_peer.speak(stream.local, frames_of(silence(0.2))).join()
    await until(lambda: len(other_peer.got) > 3)
    third = Peer()
    third.speak(stream.local, frames_of(silence(0.1))).join()
    third.close()
    await asyncio.sleep(0.05)
    stats = await stream.close()
    assert (stats.received, stats.foreign) == (10, 5)
    assert not third.got


async def test_silence_on_the_wire_is_reported_once(peer: Peer) -> None:
    plane = ProcessMediaPlane(MediaConfig(port_low=41200, port_high=41203, rtp_timeout_s=1.0))
    await plane.start()
    try:
        events = Events()
        stream = await plane.open(events)
        await stream.connect(peer.remote())
        await until(lambda: bool(events.of(MediaTimeout)))
        await asyncio.sleep(1.2)
        assert len(events.of(MediaTimeout)) == 1
    finally:
        await plane.close()


async def test_ports_are_even_run_out_and_rest(peer: Peer) -> None:
    plane = ProcessMediaPlane(MediaConfig(port_low=41210, port_high=41215, port_rest_s=0.3))
    await plane.start()
    try:
        streams = [await plane.open(Events()) for _ in range(3)]
        assert [stream.local[1] for stream in streams] == [41210, 41212, 41214]
        with pytest.raises(MediaError, match=r"no free RTP port in 41210-41215"):
            await plane.open(Events())
        await streams[1].close()
        assert await streams[1].close() == await streams[1].close()
        with pytest.raises(MediaError, match="no free RTP port"):
            await plane.open(Events())
        await asyncio.sleep(0.35)
        assert (await plane.open(Events())).local[1] == 41212
        with pytest.raises(MediaError, match="closed"):
            await streams[1].connect(peer.remote())
    finally:
        await plane.close()


async def test_recordings_are_never_overwritten_and_errors_name_the_file(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    stream = await plane.open(Events())
    with pytest.raises(MediaError, match="codec"):
        await stream.record(tmp_path / "a.part")
    await stream.connect(peer.remote())
    kept = tmp_path / "kept.part"
    kept.write_bytes(b"evidence")
    with pytest.raises(MediaError, match=r"kept\.part.*already"):
        await stream.record(kept)
    with pytest.raises(MediaError, match=r"No such file"):
        await stream.record(tmp_path / "missing" / "a.part")
    assert kept.read_bytes() == b"evidence"
    with pytest.raises(MediaError, match="isn't being recorded"):
        await stream.stop_recording()
    await stream.record(tmp_path / "a.part")
    with pytest.raises(MediaError, match="already"):
        await stream.record(tmp_path / "b.part")
    await stream.close()
    assert len(read_recording(tmp_path / "a.part")[0]) > 0
    assert int.from_bytes((tmp_path / "a.part").read_bytes()[54:58], "little") < 1 << 20


async def test_a_full_disk_fails_the_stream_and_keeps_what_was_written(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    events, others = Events(), Events()
    stream, other = await plane.open(events), await plane.open(others)
    await stream.connect(peer.remote())
    await other.connect(peer.remote())
    with pytest.raises(MediaError, match="No space left"):
        await stream.record(Path("/dev/full"))
    path = tmp_path / "call.part"
    await stream.record(path)
    assert plane.pid is not None
    resource.prlimit(plane.pid, resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
    await until(lambda: bool(events.of(MediaFailed)))
    failed = events.of(MediaFailed)[0]
    assert "call.part: recording broke off" in failed.reason
    assert path.stat().st_size == 20000
    assert len(read_recording(path)[0]) == 9971, "repairable as it is"
    with pytest.raises(MediaError, match="isn't being recorded"):
        await stream.stop_recording()
    assert plane.alive
    assert not others, "the other stream goes on"


def _soxi(path: Path) -> str:
    return subprocess.run(["soxi", str(path)], capture_output=True, text=True, check=True).stdout


def _through(pcm: np.ndarray, codec: str) -> np.ndarray:
    return decode(encode(pcm, codec), codec)
