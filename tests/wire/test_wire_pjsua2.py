"""PJSIP's signalling against SIPp and Kamailio: what the contract suite's far end doesn't do."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from pjsip_wheel import pjsip_python
from sip_fakes import FakeMediaPlane, until
from sip_peers import Peer, Peers, dial, event, to_the_end

from dialer.errors import TrunkError
from dialer.ports import Answered, Ended, Failed, Held, Progress
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig, TrunkConfig, TrunkType
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg
from dialer.sip.lines import open_endpoint
from dialer.sip.pjsua.endpoint import PjsuaEndpoint
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import TrunkDriver, TrunkTransport

pytestmark = pytest.mark.wire


def messages(peer: Peer) -> str:
    return "".join(file.read_text(errors="replace") for file in peer.folder.glob("*_messages.log"))


MakePjsip = Callable[..., Awaitable[SipTrunk]]


@pytest.fixture
async def pjsip(plane: FakeMediaPlane) -> AsyncIterator[MakePjsip]:
    """A started trunk to a peer."""
    async with AsyncExitStack() as stack:

        async def make(peer: Peer | Addr, **fields: object) -> SipTrunk:
            common: dict[str, object] = {"options_interval_s": 0.0, **fields}
            config = TrunkConfig(
                "test", "127.0.0.1", peer.port, driver=TrunkDriver.PJSUA2, pjsua2_python=pjsip_python(),
                **common,  # type: ignore[arg-type]
            )  # fmt: skip
            endpoint = await stack.enter_async_context(open_endpoint(EndpointConfig("127.0.0.1", 0), config))
            trunk = SipTrunk(config, plane, endpoint)
            await trunk.start()
            stack.push_async_callback(trunk.close)
            return trunk

        yield make


async def test_pjsip_takes_reliable_early_media(
    peers: Peers, pjsip: MakePjsip, plane: FakeMediaPlane
) -> None:
    callee = await peers.sipp("prack_early_media")
    leg = await dial(await pjsip(callee))
    progress = await event(leg)
    assert isinstance(progress, Progress)
    assert (progress.code, progress.early_media) == (183, True)
    assert isinstance(await event(leg), Answered)
    assert plane.streams[0].remote is not None
    assert plane.streams[0].remote.port == 40052
    await leg.hang_up("done")
    await to_the_end(leg)
    # The scenario's own check of RAck counts on CSeq 1, which is our stack's.
    await until(lambda: "BYE sip:callee" in messages(callee), "no BYE")
    found = re.search(r"CSeq: (\d+) INVITE", messages(callee))
    assert found is not None
    assert re.search(rf"^RAck: *42 {found[1]} INVITE", messages(callee), re.MULTILINE)


@pytest.mark.parametrize("scenario", ["hold_and_resume", "update_hold"])
async def test_pjsip_is_held_and_resumed(
    peers: Peers, pjsip: MakePjsip, plane: FakeMediaPlane, scenario: str
) -> None:
    callee = await peers.sipp(scenario)
    leg = await dial(await pjsip(callee))
    assert isinstance(await event(leg), Answered)
    stream = plane.streams[0]
    await until(lambda: stream.remote is not None and not stream.remote.sending, "not held")
    await until(lambda: stream.remote is not None and stream.remote.sending, "not resumed")
    *held, end = await to_the_end(leg)
    assert [one.on for one in held if isinstance(one, Held)] == [True, False]
    assert isinstance(end, Ended)
    assert end.by_remote
    await callee.finished()
    assert f"m=audio {stream.local[1]} RTP/AVP 8" in callee.logs(), "the answer names our media plane"


async def test_pjsip_answers_the_carriers_challenge(peers: Peers, pjsip: MakePjsip) -> None:
    callee = await peers.sipp("answer_until_bye")
    carrier = await peers.kamailio(callee.port)
    trunk = await pjsip(carrier, username="trunk", password="secret", domain="carrier.example")
    leg = await dial(trunk)
    while not isinstance(found := await event(leg), Answered):
        assert not isinstance(found, Failed), carrier.logs()
    await leg.hang_up("done")
    await to_the_end(leg)
    await callee.finished()


async def test_pjsip_ends_an_answer_that_crosses_cancel(peers: Peers, pjsip: MakePjsip) -> None:
    callee = await peers.sipp("answer_crosses_cancel")
    leg = await dial(await pjsip(callee))
    assert isinstance(await event(leg), Progress)
    await leg.hang_up("rang long enough")
    (end,) = await to_the_end(leg)
    assert isinstance(end, Failed)
    assert end.code == 487
    await callee.finished()


async def test_pjsip_registers_is_challenged_and_leaves(peers: Peers, pjsip: MakePjsip) -> None:
    registrar = await peers.sipp("registrar", MIN="30", EXPIRES="2", CODE="500")
    trunk = await pjsip(registrar, type=TrunkType.REGISTER, username="u", password="p", register_expires_s=10)
    await asyncio.wait_for(trunk.registered(), 5)
    assert trunk.state().up


async def test_a_killed_pjsip_is_replaced_and_calls_again(peers: Peers, pjsip: MakePjsip) -> None:
    callee = await peers.sipp("answer_until_bye", calls=2)
    trunk = await pjsip(callee)
    endpoint = trunk._endpoint
    assert isinstance(endpoint, PjsuaEndpoint)
    leg = await dial(trunk)
    assert isinstance(await event(leg), Progress)
    assert isinstance(await event(leg), Answered)
    os.kill(endpoint.pid or 0, signal.SIGKILL)
    (end,) = await to_the_end(leg)
    assert isinstance(end, Ended)
    assert (end.by_remote, end.reason) == (False, "the PJSIP process died")
    with pytest.raises(TrunkError, match="died"):
        await dial(trunk)
    await until(lambda: trunk.state().up, "not started again", 10)
    leg = await dial(trunk)
    while not isinstance(found := await event(leg), Answered):
        assert isinstance(found, Progress)
    await leg.hang_up("done")
    await to_the_end(leg)


async def test_the_fifth_call_is_refused_before_anything_leaves(peers: Peers, pjsip: MakePjsip) -> None:
    """The wheel is built for four; here the setting claims more."""
    callee = await peers.sipp("answer_until_bye", calls=4)
    trunk = await pjsip(callee, pjsua2_calls=8)
    legs = [await dial(trunk) for _ in range(4)]
    with pytest.raises(TrunkError, match="PJSIP: Too many"):
        await dial(trunk)
    assert trunk.state().up
    for leg in legs:
        while not isinstance(await event(leg), Answered):
            pass
        await leg.hang_up("done")
        await to_the_end(leg)
    await callee.finished()


async def test_pjsip_speaks_tcp(pjsip: MakePjsip, plane: FakeMediaPlane) -> None:
    sources: list[str] = []

    async def busy(leg: IncomingLeg) -> None:
        sources.append(leg.source.transport)
        await leg.reject(486, "Busy")

    callee = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=plane, on_invite=busy)
    await callee.start()
    trunk = await pjsip(callee.local, transport=TrunkTransport.TCP)
    (end,) = await to_the_end(await dial(trunk))
    assert isinstance(end, Failed)
    assert (end.code, sources) == (486, ["tcp"])
    await callee.close()
    (end,) = await to_the_end(await dial(trunk))
    assert isinstance(end, Failed)
    assert (end.code, end.ours) == (0, True)


async def test_options_go_over_pjsip(peers: Peers, pjsip: MakePjsip) -> None:
    carrier = await peers.kamailio(9)
    trunk = await pjsip(carrier, options_interval_s=0.2, no_response_s=1.0)
    await asyncio.sleep(1.0)
    assert trunk.state().up, trunk.state()


async def test_pjsip_calls_nobody_whom_the_far_end_names(peers: Peers, pjsip: MakePjsip) -> None:
    callee = await peers.sipp("refer_then_bye")
    found = await to_the_end(await dial(await pjsip(callee)))
    assert [type(one) for one in found] == [Answered, Ended]
    await callee.finished()
