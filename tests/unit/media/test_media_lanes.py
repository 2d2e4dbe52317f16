"""A leg that is lent to the lanes whenever it can be does what one that never is does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_peer import Events, frames_of, vowel

from dialer.media import rtp
from dialer.media.config import MediaConfig
from dialer.media.lanes import BLOCK, STALE, Lanes
from dialer.media.leg import Leg
from dialer.media.recorder import Recorder
from dialer.ports import ListenSpec, Played, RemoteMedia, SpeechEnded

REMOTE = RemoteMedia("192.0.2.7", 4000, "PCMA", 8, 101)
VOICE = frames_of(vowel(0.5))
MURMUR = frames_of(np.random.default_rng(3).normal(0, 30, 4000).astype(np.int16))
MUTED = b"\xd5" * 160


class Call:
    """One leg and what the far end sees of it, driven as the media process drives it."""

    def __init__(self, lending: bool, remote: RemoteMedia = REMOTE) -> None:
        self.events = Events()
        self.leg = Leg(MediaConfig(), self.events, 0xFEED, 0xFFF0, 0xFFFF0000)
        self.leg.connect(remote, 0.0)
        self.lanes: Lanes[Call] = Lanes(1, Call.left)
        self.lane: int | None = None
        self.lending = lending
        self.sent: list[bytes] = []
        self.recorded = b""
        self.lent_ticks = 0
        self.number = 0

    def left(self) -> None:
        self.lane = None

    @property
    def now(self) -> float:
        return self.number * 0.02

    def tick(self) -> None:
        self.number += 1
        position = self.number * 160
        sends, packets = self.lanes.tick(0, position)
        for send, packet in zip(sends, packets, strict=True):
            send(packet)
        if self.lane is not None:
            self.lent_ticks += 1
        else:
            own = self.leg.tick(position, self.now)
            if own is not None:
                self.sent.append(bytes(own))
        for _, audio in self.lanes.recordings(0, position):
            self.recorded += audio
        if self.lane is None:
            if self.leg.recorder is not None:
                self.recorded += self.leg.recorder.advance(position)
            if self.lending:
                self.lane = self.lanes.lend(self.leg, self, self.sent.append, 0, position + 160)

    def hear(self, data: bytes) -> None:
        position = self.number * 160 + 40 + self.number * 53 % 90
        if self.lane is not None and len(data) == rtp.PACKET_SIZE:
            rows = np.frombuffer(data, np.uint8).reshape(1, -1)
            if not self.lanes.hear([self.lane], rows, position, self.now):
                return
        self.in_hand().hear(data, position, self.now)

    def in_hand(self) -> Leg:
        if self.lane is not None:
            self.lanes.recall(self.lane)
        assert self.lane is None
        return self.leg

    def end(self) -> bytes:
        leg = self.in_hand()
        if leg.recorder is not None:
            self.recorded += leg.recorder.finish(self.number * 160)
        return self.recorded


class Far:
    """Makes the packets that the far end sends."""

    def __init__(self) -> None:
        self.sequence, self.timestamp, self.ssrc = 0xFFF8, 0xFFFFF800, 7

    def packet(self, payload: bytes, kind: int = 8, marker: bool = False) -> bytes:
        data = bytearray(12)
        rtp.pack_header(
            data, 0, 0x80, kind | marker << 7, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        self.sequence += 1
        self.timestamp += len(payload) if kind in (0, 8) else 160
        return bytes(data) + payload


def same(one: Call, other: Call) -> None:
    assert one.sent == other.sent
    assert one.end() == other.end()
    assert list(one.events) == list(other.events)
    assert one.leg.stats() == other.leg.stats()
    assert one.leg.report(one.number * 160, one.now) == other.leg.report(one.number * 160, one.now)


COMMANDS: dict[str, Callable[[Leg, Call], None]] = {
    "play": lambda leg, call: leg.play(VOICE[:7], 1, False, call.now),
    "loop": lambda leg, call: leg.play(VOICE[:3], 2, True, call.now),
    "stop": lambda leg, call: leg.stop_playing(call.now),
    "listen": lambda leg, call: leg.listen(ListenSpec(end_silence_s=0.1)),
    "deaf": lambda leg, call: leg.listen(None),
    "record": lambda leg, call: leg.record(Recorder("PCMA", call.number * 160 + 33, 0.2)),
    "press": lambda leg, call: leg.press("5"),
    "signal": lambda leg, call: leg.key_signalled("9", call.number * 160 + 50, call.now),
    "hold": lambda leg, call: leg.connect(replace(REMOTE, sending=False), call.now),
    "resume": lambda leg, call: leg.connect(REMOTE, call.now),
    "ulaw": lambda leg, call: leg.connect(replace(REMOTE, codec="PCMU", payload_type=0), call.now),
}
WIRE = ("voice", "voice", "voice", "voice", "murmur", "muted", "lost", "nothing", "twice", "late", "long",
        "short", "other law", "key", "marker", "restart", "jump", "garbage")  # fmt: skip


def deliver(what: str, number: int, far: Far, kept: list[bytes], calls: list[Call]) -> None:
    """One step of the wire, the same for each call."""
    payload = {"murmur": MURMUR, "muted": [MUTED]}.get(what, VOICE)
    frame = payload[number % len(payload)]
    packets: list[bytes] = []
    match what:
        case "lost":
            far.packet(frame)
        case "nothing":
            far.timestamp += 160
        case "twice":
            packets = [far.packet(frame)] * 2
        case "late":
            kept.append(far.packet(frame))
        case "long":
            packets = [far.packet(frame + frame[:80])]
        case "short":
            packets = [far.packet(frame[:80])]
        case "other law":
            packets = [far.packet(frame, kind=0)]
        case "key":
            packets = [far.packet(bytes([3, 10, 0, 160]), kind=101)]
        case "marker":
            packets = [far.packet(frame, marker=True)]
        case "restart":
            far.ssrc += 1
            packets = [far.packet(frame)]
        case "jump":
            far.timestamp += 5000
            packets = [far.packet(frame)]
        case "garbage":
            packets = [b"\x80\x08" + b"\x01" * 170, b"x"]
        case _:
            packets = [far.packet(frame), *kept]
            kept.clear()
    for call in calls:
        for packet in packets:
            call.hear(packet)


steps = st.lists(
    st.tuples(
        st.sampled_from(WIRE), st.integers(1, 12), st.one_of(st.none(), st.sampled_from(sorted(COMMANDS)))
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(steps)
def test_lent_or_not_a_leg_does_the_same(script: list[tuple[str, int, str | None]]) -> None:
    far, kept, calls = Far(), [], [Call(True), Call(False)]
    for call in calls:
        call.leg.record(Recorder("PCMA", 0, 0.2))
        call.leg.listen(ListenSpec(end_silence_s=0.1))
    for what, times, command in [("voice", 5, None), *script]:
        for number in range(times):
            for call in calls:
                call.tick()
            deliver(what if number == 0 else "voice", number, far, kept, calls)
        if command is not None:
            for call in calls:
                COMMANDS[command](call.in_hand(), call)
    same(*calls)


def talk(call: Call, far: Far, seconds: float) -> None:
    for number in range(int(seconds * 50)):
        call.tick()
        call.hear(far.packet(VOICE[number % len(VOICE)]))


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_a_usual_call_is_lent_nearly_all_the_time(codec: str) -> None:
    kind = {"PCMA": 8, "PCMU": 0}[codec]
    calls = [Call(lending, replace(REMOTE, codec=codec, payload_type=kind)) for lending in (True, False)]
    for call in calls:
        far = Far()
        call.leg.record(Recorder(codec, 0, 1.0))
        call.leg.play(frames_of(vowel(1.0), codec), 1, True, 0.0)
        call.leg.listen(ListenSpec(max_speech_s=2.0))
        for number in range(400):
            call.tick()
            call.hear(far.packet(frames_of(vowel(0.5), codec)[number % 25], kind))
    same(*calls)
    assert calls[0].lent_ticks > 390 - 3, (
        "not for the first packets, and at the turns of sequence and timestamp"
    )
    assert len(calls[0].events.of(SpeechEnded)) >= 3
    assert len(calls[0].recorded) == 2 * 400 * 160


def test_a_prompts_end_comes_in_time() -> None:
    call, far = Call(True), Far()
    talk(call, far, 1)
    call.in_hand().play(VOICE[:10], 4, False, call.now)
    talk(call, far, 1)
    (played,) = call.events.of(Played)
    assert played == Played(pytest.approx(1.0 + 0.02 * 11), 4, True)
    assert [packet[12:] for packet in call.sent[50:62]] == [*VOICE[:10], MUTED, MUTED]


def test_when_nothing_comes_any_more_the_leg_has_its_time_back() -> None:
    call, far = Call(True), Far()
    talk(call, far, 1)
    assert call.lane is not None
    for _ in range(STALE // 160 + 3):
        call.tick()
        far.timestamp += 160
    assert call.lane is None
    talk(call, far, 0.1)
    assert call.lane is not None


def test_skipped_time_is_marked() -> None:
    call, far = Call(True), Far()
    talk(call, far, 1)
    call.number += 5
    talk(call, far, 0.1)
    markers = [packet[1] >> 7 for packet in call.sent]
    assert [number for number, marker in enumerate(markers) if marker] == [0, 50]


def test_many_legs_share_the_lanes_and_each_keeps_its_own() -> None:
    lanes: Lanes[Call] = Lanes(1, Call.left)
    calls, fars = [Call(True) for _ in range(70)], [Far() for _ in range(70)]
    for number, call in enumerate(calls):
        fars[number].sequence = fars[number].timestamp = 100  # far from any turn
        talk(call, fars[number], 0.1)
        call.in_hand()
        call.lane = lanes.lend(call.leg, call, call.sent.append, 0, (call.number + 1) * 160)
        assert call.lane is not None
    assert lanes.members(0) == 70
    position = 6 * 160
    for number in (3, 69, 0):
        call = calls[number]
        assert call.lane is not None
        lanes.recall(call.lane)
        call.leg.record(Recorder("PCMA", position, 0.2))
        call.lane = lanes.lend(call.leg, call, call.sent.append, 0, position)
    for step in range(BLOCK + 5):
        sends, packets = lanes.tick(0, position + step * 160)
        assert len(packets) == 70
        for send, packet in zip(sends, packets, strict=True):
            send(packet)
        told = [bytes([number]) * 160 for number in range(70)]
        rows = np.stack(
            [np.frombuffer(far.packet(payload), np.uint8) for far, payload in zip(fars, told, strict=True)]
        )
        owned = [call.lane for call in calls]
        assert not lanes.hear(
            [one for one in owned if one is not None], rows, position + step * 160 + 40, 0.0
        )
    for number in (3, 69, 0):
        call = calls[number]
        assert call.lane is not None
        lanes.recall(call.lane)
        assert call.leg.recorder is not None
        heard = call.leg.recorder.finish(position + (BLOCK + 5) * 160)[1::2]
        assert set(heard[200:-400]) == {number}, "nobody hears another's customer"
    assert {len(call.sent) for call in calls} == {5 + BLOCK + 5}
