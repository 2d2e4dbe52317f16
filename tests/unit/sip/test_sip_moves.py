"""Legs over real sockets: transfers asked for and followed, Replaces, keys by INFO."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sip_fakes import FakeMediaPlane, FakeStream, until

from dialer.errors import TrunkError
from dialer.ports import Answered, DialRequest, Ended, Failed, KeyPressed, LegEvent
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg, SipLeg
from dialer.sip.signals import TransferOutcome
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import KeySending


class Party:
    """An endpoint that answers every call and keeps its legs."""

    def __init__(self, **options: object) -> None:
        self.media = FakeMediaPlane()
        self.endpoint = SipEndpoint(EndpointConfig("127.0.0.1", 0, **options), media=self.media)  # type: ignore[arg-type]
        self.legs: list[IncomingLeg] = []
        self.events: list[LegEvent] = []
        self.refuse = 0
        self.endpoint.on_invite = self._serve

    async def _serve(self, leg: IncomingLeg) -> None:
        self.legs.append(leg)
        if self.refuse:
            await leg.reject(self.refuse)
        else:
            await leg.answer()
        while not self.events or not isinstance(self.events[-1], Ended | Failed):
            self.events.append(await leg.next_event())
        await leg.close()

    @property
    def uri(self) -> str:
        return f"sip:x@127.0.0.1:{self.endpoint.local.port}"


@pytest_asyncio.fixture
async def parties() -> AsyncIterator[list[Party]]:
    made: list[Party] = []

    async def start(**options: object) -> Party:
        party = Party(**options)
        await party.endpoint.start()
        made.append(party)
        return party

    await start()
    await start(follow_refer=True)
    await start()
    await start(follow_refer=False)
    yield made
    for party in made:
        await party.endpoint.close()


async def call(us: Party, them: Party, **options: object) -> SipLeg:
    """An answered call."""
    trunk = SipTrunk(TrunkConfig("t", "127.0.0.1", us.endpoint.local.port), us.media, us.endpoint)
    leg = await trunk.dial(DialRequest(them.uri))
    while not isinstance(await leg.next_event(), Answered):
        pass
    await until(lambda: Answered in [type(e) for e in them.events])
    return leg


@pytest.mark.parametrize(
    ("follows", "outcome"), [(True, TransferOutcome.ACCEPTED), (False, TransferOutcome.REFUSED)]
)
async def test_a_refer_is_followed_where_the_setting_says_so(
    parties: list[Party], follows: bool, outcome: TransferOutcome
) -> None:
    """``follow_refer``: the far end calls the target itself, with the media stream that it had."""
    us, agent = parties[0], parties[2]
    them = parties[1] if follows else parties[3]
    leg = await call(us, them)
    ended = await asyncio.wait_for(leg.refer(agent.uri, wait_s=5.0), 10)
    assert ended.outcome is outcome
    if follows:
        assert isinstance(await leg.next_event(), Ended)
        await until(lambda: len(agent.events) > 0)
        stream = them.media.streams[0]
        await until(
            lambda: stream.remote is not None and stream.remote.port == agent.media.streams[0].local[1]
        )
        assert not stream.closed
        assert len(them.media.streams) == 1
        assert [type(event) for event in them.events] == [Answered], "its owner notices nothing"
        await them.legs[0].hang_up("done")
        await until(lambda: isinstance(agent.events[-1], Ended))
        await until(lambda: isinstance(them.events[-1], Ended))
    else:
        assert ended.code == 603
        assert agent.legs == []
    await leg.close()


async def test_a_target_that_refuses_leaves_the_call_as_it_is(parties: list[Party]) -> None:
    us, them, agent, _ = parties
    agent.refuse = 486
    leg = await call(us, them)
    ended = await asyncio.wait_for(leg.refer(agent.uri, wait_s=5.0), 10)
    assert (ended.outcome, ended.code) == (TransferOutcome.REFUSED, 486)
    await leg.hang_up("done")
    assert isinstance(await leg.next_event(), Ended)
    await until(lambda: isinstance(them.events[-1], Ended))
    await leg.close()


async def test_a_refer_to_a_foreign_host_is_not_followed(parties: list[Party]) -> None:
    us, them, *_ = parties
    leg = await call(us, them)
    ended = await asyncio.wait_for(leg.refer("sip:1@127.0.0.2:5999", wait_s=5.0), 10)
    assert (ended.outcome, ended.code) == (TransferOutcome.REFUSED, 403)
    await leg.close()


async def test_an_attended_transfer_joins_the_two_far_ends(parties: list[Party]) -> None:
    us, customer, agent, _ = parties
    to_customer, to_agent = await call(us, customer), await call(us, agent)
    ended = await asyncio.wait_for(to_customer.refer(replaces=to_agent, wait_s=5.0), 10)
    assert ended.outcome is TransferOutcome.ACCEPTED
    for leg in (to_customer, to_agent):
        assert isinstance(await asyncio.wait_for(leg.next_event(), 5), Ended)
        await leg.close()
    theirs, agents = customer.media.streams[0], agent.media.streams[0]
    await until(lambda: theirs.remote is not None and theirs.remote.port == agents.local[1])
    await until(lambda: agents.remote is not None and agents.remote.port == theirs.local[1])
    assert [type(event) for event in agent.events] == [Answered]
    await agent.legs[0].hang_up("done")
    await until(lambda: isinstance(customer.events[-1], Ended))


async def test_a_transfer_of_nothing_is_said(parties: list[Party]) -> None:
    leg = await call(parties[0], parties[1])
    with pytest.raises(TrunkError, match="target or a leg"):
        await leg.refer()
    await leg.close()
    with pytest.raises(TrunkError, match="is over"):
        await leg.refer("sip:1@127.0.0.1")


async def test_keys_by_info_reach_the_far_ends_media(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    us, them, *_ = parties
    told: list[str] = []

    async def key_signalled(stream: FakeStream, digit: str) -> None:
        told.append(digit)
        stream.sink(KeyPressed(them.endpoint.now(), digit, 0.0))

    monkeypatch.setattr(FakeStream, "key_signalled", key_signalled)
    leg = await call(us, them)
    leg.key_sending = KeySending.INFO
    await leg.send_keys("15#")
    await until(lambda: [e.digit for e in them.events if isinstance(e, KeyPressed)] == ["1", "5", "#"])
    them.media.streams[0].sink(KeyPressed(them.endpoint.now(), "5", 0.0))
    them.media.streams[0].sink(KeyPressed(them.endpoint.now(), "7", 0.0))
    await until(lambda: isinstance(them.events[-1], KeyPressed) and them.events[-1].digit == "7")
    assert [e.digit for e in them.events if isinstance(e, KeyPressed)] == ["1", "5", "#", "7"]
    assert told == ["1", "5", "#"]
    await leg.close()
    with pytest.raises(TrunkError, match="over"):
        await leg.send_keys("1")


async def test_keys_go_by_rfc_4733_where_the_far_end_takes_it(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def send_keys(_stream: FakeStream, digits: str) -> None:
        sent.append(digits)

    monkeypatch.setattr(FakeStream, "send_keys", send_keys)
    leg = await call(parties[0], parties[1])
    for leg.key_sending in (KeySending.AUTO, KeySending.RFC4733):
        await leg.send_keys("9")
    assert sent == ["9", "9"]
    await leg.close()


async def test_one_call_too_many_is_a_trunk_error(parties: list[Party]) -> None:
    small = Party(max_calls=1)
    await small.endpoint.start()
    leg = await call(small, parties[0])
    with pytest.raises(TrunkError, match="all 1 calls"):
        await call(small, parties[2])
    assert small.media.streams[1].closed
    await leg.close()
    await small.endpoint.close()


async def test_a_transfer_under_way_at_the_end_is_told_so(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    us, them, target, _ = parties
    leg = await call(us, them)
    monkeypatch.setattr(them.endpoint._agent, "receive_datagram", lambda *_: None)
    transfer = asyncio.ensure_future(leg.refer(target.uri))
    await asyncio.sleep(0.05)
    await us.endpoint.close(grace_s=0.0)
    assert (await transfer).outcome is TransferOutcome.TIMED_OUT
    await leg.close()
