"""Our user agent calls SIPp: SIPp's own scenario checks every message, so it must end with success."""

from __future__ import annotations

import asyncio

import pytest
from sip_fakes import FakeMediaPlane, until
from sip_peers import NUMBER, LossyRelay, MakeTrunk, Peers, dial, event, to_the_end

from dialer.errors import TrunkError
from dialer.ports import Answered, DialRequest, Ended, Failed, Held, Progress

pytestmark = pytest.mark.wire


async def test_answered_and_we_hang_up(peers: Peers, make_trunk: MakeTrunk, plane: FakeMediaPlane) -> None:
    callee = await peers.sipp("answer_until_bye")
    trunk = make_trunk(callee.port, lines=2)
    leg = await dial(trunk)
    assert trunk.state().lines_free == 1
    ringing, answered = await event(leg), await event(leg)
    assert isinstance(ringing, Progress)
    assert ringing.code == 180
    assert isinstance(answered, Answered)
    remote = plane.streams[0].remote
    assert remote is not None
    assert (remote.codec, remote.payload_type, remote.dtmf_payload_type) == ("PCMA", 8, 101)
    await leg.hang_up("done")
    ended = (await to_the_end(leg))[-1]
    assert isinstance(ended, Ended)
    assert not ended.by_remote
    assert trunk.state().lines_free == 2
    assert plane.streams[0].closed
    await callee.finished()


async def test_answered_and_the_callee_hangs_up(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp("answer_then_bye")
    found = await to_the_end(await dial(make_trunk(callee.port)))
    assert [type(e) for e in found] == [Progress, Answered, Ended]
    assert isinstance(found[-1], Ended)
    assert found[-1].by_remote
    await callee.finished()


async def test_ringing_for_ever_is_cancelled_and_the_487_acknowledged(
    peers: Peers, make_trunk: MakeTrunk
) -> None:
    callee = await peers.sipp("ring_for_ever")
    leg = await dial(make_trunk(callee.port))
    assert isinstance(await event(leg), Progress)
    await asyncio.sleep(1.0)
    await leg.hang_up("ring time over")
    failed = (await to_the_end(leg))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.ours) == (487, False)
    await callee.finished()


async def test_hanging_up_at_once_waits_with_cancel_for_the_ringing(
    peers: Peers, make_trunk: MakeTrunk
) -> None:
    callee = await peers.sipp("ring_for_ever")
    leg = await dial(make_trunk(callee.port))
    await leg.hang_up("window closed")
    failed = (await to_the_end(leg))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == 487
    await callee.finished()


@pytest.mark.parametrize(
    ("code", "phrase", "ours"),
    [
        (486, "Busy Here", False),
        (603, "Decline", False),
        (404, "Not Found", False),
        (480, "Temporarily Unavailable", False),
        (500, "Server Internal Error", True),
    ],
)
async def test_refusals_are_reported_and_acknowledged(
    peers: Peers, make_trunk: MakeTrunk, code: int, phrase: str, ours: bool
) -> None:
    callee = await peers.sipp("refuse", CODE=str(code), PHRASE=phrase, HEADER="X-None: 1")
    trunk = make_trunk(callee.port)
    found = await to_the_end(await dial(trunk))
    assert len(found) == 1
    assert isinstance(found[0], Failed)
    assert (found[0].code, found[0].reason, found[0].ours) == (code, phrase, ours)
    assert trunk.state().up
    await callee.finished()


async def test_503_with_retry_after_lets_the_trunk_rest(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp(
        "refuse", CODE="503", PHRASE="Service Unavailable", HEADER="Retry-After: 17 (busy)"
    )
    trunk = make_trunk(callee.port)
    failed = (await to_the_end(await dial(trunk)))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.ours, failed.retry_after_s) == (503, True, 17.0)
    assert not trunk.state().up
    assert "503" in trunk.state().reason
    with pytest.raises(TrunkError, match="resting"):
        await trunk.dial(DialRequest(NUMBER))
    await callee.finished()


async def test_an_answer_that_crosses_cancel_is_acknowledged_and_ended(
    peers: Peers, make_trunk: MakeTrunk
) -> None:
    callee = await peers.sipp("answer_crosses_cancel")
    leg = await dial(make_trunk(callee.port))
    assert isinstance(await event(leg), Progress)
    await leg.hang_up("ring time over")
    found = await to_the_end(leg)
    assert [type(e) for e in found] == [Answered, Ended]
    assert isinstance(found[-1], Ended)
    assert not found[-1].by_remote
    assert "crossed CANCEL" in found[-1].reason
    await callee.finished()


async def test_a_silent_trunk_fails_in_the_configured_time(peers: Peers, make_trunk: MakeTrunk) -> None:
    callee = await peers.sipp("silent")
    trunk = make_trunk(callee.port, no_response_s=1.2, backoff_s=5.0)
    failed = (await to_the_end(await dial(trunk)))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.ours) == (0, True)
    assert not trunk.state().up


async def test_hold_and_resume_keep_the_call(
    peers: Peers, make_trunk: MakeTrunk, plane: FakeMediaPlane
) -> None:
    callee = await peers.sipp("hold_and_resume")
    found = await to_the_end(await dial(make_trunk(callee.port)))
    assert [type(e) for e in found] == [Answered, Held, Held, Ended]
    assert [e.on for e in found if isinstance(e, Held)] == [True, False]
    remote = plane.streams[0].remote
    assert remote is not None
    assert remote.port == 40044, "media must follow the re-INVITE"
    await callee.finished()


async def test_every_message_may_be_lost_once(peers: Peers, make_trunk: MakeTrunk) -> None:
    seen: set[tuple[bool, bytes]] = set()

    def first_time(data: bytes, to_peer: bool) -> bool:
        head, _, rest = data.partition(b"\r\n")
        cseq = next(line for line in rest.split(b"\r\n") if line.startswith(b"CSeq:"))
        key = (to_peer, head + cseq)
        new = key not in seen
        seen.add(key)
        return new

    relay = LossyRelay(first_time)
    relay_port = await relay.open()  # the callee names it in its Contact
    callee = await peers.sipp("answer_until_bye", contact_port=relay_port)
    relay.peer = ("127.0.0.1", callee.port)
    leg = await dial(make_trunk(relay_port))
    while not isinstance(await event(leg, 15.0), Answered):
        pass
    await until(lambda: any(b"ACK " in key[1] for key in seen), "no ACK")
    await asyncio.sleep(1.2)
    await leg.hang_up("done")
    ended = (await to_the_end(leg))[-1]
    assert isinstance(ended, Ended)
    assert relay.lost >= 5
    await callee.finished()
    relay.close()
