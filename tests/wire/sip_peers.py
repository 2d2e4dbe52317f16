"""Real SIP peers on loopback: started with free ports, their logs kept, ended by their pid."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.append(str(Path(__file__).parents[1] / "unit" / "sip"))

from ports import free_ports
from sip_fakes import FakeMediaPlane, until

from dialer.model import PhoneNumber
from dialer.ports import DialRequest, Ended, Failed, LegEvent
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import SipLeg
from dialer.sip.trunk import SipTrunk

PEERS = Path(__file__).parents[1] / "peers"
KAMAILIO_MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
NUMBER = PhoneNumber.parse("13812345678")


def need(program: str, package: str) -> str:
    """The program's path; the test fails where it isn't installed."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin")
    if path is None:
        pytest.fail(f"{program} is missing: apt-get install {package}", pytrace=False)
    return path


def listens(port: int) -> bool:
    """Whether some process holds this UDP port (what /proc says, so that nothing is disturbed)."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


@dataclass
class Peer:
    """A program under test's control."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def logs(self) -> str:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-4000:]}" for p in files)

    async def finished(self, timeout_s: float = 20.0) -> None:
        """The scenario ran to its end and every message was as expected."""
        await until(lambda: self.process.poll() is not None, f"peer didn't finish\n{self.logs()}", timeout_s)
        assert self.process.returncode == 0, self.logs()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                if os.getpgid(self.process.pid) == self.process.pid:
                    os.killpg(self.process.pid, signal.SIGKILL)  # Kamailio's processes are many
                self.process.kill()
                self.process.wait(5)


@dataclass
class Peers:
    """Starts peers and remembers them for the end of the test."""

    folder: Path
    started: list[Peer] = field(default_factory=list)

    async def _start(self, name: str, command: list[str], port: int) -> Peer:
        folder = self.folder / f"{name}-{port}"
        folder.mkdir()
        with (folder / "out.log").open("wb") as out:
            process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once, and its end is polled
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        peer = Peer(process, port, folder)
        self.started.append(peer)
        await until(
            lambda: listens(port) or process.poll() is not None, f"{name} didn't listen\n{peer.logs()}"
        )
        assert process.poll() is None, f"{name} ended at once\n{peer.logs()}"
        return peer

    async def sipp(
        self, scenario: str, *, contact_port: int = 0, patience_s: int = 40, calls: int = 1, **values: str
    ) -> Peer:
        """SIPp as the callee of ``calls``, with a scenario of tests/peers/ and its @NAMES@ filled in."""
        port, media = free_ports(2)
        text = (PEERS / f"{scenario}.xml").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        script = self.folder / f"{scenario}-{port}.xml"
        script.write_text(text)
        command = [
            need("sipp", "sip-tester"), "-sf", str(script), "-i", "127.0.0.1",
            "-p", str(port), "-mp", str(media), "-m", str(calls), "-nostdin",
            "-timeout", str(patience_s), "-timeout_error",
            "-trace_err", "-trace_msg", "-key", "contact_port", str(contact_port or port),
        ]  # fmt: skip
        return await self._start("sipp", command, port)

    async def baresip(self, config: Path, port: int) -> Peer:
        """baresip with the configuration in a folder, which names ``port``."""
        return await self._start("baresip", [need("baresip", "baresip-core"), "-f", str(config)], port)

    async def kamailio(self, callee_port: int, algorithm: str = "") -> Peer:
        """Kamailio as a carrier that asks for digest and passes calls on to ``callee_port``."""
        program = need("kamailio", "kamailio")
        port = free_ports()[0]
        text = (PEERS / "trunk-kamailio.cfg").read_text()
        values = {"PORT": port, "CALLEE": callee_port, "MODULES": KAMAILIO_MODULES, "ALGORITHM": algorithm}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        config = self.folder / f"kamailio-{port}.cfg"
        config.write_text(text)
        run = self.folder / f"run-{port}"
        run.mkdir()
        command = [program, "-f", str(config), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(run)]
        return await self._start("kamailio", command, port)


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    found = Peers(tmp_path)
    yield found
    for peer in found.started:
        peer.stop()


@pytest.fixture
def plane() -> FakeMediaPlane:
    return FakeMediaPlane()


@pytest_asyncio.fixture
async def endpoint(plane: FakeMediaPlane) -> AsyncIterator[SipEndpoint]:
    made = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=plane)
    await made.start()
    yield made
    await made.close()


MakeTrunk = Callable[..., SipTrunk]


@pytest.fixture
def make_trunk(endpoint: SipEndpoint, plane: FakeMediaPlane) -> MakeTrunk:
    def make(port: int, **options: object) -> SipTrunk:
        return SipTrunk(TrunkConfig("test", "127.0.0.1", port, **options), plane, endpoint)  # type: ignore[arg-type]

    return make


async def dial(trunk: SipTrunk, target: PhoneNumber | str = NUMBER) -> SipLeg:
    return await trunk.dial(DialRequest(target, reference="1"))


async def event(leg: SipLeg, timeout_s: float = 10.0) -> LegEvent:
    return await asyncio.wait_for(leg.next_event(), timeout_s)


async def to_the_end(leg: SipLeg, timeout_s: float = 30.0) -> list[LegEvent]:
    """Every event up to Failed or Ended; then the leg is closed."""
    found: list[LegEvent] = []
    async with asyncio.timeout(timeout_s):
        while not found or not isinstance(found[-1], Failed | Ended):
            found.append(await leg.next_event())
    await leg.close()
    return found


class LossyRelay(asyncio.DatagramProtocol):
    """A hop between us and a peer that loses what ``lose(data, to_peer)`` says."""

    def __init__(self, lose: Callable[[bytes, bool], bool]) -> None:
        self.peer = ("127.0.0.1", 0)
        """Set it before anything is sent."""
        self._lose = lose
        self._us: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.lost = 0

    async def open(self) -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return int(transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        to_peer = addr != self.peer
        if to_peer:
            self._us = addr
        if self._lose(data, to_peer):
            self.lost += 1
        elif self._transport is not None and (target := self.peer if to_peer else self._us):
            self._transport.sendto(data, target)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
