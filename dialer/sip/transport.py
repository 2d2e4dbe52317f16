"""The UDP socket under the user agent."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from dialer.errors import TrunkError
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig
from dialer.sip.sockets import bind, make_socket

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

    @classmethod
    async def open(
        cls,
        config: EndpointConfig,
        on_datagram: Callable[[bytes, Addr], None],
        on_error: Callable[[Addr, str], None],
    ) -> UdpTransport:
        """Bind. Raises TrunkError where the port is taken or the address isn't ours."""
        transport = cls(on_datagram, on_error)
        sock = make_socket(socket.SOCK_DGRAM, config.bind_host, config.bind_device, config.dscp)
        bind(sock, config.bind_host, config.bind_port, "UDP")
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: transport, sock=sock)
        return transport

    @property
    def local(self) -> Addr:
        if self._transport is None:
            raise TrunkError("the SIP socket is closed")
        host, port = self._transport.get_extra_info("sockname")[:2]
        return Addr(str(host), int(port))

    def send(self, data: bytes, addr: Addr, known_as: Addr) -> None:
        """Send now; ``addr`` has a numeric host. ``on_error`` is told the address that the sender knows."""
        if self._transport is None or self._transport.is_closing():
            return
        self._sending = known_as
        try:
            self._transport.sendto(data, (addr.host, addr.port))
        except (OSError, ValueError) as error:
            # An address of the other family, which event loops raise here and not in error_received.
            self.error_received(error)
        self._sending = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Event loops don't agree on deriving from DatagramTransport, so this isn't asked.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_datagram(data, Addr(addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A send failed. Synchronous errors name their peer; later ones only reach the log."""
        reason = f"can't send: {(isinstance(exc, OSError) and exc.strerror) or exc}"
        if self._sending is not None:
            self._on_error(self._sending, reason)
        else:
            logger.warning("sip datagram not delivered", extra={"error": reason})

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
