"""Several media processes: who gets which call, and what the death of one means."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_peer import Events, Peer, until

from dialer.errors import ConfigError, MediaError
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane, split
from dialer.ports import MediaFailed


@asynccontextmanager
async def started(processes: int, low: int, count: int = 40) -> AsyncIterator[ProcessMediaPlane]:
    """Each test has ports of its own: others run beside it."""
    plane = ProcessMediaPlane(
        MediaConfig(port_low=low, port_high=low + count - 1, port_rest_s=0.0, processes=processes)
    )
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@pytest.mark.parametrize("processes", [1, 2])
async def test_calls_are_shared_out(processes: int) -> None:
    low = 12000 + 40 * processes
    async with started(processes, low) as plane:
        assert len(set(plane.pids)) == processes
        streams = [await plane.open(Events()) for _ in range(4)]
        halves = [sum(stream.local[1] < low + 20 for stream in streams), len(streams)]
        assert halves == [4 // processes, 4], "each process has its own part of the ports"
        await streams[0].close()
        await streams[2].close()
        ports = {(await plane.open(Events())).local[1] < low + 20 for _ in range(2)}
        assert len(ports) == 1, "the one with the fewest streams gets the next"
        assert len(plane.pulses) <= processes


async def test_many_opened_at_once_are_shared_out_too() -> None:
    low = 12120
    async with started(2, low) as plane:
        streams = await asyncio.gather(*(plane.open(Events()) for _ in range(8)))
        assert sum(stream.local[1] < low + 20 for stream in streams) == 4


async def test_a_stream_beside_another_can_be_bridged_with_it(peer: Peer, other_peer: Peer) -> None:
    async with started(2, 12160) as plane:
        customer = await plane.open(Events())
        stranger = await plane.open(Events())
        agent = await plane.open(Events(), beside=customer)
        await customer.connect(peer.remote())
        await agent.connect(other_peer.remote())
        with pytest.raises(MediaError, match="one media process"):
            await customer.bridge(stranger)
        await customer.bridge(agent)
        peer.speak(customer.local, [b"\x2a" * 160] * 30)
        await until(lambda: any(packet.payload == b"\x2a" * 160 for _, packet in other_peer.audio()))
        async with started(1, 12280) as other:
            with pytest.raises(MediaError, match="one media plane"):
                await other.open(Events(), beside=customer)


async def test_the_death_of_one_ends_its_calls_only_and_start_brings_it_back(peer: Peer) -> None:
    low = 12200
    async with started(2, low) as plane:
        sinks = [Events(), Events()]
        doomed, lucky = [await plane.open(sink) for sink in sinks]
        await lucky.connect(peer.remote())
        first, second = plane.pids
        os.kill(first, signal.SIGKILL)
        await until(lambda: not plane.whole)
        assert plane.alive
        assert [len(sink.of(MediaFailed)) for sink in sinks] == [1, 0]
        with pytest.raises(MediaError, match="gone"):
            await plane.open(Events(), beside=doomed)
        for _ in range(3):
            assert (await plane.open(Events())).local[1] >= low + 20, "new calls go to the living"
        await plane.start()
        assert plane.whole
        assert plane.pids[1] == second
        assert plane.pids[0] != first
        assert (await plane.open(Events())).local[1] < low + 20
        heard = len(peer.got)
        await until(lambda: len(peer.got) > heard + 5)
        os.kill(plane.pids[0], signal.SIGKILL)
        os.kill(plane.pids[1], signal.SIGKILL)
        await until(lambda: not plane.alive)
        with pytest.raises(MediaError, match="gone"):
            await plane.open(Events())


async def test_where_one_has_no_port_left_the_other_gives_one() -> None:
    low = 12240
    async with started(2, low, 8) as plane:
        streams = [await plane.open(Events()) for _ in range(4)]
        for stream in [one for one in streams if one.local[1] < low + 4]:
            # Its process has fewer streams now, but somebody else sits on its ports.
            await stream.close()
        squatters = []
        for port in (low, low + 2):
            squatter = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", port)
            )
            squatters.append(squatter[0])
        with pytest.raises(MediaError, match="no free RTP port"):
            await plane.open(Events())
        await next(one for one in streams if one.local[1] >= low + 4).close()
        assert (await plane.open(Events())).local[1] >= low + 4
        for transport in squatters:
            transport.close()


def test_as_many_as_the_cores_carry() -> None:
    assert [len(split(MediaConfig(processes=0), cores)) for cores in (1, 2, 3, 8)] == [1, 1, 1, 4]
    with pytest.raises(ConfigError, match="processes"):
        MediaConfig(processes=65)


@given(st.integers(1024, 60000), st.integers(1, 200), st.integers(1, 64))
def test_the_parts_are_whole_pairs_and_make_the_range(low: int, span: int, processes: int) -> None:
    parts = split(MediaConfig(port_low=low, port_high=low + span, processes=processes), 2)
    assert len(parts) == max(1, min(processes, (low + span - (low + low % 2) + 1) // 2))
    pairs = [port for part in parts for port in range(part.port_low + part.port_low % 2, part.port_high, 2)]
    assert pairs == list(range(low + low % 2, low + span, 2))
