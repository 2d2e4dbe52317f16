"""Our side of a cell: a media plane, an endpoint, a trunk, what its calls hear; and peers' programs."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from certificates import Authority
from correlate import RATE, Samples, likeness, loudest, read
from ports import free_ports
from sip_fakes import until
from sip_peers import Peer, Peers

from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import PhoneNumber, RtpStats
from dialer.ports import Answered, DialRequest, Ended, Failed, KeyPressed, LegEvent, Progress
from dialer.sip.config import EndpointConfig, RegistrarConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import IncomingLeg, SipLeg
from dialer.sip.sdes import SrtpPolicy
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import KeySending, TrunkTransport, TrunkType

ROOT = Path(__file__).parents[2]
NUMBER = "13812345678"
PIECE_S = 1.0
Cell = Callable[[], Any]
E_ = TypeVar("E_")


class Unavailable(Exception):
    """The peer can't run here; says why and what to do."""


class Line:
    """One call of ours: its events as they come, its recording, its keys."""

    def __init__(self, leg: SipLeg, rig: Rig) -> None:
        self.leg, self.rig = leg, rig
        self.events: list[LegEvent] = []
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while not self.events or not isinstance(self.events[-1], Failed | Ended):
            self.events.append(await self.leg.next_event())

    def last(self, kind: type[E_]) -> E_ | None:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    async def until(self, kind: type[E_], timeout_s: float = 10.0) -> E_:
        """The event of that kind; fails where the call is over without it."""

        def there() -> bool:
            over = self.last(Failed) or self.last(Ended)
            assert self.last(kind) is not None or over is None, f"the call is over: {over}"
            return self.last(kind) is not None

        await until(there, f"no {kind.__name__}: {self.events}", timeout_s)
        found = self.last(kind)
        assert found is not None
        return found

    async def early_media(self) -> Progress:
        """The first 18x with SDP; a plain one may come before it."""

        def found() -> list[Progress]:
            return [event for event in self.events if isinstance(event, Progress) and event.early_media]

        await until(lambda: bool(found()), f"no early media: {self.events}", 10)
        return found()[0]

    async def answered(self, timeout_s: float = 10.0) -> Line:
        await self.until(Answered, timeout_s)
        return self

    @property
    def keys(self) -> str:
        return "".join(event.digit for event in self.events if isinstance(event, KeyPressed))

    async def heard_keys(self, keys: str, timeout_s: float = 8.0) -> None:
        await until(lambda: self.keys == keys, f"keys {keys}, heard {self.keys!r}", timeout_s)

    async def talk(self, seconds: float = 2.6, *, play: bool = True) -> Path:
        """Our prompt out over and over, both sides recorded; the recording."""
        file = self.rig.file("ours.wav")
        await self.leg.media.record(file)
        if play:
            await self.leg.media.play([self.rig.prompt], 1, loop=True)
        await asyncio.sleep(seconds)
        await self.leg.media.stop_recording()
        return file

    async def over(self, timeout_s: float = 10.0) -> LegEvent:
        """Its last event; the leg is closed."""
        await until(self._reader.done, f"the call isn't over: {self.events}", timeout_s)
        await self.leg.close()
        return self.events[-1]

    async def hang_up(self) -> RtpStats:
        """BYE or CANCEL, confirmed."""
        await self.leg.hang_up("done")
        await self.over()
        return await self.leg.close()

    async def stop(self) -> None:
        await self.leg.close()
        self._reader.cancel()


@dataclass
class Ours:
    """Our user agent for one cell, with its trunk to the peer."""

    rig: Rig
    endpoint: SipEndpoint
    trunk: SipTrunk
    incoming: asyncio.Queue[IncomingLeg] = field(default_factory=asyncio.Queue)
    lines: list[Line] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.endpoint.local.port

    def line(self, leg: SipLeg) -> Line:
        self.lines.append(Line(leg, self.rig))
        return self.lines[-1]

    async def dial(self, target: str = NUMBER) -> Line:
        """A mobile number goes over the trunk, anything else is called directly."""
        number = target.isdigit() and len(target) == 11
        to = PhoneNumber.parse(target) if number else target
        return self.line(await self.trunk.dial(DialRequest(to, reference="interop")))

    async def called(self, timeout_s: float = 10.0) -> Line:
        """A call that comes to us; not answered yet."""
        return self.line(await asyncio.wait_for(self.incoming.get(), timeout_s))

    async def registered(self) -> None:
        await self.trunk.start()
        await until(lambda: self.trunk.state().up, f"not registered: {self.trunk.state()}")


class Rig:
    """What all cells share. ``folder`` holds every log and recording."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peers = Peers(folder)
        self._numbers = itertools.count(1)
        self._plane: ProcessMediaPlane | None = None

    async def start(self) -> None:
        low = free_ports(width=400)[0]
        config = MediaConfig(port_low=low, port_high=low + 399, port_rest_s=1.0)
        self._plane = ProcessMediaPlane(config)
        await self._plane.start()
        self.authority = await asyncio.to_thread(Authority.make, self.folder / "tls")
        self.certificate = await asyncio.to_thread(
            self.authority.sign, "localhost", "DNS:localhost,IP:127.0.0.1"
        )
        (self.prompt,) = (ROOT / "config/prompts/synthetic").glob("您好这里是禾安人寿-????????.wav")
        voice, form = self.folder / "voice.wav", ["-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
        source = ROOT / "dialer/testing/voices/meiyou-le.wav"
        await self.command("sox", str(source), *form, str(voice), "pad", "0.2", "0.4", "repeat", "9")
        alaw = self.folder / "voice.al"
        await self.command("sox", str(voice), "-t", "al", "-r", "8000", "-c", "1", str(alaw))
        self.voice, self.voice_alaw = voice, alaw
        self.said = loudest(read(self.prompt)[0], PIECE_S)
        self.spoken = loudest(read(voice)[0][:RATE], 0.5)

    async def close(self) -> None:
        for peer in self.peers.started:
            await asyncio.to_thread(peer.stop)
        if self._plane is not None:
            await self._plane.close()

    async def command(self, *words: str) -> str:
        done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{words[0]}: {done.stderr}"
        return str(done.stdout)

    def file(self, name: str) -> Path:
        return self.folder / f"{next(self._numbers)}-{name}"

    async def run(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        ready: Callable[[], bool],
        timeout_s: float = 15.0,
        folder: Path | None = None,
        pipes: bool = False,
    ) -> Peer:
        """Start a program; it must be ``ready`` in time. Ended at the latest with the rig."""
        folder = folder or self.file(name)
        folder.mkdir(exist_ok=True)
        with (folder / "out.log").open("wb") as out:
            process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once, and its end is polled
                command, cwd=folder, stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else out, stderr=out if pipes else subprocess.STDOUT,
            )  # fmt: skip
        peer = Peer(process, port, folder)
        self.peers.started.append(peer)
        await until(
            lambda: ready() or process.poll() is not None, f"{name} isn't ready\n{peer.logs()}", timeout_s
        )
        assert process.poll() is None, f"{name} ended at once\n{peer.logs()}"
        return peer

    @asynccontextmanager
    async def ours(
        self,
        port: int = 9,
        transport: str = "udp",
        *,
        sip: Mapping[str, Any] | None = None,
        users: Mapping[str, str] | None = None,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        **trunk: Any,
    ) -> AsyncIterator[Ours]:
        """Our user agent with a trunk to ``port``; its TLS certificate is the authority's."""
        assert self._plane is not None
        pem, key = self.certificate
        settings: dict[str, Any] = {
            "bind_port": 0, "tls_port": 0, "tls_certificate_file": pem, "tls_key_file": key,
            "tls_ca_file": self.authority.ca, "user_agent": "Huifang", **(sip or {}),
        }  # fmt: skip
        incoming: asyncio.Queue[IncomingLeg] = asyncio.Queue()

        async def take(leg: IncomingLeg) -> None:
            incoming.put_nowait(leg)

        registrar = RegistrarConfig(users=users, algorithms=algorithms) if users is not None else None
        endpoint = SipEndpoint(
            EndpointConfig(**settings), media=self._plane, registrar=registrar, on_invite=take
        )
        await endpoint.start()
        fields: dict[str, Any] = {"options_interval_s": 0, **trunk}
        fields["type"] = TrunkType(fields.get("type", "static"))
        fields["srtp"] = SrtpPolicy(fields.get("srtp", "off"))
        fields["dtmf"] = KeySending(fields.get("dtmf", "auto"))
        config = TrunkConfig("interop", "127.0.0.1", port, transport=TrunkTransport(transport), **fields)
        ours = Ours(self, endpoint, SipTrunk(config, self._plane, endpoint), incoming)
        try:
            yield ours
        finally:
            for line in ours.lines:
                await line.stop()
            await ours.trunk.close()
            await endpoint.close()

    async def hears(self, file: Path, piece: Samples, least: float, what: str, channel: int = -1) -> float:
        """How much of ``piece`` is in a channel of ``file``; fails below ``least``."""
        found = await asyncio.to_thread(lambda: likeness(read(file)[channel], piece))
        assert found > least, f"{what}: likeness {found:.2f}"
        return found


async def both_ways(
    line: Line, theirs: Callable[[], Path], stop: Callable[[], object], unauthentic: int = 0
) -> str:
    """Our prompt in the peer's recording, its voice in ours. ``unauthentic``: packets that may be dropped."""
    rig = line.rig
    ours = await line.talk()
    stats = await line.hang_up()
    await asyncio.to_thread(stop)
    out = await rig.hears(theirs(), rig.said, 0.5, "the peer did not hear our prompt")
    back = await rig.hears(ours, rig.spoken, 0.5, "we did not hear the peer")
    assert stats.unauthentic <= unauthentic, f"{stats.unauthentic} packets failed authentication"
    return f"likeness {out:.2f} there, {back:.2f} here"


async def echoed(line: Line, seconds: float = 2.6) -> str:
    """Our prompt comes back from a peer that returns what it hears."""
    rig = line.rig
    ours = await line.talk(seconds)
    stats = await line.hang_up()
    back = await rig.hears(ours, rig.said, 0.8, "our prompt did not come back")
    assert stats.unauthentic == 0, f"{stats.unauthentic} packets failed authentication"
    return f"our prompt back with likeness {back:.2f}"


async def cancelled(line: Line) -> str:
    """It rings, we hang up, it ends with 487."""
    progress = await line.until(Progress)
    await asyncio.sleep(0.3)
    await line.leg.hang_up("no longer wanted")
    end = await line.over()
    assert isinstance(end, Failed), end
    assert end.code == 487, end
    return f"{progress.code}, CANCEL, 487"
