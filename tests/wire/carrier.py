"""A carrier that hands each number to another callee: datagrams pass through unchanged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

_Take = Callable[[bytes, tuple[str, int]], None]
_INVITE = re.compile(rb"INVITE sip:\+?([0-9]+)@")
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Carrier:
    """Callees name ``port`` in their Contact, so that a whole dialog goes through here."""

    def __init__(self) -> None:
        self.port = 0
        self._front: asyncio.DatagramTransport | None = None
        self._diallers: dict[bytes, tuple[str, int]] = {}
        """By Call-ID: several programs may dial."""
        self._lines: dict[bytes, asyncio.DatagramTransport] = {}
        self._calls: dict[bytes, asyncio.DatagramTransport] = {}

    async def open(self) -> None:
        self._front = await self._socket(self._from_dialler)
        self.port = int(self._front.get_extra_info("sockname")[1])

    async def add(self, number: str, callee_port: int) -> None:
        self._lines[number.encode()] = await self._socket(self._from_callee, ("127.0.0.1", callee_port))

    def close(self) -> None:
        for transport in (self._front, *self._lines.values()):
            if transport is not None:
                transport.close()

    async def _socket(self, take: _Take, remote: tuple[str, int] | None = None) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        local = ("127.0.0.1", 0)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Socket(take), local_addr=local, remote_addr=remote
        )
        return transport

    def _from_dialler(self, data: bytes, source: tuple[str, int]) -> None:
        call_id = _CALL_ID.search(data)
        if call_id is None:
            return
        self._diallers[call_id[1]] = source
        invite = _INVITE.match(data)
        if invite is not None and invite[1] in self._lines:
            self._calls.setdefault(call_id[1], self._lines[invite[1]])
        line = self._calls.get(call_id[1])
        if line is not None:
            line.sendto(data)

    def _from_callee(self, data: bytes, source: tuple[str, int]) -> None:
        call_id = _CALL_ID.search(data)
        if self._front is not None and call_id is not None and call_id[1] in self._diallers:
            self._front.sendto(data, self._diallers[call_id[1]])


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, take: _Take) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)
