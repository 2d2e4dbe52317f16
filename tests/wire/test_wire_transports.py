"""SIP over TCP and TLS with Kamailio and SIPp: registration, calls, connections cut, certificates refused."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from ports import free_ports
from sip_fakes import FakeMediaPlane, until
from sip_peers import KAMAILIO_MODULES, PEERS, Peer, Peers, dial, event, need, to_the_end

from dialer.errors import TrunkError
from dialer.ports import Answered, Ended, Failed, Progress
from dialer.sip.config import EndpointConfig, TrunkConfig, TrunkType
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import TrunkTransport

pytestmark = pytest.mark.wire

TLS_SETTINGS = """
enable_tls=yes
tcp_children=2
listen=tcp:127.0.0.1:@PORT@
listen=tls:127.0.0.1:@TLS@
"""
TLS_MODULE = """
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "@PEM@")
modparam("tls", "private_key", "@KEY@")
"""


@dataclass
class Carrier:
    peer: Peer
    tls_port: int


async def kamailio(peers: Peers, callee_port: int, pair: tuple[Path, Path]) -> Carrier:
    """The carrier of trunk-kamailio.cfg, also on TCP and TLS; its callee is on UDP."""
    program = need("kamailio", "kamailio")
    port, tls_port = free_ports(2)
    text = (PEERS / "trunk-kamailio.cfg").read_text()
    text = text.replace("auto_aliases=no", TLS_SETTINGS + "auto_aliases=no")
    text = text.replace('loadmodule "tm.so"', TLS_MODULE + 'loadmodule "tm.so"')
    values = {
        "PORT": port, "TLS": tls_port, "CALLEE": callee_port, "MODULES": KAMAILIO_MODULES, "ALGORITHM": "MD5",
        "PEM": pair[0], "KEY": pair[1],
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    config = peers.folder / f"kamailio-{port}.cfg"
    config.write_text(text)
    run = peers.folder / f"run-{port}"
    run.mkdir()
    command = [program, "-f", str(config), "-DD", "-E", "-m", "64", "-M", "8", "-Y", str(run)]
    peer = await peers._start("kamailio", command, port)
    await until(lambda: _accepts(tls_port), f"kamailio has no TLS\n{peer.logs()}")
    return Carrier(peer, tls_port)


def _accepts(port: int) -> bool:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


async def sipp_over_tcp(peers: Peers, scenario: str, contact_port: int = 0) -> Peer:
    """SIPp as a callee on one TCP connection; its Contact says so."""
    port, media = free_ports(2)
    text = (PEERS / f"{scenario}.xml").read_text()
    text = text.replace("[contact_port]>", "[contact_port];transport=tcp>")
    script = peers.folder / f"{scenario}-{port}.xml"
    script.write_text(text)
    folder = peers.folder / f"sipp-{port}"
    folder.mkdir()
    command = [
        need("sipp", "sip-tester"), "-sf", str(script), "-i", "127.0.0.1", "-p", str(port), "-t", "t1",
        "-mp", str(media), "-m", "1", "-nostdin", "-timeout", "40", "-timeout_error", "-trace_err",
        "-trace_msg", "-max_reconnect", "5", "-reconnect_close", "false",
        "-key", "contact_port", str(contact_port or port),
    ]  # fmt: skip
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once, and its end is polled
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    peer = Peer(process, port, folder)
    peers.started.append(peer)
    await until(lambda: _accepts(port), f"sipp doesn't listen\n{peer.logs()}")
    return peer


@asynccontextmanager
async def trunk_to(
    host: str, port: int, transport: str, sip: dict[str, Any] | None = None, **fields: Any
) -> AsyncIterator[SipTrunk]:
    plane = FakeMediaPlane()
    endpoint = SipEndpoint(EndpointConfig(**{"bind_port": 0, **(sip or {})}), media=plane)
    await endpoint.start()
    config = TrunkConfig("test", host, port, transport=TrunkTransport(transport), **fields)
    trunk = SipTrunk(config, plane, endpoint)
    try:
        yield trunk
    finally:
        await trunk.close()
        await endpoint.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_register_and_call_through_kamailio(peers: Peers, authority: Authority, transport: str) -> None:
    callee = await peers.sipp("answer_until_bye")
    carrier = await kamailio(peers, callee.port, authority.sign("carrier", "DNS:localhost"))
    port = carrier.tls_port if transport == "tls" else carrier.peer.port
    sip = {"tls_ca_file": authority.ca}
    login = {"username": "dialer", "password": "secret", "type": TrunkType.REGISTER}
    async with trunk_to("localhost", port, transport, sip, **login) as trunk:
        await trunk.start()
        await until(lambda: trunk.state().up, f"not registered: {trunk.state()}\n{carrier.peer.logs()}")
        leg = await dial(trunk)
        assert isinstance(await event(leg), Progress)
        answered = await event(leg)
        assert isinstance(answered, Answered), f"{answered}\n{carrier.peer.logs()}"
        await leg.hang_up("done")
        assert isinstance((await to_the_end(leg))[-1], Ended)
        await callee.finished()
    log = "".join(path.read_text() for path in callee.folder.rglob("*_messages.log"))
    assert re.search(rf"Via: SIP/2\.0/{transport.upper()} 127\.0\.0\.1:\d+;", log)
    assert re.search(rf"Contact: <sip:dialer@127\.0\.0\.1:\d+;transport={transport}>", log)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_the_far_ends_bye_comes_over_the_stream(
    peers: Peers, authority: Authority, transport: str
) -> None:
    """Without a TLS certificate of ours, the carrier can only use the connection that stands."""
    callee = await peers.sipp("answer_then_bye")
    carrier = await kamailio(peers, callee.port, authority.sign("carrier", "DNS:localhost"))
    port = carrier.tls_port if transport == "tls" else carrier.peer.port
    sip = {"tls_ca_file": authority.ca}
    async with trunk_to("localhost", port, transport, sip, username="d", password="secret") as trunk:
        found = await to_the_end(await dial(trunk))
        assert [type(e) for e in found] == [Progress, Answered, Ended], carrier.peer.logs()
        assert isinstance(found[-1], Ended)
        assert found[-1].by_remote
        await callee.finished()


@pytest.mark.parametrize(
    ("names", "days", "ours", "says"),
    [
        ("DNS:localhost", 30, False, "signed by nobody we trust"),
        ("DNS:localhost", -1, True, "has expired"),
        ("DNS:carrier.example", 30, True, "isn't for localhost"),
    ],
)
async def test_no_call_to_a_carrier_with_a_wrong_certificate(
    peers: Peers, authority: Authority, tmp_path: Path, names: str, days: int, ours: bool, says: str
) -> None:
    carrier = await kamailio(peers, 9, authority.sign("bad", names, days=days))
    ca = authority.ca if ours else Authority.make(tmp_path / "other", "other").ca
    async with trunk_to("localhost", carrier.tls_port, "tls", {"tls_ca_file": ca}) as trunk:
        with pytest.raises(TrunkError, match=says):
            await dial(trunk)
        assert not trunk.state().up
        assert says in trunk.state().reason


async def test_a_call_to_sipp_over_tcp_sends_each_message_once(peers: Peers) -> None:
    callee = await sipp_over_tcp(peers, "answer_until_bye")
    async with trunk_to("127.0.0.1", callee.port, "tcp") as trunk:
        leg = await dial(trunk)
        assert isinstance(await event(leg), Progress)
        assert isinstance(await event(leg), Answered)
        await leg.hang_up("done")
        await to_the_end(leg)
        await callee.finished()
    log = "".join(path.read_text() for path in callee.folder.rglob("*_messages.log"))
    assert [len(re.findall(rf"^{m} sip:", log, re.MULTILINE)) for m in ("INVITE", "ACK", "BYE")] == [1, 1, 1]


async def test_a_connection_cut_in_mid_call_is_opened_again_for_the_bye(peers: Peers) -> None:
    relay = await Relay.open()
    callee = await sipp_over_tcp(peers, "answer_until_bye", relay.port)
    relay.target = callee.port
    try:
        async with trunk_to("127.0.0.1", relay.port, "tcp") as trunk:
            leg = await dial(trunk)
            assert isinstance(await event(leg), Progress)
            assert isinstance(await event(leg), Answered)
            await until(lambda: "ACK sip:" in callee.logs(), "the call must stand before the cut")
            relay.cut()
            await asyncio.sleep(0.1)
            await leg.hang_up("done")
            # SIPp takes the BYE from the second connection, but can answer on its first one only.
            await until(lambda: "BYE sip:" in callee.logs(), f"no BYE\n{callee.logs()}")
            assert relay.taken == 2
            assert isinstance((await to_the_end(leg))[-1], Ended)
    finally:
        relay.close()


async def test_a_carrier_that_accepts_and_never_answers(peers: Peers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with trunk_to("127.0.0.1", deaf.getsockname()[1], "tcp", no_response_s=0.5) as trunk:
            started = asyncio.get_running_loop().time()
            (failed,) = await to_the_end(await dial(trunk))
            assert isinstance(failed, Failed)
            assert (failed.code, failed.ours) == (0, True)
            assert asyncio.get_running_loop().time() - started < 3
            assert not trunk.state().up


async def test_a_connection_cut_before_any_answer_ends_the_call_at_once(peers: Peers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        async with trunk_to("127.0.0.1", server.getsockname()[1], "tcp", no_response_s=20.0) as trunk:
            leg = await dial(trunk)
            taken, _ = await asyncio.get_running_loop().sock_accept(server)
            await until(lambda: bool(_peek(taken)))
            taken.close()
            started = asyncio.get_running_loop().time()
            (failed,) = await to_the_end(leg)
            assert isinstance(failed, Failed)
            assert failed.code == 0
            assert asyncio.get_running_loop().time() - started < 5


def _peek(taken: socket.socket) -> bytes:
    try:
        return taken.recv(4096, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


async def test_srv_records_of_dnsmasq_lead_to_the_carrier_that_works(peers: Peers) -> None:
    callee = await peers.sipp("answer_then_bye")
    dead, dns = free_ports(2)
    program = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin")
    if program is None:
        pytest.fail("dnsmasq is missing: apt-get install dnsmasq-base", pytrace=False)
    command = [
        program, "--keep-in-foreground", "--no-resolv", "--no-hosts", f"--port={dns}", "--bind-interfaces",
        "--listen-address=127.0.0.1", "--pid-file=", "--user=", "--local=/carrier.test/",
        "--naptr-record=carrier.test,10,1,S,SIP+D2T,,_sip._tcp.carrier.test",
        "--naptr-record=carrier.test,20,1,S,SIP+D2U,,_sip._udp.carrier.test",
        f"--srv-host=_sip._tcp.carrier.test,a.carrier.test,{dead},1,0",
        f"--srv-host=_sip._udp.carrier.test,b.carrier.test,{callee.port},1,0",
        "--host-record=a.carrier.test,127.0.0.1", "--host-record=b.carrier.test,127.0.0.1",
    ]  # fmt: skip
    await peers._start("dnsmasq", command, dns)
    sip = {"nameservers": (f"127.0.0.1:{dns}",)}
    async with trunk_to("carrier.test", 0, "auto", sip) as trunk:
        found = await to_the_end(await dial(trunk))
        assert [type(e) for e in found] == [Progress, Answered, Ended]
        await callee.finished()


class Relay:
    """A TCP hop that can be cut."""

    def __init__(self) -> None:
        self.port = self.target = self.taken = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls) -> Relay:
        relay = cls()
        relay._server = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        relay.port = relay._server.sockets[0].getsockname()[1]
        return relay

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers += [writer, forth]
        await asyncio.gather(self._pipe(reader, forth), self._pipe(back, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
