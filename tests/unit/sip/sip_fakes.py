"""What the SIP tests share: a media plane that only hands out ports, and a small network in memory."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from dialer.errors import MediaError
from dialer.model import RtpStats
from dialer.ports import ListenSpec, MediaEvent, MediaStream, RecordedAudio, RemoteMedia
from dialer.sip.address import Addr
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.signals import Signal
from dialer.sip.useragent import UserAgent


class FakeStream:
    """Holds a real UDP port, so that offers name one that exists."""

    def __init__(self, sink: Callable[[MediaEvent], None]) -> None:
        self.sink = sink
        self.remote: RemoteMedia | None = None
        self.closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._local = ("127.0.0.1", self._socket.getsockname()[1])

    @property
    def local(self) -> tuple[str, int]:
        return self._local

    async def connect(self, remote: RemoteMedia) -> None:
        self.remote = remote

    async def play(self, clips: Sequence[Path], play_id: int, *, loop: bool = False) -> None: ...

    async def stop_playing(self) -> None: ...

    async def listen(self, spec: ListenSpec | None) -> None: ...

    async def record(self, path: Path) -> None: ...

    async def stop_recording(self) -> RecordedAudio:
        raise MediaError("nothing was recorded")

    async def bridge(self, other: MediaStream) -> None: ...

    async def unbridge(self) -> None: ...

    async def send_keys(self, digits: str) -> None: ...

    async def close(self) -> RtpStats:
        self.closed = True
        self._socket.close()
        return RtpStats(sent=1)


class FakeMediaPlane:
    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.broken = False

    async def open(self, sink: Callable[[MediaEvent], None]) -> FakeStream:
        if self.broken:
            raise MediaError("no port is free")
        self.streams.append(FakeStream(sink))
        return self.streams[-1]


class Net:
    """User agents joined by a network that delivers at once, unless ``drop`` says otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.agents: dict[Addr, UserAgent] = {}
        self.sent: list[tuple[Addr, Addr, bytes]] = []
        self.drop: Callable[[Addr, Addr, bytes], bool] = lambda source, peer, data: False

    def add(
        self, port: int, seed: int = 1, registrar: RegistrarConfig | None = None, **options: object
    ) -> UserAgent:
        config = UserAgentConfig(host="127.0.0.1", port=port, **options)  # type: ignore[arg-type]
        agent = UserAgent(config, random.Random(seed * 7919 + port), registrar)
        self.agents["127.0.0.1", port] = agent
        return agent

    def deliver(self) -> None:
        """Until nobody has anything to send."""
        busy = True
        while busy:
            busy = False
            for source, agent in self.agents.items():
                for data, peer in agent.datagrams_to_send():
                    busy = True
                    self.sent.append((source, peer, data))
                    if peer in self.agents and not self.drop(source, peer, data):
                        self.agents[peer].receive_datagram(data, source, self.now)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        self.deliver()
        while True:
            due = [at for agent in self.agents.values() if (at := agent.get_timer()) is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            for agent in self.agents.values():
                agent.handle_timer(self.now)
            self.deliver()
        self.now = end

    def starts(self) -> list[str]:
        """First lines of everything sent so far, shortened to method or code."""
        lines = [data.split(b"\r\n", 1)[0].decode() for _, _, data in self.sent]
        return [line.split()[1] if line.startswith("SIP/2.0") else line.split()[0] for line in lines]


def events(agent: UserAgent) -> list[Signal]:
    found = []
    while (event := agent.next_event()) is not None:
        found.append(event)
    return found
