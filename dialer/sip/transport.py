"""The UDP socket under the user agent."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from dialer.errors import TrunkError
from dialer.sip.address import Addr

logger = logging.getLogger("dialer.sip")


class UdpTransport(asyncio.DatagramProtocol):
    """``on_datagram(data, addr)`` for what comes, ``on_error(addr, reason)`` for what can't leave."""

    def __init__(
        self, on_datagram: Callable[[bytes, Addr], None], on_error: Callable[[Addr, str], None]
    ) -> None:
        self._on_datagram = on_datagram
        self._on_error = on_error
        self._transport: asyncio.DatagramTransport | None = None
        self._sending: Addr | None = None
        self._addresses: dict[str, str] = {}
        self._lookups: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        on_datagram: Callable[[bytes, Addr], None],
        on_error: Callable[[Addr, str], None],
    ) -> UdpTransport:
        """Bind. Raises TrunkError where the port is taken or the address isn't ours."""
        transport = cls(on_datagram, on_error)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(
                lambda: transport, local_addr=(host, port), family=socket.AF_INET
            )
        except OSError as error:
            raise TrunkError(f"SIP can't listen on UDP {host}:{port}: {error.strerror or error}") from error
        return transport

    @property
    def local(self) -> Addr:
        if self._transport is None:
            raise TrunkError("the SIP socket is closed")
        host, port = self._transport.get_extra_info("sockname")[:2]
        return Addr(str(host), int(port))

    def send(self, data: bytes, addr: Addr) -> None:
        """Send now; where ``addr`` is a name, once it is resolved."""
        host = addr[0] if is_ipv4(addr[0]) else self._addresses.get(addr[0])
        if host is None:
            task = asyncio.get_running_loop().create_task(self._send_by_name(data, addr))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)
            return
        if self._transport is None or self._transport.is_closing():
            return
        self._sending = addr
        self._transport.sendto(data, (host, addr.port or 5060))
        self._sending = None

    async def _send_by_name(self, data: bytes, addr: Addr) -> None:
        try:
            self._addresses[addr[0]] = (await resolve(addr))[0]
        except TrunkError as error:
            self._on_error(addr, str(error))
            return
        self.send(data, addr)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        for task in self._lookups:
            task.cancel()

    # --- asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Event loops don't agree on deriving from DatagramTransport, so this isn't asked.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_datagram(data, Addr(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A send failed. Synchronous errors name their peer; later ones only reach the log."""
        reason = f"can't send: {exc.strerror if isinstance(exc, OSError) else exc}"
        if self._sending is not None:
            self._on_error(self._sending, reason)
        else:
            logger.warning("sip datagram not delivered", extra={"error": reason})

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None


def is_ipv4(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


async def resolve(addr: Addr) -> Addr:
    """A name's IPv4 address. Raises TrunkError."""
    if is_ipv4(addr[0]):
        return addr
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            addr[0], addr[1] or 5060, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    except (OSError, UnicodeError) as error:
        raise TrunkError(f"the host {addr[0]} has no address: check the name and DNS") from error
    if not found:
        raise TrunkError(f"the host {addr[0]} has no IPv4 address")
    host = found[0][4][0]
    return addr._replace(host=str(host))


def outward_address() -> str:
    """Our address on the default route; loopback where there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
