"""RTCP on the wire of a real media process: whose socket, when, and what a far end can do with it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from media_peer import Events, Peer, frames_of, until, vowel

from dialer.errors import MediaError
from dialer.media import rtcp
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.media.srtp import SrtpContext
from dialer.ports import RemoteMedia, Srtp, SrtpKeys

LOW = 41300
DSCP = 34


@pytest_asyncio.fixture
async def plane() -> AsyncIterator[ProcessMediaPlane]:
    plane = ProcessMediaPlane(
        MediaConfig(port_low=LOW, port_high=LOW + 49, port_rest_s=0.3, rtcp_interval_s=0.5, dscp=DSCP)
    )
    await plane.start()
    yield plane
    await plane.close()


@pytest.fixture
def far() -> Iterator[socket.socket]:
    """The far end's RTCP socket, which sees DSCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


class Heard(list[rtcp.Compound]):
    """What came on an RTCP socket; ``datagrams``: whence, and with which DSCP."""

    def __init__(self, sock: socket.socket, cipher: SrtpContext | None = None) -> None:
        super().__init__()
        self._sock, self._cipher = sock, cipher
        self.datagrams: list[tuple[tuple[str, int], int]] = []

    def more(self) -> Heard:
        while True:
            try:
                data, ancillary, _, source = self._sock.recvmsg(2000, 64)
            except BlockingIOError:
                return self
            plain = data if self._cipher is None else self._cipher.unprotect_rtcp(data)
            found = rtcp.parse(plain or b"")
            assert found is not None, data.hex()
            self.append(found)
            self.datagrams.append((source, ancillary[0][2][0] >> 2))


def remote(peer: Peer, far: socket.socket, keys: SrtpKeys | None = None) -> RemoteMedia:
    return replace(peer.remote(), rtcp_port=far.getsockname()[1], srtp=keys)


async def test_reports_come_from_the_port_above_in_their_time_with_the_dscp_and_end_with_bye(
    plane: ProcessMediaPlane, peer: Peer, far: socket.socket
) -> None:
    stream, heard = await plane.open(Events()), Heard(far)
    await stream.connect(remote(peer, far))
    speaking = peer.speak(stream.local, frames_of(vowel(1.5)))
    await until(lambda: len(heard.more()) >= 2 and bool(heard[-1].blocks))
    speaking.join(5)
    host, port = stream.local
    assert {source for source, _ in heard.datagrams} == {(host, port + 1)}
    assert {dscp for _, dscp in heard.datagrams} == {DSCP}
    first = heard[0]
    assert first.sender is not None
    assert len(first.cname) == 16
    assert heard[-1].blocks[0].ssrc == peer.ssrc
    await stream.close()
    await until(lambda: bool(heard.more()[-1].left))
    assert heard[-1].left == (first.ssrc,)
    assert {one.cname for one in heard} == {first.cname}


async def test_what_the_far_end_reports_is_in_the_counts(
    plane: ProcessMediaPlane, peer: Peer, far: socket.socket
) -> None:
    stream, heard = await plane.open(Events()), Heard(far)
    await stream.connect(remote(peer, far))
    await until(lambda: any(one.sender for one in heard.more()))
    sender = heard[0].sender
    assert sender is not None
    block = rtcp.ReportBlock(heard[0].ssrc, 5, 3, 100, 16, sender.ntp >> 16 & 0xFFFFFFFF, 0)
    host, port = stream.local
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        wrong = rtcp.build(7, None, [replace(block, lost=99)], "stranger")
        stranger.sendto(wrong, (host, port + 1))
        far.sendto(b"\x81\xc9 no report", (host, port + 1))
        far.sendto(rtcp.build(peer.ssrc, None, [block], "far"), (host, port + 1))
        far.sendto(rtcp.build(peer.ssrc, None, [], "far"), (host, port + 1))
        # The next report of ours shows that those before were read.
        count = len(heard)
        await until(lambda: len(heard.more()) > count + 1)
        stats = await stream.close()
    assert (stats.remote_lost, stats.remote_jitter_ms, stats.foreign) == (3, 2.0, 1)
    assert stats.round_trip_ms is not None
    assert 0 <= stats.round_trip_ms < 2000


async def test_under_srtp_reports_are_encrypted_both_ways(
    plane: ProcessMediaPlane, peer: Peer, far: socket.socket
) -> None:
    keys = SrtpKeys(Srtp.AES_CM_128_HMAC_SHA1_80, os.urandom(30), os.urandom(30))
    cipher = SrtpContext(replace(keys, send=keys.receive, receive=keys.send))
    stream, heard = await plane.open(Events()), Heard(far, cipher)
    await stream.connect(remote(peer, far, keys))
    await until(lambda: any(one.sender for one in heard.more()))
    block = rtcp.ReportBlock(heard[0].ssrc, 0, 4, 0, 0, 0, 0)
    host, port = stream.local
    far.sendto(rtcp.build(peer.ssrc, None, [replace(block, lost=99)], "x"), (host, port + 1))
    far.sendto(cipher.protect_rtcp(rtcp.build(peer.ssrc, None, [block], "x")) or b"", (host, port + 1))
    count = len(heard)
    await until(lambda: len(heard.more()) > count + 1)
    assert not peer.got or all(packet.payload != b"\xd5" * 160 for _, packet in peer.got), "no clear audio"
    stats = await stream.close()
    assert (stats.remote_lost, stats.unauthentic) == (4, 1)


async def test_on_one_port_reports_leave_and_arrive_with_rtp(plane: ProcessMediaPlane) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(5)
        host, port = far.getsockname()
        stream = await plane.open(Events())
        await stream.connect(RemoteMedia(host, port, "PCMA", 8, 101, rtcp_port=port))
        reports: list[rtcp.Compound] = []
        while len(reports) < 3:
            data, source = far.recvfrom(2000)
            assert source == stream.local
            if rtcp.is_rtcp(data):
                found = rtcp.parse(data)
                assert found is not None
                reports.append(found)
                far.sendto(rtcp.build(5, None, [rtcp.ReportBlock(found.ssrc, 0, 6, 0, 0, 0, 0)], "x"), source)
        stats = await stream.close()
    assert stats.remote_lost == 6


async def test_a_peer_without_rtcp_is_no_trouble(
    plane: ProcessMediaPlane, peer: Peer, far: socket.socket
) -> None:
    """Its host answers each report with ICMP port unreachable."""
    gone = far.getsockname()[1]
    far.close()
    stream = await plane.open(Events())
    await stream.connect(replace(peer.remote(), rtcp_port=gone))
    await until(lambda: len(peer.got) > 75)
    stats = await stream.close()
    assert (stats.remote_lost, stats.foreign) == (None, 0)


async def test_both_ports_of_a_pair_must_be_free_and_rest_together() -> None:
    low = LOW + 50
    plane = ProcessMediaPlane(MediaConfig(port_low=low, port_high=low + 7, port_rest_s=60.0))
    await plane.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", low + 3))
            streams = [await plane.open(Events()) for _ in range(3)]
            assert [stream.local[1] for stream in streams] == [low, low + 4, low + 6]
        await streams[1].close()
        for port in (low + 4, low + 5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", port))
        with pytest.raises(MediaError, match="rest"):
            await plane.open(Events())
    finally:
        await plane.close()
