"""TCP and TLS connections over loopback: reuse, limits, and what failing ones say."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority

from dialer.errors import TrunkError
from dialer.sip import connection as connection_module
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig
from dialer.sip.streams import Streams


def message(
    start: str = "OPTIONS sip:a@b SIP/2.0", via: str = "SIP/2.0/TCP 127.0.0.1:5099", body: bytes = b""
) -> bytes:
    lines = [start, f"Via: {via};branch=z9hG4bK1", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def until(condition: Callable[[], bool], what: str = "", timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@dataclass
class Heard:
    messages: list[tuple[bytes, Addr]] = field(default_factory=list)
    broken: list[tuple[bytes, str]] = field(default_factory=list)
    errors: list[tuple[Addr, str, bool]] = field(default_factory=list)


class House(Streams):
    """Streams whose events are kept, listening where asked to."""

    def __init__(self, config: EndpointConfig) -> None:
        self.heard = Heard()
        super().__init__(
            config,
            lambda data, addr: self.heard.messages.append((data, addr)),
            lambda data, addr, reason: self.heard.broken.append((data, reason)),
            lambda addr, reason, unsent: self.heard.errors.append((addr, reason, unsent)),
        )
        self.port = 0


@asynccontextmanager
async def house(listen: str = "", **fields: Any) -> AsyncIterator[House]:
    made = House(EndpointConfig(bind_port=0, **fields))
    if listen:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        made.port = sock.getsockname()[1]
        made.listen(sock, listen)
    made.start()
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)


@dataclass
class Raw:
    """A plain peer: what it got, and its connections."""

    port: int = 0
    got: bytearray = field(default_factory=bytearray)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: int = 0
    answer: bytes = b""


@asynccontextmanager
async def raw(tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Raw]:
    peer = Raw()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.writers.append(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                peer.got += data
                if peer.answer:
                    writer.write(peer.answer)
        peer.ended += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for writer in peer.writers:
            writer.close()


def at(port: int, transport: str = "tcp", name: str = "") -> Addr:
    return Addr("127.0.0.1", port, transport, name)


# -- reuse --------------------------------------------------------------------------------------


async def test_all_messages_to_one_peer_share_a_connection_in_their_order() -> None:
    async with raw() as peer, house() as ours:
        wanted = [message(body=b"%d" % number) for number in range(20)]
        for one in wanted[:10]:
            ours.send(one, at(peer.port), at(peer.port))
        await until(lambda: len(peer.got) == len(b"".join(wanted[:10])))
        for one in wanted[10:]:
            ours.send(one, at(peer.port), at(peer.port))
        await until(lambda: len(peer.got) == len(b"".join(wanted)))
        assert bytes(peer.got) == b"".join(wanted)
        assert len(peer.writers) == len(ours) == 1


async def test_a_response_goes_back_on_the_connection_of_its_request() -> None:
    async with house("tcp") as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message())
        await until(lambda: bool(ours.heard.messages))
        data, source = ours.heard.messages[0]
        assert data == message()
        assert source == at(writer.get_extra_info("sockname")[1])
        ours.send(message("SIP/2.0 200 OK"), source, source)
        assert await reader.readuntil(b"\r\n\r\n") == message("SIP/2.0 200 OK")
        assert len(ours) == 1
        writer.close()


async def test_a_response_whose_connection_is_gone_goes_to_the_sent_by() -> None:
    async with raw() as peer, house("tcp") as ours:
        _, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message(via=f"SIP/2.0/TCP 127.0.0.1:{peer.port}"))
        await until(lambda: bool(ours.heard.messages))
        source = ours.heard.messages[0][1]
        writer.close()
        await until(lambda: len(ours) == 0)
        response = message("SIP/2.0 200 OK", via=f"SIP/2.0/TCP 127.0.0.1:{peer.port}")
        ours.send(response, source, source)
        await until(lambda: bytes(peer.got) == response)


async def test_an_alias_lets_our_requests_use_the_peers_connection() -> None:
    async with house("tcp") as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message(via="SIP/2.0/TCP 127.0.0.1:5099;alias"))
        await until(lambda: bool(ours.heard.messages))
        ours.send(message(), at(5099), at(5099))
        assert await reader.readuntil(b"\r\n\r\n") == message()
        writer.close()


async def test_nobody_can_claim_another_hosts_address() -> None:
    async with house("tcp") as ours:
        _, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message(via="SIP/2.0/TCP 192.0.2.1:5060;alias"))
        writer.write(message(via="SIP/2.0/TCP 127.0.0.1:5099"))
        await until(lambda: len(ours.heard.messages) == 2)
        assert ours.find(Addr("192.0.2.1", 5060, "tcp")) is None
        assert ours.find(at(5099)) is None
        writer.close()


async def test_a_connection_that_was_cut_is_opened_again_on_demand() -> None:
    async with raw() as peer, house() as ours:
        ours.send(message(), at(peer.port), at(peer.port))
        await until(lambda: bool(peer.got))
        peer.writers[0].transport.abort()
        await until(lambda: bool(ours.heard.errors))
        assert ours.heard.errors[0][0] == at(peer.port)
        assert ours.heard.errors[0][2] is False, "the message had left"
        peer.got.clear()
        ours.send(message(), at(peer.port), at(peer.port))
        await until(lambda: bytes(peer.got) == message())


# -- what fails is said -------------------------------------------------------------------------


async def test_a_refused_connection_is_reported_once_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with house() as ours:
        for _ in range(3):
            ours.send(message(), at(port), at(port))
        await until(lambda: bool(ours.heard.errors))
        ((addr, reason, unsent),) = ours.heard.errors
        assert (addr, unsent) == (at(port), True)
        assert reason == f"no connection to TCP 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize("timeout_s", [0.1, 0.3])
async def test_a_peer_that_takes_no_handshake_is_given_up(timeout_s: float) -> None:
    """TLS towards a port that accepts and says nothing."""
    async with raw() as peer, house(connect_timeout_s=timeout_s) as ours:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TrunkError, match=f"within {timeout_s} s"):
            await ours.connect(at(peer.port, "tls", "sip.test"))
        assert timeout_s <= asyncio.get_running_loop().time() - started < timeout_s + 2


async def test_a_peer_that_reads_nothing_loses_its_connection() -> None:
    async with house() as ours:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            port = deaf.getsockname()[1]
            big = message(body=b"x" * 60000)
            await ours.connect(at(port))
            for _ in range(200):
                if not ours.heard.errors:
                    ours.send(big, at(port), at(port))
                await asyncio.sleep(0)
            await until(lambda: bool(ours.heard.errors))
            assert "reads too slowly" in ours.heard.errors[0][1]


# -- what strangers can do ----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 4])
async def test_no_more_connections_than_max_connections(limit: int) -> None:
    async with house("tcp", max_connections=limit) as ours:
        made = [await asyncio.open_connection("127.0.0.1", ours.port) for _ in range(limit)]
        await until(lambda: len(ours) == limit)
        reader, _ = await asyncio.open_connection("127.0.0.1", ours.port)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        assert len(ours) == limit
        for _, writer in made:
            writer.write(message())
        await until(lambda: len(ours.heard.messages) == limit)
        with pytest.raises(TrunkError, match="max_connections"):
            await ours.connect(at(1))


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [(b"", "nothing"), (b"OPTIONS sip:a SIP/2.0\r\nVia: x", "half a message"), (b"\r\n\r", "half a CRLF")],
)
async def test_who_says_nothing_whole_in_time_is_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, wanted: str
) -> None:
    monkeypatch.setattr(connection_module, "_FIRST_S", 0.2)
    monkeypatch.setattr(connection_module, "_WHOLE_S", 0.2)
    async with house("tcp", idle_s=1.0) as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(sent)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b"", wanted
        assert len(ours) == 0


async def test_a_drip_of_bytes_doesnt_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_WHOLE_S", 0.3)
    async with house("tcp", idle_s=1.0) as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message())
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"A")
                await asyncio.sleep(0.02)
                if reader.at_eof():
                    break
        await until(lambda: len(ours) == 0)


async def test_a_stream_that_cant_be_cut_is_told_and_closed() -> None:
    async with house("tcp") as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        bad = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1\r\n\r\n"
        writer.write(message() + bad)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert [data for data, _ in ours.heard.messages] == [message()]
        assert ours.heard.broken == [(bad, "Content-Length is mandatory on a stream")]
        writer.close()


@pytest.mark.parametrize("limit", [1000, 3000])
async def test_a_longer_message_than_max_message_bytes_ends_the_connection(limit: int) -> None:
    async with house("tcp", max_message_bytes=limit) as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message(body=b"x" * 800) + message(body=b"x" * 2000))
        if limit == 1000:
            assert await asyncio.wait_for(reader.read(), 5) == b""
            assert "1000 bytes" in ours.heard.broken[0][1]
            assert len(ours.heard.messages) == 1
        else:
            await until(lambda: len(ours.heard.messages) == 2)
        writer.close()


async def test_out_of_files_new_connections_wait_and_old_ones_go_on() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with house("tcp") as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(message())
        await until(lambda: len(ours.heard.messages) == 1)
        waiting = socket.socket()
        waiting.setblocking(False)
        held = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (waiting.fileno() + 20, hard))
            with suppress(OSError):
                for _ in range(10000):
                    held.append(socket.socket())
            assert len(held) < 100, "the files must have run out"
            await asyncio.get_running_loop().sock_connect(waiting, ("127.0.0.1", ours.port))
            waiting.send(message())
            with pytest.raises(TrunkError, match="too many open files"):
                await ours.connect(at(ours.port))
            writer.write(message())
            await until(lambda: len(ours.heard.messages) == 2)
            ours.send(message("SIP/2.0 200 OK"), ours.heard.messages[1][1], ours.heard.messages[1][1])
            assert await reader.readuntil(b"\r\n\r\n") == message("SIP/2.0 200 OK")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in held:
                one.close()
        await until(lambda: len(ours.heard.messages) == 3)
        waiting.close()
        writer.close()


# -- keep-alive and idle ------------------------------------------------------------------------


@pytest.mark.parametrize("keepalive_s", [0.0, 0.1])
async def test_a_silent_connection_of_ours_gets_keep_alives(keepalive_s: float) -> None:
    async with raw() as peer, house(keepalive_s=keepalive_s) as ours:
        ours.send(message(), at(peer.port), at(peer.port))
        if keepalive_s:
            await until(lambda: bytes(peer.got) == message() + b"\r\n\r\n" * 3)
        else:
            await asyncio.sleep(0.5)
            assert bytes(peer.got) == message()


async def test_a_peers_keep_alive_is_answered() -> None:
    async with house("tcp") as ours:
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(b"\r\n\r\n" + message() + b"\r\n\r\n")
        assert await reader.readexactly(4) == b"\r\n\r\n"
        writer.close()


async def test_a_peer_that_stops_answering_keep_alives_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_PONG_S", 0.2)
    async with raw() as peer, house(keepalive_s=0.1) as ours:
        peer.answer = b"\r\n"
        ours.send(message(), at(peer.port), at(peer.port))
        await until(lambda: peer.got.count(b"\r\n\r\n") >= 4)
        assert ours.heard.errors == []
        peer.answer = b""
        await until(lambda: bool(ours.heard.errors))
        assert "answers no keep-alive" in ours.heard.errors[0][1]


@pytest.mark.parametrize("idle_s", [0.2, 30.0])
async def test_an_idle_connection_is_closed(idle_s: float) -> None:
    async with raw() as peer, house(idle_s=idle_s, keepalive_s=0.05) as ours:
        ours.send(message(), at(peer.port), at(peer.port))
        await until(lambda: bool(peer.got))
        if idle_s < 1:
            await until(lambda: peer.ended == 1)
            assert len(ours) == 0
        else:
            await asyncio.sleep(0.5)
            assert len(ours) == 1


# -- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"))


def server(pair: tuple[Path, Path], client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


async def test_tls_with_a_verified_name_and_the_name_remembered_for_bare_addresses(
    authority: Authority,
) -> None:
    tls = server(authority.sign("good", "DNS:sip.test"))
    async with raw(tls) as peer, house(tls_ca_file=authority.ca) as ours:
        named, bare = at(peer.port, "tls", "sip.test"), at(peer.port, "tls", "127.0.0.1")
        ours.send(message(), named, named)
        await until(lambda: bytes(peer.got) == message())
        ours.send(message(), bare, bare)
        await until(lambda: bytes(peer.got) == message() * 2)
        assert len(ours) == 1
        peer.writers[0].transport.abort()
        await until(lambda: len(ours) == 0)
        ours.send(message(), bare, bare)
        await until(lambda: bytes(peer.got) == message() * 3)
        other = at(peer.port, "tls", "other.test")
        with pytest.raises(TrunkError, match=r"isn't for other\.test"):
            await ours.connect(other)


@pytest.mark.parametrize(
    ("names", "days", "trusted", "says"),
    [
        ("DNS:sip.test", 30, False, "signed by nobody we trust.*sip.tls_ca_file"),
        ("DNS:sip.test", -1, True, "has expired"),
        ("DNS:elsewhere.test", 30, True, "isn't for sip.test"),
    ],
)
async def test_a_wrong_certificate_is_refused_and_explained(
    authority: Authority, tmp_path: Path, names: str, days: int, trusted: bool, says: str
) -> None:
    ca = authority.ca if trusted else Authority.make(tmp_path, "other").ca
    tls = server(authority.sign("bad", names, days=days))
    async with raw(tls) as peer, house(tls_ca_file=ca) as ours:
        with pytest.raises(TrunkError, match=says):
            await ours.connect(at(peer.port, "tls", "sip.test"))
        ours.send(message(), at(peer.port, "tls", "sip.test"), at(peer.port, "tls", "sip.test"))
        await until(lambda: bool(ours.heard.errors))
        assert ours.heard.errors[0][2]
        assert peer.got == b"", "nothing may leave before the certificate is right"


async def test_the_systems_authorities_dont_know_ours(authority: Authority) -> None:
    tls = server(authority.sign("good", "DNS:sip.test"))
    async with raw(tls) as peer, house() as ours:
        with pytest.raises(TrunkError, match="signed by nobody we trust"):
            await ours.connect(at(peer.port, "tls", "sip.test"))


async def test_a_port_without_tls_is_named() -> None:
    async with raw() as peer, house() as ours:
        peer.answer = b"SIP/2.0 400 What\r\n\r\n"
        with pytest.raises(TrunkError, match="doesn't speak TLS"):
            await ours.connect(at(peer.port, "tls", "sip.test"))


async def test_old_tls_is_refused(authority: Authority) -> None:
    tls = server(authority.sign("good", "DNS:sip.test"))
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with raw(tls) as peer, house(tls_ca_file=authority.ca) as ours:
        with pytest.raises(TrunkError, match=r"no connection to TLS sip\.test"):
            await ours.connect(at(peer.port, "tls", "sip.test"))


async def test_our_client_certificate_is_shown_to_who_asks(authority: Authority) -> None:
    tls = server(authority.sign("good", "DNS:sip.test"), client_ca=authority.ca)
    pem, key = authority.sign("dialer", "DNS:dialer.test")
    async with raw(tls) as peer:
        addr = at(peer.port, "tls", "sip.test")
        fields = {"tls_client_certificate_file": pem, "tls_client_key_file": key}
        async with house(tls_ca_file=authority.ca, **fields) as ours:
            ours.send(message(), addr, addr)
            await until(lambda: bytes(peer.got) == message())
        async with house(tls_ca_file=authority.ca) as ours:
            ours.send(message(), addr, addr)
            await until(lambda: bool(ours.heard.errors))
            assert "may want another client certificate" in ours.heard.errors[0][1]


async def test_a_tls_server_of_ours_shows_its_certificate_and_a_renewed_one(
    authority: Authority, tmp_path: Path
) -> None:
    def serial(writer: asyncio.StreamWriter) -> object:
        return writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]

    mine = Authority(tmp_path, authority.ca)
    pem, key = mine.sign("us", "DNS:us.test")
    context = ssl.create_default_context(cafile=authority.ca)
    async with house("tls", tls_certificate_file=pem, tls_key_file=key) as ours:

        async def call() -> asyncio.StreamWriter:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", ours.port, ssl=context, server_hostname="us.test"
            )
            return writer

        first = await call()
        first.write(message())
        await until(lambda: bool(ours.heard.messages))
        assert ours.heard.messages[0][1].transport == "tls"
        mine.sign("us", "DNS:us.test")
        second = await call()
        assert serial(first) != serial(second)
        pem.write_text("broken")
        third = await call()
        assert serial(third) == serial(second), "what can't be read doesn't replace what works"
        for writer in (first, second, third):
            writer.close()


async def test_unusable_files_are_named(tmp_path: Path, authority: Authority) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    pem, _ = authority.sign("one", "DNS:one.test")
    _, other = authority.sign("two", "DNS:two.test")
    cases: list[tuple[dict[str, Path], str]] = [
        ({"tls_ca_file": tmp_path / "absent.pem"}, "absent.pem can't be read: No such file"),
        ({"tls_ca_file": text}, "text.pem: no certificates in PEM form"),
        (
            {"tls_client_certificate_file": pem, "tls_client_key_file": other},
            "not a certificate and its own key",
        ),
    ]
    for fields, says in cases:
        async with house(**fields) as ours:
            with pytest.raises(TrunkError, match=says):
                await ours.connect(at(9, "tls", "sip.test"))
    sock = socket.create_server(("127.0.0.1", 0))
    async with house(tls_certificate_file=text) as ours:
        with pytest.raises(TrunkError, match=r"text\.pem"):
            ours.listen(sock, "tls")
    sock.close()


@pytest.mark.parametrize("name", [".carrier.cn", "carrier..cn", "x" * 300])
async def test_a_name_that_no_certificate_can_have_is_an_error_like_others(name: str) -> None:
    async with raw() as peer, house() as ours:
        there = at(peer.port, "tls", name)
        with pytest.raises(TrunkError):
            await ours.connect(there)
        for number in (1, 2):
            ours.send(message(), there, there)
            await until(lambda number=number: len(ours.heard.errors) == number)  # type: ignore[misc]
        assert all(unsent for _, _, unsent in ours.heard.errors)


async def test_closing_while_somebody_connects_is_an_error_and_no_cancellation() -> None:
    """Whoever waits for a connection isn't cancelled himself: he must hear of an error."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with house() as ours:
            waiting = asyncio.ensure_future(ours.connect(at(silent.getsockname()[1], "tls", "carrier.cn")))
            given_up = asyncio.ensure_future(ours.connect(at(silent.getsockname()[1], "tls", "carrier.cn")))
            await asyncio.sleep(0.05)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            assert not waiting.done()
            ours.close()
            with pytest.raises(TrunkError, match="closed"):
                await waiting
