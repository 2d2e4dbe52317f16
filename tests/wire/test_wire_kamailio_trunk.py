"""Kamailio as the carrier: 401 on REGISTER, 407 on INVITE, Record-Route; SIPp answers behind it."""

from __future__ import annotations

import pytest
from sip_fakes import until
from sip_peers import MakeTrunk, Peers, dial, event, to_the_end

from dialer.errors import TrunkError
from dialer.ports import Answered, Ended, Failed, Progress
from dialer.sip.config import TrunkType

pytestmark = pytest.mark.wire


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_register_then_call_with_digest_through_the_proxy(
    peers: Peers, make_trunk: MakeTrunk, algorithm: str
) -> None:
    callee = await peers.sipp("answer_until_bye")
    carrier = await peers.kamailio(callee.port, algorithm)
    trunk = make_trunk(
        carrier.port, type=TrunkType.REGISTER, username="dialer", password="secret", register_expires_s=60
    )
    assert not trunk.state().up
    with pytest.raises(TrunkError, match="not registered"):
        await dial(trunk)
    await trunk.start()
    await until(lambda: trunk.state().up, f"not registered: {trunk.state()}\n{carrier.logs()}")
    leg = await dial(trunk)
    assert isinstance(await event(leg), Progress)
    answered = await event(leg)
    assert isinstance(answered, Answered), answered
    await leg.hang_up("done")
    ended = (await to_the_end(leg))[-1]
    assert isinstance(ended, Ended)
    assert not ended.by_remote
    await callee.finished()
    log = "".join(path.read_text() for path in callee.folder.parent.rglob("*_messages.log"))
    assert "Route: <sip:127.0.0.1" in log, "the dialog must stay on the proxy"
    assert "secret" not in log
    await trunk.close()
    assert not trunk.state().up


async def test_the_callee_behind_the_proxy_hangs_up(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp("answer_then_bye")
    carrier = await peers.kamailio(callee.port, "MD5")
    trunk = make_trunk(carrier.port, username="dialer", password="secret")
    found = await to_the_end(await dial(trunk))
    assert [type(e) for e in found] == [Progress, Answered, Ended]
    assert isinstance(found[-1], Ended)
    assert found[-1].by_remote
    await callee.finished()


async def test_a_wrong_password_is_tried_once_and_said(peers: Peers, make_trunk: MakeTrunk) -> None:
    carrier = await peers.kamailio(9, "MD5")
    trunk = make_trunk(carrier.port, username="dialer", password="wrong")
    found = await to_the_end(await dial(trunk))
    assert len(found) == 1
    assert isinstance(found[0], Failed)
    assert (found[0].code, found[0].ours) == (407, True)
    assert "check user name and password" in found[0].reason
    registering = make_trunk(carrier.port, type=TrunkType.REGISTER, username="dialer", password="wrong")
    await registering.start()
    await until(lambda: "failed" in registering.state().reason, "registration must fail")
    assert "401" in registering.state().reason
    await registering.close()
