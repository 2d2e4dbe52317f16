"""Dialogs in full against SIPp, whose scenarios check every message of ours."""

from __future__ import annotations

import pytest
from sip_fakes import FakeMediaPlane, until
from sip_peers import MakeTrunk, Peers, dial, event, to_the_end

from dialer.ports import Answered, Ended, Held, Progress
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.trunk import SipTrunk

pytestmark = pytest.mark.wire


async def test_reliable_early_media_that_moves_before_the_answer(
    peers: Peers, make_trunk: MakeTrunk, plane: FakeMediaPlane
) -> None:
    callee = await peers.sipp("prack_early_media")
    leg = await dial(make_trunk(callee.port))
    progress = await event(leg)
    assert isinstance(progress, Progress)
    assert (progress.code, progress.early_media) == (183, True)
    assert plane.streams[0].remote is not None, "early media is connected before it is reported"
    assert isinstance(await event(leg), Answered)
    assert plane.streams[0].remote.port == 40052
    await leg.hang_up("done")
    await to_the_end(leg)
    await callee.finished()


async def test_two_branches_answer(peers: Peers, make_trunk: MakeTrunk, plane: FakeMediaPlane) -> None:
    callee = await peers.sipp("forked")
    leg = await dial(make_trunk(callee.port))
    found = [await event(leg) for _ in range(3)]
    assert [type(e) for e in found] == [Progress, Progress, Answered]
    assert plane.streams[0].remote is not None
    assert plane.streams[0].remote.port == 40062, "media follows the branch that answered first"
    await until(lambda: "\nBYE sip:" in callee.logs(), "the other branch wasn't ended")
    await leg.hang_up("done")
    assert isinstance((await to_the_end(leg))[-1], Ended)
    await callee.finished()


async def test_hold_and_resume_by_update(peers: Peers, make_trunk: MakeTrunk, plane: FakeMediaPlane) -> None:
    callee = await peers.sipp("update_hold")
    leg = await dial(make_trunk(callee.port))
    assert isinstance(await event(leg), Answered)
    stream = plane.streams[0]
    await until(lambda: stream.remote is not None and not stream.remote.sending, "not held")
    await until(lambda: stream.remote is not None and stream.remote.sending, "not resumed")
    assert stream.remote is not None
    assert stream.remote.port == 40054
    told = await to_the_end(leg)
    assert [one.on for one in told if isinstance(one, Held)] == [True, False]
    assert isinstance(told[-1], Ended)
    await callee.finished()


async def test_we_refresh_the_session(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp("refreshed_by_us")
    leg = await dial(make_trunk(callee.port))
    assert isinstance(await event(leg), Answered)
    await until(lambda: callee.logs().count("\nUPDATE sip:") >= 2, "no refresh", 15.0)
    await leg.hang_up("done")
    await to_the_end(leg)
    await callee.finished()


async def test_a_session_that_is_no_longer_refreshed_is_ended(peers: Peers, plane: FakeMediaPlane) -> None:
    callee = await peers.sipp("refreshed_by_them")
    endpoint = SipEndpoint(EndpointConfig("127.0.0.1", 0, min_se_s=2), media=plane)
    await endpoint.start()
    trunk = SipTrunk(TrunkConfig("test", "127.0.0.1", callee.port), plane, endpoint)
    ended = (await to_the_end(await dial(trunk)))[-1]
    assert isinstance(ended, Ended)
    assert (ended.by_remote, ended.reason) == (False, "session expired")
    await callee.finished()
    await endpoint.close()


async def test_glare(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp("glare")
    leg = await dial(make_trunk(callee.port))
    assert isinstance(await event(leg), Answered)
    await leg.hold()
    await leg.hang_up("done")
    await to_the_end(leg)
    await callee.finished()
