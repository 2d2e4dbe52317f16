"""Each setting of ``[trunk]``, ``[sip]`` and ``[registrar]``, with two values: the far end notices."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sip_fakes import FakeMediaPlane, Net, Peer, events, until
from sipmessage import Request, Response

from dialer.errors import TrunkError
from dialer.model import PhoneNumber
from dialer.ports import DialRequest, Failed
from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import EndpointConfig, RegistrarConfig, TrunkConfig, TrunkType
from dialer.sip.digest import Credentials
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg, SipLeg
from dialer.sip.message import header_values, parse_message, response_to, to_bytes
from dialer.sip.registration import RegisterSpec
from dialer.sip.signals import Registered
from dialer.sip.trunk import SipTrunk

NUMBER = PhoneNumber.parse("13812345678")
Answer = Callable[[Request], Response | None]


def busy(request: Request) -> Response | None:
    return response_to(request, 486, Addr("127.0.0.1", 9), to_tag="c") if request.method != "ACK" else None


def silent(request: Request) -> Response | None:
    return None


class Carrier(asyncio.DatagramProtocol):
    """A bare UDP socket: keeps what comes and answers as told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.got: list[Request | Response] = []
        self.sources: list[Addr] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address: Addr = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Addr) -> None:
        message = parse_message(data)
        self.got.append(message)
        self.sources.append(addr)
        if isinstance(message, Request) and (response := self.answer(message)) is not None:
            self.transport.sendto(to_bytes(response), addr)

    def requests(self, method: str) -> list[Request]:
        return [m for m in self.got if isinstance(m, Request) and m.method == method]


@asynccontextmanager
async def carrier(answer: Answer = busy, host: str = "127.0.0.1") -> AsyncIterator[Carrier]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: Carrier(answer), local_addr=(host, 0))
    yield made
    transport.close()


@asynccontextmanager
async def endpoint(**fields: Any) -> AsyncIterator[SipEndpoint]:
    made = SipEndpoint(EndpointConfig(**{"bind_port": 0, **fields}), media=FakeMediaPlane())
    await made.start()
    yield made
    await made.close(grace_s=0)


@asynccontextmanager
async def trunk_to(far: Carrier, sip: dict[str, Any] | None = None, **fields: Any) -> AsyncIterator[SipTrunk]:
    """Its own endpoint included."""
    async with endpoint(**(sip or {})) as near:
        values = {"name": "main", "host": far.address[0], "port": far.address[1], **fields}
        trunk = SipTrunk(TrunkConfig(**values), FakeMediaPlane(), near)
        yield trunk
        await trunk.close()


async def failure(leg: SipLeg) -> Failed:
    async with asyncio.timeout(10):
        while not isinstance(event := await leg.next_event(), Failed):
            pass
    await leg.close()
    return event


async def invited(far: Carrier, sip: dict[str, Any] | None = None, **fields: Any) -> Request:
    """The INVITE of one call."""
    async with trunk_to(far, sip, **fields) as trunk:
        await failure(await trunk.dial(DialRequest(NUMBER)))
    return far.requests("INVITE")[0]


# -- [trunk]: what the INVITE says ------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
async def test_calls_go_to_the_trunks_host_and_port(host: str) -> None:
    async with carrier(host=host) as far, carrier(host=host) as other:
        port = far.address[1]
        invite = await invited(far, {"bind_host": "0.0.0.0"}, host=host, port=port)
        assert str(invite.uri) == f"sip:13812345678@{host}:{port}"
        assert other.got == []
        async with trunk_to(far, {"bind_host": "0.0.0.0"}, host=host, port=other.address[1]) as trunk:
            await failure(await trunk.dial(DialRequest(NUMBER)))
        assert len(other.requests("INVITE")) == 1


@pytest.mark.parametrize(
    ("name", "value", "header", "says"),
    [
        ("username", "u77", "From", "<sip:u77@"),
        ("caller_id", "4008001234", "From", "<sip:4008001234@"),
        ("domain", "ims.example", "From", "@ims.example>"),
        ("domain", "ims.example", "To", "<sip:13812345678@ims.example>"),
        ("display_name", "回访中心", "From", '"回访中心" <sip:'),
        ("display_name", "Office", "From", '"Office" <sip:'),
        ("number_format", "9{national}", "To", "<sip:913812345678@"),
        ("number_format", "{e164}", "To", "<sip:+8613812345678@"),
        ("number_format", "{digits}", "To", "<sip:8613812345678@"),
    ],
)
async def test_how_the_trunk_calls_itself_and_the_number(
    name: str, value: str, header: str, says: str
) -> None:
    async with carrier() as far, carrier() as plain:
        fields: dict[str, Any] = {name: value}
        invite = await invited(far, **fields)
        assert says in invite.headers[header]
        if header == "To":
            assert says[1:].partition("@")[0].removeprefix("sip:") == invite.uri.user
        assert says not in (await invited(plain)).headers[header]


@pytest.mark.parametrize(("realm", "invites"), [("", 2), ("carrier", 2), ("elsewhere", 1)])
async def test_only_the_trunks_realm_gets_the_password(realm: str, invites: int) -> None:
    def challenge(request: Request) -> Response | None:
        if request.method == "ACK":
            return None
        response = response_to(request, 407, Addr("127.0.0.1", 9), to_tag="c")
        response.headers.set("Proxy-Authenticate", 'Digest realm="carrier", nonce="n"')
        return response

    async with carrier(challenge) as far:
        await invited(far, realm=realm, username="u", password="p")
        authorised = ["Proxy-Authorization" in r.headers.keys() for r in far.requests("INVITE")]  # noqa: SIM118
        assert authorised == [False, True][:invites]


# -- [trunk]: when it is up -------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "up"), [(TrunkType.STATIC, True), (TrunkType.REGISTER, False)])
async def test_only_a_register_type_waits_for_its_registration(kind: TrunkType, up: bool) -> None:
    async with carrier(silent) as far, trunk_to(far, type=kind, username="u") as trunk:
        await trunk.start()
        assert trunk.state().up is up
        if kind is TrunkType.REGISTER:
            await until(lambda: bool(far.requests("REGISTER")))


@pytest.mark.parametrize("register_expires_s", [60, 900])
async def test_how_long_a_registration_is_asked_for(register_expires_s: int) -> None:
    fields: dict[str, Any] = {"type": TrunkType.REGISTER, "username": "u"}
    fields["register_expires_s"] = register_expires_s
    async with carrier(silent) as far, trunk_to(far, **fields) as trunk:
        await trunk.start()
        await until(lambda: bool(far.requests("REGISTER")))
        request = far.requests("REGISTER")[0]
    said = request.headers.get("Expires") or request.headers["Contact"].rpartition("expires=")[2]
    assert int(said) == register_expires_s


@pytest.mark.parametrize("lines", [1, 3])
async def test_no_more_calls_than_lines(lines: int) -> None:
    async with carrier(silent) as far, trunk_to(far, lines=lines) as trunk:
        legs = [await trunk.dial(DialRequest(NUMBER)) for _ in range(lines)]
        with pytest.raises(TrunkError, match="no free line"):
            await trunk.dial(DialRequest(NUMBER))
        for leg in legs:
            await leg.close()


@pytest.mark.parametrize("no_response_s", [0.2, 0.8])
async def test_how_long_a_silent_carrier_is_waited_for(no_response_s: float) -> None:
    async with carrier(silent) as far, trunk_to(far, no_response_s=no_response_s) as trunk:
        before = asyncio.get_running_loop().time()
        failed = await failure(await trunk.dial(DialRequest(NUMBER)))
        waited = asyncio.get_running_loop().time() - before
    assert (failed.code, failed.ours) == (0, True)
    assert no_response_s - 0.01 <= waited < no_response_s + 0.5


@pytest.mark.parametrize(
    ("retry_after", "backoff_s", "max_backoff_s", "rests_s"),
    [(None, 45.0, 3600.0, 45), (None, 90.0, 3600.0, 90), (500, 45.0, 200.0, 200), (500, 45.0, 300.0, 300)],
)
async def test_how_long_an_ailing_trunk_rests(
    retry_after: int | None, backoff_s: float, max_backoff_s: float, rests_s: int
) -> None:
    def full(request: Request) -> Response | None:
        if request.method == "ACK":
            return None
        response = response_to(request, 503, Addr("127.0.0.1", 9), to_tag="c")
        if retry_after is not None:
            response.headers.set("Retry-After", str(retry_after))
        return response

    rests: dict[str, Any] = {"backoff_s": backoff_s, "max_backoff_s": max_backoff_s}
    async with carrier(full) as far, trunk_to(far, **rests) as trunk:
        await failure(await trunk.dial(DialRequest(NUMBER)))
        assert trunk.state().reason.endswith(f"resting {rests_s} s")


@pytest.mark.parametrize("name", ["unicom", "telecom"])
async def test_logs_and_errors_name_the_trunk(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dialer.sip")
    async with carrier() as far, trunk_to(far, name=name, lines=1) as trunk:
        leg = await trunk.dial(DialRequest(NUMBER))
        with pytest.raises(TrunkError, match=f"trunk {name}: no free line"):
            await trunk.dial(DialRequest(NUMBER))
        await failure(leg)
    assert [vars(r)["trunk"] for r in caplog.records if r.getMessage() == "invite sent"] == [name]


# -- [sip] ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bind_host", ["127.0.0.1", "127.0.0.3"])
async def test_messages_leave_from_the_bound_host(bind_host: str) -> None:
    async with carrier() as far:
        invite = await invited(far, {"bind_host": bind_host})
        assert far.sources[0][0] == bind_host
        assert f"@{bind_host}:" in invite.headers["Contact"]


async def test_messages_leave_from_the_bound_port() -> None:
    async with carrier() as far, carrier() as free:
        taken = free.address[1]
        free.transport.close()
        await asyncio.sleep(0)
        await invited(far, {"bind_port": taken})
        await invited(far, {"bind_port": 0})
        ports = [source[1] for source in far.sources]
    assert ports[0] == taken
    assert ports[-1] != taken


@pytest.mark.parametrize("advertised_host", ["", "203.0.113.9"])
async def test_peers_are_told_the_advertised_host(advertised_host: str) -> None:
    told = advertised_host or "127.0.0.1"
    async with carrier() as far:
        invite = await invited(far, {"advertised_host": advertised_host})
    assert f"@{told}:" in invite.headers["Contact"]
    assert invite.headers["Via"].startswith(f"SIP/2.0/UDP {told}:")


@pytest.mark.parametrize("user_agent", ["Huifang", "Callback/2"])
async def test_the_user_agent_header(user_agent: str) -> None:
    async with carrier() as far:
        invite = await invited(far, {"user_agent": user_agent})
        async with endpoint(user_agent=user_agent) as near:
            asked = Peer(cast(Any, None)).request("OPTIONS")
            far.transport.sendto(to_bytes(asked), near.local[:2])
            await until(lambda: isinstance(far.got[-1], Response))
        answer = far.got[-1]
    assert invite.headers["User-Agent"] == user_agent
    assert answer.headers["Server"] == user_agent


@pytest.mark.parametrize("max_calls", [1, 2])
async def test_calls_beyond_the_limit_are_refused(max_calls: int) -> None:
    async def ring(leg: IncomingLeg) -> None:
        await leg.ring()
        await asyncio.sleep(60)

    async with carrier() as far, endpoint(max_calls=max_calls) as near:
        near.on_invite = ring
        for number in range(max_calls + 1):
            invite = Peer(cast(Any, None)).request("INVITE", branch=f"z9hG4bK{number}", Call_ID=f"c{number}")
            far.transport.sendto(to_bytes(invite), near.local[:2])
            wanted = 503 if number == max_calls else 180
            await until(lambda wanted=wanted: wanted in codes(far), str(wanted))  # type: ignore[misc]
        assert codes(far).count(180) == max_calls


def codes(far: Carrier) -> list[int]:
    return [message.code for message in far.got if isinstance(message, Response)]


# -- [registrar] ------------------------------------------------------------------------------


class Office:
    """Phones of one user, each at a port of its own, and our registrar; no sockets."""

    def __init__(self, **fields: Any) -> None:
        self.net = Net()
        self.registrar = self.net.add(5070, registrar=RegistrarConfig(users={"1001": "pw"}, **fields))

    def register(self, port: int = 5060, expires: int = 300) -> float:
        """What was granted."""
        phone = self.net.add(port)
        spec = RegisterSpec(
            parse_uri("sip:dialer"), parse_uri("sip:1001@dialer"), Addr("127.0.0.1", 5070),
            Credentials("1001", "pw"), expires,
        )  # fmt: skip
        phone.register(spec, self.net.now)
        self.net.deliver()
        (registered,) = events(phone)
        assert isinstance(registered, Registered)
        return registered.expires_s

    def responses(self, code: int) -> list[Response]:
        found = [parse_message(data) for source, _, data in self.net.sent if source[1] == 5070]
        return [m for m in found if isinstance(m, Response) and m.code == code]


@pytest.mark.parametrize("realm", ["dialer", "office.example"])
def test_phones_are_asked_for_the_realm_and_found_in_it(realm: str) -> None:
    office = Office(realm=realm)
    office.register()
    assert f'realm="{realm}"' in office.responses(401)[0].headers["WWW-Authenticate"]
    assert office.registrar.lookup(f"sip:1001@{realm}", office.net.now) == "sip:1001@127.0.0.1:5060"
    assert office.registrar.lookup("sip:1001@another.example", office.net.now) is None


@pytest.mark.parametrize("min_expires_s", [30, 120])
def test_shorter_registrations_are_refused(min_expires_s: int) -> None:
    office = Office(min_expires_s=min_expires_s)
    assert office.register(expires=min_expires_s - 10) == min_expires_s
    assert office.responses(423)[0].headers["Min-Expires"] == str(min_expires_s)
    again = Office(min_expires_s=min_expires_s)
    assert again.register(expires=min_expires_s) == min_expires_s
    assert again.responses(423) == []


@pytest.mark.parametrize("max_expires_s", [600, 1200])
def test_longer_registrations_are_shortened(max_expires_s: int) -> None:
    assert Office(max_expires_s=max_expires_s).register(expires=7200) == max_expires_s


@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",)])
def test_phones_are_asked_for_the_algorithms_of_the_setting(algorithms: tuple[str, ...]) -> None:
    office = Office(algorithms=algorithms)
    office.register()
    asked = office.responses(401)[0].headers.getlist("WWW-Authenticate")
    assert [re.findall(r"algorithm=([A-Z0-9-]+)", challenge)[0] for challenge in asked] == list(algorithms)
    assert office.registrar.lookup("1001", office.net.now) is not None


@pytest.mark.parametrize("max_contacts", [1, 5])
def test_one_phone_too_many_takes_the_oldests_place(max_contacts: int) -> None:
    office = Office(max_contacts=max_contacts)
    ports = [5080 + n for n in range(max_contacts + 1)]
    for port in ports:
        office.register(port)
    listed = header_values(office.responses(200)[-1], "Contact")
    assert len(listed) == max_contacts
    assert not any(f":{ports[0]}>" in contact for contact in listed)
    assert office.registrar.lookup("1001", office.net.now) == f"sip:1001@127.0.0.1:{ports[-1]}"
