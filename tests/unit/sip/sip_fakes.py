"""What the SIP tests share: a media plane that only hands out ports, and a small network in memory."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sipmessage import Request, Response

from dialer.errors import MediaError
from dialer.model import RtpStats
from dialer.ports import ListenSpec, MediaEvent, MediaStream, RecordedAudio, RemoteMedia, Watch
from dialer.sip.address import Addr, parse_uri
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.message import parse_message, response_to, to_bytes
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import IncomingCall, Signal
from dialer.sip.useragent import UserAgent


async def until(condition: Callable[[], bool], what: str = "", timeout_s: float = 10.0) -> None:
    """Poll; fail with ``what`` when the time is over."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"timed out: {what}"
        await asyncio.sleep(0.01)


class FakeStream:
    """Holds a real UDP port, so that offers name one that exists."""

    def __init__(self, sink: Callable[[MediaEvent], None]) -> None:
        self.sink = sink
        self.remote: RemoteMedia | None = None
        self.connects = 0
        self.closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._local = ("127.0.0.1", self._socket.getsockname()[1])

    @property
    def local(self) -> tuple[str, int]:
        return self._local

    async def connect(self, remote: RemoteMedia) -> None:
        self.remote = remote
        self.connects += 1

    async def play(self, clips: Sequence[Path], play_id: int, *, loop: bool = False) -> None: ...

    async def stop_playing(self) -> None: ...

    async def listen(self, spec: ListenSpec | None) -> None: ...

    async def watch(self, what: Watch | None) -> None: ...

    async def record(self, path: Path) -> None: ...

    async def stop_recording(self) -> RecordedAudio:
        raise MediaError("nothing was recorded")

    async def bridge(self, other: MediaStream) -> None: ...

    async def unbridge(self) -> None: ...

    async def send_keys(self, digits: str) -> None: ...

    async def key_signalled(self, digit: str) -> None: ...

    async def close(self) -> RtpStats:
        self.closed = True
        self._socket.close()
        return RtpStats(sent=1)


class FakeMediaPlane:
    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.broken = False
        self.alive = True

    async def open(
        self, sink: Callable[[MediaEvent], None], *, beside: MediaStream | None = None
    ) -> FakeStream:
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
        self.agents[Addr("127.0.0.1", port)] = agent
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


A_PORT, B_PORT = 5060, 5070
B_ADDR = Addr("127.0.0.1", B_PORT)
SILENCE = 40.0
"""Longer than any transaction timer."""


class Pair:
    """``a`` calls ``b``."""

    def __init__(self, **options: object) -> None:
        self.net = Net()
        self.a = self.net.add(A_PORT, **options)
        self.b = self.net.add(B_PORT, **options)

    def invite(self, **options: object) -> int:
        target = parse_uri("sip:13812345678@127.0.0.1:5070")
        spec = InviteSpec(target, parse_uri("sip:4008@127.0.0.1"), B_ADDR, make_offer("127.0.0.1", 40000, 1))
        call = self.a.invite(replace(spec, **options), self.net.now)  # type: ignore[arg-type]
        self.net.deliver()
        return call

    def incoming(self) -> int:
        """The call that ``b`` has just been offered."""
        return next(e.call for e in events(self.b) if isinstance(e, IncomingCall))

    def talk(self) -> tuple[int, int]:
        """A call that ``b`` has answered: its number on either side."""
        call = self.invite()
        theirs = self.incoming()
        self.b.answer(theirs, "127.0.0.1", 41000, self.net.now)
        self.net.deliver()
        events(self.a), events(self.b)
        return call, theirs


class Peer:
    """A scripted far end: answers what ``agent`` sent with hand-made messages."""

    def __init__(self, agent: UserAgent, addr: Addr = B_ADDR) -> None:
        self.agent, self.addr = agent, addr

    def sent(self) -> list[Request | Response]:
        """What the agent has sent since the last look."""
        return [parse_message(data) for data, _ in self.agent.datagrams_to_send()]

    def give(self, message: Request | Response, now: float = 0.0) -> None:
        self.agent.receive_datagram(to_bytes(message), self.addr, now)

    def respond(
        self,
        request: Request | Response,
        code: int,
        now: float = 0.0,
        *,
        tag: str = "b",
        body: bytes = b"",
        **headers: str,
    ) -> None:
        """Answer with copied headers; ``Retry_After`` writes Retry-After."""
        assert isinstance(request, Request)
        response = response_to(request, code, Addr("127.0.0.1", A_PORT), to_tag=tag)
        if code < 300:
            response.headers.set("Contact", "<sip:b@127.0.0.1:5070>")
        for name, value in headers.items():
            response.headers.set(name.replace("_", "-"), value)
        response.body = body
        self.give(response, now)

    def request(
        self, method: str, *, cseq: int = 1, branch: str = "z9hG4bKx", body: bytes = b"", **headers: str
    ) -> Request:
        """A request of the far end, outside of any dialog unless To says otherwise."""
        request = Request(method, parse_uri("sip:1001@127.0.0.1:5060"))
        request.headers.set("Via", f"SIP/2.0/UDP 127.0.0.1:5070;branch={branch};rport")
        request.headers.set("From", "<sip:far@127.0.0.1>;tag=far")
        request.headers.set("To", "<sip:1001@127.0.0.1>")
        request.headers.set("Call-ID", "call-1")
        request.headers.set("CSeq", f"{cseq} {method}")
        request.headers.set("Contact", "<sip:far@127.0.0.1:5070>")
        for name, value in headers.items():
            request.headers.set(name.replace("_", "-"), value)
        request.body = body
        return request


def codes(messages: list[Request | Response]) -> list[str]:
    """Methods and status codes, in order."""
    return [m.method if isinstance(m, Request) else str(m.code) for m in messages]


ANSWER = str(make_offer("127.0.0.1", 41000, 2)).encode()
