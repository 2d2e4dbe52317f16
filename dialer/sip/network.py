"""All transports of one endpoint behind one ``send``, and where names lead.

UDP always, TCP beside it on the same port, TLS as a client always and as a server with a certificate.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Any, Protocol

from dialer.errors import TrunkError
from dialer.sip.address import TLS_PORT, Addr, default_port, is_numeric
from dialer.sip.config import EndpointConfig
from dialer.sip.digest import Randomness
from dialer.sip.resolver import Resolver
from dialer.sip.sockets import PortTaken, bind, family_of, make_socket, outward_address
from dialer.sip.streams import Streams
from dialer.sip.targets import SPOKEN
from dialer.sip.transport import UdpTransport

_PORT_TRIES = 20
_STICK_S = 60.0
"""Messages sent to a name go to the same one of its servers for so long."""
_AVOID_S = 60.0
"""A server that failed stands behind the others for so long (RFC 3263 4.3)."""
_MAX_REMEMBERED = 512


class Listener(Protocol):
    """What the owner hears."""

    def on_message(self, data: bytes, addr: Addr) -> None: ...

    def on_broken(self, data: bytes, addr: Addr, reason: str) -> None: ...

    def on_error(self, addr: Addr, reason: str, unsent: bool) -> None: ...


@dataclass(slots=True)
class _Chosen:
    target: Addr
    until: float


class Network:
    def __init__(self, config: EndpointConfig, listener: Listener, randomness: Randomness) -> None:
        self._config = config
        self._listener = listener
        self._streams = Streams(config, listener.on_message, listener.on_broken, listener.on_error)
        self._udp: UdpTransport | None = None
        self._tls_port = 0
        self._outward = ""
        self._spoken = tuple(t for t in SPOKEN if config.tcp or t != "tcp")
        self._resolver = Resolver(
            nameservers=config.nameservers, timeout_s=config.dns_timeout_s, randomness=randomness,
            spoken=self._spoken, ipv6=family_of(config.bind_host) == socket.AF_INET6,
        )  # fmt: skip
        self._chosen: dict[Addr, _Chosen] = {}
        self._avoid: dict[tuple[str, int, str], float] = {}
        self._sending: set[asyncio.Task[None]] = set()

    # --- life

    async def start(self) -> None:
        """Bind every socket. Raises TrunkError."""
        try:
            await self._bind()
            if self._config.tls_certificate_file is not None:
                sock = self._listening("TLS", self._config.tls_port)
                self._tls_port = int(sock.getsockname()[1])
                self._streams.listen(sock, "tls")
        except BaseException:
            self.close()
            raise
        host = self.bound.host
        self._outward = outward_address(family_of(host)) if host in ("0.0.0.0", "::") else host
        self._streams.start()

    async def _bind(self) -> None:
        """UDP and TCP on the same port, also where any free one will do."""
        config = self._config
        for tries_left in reversed(range(_PORT_TRIES if config.bind_port == 0 else 1)):
            udp = await UdpTransport.open(config, self._listener.on_message, self._on_udp_error)
            if not config.tcp:
                self._udp = udp
                return
            try:
                sock = self._listening("TCP", udp.local.port)
            except PortTaken:
                udp.close()
                if not tries_left:
                    raise
                continue
            self._udp = udp
            self._streams.listen(sock, "tcp")
            return

    def _listening(self, what: str, port: int) -> socket.socket:
        config = self._config
        sock = make_socket(socket.SOCK_STREAM, config.bind_host, config.bind_device, config.dscp)
        bind(sock, config.bind_host, port, what)
        return sock

    def close(self) -> None:
        for task in list(self._sending):
            task.cancel()
        self._resolver.close()
        self._streams.close()
        if self._udp is not None:
            self._udp.close()

    # --- who we are

    @property
    def bound(self) -> Addr:
        """The bound address and UDP port."""
        if self._udp is None:
            raise TrunkError("the SIP endpoint isn't started")
        return self._udp.local

    @property
    def tls_port(self) -> int:
        """The TLS port listened on; 0 for none."""
        return self._tls_port

    def local(self, peer: Addr) -> tuple[str, int]:
        """The host and port that ``peer`` is told."""
        config = self._config
        host = config.advertised_host or self._outward
        if peer.transport != "tls":
            return host, config.advertised_port or self.bound.port
        port = config.advertised_tls_port or self._tls_port
        if not port and (connection := self._streams.find(peer)) is not None:
            # Nobody can connect to us by TLS: what the peer wants to say must come on this connection.
            port = connection.local_port
        return host, port or TLS_PORT

    # --- where others are

    async def targets(self, host: str, port: int = 0, transport: str = "auto") -> list[Addr]:
        """Every server to try, the best first; those that just failed last. Raises TrunkError."""
        if transport != "auto" and transport not in self._spoken:
            raise TrunkError(f"SIP over {transport} isn't spoken here")
        found = await self._resolver.targets(host, port, transport)
        now = asyncio.get_running_loop().time()
        return sorted(found, key=lambda target: self._avoid.get(target[:3], 0.0) > now)

    def avoid(self, target: Addr) -> None:
        """It failed or stayed silent: others of the same domain come first for a while."""
        _bounded(self._avoid)
        self._avoid[target[:3]] = asyncio.get_running_loop().time() + _AVOID_S
        for name in [name for name, chosen in self._chosen.items() if chosen.target[:3] == target[:3]]:
            del self._chosen[name]

    async def connect(self, peer: Addr) -> None:
        """Have a connection to ``peer``, where it needs one. Raises TrunkError."""
        if peer.reliable:
            await self._streams.connect(peer)

    def connected(self, peer: Addr) -> bool:
        return self._streams.find(peer) is not None

    # --- out

    def send(self, data: bytes, addr: Addr) -> None:
        """Send now, or once the name is resolved and the connection stands."""
        if addr.transport not in self._spoken:
            self._listener.on_error(addr, f"SIP over {addr.transport} isn't spoken here", True)
        elif is_numeric(addr.host):
            target = addr if addr.port else addr._replace(port=default_port(addr.transport))
            self._send(data, target, addr)
        elif (chosen := self._chosen.get(addr)) and chosen.until > asyncio.get_running_loop().time():
            self._send(data, chosen.target, addr)
        else:
            task = asyncio.get_running_loop().create_task(self._send_by_name(data, addr))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def _send(self, data: bytes, target: Addr, known_as: Addr) -> None:
        if target.reliable:
            self._streams.send(data, target, known_as)
        elif self._udp is not None:
            self._udp.send(data, target, known_as)

    async def _send_by_name(self, data: bytes, addr: Addr) -> None:
        """To the first of the name's servers that can be reached; the others follow on failure."""
        problem = ""
        try:
            targets = await self.targets(addr.host, addr.port, addr.transport)
        except TrunkError as error:
            targets, problem = [], str(error)
        for target in targets:
            try:
                await self.connect(target)
            except TrunkError as error:
                self.avoid(target)
                problem = str(error)
                continue
            _bounded(self._chosen)
            self._chosen[addr] = _Chosen(target, asyncio.get_running_loop().time() + _STICK_S)
            self._send(data, target, addr)
            return
        self._listener.on_error(addr, problem, True)

    def _on_udp_error(self, addr: Addr, reason: str) -> None:
        self._listener.on_error(addr, reason, True)


def _bounded(remembered: dict[Any, Any]) -> None:
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.pop(next(iter(remembered)))
