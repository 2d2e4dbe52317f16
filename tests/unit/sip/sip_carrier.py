"""A carrier of few words for tests: a bare UDP socket that keeps what comes and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from sip_fakes import FakeMediaPlane
from sipmessage import Request, Response

from dialer.model import PhoneNumber
from dialer.ports import DialRequest, Ended, Failed, Leg, LegEvent
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.lines import open_trunks
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.trunkgroup import TrunkGroup

NUMBER = PhoneNumber.parse("13812345678")
Source = tuple[str, int]
Answer = Callable[[Request], Response | None]


def says(code: int, **headers: str) -> Answer:
    """This final response to everything but ACK; ``Retry_After`` writes Retry-After."""

    def answer(request: Request) -> Response | None:
        if request.method == "ACK":
            return None
        response = response_to(request, code, ("127.0.0.1", 9), to_tag="carrier")
        for name, value in headers.items():
            response.headers.set(name.replace("_", "-"), value)
        return response

    return answer


def silent(request: Request) -> Response | None:
    return None


class Carrier(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.got: list[tuple[float, Request, Source]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address: Source = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Source) -> None:
        message = parse_message(data)
        if not isinstance(message, Request):
            return
        self.got.append((asyncio.get_running_loop().time(), message, addr))
        if (response := self.answer(message)) is not None:
            self.transport.sendto(to_bytes(response), addr)

    def requests(self, method: str) -> list[Request]:
        """Each once: what is retransmitted isn't new."""
        seen: dict[tuple[str, str], Request] = {}
        for _, request, _ in self.got:
            if request.method == method:
                seen.setdefault((request.headers["Call-ID"], request.headers["CSeq"]), request)
        return list(seen.values())

    @property
    def sources(self) -> list[Source]:
        return [source for _, _, source in self.got]


@asynccontextmanager
async def carriers(*answers: Answer, host: str = "127.0.0.1") -> AsyncIterator[list[Carrier]]:
    loop, made = asyncio.get_running_loop(), []
    async with AsyncExitStack() as stack:
        for answer in answers:
            transport, carrier = await loop.create_datagram_endpoint(
                lambda answer=answer: Carrier(answer),  # type: ignore[misc]
                local_addr=(host, 0),
            )
            stack.callback(transport.close)
            made.append(carrier)
        yield made


@asynccontextmanager
async def group_of(
    *trunks: TrunkConfig, sip: dict[str, Any] | None = None, failover_s: float = 5.0, **kept: Any
) -> AsyncIterator[TrunkGroup]:
    """The trunks with their sockets; ``on_change`` may be among ``kept``."""
    config = EndpointConfig(**{"bind_port": 0, **(sip or {})})
    media = FakeMediaPlane()
    endpoint = SipEndpoint(config, media=media)
    await endpoint.start()
    try:
        async with open_trunks(trunks, config, media, endpoint, failover_s, **kept) as group:
            yield group
    finally:
        await endpoint.close(grace_s=0)


def to(carrier: Carrier, name: str = "main", **fields: Any) -> TrunkConfig:
    """A trunk to this carrier; it isn't asked by OPTIONS unless the test says so."""
    host, port = carrier.address
    return TrunkConfig(**{"name": name, "host": host, "port": port, "options_interval_s": 0.0, **fields})


async def over(leg: Leg, timeout_s: float = 10.0) -> list[LegEvent]:
    """Every event up to Failed or Ended; then the leg is closed."""
    found: list[LegEvent] = []
    async with asyncio.timeout(timeout_s):
        while not found or not isinstance(found[-1], Failed | Ended):
            found.append(await leg.next_event())
    await leg.close()
    return found


async def call(group: TrunkGroup, number: PhoneNumber = NUMBER, **fields: Any) -> Failed:
    """One call that nobody answers."""
    last = (await over(await group.dial(DialRequest(number, **fields))))[-1]
    assert isinstance(last, Failed)
    return last


def users(requests: Sequence[Request]) -> list[str | None]:
    """Whom the requests are for."""
    return [request.uri.user for request in requests]
