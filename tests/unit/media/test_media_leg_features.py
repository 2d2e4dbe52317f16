"""A leg under SRTP, with RTCP, comfort noise, and a network that reorders, delays and loses packets."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_peer import Events, frames_of, silence, vowel

from dialer.media import comfort, rtcp, rtp
from dialer.media.config import MediaConfig
from dialer.media.g711 import FRAME, PCMA, PCMU, decode, translate
from dialer.media.leg import Leg, check_remote
from dialer.media.recorder import Recorder
from dialer.media.srtp import SrtpContext
from dialer.model import RtpStats
from dialer.ports import (
    KeyPressed,
    ListenSpec,
    MediaTimeout,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    Srtp,
    SrtpKeys,
)

REMOTE = RemoteMedia("192.0.2.7", 4000, PCMA, 8, 101, rtcp_port=4001)
SOURCE, RTCP_SOURCE = ("192.0.2.7", 4000), ("192.0.2.7", 4001)
A, B, C = bytes(range(30)), bytes(range(100, 130)), bytes(range(200, 230))
KEYS = SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_80, A, B)
SSRC = 0xBEEF


def mirrored(keys: SrtpKeys) -> SrtpKeys:
    return replace(keys, send=keys.receive, receive=keys.send)


def new_leg(events: Events | None = None, remote: RemoteMedia | None = REMOTE, **settings: float) -> Leg:
    leg = Leg(
        MediaConfig(**settings), events if events is not None else Events(), 0xFEED, 9, 0xFFFFFF00, "us"
    )  # type: ignore[arg-type]
    if remote is not None:
        leg.connect(remote, 0.0)
    return leg


def datagram(
    sequence: int, stamp: int, payload: bytes = b"x" * 160, kind: int = 8, ssrc: int = SSRC
) -> bytes:
    head = bytearray(12)
    rtp.pack_header(head, 0, 0x80, kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc)
    return bytes(head) + payload


def tick(leg: Leg, position: int) -> rtp.RtpPacket | None:
    data = leg.tick(position, position / 8000)
    return None if data is None else rtp.parse(data)


def arrive(leg: Leg, data: bytes, position: int, source: tuple[str, int] = SOURCE) -> None:
    leg.receive(data, source, position, position / 8000)


# -- SRTP -------------------------------------------------------------------------------------


class TestSrtp:
    def test_what_leaves_is_encrypted_keys_too_and_what_comes_is_understood(self) -> None:
        events = Events()
        leg, peer = new_leg(events, replace(REMOTE, srtp=KEYS)), SrtpContext(mirrored(KEYS))
        leg.record(Recorder(PCMA, 0, 1.0))
        for position in range(160, 1760, 160):
            wire = leg.tick(position, 0.0)
            assert wire is not None
            assert len(wire) == 182
            assert peer.unprotect(wire) is not None
        leg.press("5")
        wire = leg.tick(1760, 0.0)
        assert wire is not None
        plain = rtp.parse(peer.unprotect(wire) or b"")
        assert plain is not None
        assert plain.payload_type == 101
        for number in range(5):
            arrive(leg, peer.protect(datagram(number, number * 160)) or b"", number * 160)
        arrive(leg, peer.protect(datagram(5, 800, b"\x03\x0a\x00\xa0", 101)) or b"", 800)
        assert [event.digit for event in events.of(KeyPressed)] == ["3"]
        assert leg.recorder is not None
        assert leg.recorder.finish(800)[1::2] == b"x" * 800
        assert leg.stats().unauthentic == 0

    def test_forged_plain_and_repeated_packets_are_dropped_and_counted(self) -> None:
        leg, peer = new_leg(remote=replace(REMOTE, srtp=KEYS)), SrtpContext(mirrored(KEYS))
        good = peer.protect(datagram(1, 160)) or b""
        arrive(leg, good, 160)
        arrive(leg, good, 160)
        arrive(leg, datagram(2, 320), 320)
        forged = peer.protect(datagram(3, 480)) or b""
        arrive(leg, forged[:-1] + bytes((forged[-1] ^ 1,)), 320)
        stats = leg.stats()
        assert (stats.received, stats.duplicated, stats.unauthentic) == (1, 1, 2)

    def test_a_peer_behind_a_nat_is_learnt_only_by_an_authentic_packet(self) -> None:
        leg, peer = new_leg(remote=replace(REMOTE, srtp=KEYS)), SrtpContext(mirrored(KEYS))
        thief, real = ("192.0.2.7", 6666), ("192.0.2.7", 5555)
        arrive(leg, datagram(1, 160), 160, thief)
        assert leg.remote == SOURCE
        arrive(leg, peer.protect(datagram(2, 320)) or b"", 320, real)
        assert leg.remote == real
        assert leg.stats().received == 1
        assert leg.stats().foreign == 1

    def test_new_keys_take_over_and_the_rest_goes_on(self) -> None:
        leg, peer = new_leg(remote=replace(REMOTE, srtp=KEYS)), SrtpContext(mirrored(KEYS))
        arrive(leg, peer.protect(datagram(1, 160)) or b"", 160)
        first = leg.tick(160, 0.0)
        newer = replace(KEYS, send=C)
        leg.connect(replace(REMOTE, srtp=newer), 0.0)
        peer.rekey(mirrored(newer))
        second = leg.tick(320, 0.0)
        assert first is not None
        assert second is not None
        packet = rtp.parse(peer.unprotect(second) or b"")
        assert packet is not None
        assert packet.sequence == 11
        arrive(leg, peer.protect(datagram(2, 320)) or b"", 320)
        assert leg.stats() == replace(leg.stats(), received=2, unauthentic=0, lost=0)

    def test_a_stream_with_keys_never_goes_on_in_clear(self) -> None:
        leg = new_leg(remote=replace(REMOTE, srtp=KEYS))
        assert "clear" in leg.refuses(REMOTE)
        assert leg.refuses(replace(REMOTE, srtp=KEYS)) == ""
        assert new_leg().refuses(REMOTE) == ""
        leg.connect(REMOTE, 1.0)
        wire = leg.tick(160, 1.0)
        assert wire is not None
        assert len(wire) == 182, "even where nobody asked"

    def test_bad_keys_are_refused(self) -> None:
        assert check_remote(replace(REMOTE, srtp=KEYS)) == ""
        assert "30 bytes" in check_remote(replace(REMOTE, srtp=replace(KEYS, send=b"short")))
        assert "RTCP" in check_remote(replace(REMOTE, rtcp_port=70000))


# -- RTCP -------------------------------------------------------------------------------------


def report_of(data: bytes | None) -> rtcp.Compound:
    assert data is not None
    found = rtcp.parse(data)
    assert found is not None
    return found


class TestReports:
    def test_says_what_was_sent_and_what_came(self) -> None:
        leg = new_leg()
        for number in range(100):
            tick(leg, 160 + number * 160)
            if number not in (50, 51, 52, 53):
                arrive(leg, datagram(65500 + number, number * 160), number * 160 + (number % 2) * 40)
        assert leg.reports.due_at is not None
        assert 1.0 < leg.reports.due_at < 3.1
        found = report_of(leg.report(16000, 2.0))
        assert found.ssrc == 0xFEED
        assert found.cname == "us"
        assert found.sender is not None
        assert (found.sender.packets, found.sender.octets) == (100, 16000)
        assert found.sender.timestamp == (0xFFFFFF00 + 16000) & 0xFFFFFFFF
        (block,) = found.blocks
        assert (block.ssrc, block.lost, block.highest) == (SSRC, 4, 65500 + 99)
        assert 30 < block.jitter <= 40
        assert leg.stats().jitter_ms == pytest.approx(5.0, abs=0.5)

    def test_a_new_source_is_counted_by_itself(self) -> None:
        leg = new_leg()
        for number in (1, 2, 5):
            arrive(leg, datagram(number, number * 160), number * 160)
        for number in range(200, 210):
            arrive(leg, datagram(number, number * 160, ssrc=77), number * 160)
        (block,) = report_of(leg.report(40000, 5.0)).blocks
        assert (block.ssrc, block.lost, block.highest) == (77, 0, 209)
        assert leg.stats().lost == 2

    def test_the_far_ends_report_is_in_the_counts(self) -> None:
        leg = new_leg()
        tick(leg, 160)
        ntp = report_of(leg.report(160, 2.0)).sender
        assert ntp is not None
        block = rtcp.ReportBlock(0xFEED, 10, 7, 100, 24, ntp.ntp >> 16 & 0xFFFFFFFF, 65536 // 2)
        leg.hear_report(rtcp.build(SSRC, None, [block], "them"), RTCP_SOURCE, 2.53)
        assert leg.stats() == replace(
            leg.stats(), remote_lost=7, remote_jitter_ms=3.0, round_trip_ms=30.0, foreign=0
        )

    def test_reports_from_elsewhere_are_foreign(self) -> None:
        leg = new_leg()
        block = rtcp.ReportBlock(0xFEED, 0, 7, 0, 0, 0, 0)
        leg.hear_report(rtcp.build(SSRC, None, [block], "x"), ("198.51.100.1", 4001), 1.0)
        assert leg.stats() == replace(leg.stats(), remote_lost=None, foreign=1)

    def test_a_nat_is_learnt_once_and_garbage_teaches_nothing(self) -> None:
        leg = new_leg()
        good = rtcp.build(SSRC, None, [], "x")
        leg.hear_report(b"garbage!", ("192.0.2.7", 7777), 1.0)
        assert leg.reports.to == RTCP_SOURCE
        leg.hear_report(good, ("192.0.2.7", 5001), 1.0)
        assert leg.reports.to == ("192.0.2.7", 5001)
        leg.hear_report(good, ("192.0.2.7", 6001), 1.0)
        assert leg.reports.to == ("192.0.2.7", 5001)

    def test_on_one_port_with_rtp(self) -> None:
        """RFC 5761: RTCP among RTP is no audio and upsets no count."""
        leg = new_leg(remote=replace(REMOTE, rtcp_port=4000))
        assert leg.reports.muxed
        block = rtcp.ReportBlock(0xFEED, 0, 7, 0, 0, 0, 0)
        for number in range(10):
            arrive(leg, datagram(number, number * 160), number * 160)
            arrive(leg, rtcp.build(SSRC, None, [block], "x"), number * 160)
        assert leg.stats() == replace(leg.stats(), received=10, lost=0, reordered=0, remote_lost=7)

    def test_rtcp_that_nobody_agreed_on_is_no_audio_either(self) -> None:
        leg = new_leg(remote=replace(REMOTE, rtcp_port=None))
        arrive(leg, datagram(1, 160), 160)
        arrive(leg, rtcp.build(SSRC, None, [], "x"), 160)
        arrive(leg, datagram(2, 320), 320)
        assert leg.stats() == replace(leg.stats(), received=2, lost=0, foreign=0)
        assert leg.reports.due_at is None
        assert leg.report(320, 5.0) is None

    def test_is_off_where_the_setting_says_so(self) -> None:
        leg = new_leg(rtcp=False)
        assert leg.reports.due_at is None
        assert leg.report(320, 5.0, bye=True) is None

    def test_is_encrypted_with_the_stream(self) -> None:
        leg, peer = new_leg(remote=replace(REMOTE, srtp=KEYS)), SrtpContext(mirrored(KEYS))
        tick(leg, 160)
        data = leg.report(160, 2.0)
        assert data is not None
        assert b"us" not in data
        assert report_of(peer.unprotect_rtcp(data)).cname == "us"
        block = rtcp.ReportBlock(0xFEED, 0, 7, 0, 0, 0, 0)
        plain = rtcp.build(SSRC, None, [block], "x")
        leg.hear_report(plain, RTCP_SOURCE, 2.0)
        assert leg.stats().remote_lost is None
        leg.hear_report(peer.protect_rtcp(plain) or b"", RTCP_SOURCE, 2.0)
        assert leg.stats().remote_lost == 7
        arrive(leg, peer.protect_rtcp(plain) or b"", 320)
        assert leg.stats().unauthentic == 1

    def test_goodbye_where_anything_was_sent(self) -> None:
        leg = new_leg()
        assert leg.report(160, 0.1, bye=True) is None
        tick(leg, 160)
        assert report_of(leg.report(160, 0.1, bye=True)).left == (0xFEED,)

    def test_the_named_port_wins_back_what_a_neighbour_was_learnt_for(self) -> None:
        leg, good = new_leg(), rtcp.build(SSRC, None, [], "x")
        neighbour = ("192.0.2.7", 5001)
        arrive(leg, datagram(1, 160, b"\x2a" * 160, ssrc=66), 160, neighbour)
        leg.hear_report(good, neighbour, 1.0)
        assert (leg.remote, leg.reports.to) == (neighbour, neighbour)
        for number in range(5):
            arrive(leg, datagram(number, number * 160), 320 + number * 160)
        leg.hear_report(good, RTCP_SOURCE, 1.0)
        assert (leg.remote, leg.reports.to) == (SOURCE, RTCP_SOURCE)
        arrive(leg, datagram(2, 320, ssrc=66), 2000, neighbour)
        leg.hear_report(good, neighbour, 1.0)
        assert (leg.remote, leg.reports.to) == (SOURCE, RTCP_SOURCE)
        assert leg.stats() == replace(leg.stats(), received=6, foreign=2)


# -- comfort noise ----------------------------------------------------------------------------


def talk(leg: Leg, until: int, packets: dict[int, bytes]) -> None:
    """The clock and what arrives at its positions, in steps of 20 ms."""
    for position in range(0, until, FRAME):
        tick(leg, position)
        if position in packets:
            arrive(leg, packets[position], position)


class TestComfortNoise:
    def test_fills_the_pause_of_recording_and_listener_and_is_no_loss(self) -> None:
        events = Events()
        leg = new_leg(events, replace(REMOTE, comfort_noise_payload_type=13))
        leg.record(Recorder(PCMA, 0, 5.0))
        leg.listen(ListenSpec(end_silence_s=0.5))
        voice = frames_of(vowel(0.6))
        packets = {n * FRAME: datagram(n, n * FRAME, frame) for n, frame in enumerate(voice)}
        packets[4800] = datagram(30, 4800, comfort.packet(58), 13)
        packets |= {16000 + n * FRAME: datagram(31 + n, 16000 + n * FRAME, f) for n, f in enumerate(voice)}
        talk(leg, 28000, packets)
        assert leg.stats() == replace(leg.stats(), received=61, lost=0, reordered=0)
        assert leg.recorder is not None
        heard = decode(leg.recorder.finish(28000)[1::2], PCMA).astype(float)
        noise = heard[4800:16000]
        assert 20 < np.sqrt((noise**2).mean()) < 80, "about -58 dBov"
        assert all(noise[at : at + 160].any() for at in range(0, 11200, 160)), "no hole in it"
        assert np.abs(heard[16000:20800] - decode(b"".join(voice), PCMA)).max() == 0, "speech is whole"
        ended = events.of(SpeechEnded)
        assert [(round(e.start_offset_s, 2), round(e.end_offset_s, 2)) for e in ended] == [
            (0.0, 0.6),
            (2.0, 2.6),
        ]

    def test_delayed_speech_after_the_pause_loses_nothing(self) -> None:
        events = Events()
        leg = new_leg(events)
        leg.listen(ListenSpec(end_silence_s=0.5))
        voice = frames_of(vowel(0.4))
        packets = {0: datagram(0, 0, comfort.packet(60), 13)}
        # In time by its timestamps, but 100 ms late on the wire.
        packets |= {8800 + n * FRAME: datagram(1 + n, 8000 + n * FRAME, f) for n, f in enumerate(voice)}
        talk(leg, 20000, packets)
        (ended,) = events.of(SpeechEnded)
        assert ended.end_offset_s == ended.start_offset_s == 0.0, "not recorded"
        pcm = np.frombuffer(b"".join(e.pcm for e in events.of(SpeechAudio)), dtype=np.int16)
        whole = decode(b"".join(voice), PCMA)
        at = int(np.argmax(np.abs(pcm) > 500))
        assert np.array_equal(pcm[at : at + 2800], whole[int(np.argmax(np.abs(whole) > 500)) :][:2800])

    def test_the_other_leg_of_a_bridge_hears_it(self) -> None:
        leg, agent = new_leg(), new_leg(remote=replace(REMOTE, codec=PCMU, payload_type=0))
        leg.bridge(agent, 0.0)
        arrive(leg, datagram(0, 0, comfort.packet(58), 13), 0)
        packets = [tick(agent, 160 + n * 160) for n in range(20)]
        sound = decode(b"".join(p.payload for p in packets if p is not None), PCMU).astype(float)
        assert 20 < np.sqrt((sound**2).mean()) < 80
        arrive(leg, datagram(1, 3360), 3360)
        assert tick(agent, 3360) is not None

    def test_silence_on_purpose_is_no_timeout_while_reports_come(self) -> None:
        events = Events()
        leg = new_leg(events, rtp_timeout_s=10.0)
        arrive(leg, datagram(0, 0, comfort.packet(58), 13), 0)
        for second in range(0, 40, 5):
            leg.hear_report(rtcp.build(SSRC, None, [], "x"), RTCP_SOURCE, float(second))
            leg.look_for_timeout(second + 4.0)
        assert events.of(MediaTimeout) == []
        leg.look_for_timeout(50.0)
        assert len(events.of(MediaTimeout)) == 1

    def test_is_sent_only_where_set_and_taken(self) -> None:
        taker = replace(REMOTE, comfort_noise_payload_type=13)
        for remote, seconds in ((taker, 0.0), (REMOTE, 1.0)):
            packets = [tick(new_leg(remote=remote, comfort_noise_s=seconds), 160 + n * 160) for n in range(3)]
            assert all(p is not None and p.payload_type == 8 for p in packets)

    def test_one_at_the_beginning_of_silence_and_one_a_second(self) -> None:
        leg = new_leg(remote=replace(REMOTE, comfort_noise_payload_type=13), comfort_noise_s=1.0)
        sent = {n: tick(leg, n * 160) for n in range(1, 126)}
        assert [(n, p.payload_type, p.payload) for n, p in sent.items() if p is not None] == [
            (n, 13, b"\x7f") for n in (1, 51, 101)
        ]
        leg.play([b"a" * 160] * 3, 1, False, 0.0)
        played = [tick(leg, n * 160) for n in range(126, 131)]
        assert [None if p is None else (p.payload_type, p.marker) for p in played[:3]] == [
            (8, True), (8, False), (8, False),
        ]  # fmt: skip
        after = [p for p in played[3:] if p is not None]
        assert [p.sequence for p in after] == [(9 + 3 + 3 + 1 + n) & 0xFFFF for n in range(len(after))]
        assert after[-1].payload_type == 13


# -- anything at all --------------------------------------------------------------------------

packets = st.tuples(
    st.integers(0, 30), st.sampled_from((0, 160, 320, 4800, 1 << 31, 0xFFFFFFF0)), st.integers(0, 12),
    st.sampled_from((0, 8, 13, 101, 96)), st.sampled_from((SSRC, 7)), st.binary(min_size=1, max_size=400),
)  # fmt: skip


@given(st.lists(st.one_of(st.binary(max_size=100), packets), max_size=60), st.booleans(), st.randoms())
def test_whatever_comes_nothing_raises_and_memory_is_bounded(
    arriving: list[bytes | tuple[int, int, int, int, int, bytes]], encrypted: bool, chance: random.Random
) -> None:
    cipher = SrtpContext(mirrored(KEYS)) if encrypted else None
    leg = new_leg(remote=replace(REMOTE, srtp=KEYS if encrypted else None, rtcp_port=4000))
    other = new_leg(remote=replace(REMOTE, codec=PCMU, payload_type=0))
    leg.record(Recorder(PCMA, 0, 1.0))
    leg.listen(ListenSpec())
    leg.bridge(other, 0.0)
    position = given_out = 0
    for item in arriving:
        position += chance.choice((0, 40, 160, 8000))
        data = item
        if isinstance(item, tuple):
            sequence, base, step, kind, ssrc, payload = item
            data = datagram(sequence, base + step * 160, payload, kind, ssrc)
            data = data if cipher is None else cipher.protect(data) or b""
        assert isinstance(data, bytes)
        arrive(leg, data, position)
        leg.hear_report(data, RTCP_SOURCE, position / 8000)
        tick(leg, position)
        tick(other, position)
        leg.report(position, position / 8000)
        assert leg.recorder is not None
        given_out += len(leg.recorder.advance(position))
    assert leg.recorder is not None
    assert given_out + len(leg.recorder.finish(position)) == 2 * position
    assert leg.stats().received <= len(arriving)


# -- a bad network ----------------------------------------------------------------------------


def over_the_network(
    leg: Leg, frames: list[bytes], seed: int, jitter: int, loss: float, first: int = 0
) -> set[int]:
    """Sends 20 ms frames; each is delayed by up to ``jitter`` samples, so that some overtake others."""
    chance = random.Random(seed)
    lost = {n for n in range(3, len(frames)) if chance.random() < loss}
    arrivals = sorted(
        (first + n * FRAME + (chance.randrange(jitter + 1) if n else 0), n)
        for n in range(len(frames)) if n not in lost
    )  # fmt: skip
    now = first
    for position, number in [*arrivals, (first + len(frames) * FRAME + 4800, -1)]:
        while now <= position:
            tick(leg, now)
            now += FRAME
        if number >= 0:
            arrive(leg, datagram(number, first + number * FRAME, frames[number]), position)
    return lost


SPOKEN = np.concatenate([silence(0.6), vowel(1.2), silence(1.2), vowel(0.5), silence(1.2)])


class TestABadNetwork:
    @pytest.mark.parametrize("seed", range(6))
    def test_jitter_and_reordering_change_nothing_for_the_recogniser(self, seed: int) -> None:
        def heard(jitter: int) -> tuple[list[tuple[float, float]], bytes, RtpStats]:
            events = Events()
            leg = new_leg(events)
            leg.record(Recorder(PCMA, 0, 10.0))
            leg.listen(ListenSpec())
            over_the_network(leg, frames_of(SPOKEN), seed, jitter, 0.0)
            ended = [(e.start_offset_s, e.end_offset_s) for e in events.of(SpeechEnded)]
            return ended, b"".join(e.pcm for e in events.of(SpeechAudio)), leg.stats()

        calm, rough = heard(0), heard(480)
        assert rough[0] == calm[0]
        assert rough[1] == calm[1]
        assert rough[2].reordered > 20
        assert rough[2].lost == 0
        assert rough[2].jitter_ms > 5

    @pytest.mark.parametrize("seed", range(6))
    def test_five_percent_loss_ends_no_utterance_and_leaves_no_hole_in_it(self, seed: int) -> None:
        events = Events()
        leg = new_leg(events)
        leg.record(Recorder(PCMA, 0, 10.0))
        leg.listen(ListenSpec())
        lost = over_the_network(leg, frames_of(SPOKEN), seed, 480, 0.05)
        assert len(events.of(SpeechStarted)) == 2
        ended = events.of(SpeechEnded)
        assert [e.start_offset_s for e in ended] == pytest.approx([0.6, 3.0], abs=0.045)
        assert [e.end_offset_s for e in ended] == pytest.approx([1.8, 3.5], abs=0.045)
        assert lost
        pcm = np.frombuffer(b"".join(e.pcm for e in events.of(SpeechAudio)), dtype=np.int16).astype(float)
        start = int(np.argmax(np.abs(pcm) > 500))
        loud = [np.abs(pcm[at : at + 160]).max() for at in range(start, start + 9000, 160)]
        assert min(loud) > 400, "a lost packet is concealed"

    def test_the_recording_keeps_what_came_and_silence_for_what_did_not(self) -> None:
        leg = new_leg()
        leg.record(Recorder(PCMA, 0, 10.0))
        frames = frames_of(SPOKEN)
        lost = over_the_network(leg, frames, 3, 480, 0.05)
        assert leg.recorder is not None
        heard = leg.recorder.finish(len(frames) * FRAME)[1::2]
        for number, frame in enumerate(frames):
            found = heard[number * FRAME : (number + 1) * FRAME]
            assert found == (b"\xd5" * FRAME if number in lost else frame)
        assert leg.stats().lost == len([n for n in lost if n < max(set(range(len(frames))) - lost)])

    def test_keys_among_reordered_audio(self) -> None:
        events = Events()
        leg = new_leg(events)
        leg.listen(ListenSpec())
        arrive(leg, datagram(1, 160), 160)
        arrive(leg, datagram(3, 480, b"\x05\x0a\x00\xa0", 101), 480)
        arrive(leg, datagram(2, 320), 500)
        arrive(leg, datagram(4, 480, b"\x05\x8a\x01\x40", 101), 640)
        arrive(leg, datagram(5, 800), 800)
        assert [event.digit for event in events.of(KeyPressed)] == ["5"]
        assert leg._order is None
        assert leg.stats() == replace(leg.stats(), received=5, lost=0, reordered=1)

    def test_after_trouble_the_short_way_is_open_again(self) -> None:
        leg = new_leg()
        for number in (1, 2, 4, 3, 5):
            arrive(leg, datagram(number, number * 160), number * 160)
        assert leg._timeline.awaited == 6
        arrive(leg, datagram(8, 1280), 1280)
        assert leg._timeline.awaited == -1
        tick(leg, 1280 + 960)
        arrive(leg, datagram(9, 1440), 2300)
        assert leg._timeline.awaited == 10

    def test_a_bridge_carries_on(self) -> None:
        """SRTP and PCMA here, plain PCMU there; what comes through is the voice, and both sides record."""
        peer = SrtpContext(mirrored(KEYS))
        customer = new_leg(remote=replace(REMOTE, srtp=KEYS))
        agent = new_leg(remote=replace(REMOTE, codec=PCMU, payload_type=0), bridge_delay_frames=4)
        for leg in (customer, agent):
            leg.record(Recorder(leg.codec, 0, 10.0))
        customer.bridge(agent, 0.0)
        chance, frames = random.Random(5), frames_of(vowel(2.0))
        lost = {n for n in range(3, len(frames)) if chance.random() < 0.05}
        arrivals = sorted((n * FRAME + chance.randrange(481), n) for n in range(len(frames)) if n not in lost)
        out: list[bytes] = []
        for position in range(0, len(frames) * FRAME + 1600, FRAME):
            while arrivals and arrivals[0][0] <= position:
                _, number = arrivals.pop(0)
                arrive(
                    customer, peer.protect(datagram(number, number * FRAME, frames[number])) or b"", position
                )
                arrive(
                    agent,
                    datagram(number, number * FRAME, translate(frames[number], PCMA, PCMU), 0),
                    position,
                )
            packet = tick(agent, position)
            assert packet is not None
            assert packet.payload_type == 0
            out.append(packet.payload)
            wire = customer.tick(position, 0.0)
            assert wire is not None
            assert peer.unprotect(wire) is not None
        sound = decode(b"".join(out), PCMU).astype(float)
        first = int(np.argmax(np.abs(sound) > 500)) // FRAME + 1
        loud = [np.abs(sound[n * FRAME : (n + 1) * FRAME]).max() for n in range(first, first + 85)]
        assert sum(level > 700 for level in loud) >= 80
        for leg in (customer, agent):
            assert leg.recorder is not None
            both = leg.recorder.finish(len(frames) * FRAME)
            for side in (0, 1):
                heard = decode(both[side::2], leg.codec).astype(float)[3200:12800]
                assert np.sqrt((heard**2).mean()) > 1000
