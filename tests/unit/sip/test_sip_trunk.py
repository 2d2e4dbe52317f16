"""The trunk, its legs and the endpoint over real loopback sockets, with our own callee."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from sip_carrier import carriers, says, silent, to
from sip_fakes import FakeMediaPlane, until
from sipmessage import Request

from dialer.errors import MediaError, TrunkError
from dialer.model import PhoneNumber
from dialer.ports import (
    Answered,
    DialRequest,
    Ended,
    Failed,
    KeyPressed,
    LegEvent,
    MediaFailed,
    Progress,
    RemoteMedia,
    RtpStats,
    SpeechAudio,
)
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig, RegistrarConfig, TrunkConfig, TrunkType
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg, LegEvents, SipLeg
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.timers import TimerValues
from dialer.sip.trunk import SipTrunk

NUMBER = PhoneNumber.parse("13812345678")
Handler = Callable[[IncomingLeg], Awaitable[None]]


async def ended(leg: SipLeg) -> list[LegEvent]:
    found: list[LegEvent] = []
    async with asyncio.timeout(5):
        while not found or not isinstance(found[-1], Failed | Ended):
            found.append(await leg.next_event())
    return found


class House:
    """A caller and a callee, each with an endpoint and a media plane."""

    def __init__(self) -> None:
        self.media, self.far_media = FakeMediaPlane(), FakeMediaPlane()
        self.near = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=self.media)
        self.far = SipEndpoint(
            EndpointConfig("127.0.0.1", 0), media=self.far_media, registrar=RegistrarConfig(users={"t": "pw"})
        )
        self.legs: list[IncomingLeg] = []
        self.far_events: list[LegEvent] = []

    def trunk(self, **options: object) -> SipTrunk:
        config = TrunkConfig("main", "127.0.0.1", self.far.local[1])
        return SipTrunk(replace(config, **options), self.media, self.near)  # type: ignore[arg-type]

    def callee(self, act: Handler) -> None:
        async def serve(leg: IncomingLeg) -> None:
            self.legs.append(leg)
            await act(leg)
            self.far_events.extend(await ended(leg))
            await leg.close()

        self.far.on_invite = serve


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.near.start()
    await made.far.start()
    yield made
    await made.near.close()
    await made.far.close()


async def answer(leg: IncomingLeg) -> None:
    await leg.ring()
    await leg.answer()


async def test_a_call_from_ringing_to_our_hang_up(house: House) -> None:
    house.callee(answer)
    trunk = house.trunk(lines=2, caller_id="4008001234", number_format="9{e164}")
    leg = await trunk.dial(DialRequest(NUMBER))
    assert trunk.state().lines_free == 1
    assert isinstance(await leg.next_event(), Progress)
    assert isinstance(await leg.next_event(), Answered)
    stream, far_stream = house.media.streams[0], house.far_media.streams[0]
    assert stream.remote == RemoteMedia(*far_stream.local, "PCMA", 8, 101, rtcp_port=far_stream.local[1])
    assert far_stream.remote == RemoteMedia(*stream.local, "PCMA", 8, 101, rtcp_port=stream.local[1])
    assert (house.legs[0].caller, house.legs[0].called) == ("4008001234", "9+8613812345678")
    assert (house.legs[0].header("user-agent"), house.legs[0].header("X")) == ("Huifang", None)
    stream.sink(KeyPressed(1.0, "5", 2.0))
    assert await leg.next_event() == KeyPressed(1.0, "5", 2.0), "media events come in the same queue"
    await leg.hang_up("script over")
    await leg.hang_up("again")
    last = await leg.next_event()
    assert isinstance(last, Ended)
    assert (last.by_remote, last.reason) == (False, "script over")
    stream.sink(KeyPressed(1.0, "6", 2.0))
    assert await leg.next_event() == last, "nothing follows the end"
    assert await leg.close() == RtpStats(sent=1)
    assert await leg.close() == RtpStats(sent=1)
    assert stream.closed
    assert trunk.state().lines_free == 2
    await until(lambda: bool(house.far_events))
    assert (stream.connects, far_stream.connects) == (1, 1), "not again for the same address"


async def test_the_far_end_hangs_up(house: House) -> None:
    async def short(leg: IncomingLeg) -> None:
        await answer(leg)
        assert isinstance(await leg.next_event(), Answered)
        await leg.hang_up("bye")

    house.callee(short)
    leg = await house.trunk().dial(DialRequest(NUMBER))
    found = await ended(leg)
    assert [type(e) for e in found] == [Progress, Answered, Ended]
    assert isinstance(found[-1], Ended)
    assert found[-1].by_remote
    await leg.close()


async def test_refused_with_retry_after_rests_the_trunk_but_no_longer_than_allowed(house: House) -> None:
    house.callee(lambda leg: leg.reject(503, "Full", retry_after=99999))
    trunk = house.trunk(max_backoff_s=60.0)
    leg = await trunk.dial(DialRequest(NUMBER))
    (failed,) = await ended(leg)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.reason, failed.ours, failed.retry_after_s) == (503, "Full", True, 99999.0)
    await leg.close()
    state = trunk.state()
    assert (state.up, state.reason) == (False, "503 Full: resting 60 s")


async def test_refused_credentials_rest_the_trunk(house: House) -> None:
    house.callee(lambda leg: leg.reject(407))
    trunk = house.trunk(backoff_s=45.0)
    (failed,) = await ended(await trunk.dial(DialRequest(NUMBER)))
    assert isinstance(failed, Failed)
    assert failed.ours
    assert not trunk.state().up
    assert "resting 45 s" in trunk.state().reason


async def test_no_invite_leaves_once_it_is_too_late(house: House) -> None:
    house.callee(lambda leg: leg.ring())
    trunk = house.trunk()
    with pytest.raises(TrunkError, match="too late for an INVITE"):
        await trunk.dial(DialRequest(NUMBER, not_after=house.near.now() - 0.01))
    assert house.legs == []
    assert all(stream.closed for stream in house.media.streams)
    assert trunk.state().lines_free == trunk.config.lines


async def test_hanging_up_while_it_rings(house: House) -> None:
    house.callee(lambda leg: leg.ring())
    leg = await house.trunk().dial(DialRequest(NUMBER))
    assert isinstance(await leg.next_event(), Progress)
    await leg.hang_up("ring time over")
    (failed,) = await ended(leg)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.ours) == (487, False)
    await leg.close()
    await until(lambda: bool(house.far_events))
    assert isinstance(house.far_events[0], Failed)


async def test_no_line_no_port_no_endpoint_no_call(house: House) -> None:
    house.callee(lambda leg: leg.ring())
    trunk = house.trunk(lines=1)
    house.media.broken = True
    with pytest.raises(TrunkError, match="no media port"):
        await trunk.dial(DialRequest(NUMBER))
    house.media.broken = False
    leg = await trunk.dial(DialRequest(NUMBER))
    with pytest.raises(TrunkError, match="no free line"):
        await trunk.dial(DialRequest(NUMBER))
    await leg.close()
    with pytest.raises(TrunkError, match="not a SIP URI"):
        await trunk.dial(DialRequest("nobody"))
    with pytest.raises(TrunkError, match="no address"):
        await house.trunk(host="no-such-host.invalid").dial(DialRequest(NUMBER))
    assert len(house.media.streams) == 1


async def test_a_register_trunk_is_up_once_registered(house: House) -> None:
    trunk = house.trunk(type=TrunkType.REGISTER, username="t", password="pw", domain="dialer")
    assert not trunk.state().up
    with pytest.raises(TrunkError, match="not registered"):
        await trunk.dial(DialRequest(NUMBER))
    await trunk.start()
    await until(lambda: bool(trunk.state().up))
    assert house.far.lookup("t") == f"sip:t@127.0.0.1:{house.near.local[1]}"
    await trunk.close()
    assert not trunk.state().up
    await until(lambda: not house.far.lookup("t"))


async def test_a_registered_phone_is_called_by_its_name_without_a_line(house: House) -> None:
    phone = house.trunk(type=TrunkType.REGISTER, username="t", password="pw", domain="dialer")
    await phone.start()
    await until(lambda: bool(phone.state().up))

    async def take(leg: IncomingLeg) -> None:
        await leg.answer()
        assert isinstance(await leg.next_event(), Answered)
        await leg.hang_up()

    house.near.on_invite = take
    ours = SipTrunk(TrunkConfig("x", "192.0.2.1", lines=1), house.far_media, house.far)
    leg = await ours.dial(DialRequest("sip:t@dialer"))
    assert ours.state().lines_free == 1
    found = await ended(leg)
    assert isinstance(found[0], Answered)
    await leg.close()
    await phone.close()


async def test_the_trunks_password_never_goes_to_an_agents_phone(house: House) -> None:
    """The phone asks for a password; nobody but the carrier gets an answer to that."""
    seen: list[bytes] = []

    class Phone(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            seen.append(data)
            request = parse_message(data)
            if isinstance(request, Request) and request.method == "INVITE":
                response = response_to(request, 401, addr, to_tag="x")
                response.headers.set("WWW-Authenticate", 'Digest realm="r", nonce="n"')
                self.transport.sendto(to_bytes(response), addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    trunk = house.trunk(username="t", password="pw")
    (failed,) = await ended(await trunk.dial(DialRequest(f"sip:agent@127.0.0.1:{port}")))
    assert isinstance(failed, Failed)
    assert failed.code == 401
    assert len([data for data in seen if data.startswith(b"INVITE")]) == 1
    transport.close()


async def test_media_that_cannot_be_connected_ends_the_call(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.callee(answer)
    leg = await house.trunk().dial(DialRequest(NUMBER))

    async def broken(remote: RemoteMedia) -> None:
        raise MediaError("the plane is gone")

    monkeypatch.setattr(house.media.streams[0], "connect", broken)
    found = await ended(leg)
    assert MediaFailed in [type(e) for e in found]
    assert isinstance(found[-1], Ended)
    await leg.close()


async def test_closing_a_live_leg_ends_it(house: House) -> None:
    house.callee(answer)
    leg = await house.trunk().dial(DialRequest(NUMBER))
    while not isinstance(await leg.next_event(), Answered):
        pass
    await leg.close()
    assert isinstance(await leg.next_event(), Ended)
    await until(lambda: bool(house.far_events))
    assert isinstance(house.far_events[-1], Ended)


async def test_without_a_handler_calls_are_refused(house: House) -> None:
    (failed,) = await ended(await house.trunk().dial(DialRequest(NUMBER)))
    assert isinstance(failed, Failed)
    assert (failed.code, failed.ours) == (480, False)


async def test_an_incoming_leg_has_no_media_before_the_answer(house: House) -> None:
    said: list[str] = []

    async def early(leg: IncomingLeg) -> None:
        try:
            said.append(str(leg.media))
        except TrunkError as error:
            said.append(str(error))
        await leg.reject(486)

    house.callee(early)
    (failed,) = await ended(await house.trunk().dial(DialRequest(NUMBER)))
    assert isinstance(failed, Failed)
    assert failed.code == 486
    assert "answer it first" in said[0]


async def test_a_handler_that_fails_ends_only_its_call(house: House) -> None:
    house.far_media.broken = True
    house.callee(answer)
    found = await ended(await house.trunk().dial(DialRequest(NUMBER)))
    assert isinstance(found[-1], Failed)
    assert found[-1].code == 480
    assert await house.near.options(f"sip:127.0.0.1:{house.far.local[1]}") == 200


async def test_a_taken_port_is_said(house: House) -> None:
    with pytest.raises(TrunkError, match="can't listen on UDP"):
        await SipEndpoint(EndpointConfig("127.0.0.1", house.far.local[1])).start()


async def test_a_closed_endpoint_places_nothing(house: House) -> None:
    trunk = house.trunk()
    await house.near.close()
    await house.near.close()
    assert (trunk.state().up, trunk.state().reason) == (False, "the SIP endpoint isn't started")
    with pytest.raises(TrunkError):
        await trunk.dial(DialRequest(NUMBER))


async def test_logs_name_no_number(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.callee(lambda leg: leg.reject(503))
    leg = await house.trunk(backoff_s=1.0).dial(DialRequest(NUMBER, reference="call 7"))
    await ended(leg)
    await leg.close()
    said = " ".join(str(record.__dict__) for record in caplog.records if record.name == "dialer.sip")
    assert "call 7" in said
    assert NUMBER.national not in said


async def test_a_reader_that_does_not_read_costs_bounded_memory() -> None:
    events = LegEvents()
    for _ in range(10_000):
        events.media(SpeechAudio(0.0, b""))
    events.media(KeyPressed(0.0, "1", 0.0))
    count = 0
    while not isinstance(await events.get(), KeyPressed):
        count += 1
    assert count < 5000


async def test_a_trunk_without_media_is_down(house: House) -> None:
    trunk = house.trunk()
    house.media.alive = False
    assert (trunk.state().up, trunk.state().reason) == (False, "the media plane is gone")
    house.media.alive = True
    assert trunk.state().up


@pytest.mark.parametrize("answered", [False, True])
async def test_the_end_of_the_endpoint_ends_legs_whose_far_end_is_gone(
    house: House, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answered:
        house.callee(answer)
    else:
        house.callee(IncomingLeg.ring)
    leg = await house.trunk().dial(DialRequest(NUMBER))
    assert isinstance(await leg.next_event(), Progress)
    if answered:
        assert isinstance(await leg.next_event(), Answered)
    monkeypatch.setattr(house.far._agent, "receive_datagram", lambda *_: None)
    holding = asyncio.ensure_future(leg.hold())
    await asyncio.sleep(0)
    await house.near.close(grace_s=0.0)
    async with asyncio.timeout(2):
        last = await leg.next_event()
        with pytest.raises(TrunkError, match="over"):
            await holding
    assert isinstance(last, Ended if answered else Failed)
    assert last.reason == "shutting down"
    await leg.close()


async def test_a_handler_with_a_fault_of_its_own_ends_only_its_call(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(leg: IncomingLeg) -> None:
        await answer(leg)
        raise KeyError("nobody foresaw this")

    house.callee(faulty)
    found = await ended(await house.trunk().dial(DialRequest(NUMBER)))
    assert isinstance(found[-1], Ended)
    assert "incoming call failed" in caplog.text
    await until(lambda: house.far_media.streams[0].closed, "its media port is free again")
    assert await house.near.options(f"sip:127.0.0.1:{house.far.local[1]}") == 200


async def test_a_handler_with_a_fault_does_not_stop_the_endpoints_clock() -> None:
    """What waits for a timer would wait until the next message comes, or for ever."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    endpoint, media = SipEndpoint(EndpointConfig(bind_port=0, timers=TimerValues(t1=0.02))), FakeMediaPlane()
    await endpoint.start()
    async with carriers(silent) as (carrier,):
        trunk = SipTrunk(to(carrier, no_response_s=0.1), media, endpoint)
        trunk._on_signal = lambda line, event: {}["nobody foresaw this"]  # type: ignore[method-assign]
        leg = await trunk.dial(DialRequest(NUMBER))
        async with asyncio.timeout(5):
            assert await endpoint.options(f"sip:127.0.0.1:{carrier.address[1]}") == 0
        assert len(said) == 1
        await leg.close()
    await endpoint.close(grace_s=0)


async def test_a_registrar_that_moved_is_found_by_dns_again(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = SipEndpoint(EndpointConfig(bind_port=0, timers=TimerValues(t1=0.01)))
    await endpoint.start()
    async with carriers(silent, says(200)) as (old, new):
        asked = [old, new]
        trunk = SipTrunk(to(old, type=TrunkType.REGISTER, username="u"), FakeMediaPlane(), endpoint)

        async def targets(host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
            return [Addr(*(asked.pop(0) if len(asked) > 1 else asked[0]).address)]

        monkeypatch.setattr(endpoint, "targets", targets)
        await trunk.start()
        async with asyncio.timeout(4):
            await trunk.registered()
        assert trunk.state().up
        await trunk.close()
    await endpoint.close(grace_s=0)
