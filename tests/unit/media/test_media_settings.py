"""Each setting of ``[media]``, with two values: what a far end, a caller or an operator sees differs."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from media_peer import TONE_TYPE, Events, frames_of, silence, vowel, write_wav

import dialer.media.clips
from dialer.errors import MediaError
from dialer.media import protocol as p
from dialer.media import rtp
from dialer.media.clock import SubTicks
from dialer.media.config import MediaConfig
from dialer.media.leg import Leg
from dialer.media.plane import ProcessMediaPlane
from dialer.media.process import MediaProcess
from dialer.media.streams import Streams
from dialer.media.worker import Worker
from dialer.ports import ListenSpec, MediaTimeout, RemoteMedia, SpeechAudio, SpeechEnded, SpeechStarted
from dialer.sip.sdp import make_offer
from dialer.testing.virtual import run_virtual

NOBODY = RemoteMedia("127.0.0.1", 9, "PCMA", 8, TONE_TYPE)
FAR = ("127.0.0.1", 9)
ALAW_SILENCE = b"\xd5" * 160
LOUD = b"\x2a" * 160


def config(name: str, value: object) -> MediaConfig:
    usual: dict[str, Any] = {"port_low": 41260, "port_high": 41279}
    return MediaConfig(**{**usual, name: value})


class House:
    """The streams of a media process without the process; ``now`` is set by the test."""

    def __init__(self, config: MediaConfig) -> None:
        self.now = 100.0
        self.said: list[p.AnyMessage] = []
        self.epoll = select.epoll()
        ticks = SubTicks(self.now)
        self.streams = Streams(config, lambda: self.now, ticks, os.urandom, self.epoll, self.said.append)
        self._last = 0

    def ask(self, make: Callable[[int], p.AnyCommand]) -> p.AnyMessage:
        """The reply, waited for where the disk has a part in it."""
        self._last += 1
        self.streams.obey(make(self._last))
        deadline = time.monotonic() + 10
        while self.streams.loader.pending:
            assert time.monotonic() < deadline
            self.streams.loader.deliver()
            time.sleep(0.001)
        return self.said[-1]

    def open(self) -> p.Opened:
        reply = self.ask(p.Open)
        assert isinstance(reply, p.Opened), reply
        return reply


@contextmanager
def house(name: str, value: object) -> Iterator[House]:
    made = House(config(name, value))
    yield made
    made.streams.leave()
    made.streams.loader.finish(5)
    made.epoll.close()


def new_leg(name: str, value: object, events: Events | None = None) -> Leg:
    leg = Leg(config(name, value), events if events is not None else Events(), 1, 0, 0)
    leg.connect(NOBODY, 0.0)
    return leg


def arrives(leg: Leg, number: int, frame: bytes) -> None:
    packet = bytearray(rtp.HEADER_SIZE)
    rtp.pack_header(packet, 0, 0x80, 8, number, number * 160, 7)
    leg.receive(bytes(packet) + frame, FAR, number * 160, number * 0.02)


# -- addresses and ports ----------------------------------------------------------------------


@pytest.mark.parametrize("advertised_host", ["", "203.0.113.7"])
def test_the_offer_names_the_advertised_host(advertised_host: str) -> None:
    with house("advertised_host", advertised_host) as made:
        opened = made.open()
        bound = made.streams.by_id[opened.stream].sock.getsockname()
    assert bound == ("127.0.0.1", opened.port)
    offer = str(make_offer(opened.host, opened.port, 1))
    assert f"c=IN IP4 {advertised_host or '127.0.0.1'}\r\n" in offer


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_audio_comes_in_at_the_host(host: str) -> None:
    with house("host", host) as made:
        opened = made.open()
        assert opened.host == host
        assert made.streams.by_id[opened.stream].sock.getsockname()[0] == host


@pytest.mark.parametrize(
    ("name", "value", "ports"),
    [("port_low", 41274, [41274, 41276, 41278]), ("port_high", 41265, [41260, 41262, 41264])],
)
def test_streams_have_the_ports_of_the_range(name: str, value: int, ports: list[int]) -> None:
    with house(name, value) as made:
        assert [made.open().port for _ in ports] == ports
        assert isinstance(made.ask(p.Open), p.Refused), "there are no more"


@pytest.mark.parametrize("port_rest_s", [0.0, 30.0])
def test_a_used_port_rests(port_rest_s: float) -> None:
    made = House(MediaConfig(port_low=41280, port_high=41281, port_rest_s=port_rest_s))
    opened = made.open()
    made.ask(lambda number: p.Close(number, opened.stream))
    made.now += 29.0
    assert isinstance(made.ask(p.Open), p.Refused if port_rest_s else p.Opened)
    made.now += 2.0
    assert isinstance(made.ask(p.Open), p.Opened if port_rest_s else p.Refused)
    made.streams.leave()
    made.streams.loader.finish(5)
    made.epoll.close()


@pytest.mark.parametrize("dscp", [0, 34])
def test_packets_carry_the_dscp_of_the_settings(dscp: int) -> None:
    with house("dscp", dscp) as made, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        far.bind(("127.0.0.1", 0))
        far.settimeout(5)
        made.streams.by_id[made.open().stream].sendto(b"x", far.getsockname())
        _, ancillary, _, _ = far.recvmsg(100, 64)
    assert [data[0] >> 2 for _, kind, data in ancillary if kind == socket.IP_TOS] == [dscp]


@pytest.mark.parametrize("rtcp", [True, False])
def test_reports_and_their_port_are_a_setting(rtcp: bool) -> None:
    with house("rtcp", rtcp) as made:
        opened = made.open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            taken = _taken(other, opened.port + 1)
        remote = RemoteMedia("127.0.0.1", 9, "PCMA", 8, TONE_TYPE, rtcp_port=10)
        made.ask(lambda number: p.Connect(number, opened.stream, remote))
        due = made.streams.by_id[opened.stream].leg.reports.due_at
    assert (taken, due is not None) == (rtcp, rtcp)


def _taken(sock: socket.socket, port: int) -> bool:
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        return True
    return False


@pytest.mark.parametrize("rtcp_interval_s", [2.0, 20.0])
def test_how_often_a_call_reports(rtcp_interval_s: float) -> None:
    leg = new_leg("rtcp_interval_s", rtcp_interval_s)
    leg.connect(RemoteMedia("127.0.0.1", 9, "PCMA", 8, TONE_TYPE, rtcp_port=10), 0.0)
    due = [leg.reports.due_at or 0.0]
    for number in range(20):
        leg.tick(number * 160, 0.0)
        leg.report(number * 160, due[-1])
        due.append(leg.reports.due_at or 0.0)
    mean = rtcp_interval_s / 1.21828
    assert due[0] == pytest.approx(mean / 2)
    assert due[20] - due[1] == pytest.approx(19 * mean)


@pytest.mark.parametrize(("comfort_noise_s", "packets"), [(0.0, 100), (0.5, 4), (1.0, 2)])
def test_comfort_noise_in_our_silence(comfort_noise_s: float, packets: int) -> None:
    leg = new_leg("comfort_noise_s", comfort_noise_s)
    leg.connect(RemoteMedia("127.0.0.1", 9, "PCMA", 8, TONE_TYPE, 13), 0.0)
    sent = [leg.tick(number * 160, 0.0) for number in range(1, 101)]
    assert sum(packet is not None for packet in sent) == packets


@pytest.mark.parametrize(("rtp_timeout_s", "told_at"), [(3.0, 3), (8.0, 8), (0.0, None)])
def test_how_long_a_silent_wire_is_borne(rtp_timeout_s: float, told_at: int | None) -> None:
    events = Events()
    leg = new_leg("rtp_timeout_s", rtp_timeout_s, events)
    for second in range(100):
        leg.look_for_timeout(float(second))
    assert list(events) == ([] if told_at is None else [MediaTimeout(float(told_at))])


# -- hearing ----------------------------------------------------------------------------------


def heard(name: str, value: object, pcm: np.ndarray, spec: ListenSpec | None = None) -> Events:
    events = Events()
    leg = new_leg(name, value, events)
    leg.listen(spec or ListenSpec(end_silence_s=0.3))
    for number, frame in enumerate(frames_of(pcm)):
        arrives(leg, number, frame)
    return events


@pytest.mark.parametrize(("vad_mode", "utterances"), [(0, 1), (3, 0)])
def test_the_detectors_mode_decides_on_soft_speech_in_noise(vad_mode: int, utterances: int) -> None:
    noise = np.random.default_rng(1).normal(0, 1, 16000)
    soft = vowel(0.5, 400) + noise[:4000] * 100
    pcm = np.concatenate([noise[4000:8000] * 20, soft, noise[8000:] * 20]).astype(np.int16)
    assert len(heard("vad_mode", vad_mode, pcm).of(SpeechStarted)) == utterances


@pytest.mark.parametrize(("speech_floor_dbov", "utterances"), [(-70.0, 1), (-20.0, 0)])
def test_what_is_under_the_floor_is_no_speech(speech_floor_dbov: float, utterances: int) -> None:
    pcm = np.concatenate([silence(0.5), vowel(0.5, 2000), silence(0.8)])
    assert len(heard("speech_floor_dbov", speech_floor_dbov, pcm).of(SpeechEnded)) == utterances


@pytest.mark.parametrize(("speech_drop_db", "utterances"), [(0.0, 1), (10.0, 2)])
def test_background_talk_does_not_keep_an_answer_from_ending(speech_drop_db: float, utterances: int) -> None:
    """The answer ends by itself; what goes on behind it is another utterance."""
    pcm = np.concatenate([silence(0.5), vowel(0.5, 8000), vowel(2.0, 800), silence(1.0)])
    assert len(heard("speech_drop_db", speech_drop_db, pcm).of(SpeechEnded)) == utterances


@pytest.mark.parametrize("pre_roll_s", [0.0, 0.3])
def test_audio_from_before_the_speech_goes_along(pre_roll_s: float) -> None:
    pcm = np.concatenate([silence(1.0), vowel(0.5), silence(0.8)])
    events = heard("pre_roll_s", pre_roll_s, pcm)
    (ended,) = cast(list[SpeechEnded], events.of(SpeechEnded))
    audio = b"".join(e.pcm for e in cast(list[SpeechAudio], events.of(SpeechAudio)))
    length_s = len(audio) / 16000
    first_loud = np.flatnonzero(np.abs(np.frombuffer(audio, dtype=np.int16).astype(int)) > 1000)[0] / 8000
    assert first_loud == pytest.approx(pre_roll_s, abs=0.03)
    assert ended.level_dbov > -30
    assert 0.7 < length_s - pre_roll_s < 1.2


@pytest.mark.parametrize(("min_speech_s", "utterances"), [(0.1, 1), (0.4, 0)])
def test_shorter_sounds_are_no_speech(min_speech_s: float, utterances: int) -> None:
    pcm = np.concatenate([silence(0.5), vowel(0.2), silence(0.8)])
    spec = ListenSpec(end_silence_s=0.3, min_speech_s=min_speech_s)
    assert len(heard("vad_mode", 2, pcm, spec).of(SpeechStarted)) == utterances


@pytest.mark.parametrize("max_speech_s", [1.0, 2.0])
def test_a_longer_answer_is_cut(max_speech_s: float) -> None:
    spec = ListenSpec(end_silence_s=0.3, max_speech_s=max_speech_s)
    events = heard("vad_mode", 2, np.concatenate([vowel(2.5), silence(0.8)]), spec)
    (first, *_) = cast(list[SpeechEnded], events.of(SpeechEnded))
    starts = len(events.of(SpeechStarted))
    assert starts == {1.0: 3, 2.0: 2}[max_speech_s]
    assert first.level_dbov > -30


# -- speaking ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bridge_delay_frames", [1, 4])
def test_a_bridged_voice_is_held_back(bridge_delay_frames: int) -> None:
    """Frames that leave in silence before the voice: one less than are held."""
    one, other = (new_leg("bridge_delay_frames", bridge_delay_frames) for _ in range(2))
    one.bridge(other, 0.0)
    out: list[bytes] = []
    for number in range(10):
        arrives(one, number, LOUD)
        packet = other.tick(number * 160, 0.0)
        assert packet is not None
        out.append(bytes(packet[rtp.HEADER_SIZE :]))
    held = bridge_delay_frames - 1
    assert out == [ALAW_SILENCE] * held + [LOUD] * (10 - held)


def keys_on_the_wire(name: str, value: float) -> list[rtp.RtpPacket]:
    leg = new_leg(name, value)
    leg.press("12")
    packets = [rtp.parse(bytes(leg.tick(n * 160, 0.0) or b"")) for n in range(1, 120)]
    return [packet for packet in packets if packet is not None]


@pytest.mark.parametrize("key_s", [0.08, 0.4])
def test_a_key_lasts_as_long_as_set(key_s: float) -> None:
    ends = [q for q in keys_on_the_wire("key_s", key_s) if q.payload_type == TONE_TYPE and q.payload[1] >> 7]
    assert [(q.payload[0], int.from_bytes(q.payload[2:])) for q in ends] == (
        [(1, int(key_s * 8000))] * 3 + [(2, int(key_s * 8000))] * 3
    )


@pytest.mark.parametrize(("key_gap_s", "between"), [(0.06, 3), (0.5, 25)])
def test_the_pause_between_two_keys(key_gap_s: float, between: int) -> None:
    """Audio frames after the first key's last packet."""
    kinds = [q.payload_type == TONE_TYPE for q in keys_on_the_wire("key_gap_s", key_gap_s)]
    first_audio = kinds.index(False)
    assert kinds.index(True, first_audio) - first_audio == between


@pytest.mark.parametrize(("clip_cache_mb", "reads"), [(1, ["a", "b", "a"]), (2, ["a", "b"])])
def test_a_small_cache_reads_a_clip_again(
    clip_cache_mb: int, reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [write_wav(tmp_path / f"{name}.wav", vowel(80.0)) for name in "ab"]
    assert 1 << 19 < 80 * 8000 < 1 << 20, "one fits, two don't"
    seen: list[str] = []
    real = dialer.media.clips.read_clip

    def spy(data: bytes, codec: str, name: str) -> tuple[bytes, ...]:
        seen.append(Path(name).stem)
        return real(data, codec, name)

    monkeypatch.setattr(dialer.media.clips, "read_clip", spy)
    with house("clip_cache_mb", clip_cache_mb) as made:
        stream = made.open().stream
        made.ask(lambda number: p.Connect(number, stream, NOBODY))
        for clip in (*clips, clips[0]):
            made.ask(lambda number, clip=clip: p.Play(number, stream, [str(clip)], 1, False))  # type: ignore[misc]
    assert seen == reads


# -- recording --------------------------------------------------------------------------------


@pytest.mark.parametrize(("record_flush_s", "on_disk_s"), [(0.5, 2.5), (2.0, 2.0), (5.0, 0.0)])
def test_what_a_crash_after_three_seconds_leaves(
    record_flush_s: float, on_disk_s: float, tmp_path: Path
) -> None:
    """The process itself, on a clock that only its own sleeping moves."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 1e-6

    with ours, theirs:
        worker = Worker(
            theirs, config("record_flush_s", record_flush_s), lambda: now[0], sleep, os.urandom, lambda: 7
        )
        path = tmp_path / "call.part"
        for command in (p.Open(1), p.Connect(2, 1, NOBODY), p.Record(3, 1, str(path))):
            ours.sendall(p.encode(command))
        while now[0] < 103.1:
            worker._wait()
            worker._turn()
        streams, deadline = worker._streams, time.monotonic() + 10
        while streams.writer.pending:
            assert time.monotonic() < deadline
            streams.writer.deliver()
            time.sleep(0.001)
        size = path.stat().st_size
        streams.leave()
        worker._epoll.close()
    assert size == 58 + int(on_disk_s * 16000)


# -- the media process ------------------------------------------------------------------------


@asynccontextmanager
async def started(**fields: Any) -> AsyncIterator[ProcessMediaPlane]:
    plane = ProcessMediaPlane(MediaConfig(port_low=41284, port_high=41289, **fields))
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@pytest.mark.parametrize("realtime_priority", [0, 3])
async def test_the_media_process_asks_for_its_realtime_priority(realtime_priority: int) -> None:
    async with started(realtime_priority=realtime_priority) as plane:
        assert plane.pid is not None
        wanted = realtime_priority > 0 and _may_be_real_time()
        policy = os.sched_getscheduler(plane.pid) & ~os.SCHED_RESET_ON_FORK
        assert policy == (os.SCHED_RR if wanted else os.SCHED_OTHER)
        assert os.sched_getparam(plane.pid).sched_priority == (realtime_priority if wanted else 0)


def _may_be_real_time() -> bool:
    """Whether this machine lets us: asked in a process of its own."""
    ask = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("above", [1, 3])
async def test_the_media_process_asks_for_its_niceness(above: int) -> None:
    niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + above)
    async with started(niceness=niceness) as plane:
        assert plane.pid is not None
        assert os.getpriority(os.PRIO_PROCESS, plane.pid) == niceness


@pytest.mark.parametrize(("reply_timeout_s", "disk_timeout_s"), [(0.1, 0.7), (0.7, 0.1)])
async def test_how_long_a_stopped_process_is_waited_for(
    reply_timeout_s: float, disk_timeout_s: float, tmp_path: Path
) -> None:
    async with started(reply_timeout_s=reply_timeout_s, disk_timeout_s=disk_timeout_s) as plane:
        stream = await plane.open(Events())
        assert plane.pid is not None
        os.kill(plane.pid, signal.SIGSTOP)
        for limit_s, request in (
            (reply_timeout_s, stream.stop_playing()),
            (disk_timeout_s, stream.record(tmp_path / "call.part")),
        ):
            before = time.monotonic()
            with pytest.raises(MediaError, match="didn't answer"):
                await request
            assert limit_s - 0.01 <= time.monotonic() - before < limit_s + 0.5


@pytest.mark.parametrize("start_timeout_s", [0.1, 0.8])
async def test_how_long_the_start_may_take(
    start_timeout_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    slow.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(slow))
    plane = ProcessMediaPlane(MediaConfig(start_timeout_s=start_timeout_s, reply_timeout_s=0.1))
    before = time.monotonic()
    with pytest.raises(MediaError, match="didn't start"):
        await plane.start()
    assert start_timeout_s - 0.01 <= time.monotonic() - before < start_timeout_s + 0.6


@pytest.mark.parametrize("watchdog_s", [3.0, 9.0])
def test_how_long_a_silent_process_lives(watchdog_s: float) -> None:
    """Its watch alone, on virtual time."""

    async def main(clock: Callable[[], datetime]) -> float:
        plane = MediaProcess(MediaConfig(watchdog_s=watchdog_s))
        plane._writer = cast(asyncio.WriteTransport, SimpleNamespace(close=lambda: None))
        plane._last_word = asyncio.get_running_loop().time()
        await plane._watch()
        assert not plane.alive
        return asyncio.get_running_loop().time()

    assert run_virtual(main, datetime(2026, 11, 10, tzinfo=UTC)) == watchdog_s
