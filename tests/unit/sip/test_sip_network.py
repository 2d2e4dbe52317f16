"""All transports together: ports, names, size rule, failover, and the settings of the sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.message
import dns.rrset
import pytest
from certificates import Authority
from sip_fakes import FakeMediaPlane, Peer, until
from sipmessage import Request, Response

from dialer.errors import ConfigError, TrunkError
from dialer.ports import Answered, Ended
from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import EndpointConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.framing import KeepAlive, StreamFramer
from dialer.sip.leg import IncomingLeg, LegEvents, SipLeg
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import make_offer
from dialer.sip.sockets import PortTaken

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def endpoint(**fields: Any) -> AsyncIterator[SipEndpoint]:
    made = SipEndpoint(EndpointConfig(**{"bind_port": 0, "tls_port": 0, **fields}), media=FakeMediaPlane())
    await made.start()
    try:
        yield made
    finally:
        await made.close(grace_s=0)


@dataclass
class Server:
    """A SIP server on UDP and TCP of one port, answering every request with ``code`` (0: not at all)."""

    code: int = 486
    port: int = 0
    got: list[tuple[str, Request]] = field(default_factory=list)

    def take(self, data: bytes, transport: str) -> bytes | None:
        message = parse_message(data)
        if not isinstance(message, Request):
            return None
        self.got.append((transport, message))
        if message.method == "ACK" or not self.code:
            return None
        return to_bytes(response_to(message, self.code, Addr(LOOPBACK, 9), to_tag="s"))

    def seen(self) -> list[str]:
        return [f"{transport} {message.method}" for transport, message in self.got if message.method != "ACK"]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self._server.take(data, "udp")) is not None:
            self._transport.sendto(reply, addr)


class _Tcp(asyncio.Protocol):
    def __init__(self, server: Server, opened: list[Any]) -> None:
        self._server, self._framer, self._opened = server, StreamFramer(65535), opened

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._opened.append(transport)

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data)[0]:
            if not isinstance(frame, KeepAlive) and (reply := self._server.take(frame, "tcp")) is not None:
                self._transport.write(reply)


@asynccontextmanager
async def server(
    code: int = 486, *, tcp: bool = True, udp: bool = True, host: str = LOOPBACK
) -> AsyncIterator[Server]:
    made, loop, opened = Server(code), asyncio.get_running_loop(), list[Any]()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(made), local_addr=(host, 0))
    made.port = transport.get_extra_info("sockname")[1]
    if not udp:
        transport.close()
    listening = await loop.create_server(lambda: _Tcp(made, opened), host, made.port) if tcp else None
    try:
        yield made
    finally:
        transport.close()
        if listening is not None:
            listening.close()
        for one in opened:
            one.close()


def invite(near: SipEndpoint, peer: Addr, *, padding: int = 0, **fields: Any) -> SipLeg:
    """Place a call whose INVITE is ``padding`` bytes longer."""
    stream: Any = None
    leg = SipLeg(near, LegEvents(), stream)
    spec = InviteSpec(
        parse_uri(f"sip:1@{LOOPBACK}"), parse_uri("sip:2@h"), peer, make_offer(LOOPBACK, 4000, 1),
        headers=(("Subject", "x" * padding),), **fields,
    )  # fmt: skip
    near.place(spec, leg)
    return leg


# -- sockets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [True, False])
async def test_tcp_is_spoken_or_not(tcp: bool) -> None:
    async with endpoint(tcp=tcp) as near, server() as far:
        if tcp:
            _, writer = await asyncio.open_connection(LOOPBACK, near.local.port)
            writer.close()
            assert await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port, "tcp")) == 486
        else:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(LOOPBACK, near.local.port)
            with pytest.raises(TrunkError, match="over tcp isn't spoken"):
                await near.targets(LOOPBACK, far.port, "tcp")
            assert await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port, "tcp")) == 0
            assert far.got == []


async def test_a_taken_tcp_port_is_said() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        made = SipEndpoint(EndpointConfig(bind_port=taken.getsockname()[1]))
        with pytest.raises(
            PortTaken, match=r"SIP can't listen on TCP 127\.0\.0\.1:\d+: Address already in use"
        ):
            await made.start()
        await asyncio.sleep(0.01)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(taken.getsockname())


@pytest.mark.parametrize("device", ["", "lo", "no-such0"])
async def test_an_interface_is_bound_to_or_the_reason_said(device: str) -> None:
    if device == "no-such0":
        with pytest.raises(TrunkError, match=r"no network interface no-such0 here, only .*lo|CAP_NET_RAW"):
            async with endpoint(bind_device=device):
                pass
        return
    try:
        async with endpoint(bind_device=device) as near, server() as far:
            for transport in ("udp", "tcp"):
                assert await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port, transport)) == 486
            names = []
            for one in _sockets_of(near):
                with one:
                    names.append(one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0"))
            assert names == [device.encode()] * 2
    except TrunkError as error:
        if "CAP_NET_RAW" not in str(error):
            raise


def _sockets_of(near: SipEndpoint) -> list[socket.socket]:
    """The UDP socket and that of one open connection."""
    network = near._net()
    udp, streams = network._udp, network._streams
    assert udp is not None
    (connection,) = streams._connections
    found = [one.get_extra_info("socket").fileno() for one in (udp._transport, connection._transport)]  # type: ignore[union-attr]
    return [socket.socket(fileno=os.dup(number)) for number in found]


@pytest.mark.parametrize("dscp", [24, 46, 0])
async def test_packets_and_connections_carry_the_dscp(dscp: int) -> None:
    async with endpoint(dscp=dscp) as near, server() as far:
        assert await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port, "tcp")) == 486
        for one in _sockets_of(near):
            with one:
                assert one.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2 == dscp


async def test_signalling_over_ipv6() -> None:
    async with endpoint(bind_host="::1") as near, server(host="::1") as far:
        for transport in ("udp", "tcp"):
            assert await near.ask(parse_uri("sip:[::1]"), Addr("::1", far.port, transport)) == 486
            assert (
                far.got[-1][1]
                .headers["Via"]
                .startswith(f"SIP/2.0/{transport.upper()} [::1]:{near.local.port};")
            )
            assert f"<sip:[::1]:{near.local.port}" in far.got[-1][1].headers["Contact"]
        assert await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port)) == 0


# -- who we say we are --------------------------------------------------------------------------


@pytest.mark.parametrize(("port", "tls_port"), [(0, 0), (15060, 15061)])
async def test_peers_are_told_the_advertised_ports(port: int, tls_port: int, tmp_path: Any) -> None:
    pem, key = Authority.make(tmp_path).sign("us", "DNS:us.test")
    fields = {"tls_certificate_file": pem, "tls_key_file": key, "advertised_tls_port": tls_port}
    async with endpoint(advertised_host="192.0.2.1", advertised_port=port, **fields) as near, server() as far:
        for transport in ("udp", "tcp"):
            await near.ask(parse_uri("sip:x"), Addr(LOOPBACK, far.port, transport))
            request = far.got[-1][1]
            told = f"192.0.2.1:{port or near.local.port}"
            assert request.headers["Via"].startswith(f"SIP/2.0/{transport.upper()} {told};branch=")
            parameter = "" if transport == "udp" else ";transport=tcp"
            assert request.headers["Contact"] == f"<sip:{told}{parameter}>"
        assert near._net().local(Addr(LOOPBACK, 1, "tls")) == ("192.0.2.1", tls_port or near.tls_port)


@pytest.mark.parametrize("tls_port", [0, 25061])
async def test_the_tls_port_that_is_listened_on(tls_port: int, tmp_path: Any) -> None:
    pem, key = Authority.make(tmp_path).sign("us", "DNS:us.test")
    async with endpoint(tls_port=tls_port, tls_certificate_file=pem, tls_key_file=key) as near:
        assert near.tls_port == tls_port if tls_port else near.tls_port > 1024
        _, writer = await asyncio.open_connection(LOOPBACK, near.tls_port)
        writer.close()
    async with endpoint(tls_port=tls_port) as plain:
        assert plain.tls_port == 0


# -- size rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "padding", "transport"), [
    (1300, 0, "udp"), (1300, 900, "tcp"), (3000, 900, "udp"), (0, 5000, "udp"),
])  # fmt: skip
async def test_which_requests_go_by_tcp_for_their_size(limit: int, padding: int, transport: str) -> None:
    async with endpoint(udp_max_bytes=limit) as near, server() as far:
        invite(near, Addr(LOOPBACK, far.port), padding=padding)
        await until(lambda: len(far.got) == 2)
        assert far.seen() == [f"{transport} INVITE"]
        assert [t for t, _ in far.got] == [transport] * 2, "the ACK goes the same way"
        assert far.got[0][1].headers["Via"].startswith(f"SIP/2.0/{transport.upper()} ")


async def test_a_peer_that_was_configured_for_udp_gets_everything_by_udp() -> None:
    async with endpoint() as near, server() as far:
        invite(near, Addr(LOOPBACK, far.port, fixed=True), padding=3000)
        await until(lambda: len(far.got) == 2)
        assert far.seen() == ["udp INVITE"]


async def test_a_large_request_goes_by_udp_where_tcp_is_refused_and_so_do_the_next() -> None:
    async with endpoint() as near, server(tcp=False) as far:
        for number in (1, 2):
            invite(near, Addr(LOOPBACK, far.port), padding=2000)
            await until(lambda number=number: far.seen() == ["udp INVITE"] * number)  # type: ignore[misc]
            assert far.got[0][1].headers["Via"].startswith("SIP/2.0/UDP ")
        assert len(near._net()._streams._opening) == 0


# -- failover -----------------------------------------------------------------------------------


async def test_an_invite_goes_to_the_next_server_where_one_cant_be_reached_or_says_503() -> None:
    async with endpoint() as near, server(503) as busy, server() as good:
        with socket.create_server((LOOPBACK, 0)) as closed:
            gone = Addr(LOOPBACK, closed.getsockname()[1], "tcp")
        others = (Addr(LOOPBACK, busy.port), Addr(LOOPBACK, good.port, "tcp"))
        leg = invite(near, gone, others=others)
        await until(lambda: bool(good.got))
        assert (busy.seen(), good.seen()) == (["udp INVITE"], ["tcp INVITE"])
        first, second = busy.got[0][1], good.got[0][1]
        assert first.headers["Call-ID"] == second.headers["Call-ID"]
        assert first.headers["Via"] != second.headers["Via"]
        event = await asyncio.wait_for(leg.next_event(), 5)
        assert getattr(event, "code", 0) == 486


async def test_no_further_server_gets_an_invite_after_silence_or_too_late() -> None:
    async with endpoint() as near, server(0) as silent, server(503) as busy, server() as good:
        others = (Addr(LOOPBACK, good.port),)
        leg = invite(near, Addr(LOOPBACK, silent.port), others=others, no_response_s=0.2)
        assert getattr(await asyncio.wait_for(leg.next_event(), 5), "code", None) == 0
        late = invite(near, Addr(LOOPBACK, busy.port), others=others, not_after=near.now() - 1)
        assert getattr(await asyncio.wait_for(late.next_event(), 5), "code", None) == 503
        assert good.got == []


async def test_a_server_that_stayed_silent_stands_last_for_the_next_call() -> None:
    async with dns_server(_zone(("a", 1), ("b", 2))) as names, server(0) as silent, server() as good:
        names.ports = {"a": silent.port, "b": good.port}
        async with endpoint(nameservers=(names.address,)) as near:
            first, second = await near.targets("sip.test", 0, "udp")
            assert (first.port, second.port) == (silent.port, good.port)
            leg = invite(near, first, no_response_s=0.2)
            await asyncio.wait_for(leg.next_event(), 5)
            assert [t.port for t in await near.targets("sip.test", 0, "udp")] == [good.port, silent.port]


async def test_a_tcp_server_that_refuses_is_passed_over_before_any_call() -> None:
    async with dns_server(_zone(("a", 1), ("b", 2), label="_sip._tcp")) as names, server() as good:
        with socket.create_server((LOOPBACK, 0)) as closed:
            port = closed.getsockname()[1]
        names.ports = {"a": port, "b": good.port}
        async with endpoint(nameservers=(names.address,)) as near:
            assert [t.port for t in await near.targets("sip.test", 0, "tcp")] == [good.port, port]
            names.ports = {"a": port, "b": port}
        async with endpoint(nameservers=(names.address,)) as near:
            with pytest.raises(
                TrunkError, match=f"no connection to TCP {LOOPBACK}:{port}: Connection refused"
            ):
                await near.targets("sip.test", 0, "tcp")


# -- names --------------------------------------------------------------------------------------


@dataclass
class Names(asyncio.DatagramProtocol):
    """A DNS server on loopback out of a zone in master-file form; ``ports`` fills in @NAME@."""

    zone: str
    ports: dict[str, int] = field(default_factory=dict)
    address: str = ""
    asked: list[str] = field(default_factory=list)
    silent: bool = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.address = f"{LOOPBACK}:{transport.get_extra_info('sockname')[1]}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{question.name} {kind}")
        if self.silent:
            return
        reply = dns.message.make_response(query)
        text = self.zone
        for name, port in self.ports.items():
            text = text.replace(f"@{name}@", str(port))
        for line in text.splitlines():
            owner, ttl, found, *rest = line.split()
            if owner == str(question.name) and found == kind:
                reply.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, " ".join(rest)))
        self._transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def dns_server(zone: str) -> AsyncIterator[Names]:
    names = Names(zone)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=(LOOPBACK, 0))
    try:
        yield names
    finally:
        transport.close()


def _zone(*servers: tuple[str, int], label: str = "_sip._udp") -> str:
    lines = [f"{label}.sip.test. 60 SRV {priority} 0 @{name}@ {name}.sip.test." for name, priority in servers]
    return "\n".join([*lines, *(f"{name}.sip.test. 60 A {LOOPBACK}" for name, _ in servers)])


async def test_the_name_servers_that_are_asked() -> None:
    async with dns_server("x.test. 60 A 127.0.0.1") as one, dns_server("x.test. 60 A 127.0.0.2") as other:
        for names, host in ((one, "127.0.0.1"), (other, "127.0.0.2")):
            async with endpoint(nameservers=(names.address,)) as near:
                assert [t.host for t in await near.targets("x.test", 5060)] == [host]
            assert names.asked == ["x.test. A"]


@pytest.mark.parametrize("timeout_s", [0.2, 0.6])
async def test_how_long_a_silent_name_server_is_waited_for(timeout_s: float) -> None:
    async with dns_server("") as names:
        names.silent = True
        async with endpoint(nameservers=(names.address,), dns_timeout_s=timeout_s) as near:
            started = near.now()
            with pytest.raises(TrunkError, match=f"within {timeout_s} s"):
                await near.targets("x.test", 5060)
            assert timeout_s * 0.9 <= near.now() - started < timeout_s + 2
            assert len(names.asked) >= 2, "a lost datagram isn't the end"


async def test_messages_to_a_name_wait_for_it_and_stay_with_one_server() -> None:
    async with dns_server(_zone(("a", 1), ("b", 1))) as names, server() as one, server() as other:
        names.ports = {"a": one.port, "b": other.port}
        async with endpoint(nameservers=(names.address,)) as near:
            for _ in range(6):
                assert await near.ask(parse_uri("sip:sip.test"), Addr("sip.test", 0)) == 486
            assert {len(one.got), len(other.got)} == {0, 6}
            assert await near.ask(parse_uri("sip:x"), Addr("gone.test", 0)) == 0


# -- the far end's requests ---------------------------------------------------------------------


async def test_requests_over_tcp_are_answered_on_their_connection_and_broken_ones_with_400() -> None:
    async with endpoint() as near:
        reader, writer = await asyncio.open_connection(LOOPBACK, near.local.port)
        agent: Any = None
        asked = Peer(agent).request("OPTIONS", Via="SIP/2.0/TCP 192.0.2.99:5060;branch=z9hG4bKt")
        writer.write(to_bytes(asked))
        answer = parse_message(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5))
        assert isinstance(answer, Response)
        assert answer.code == 200
        assert "received=127.0.0.1" in answer.headers["Via"]
        head = to_bytes(asked).replace(b"Content-Length: 0\r\n", b"")
        writer.write(head)
        answer = parse_message(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5))
        assert isinstance(answer, Response)
        assert (answer.code, answer.phrase) == (400, "Content-Length is mandatory on a stream")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_call_over_tcp_survives_its_connection_and_ends_on_a_new_one() -> None:
    async def take(leg: IncomingLeg) -> None:
        await leg.answer()
        heard.append(leg)

    heard: list[IncomingLeg] = []
    async with endpoint() as near, endpoint() as far:
        far.on_invite = take
        stream = await FakeMediaPlane().open(lambda _event: None)
        leg = SipLeg(near, LegEvents(), stream)
        peer = Addr(LOOPBACK, far.local.port, "tcp")
        offer = make_offer(*stream.local, 1)
        near.place(InviteSpec(parse_uri(f"sip:1@{LOOPBACK}"), parse_uri("sip:2@h"), peer, offer), leg)
        while not isinstance(await asyncio.wait_for(leg.next_event(), 5), Answered):
            pass
        (connection,) = near._net()._streams._connections
        connection.abort("cut")
        await until(lambda: len(near._net()._streams) == len(far._net()._streams) == 0)
        await heard[0].hang_up("the far end hangs up")
        while not isinstance(event := await asyncio.wait_for(leg.next_event(), 5), Ended):
            pass
        assert event.by_remote
        assert len(near._net()._streams) == 1


async def test_wrong_settings_are_named() -> None:
    for fields, says in (
        ({"bind_host": "name"}, "bind_host"), ({"dscp": 64}, "dscp"),
        ({"nameservers": ("x",)}, "nameservers"),
        ({"tls_port": 70000}, "tls_port"), ({"max_message_bytes": 10}, "max_message_bytes"),
        ({"idle_s": 0}, "idle_s"), ({"keepalive_s": -1}, "keepalive_s"), ({"max_connections": 0}, "max_conn"),
        ({"udp_max_bytes": -1}, "udp_max_bytes"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=says):
            EndpointConfig(**fields)  # type: ignore[arg-type]
