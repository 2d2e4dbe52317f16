"""One TCP or TLS connection: bytes to messages, keep-alive, and what it may cost."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from dialer.sip.address import Addr
from dialer.sip.framing import BrokenStream, KeepAlive, StreamFramer
from dialer.sip.sockets import why
from dialer.sip.tls import explain

logger = logging.getLogger("dialer.sip")

_FIRST_S = 10.0
"""A connection that we took says something within this time."""
_WHOLE_S = 10.0
"""A message that has begun is complete within this time."""
_PONG_S = 10.0
"""RFC 5626 4.4.1: the answer to a keep-alive."""
_MAX_UNSENT = 512 * 1024
"""A peer that reads so little loses its connection."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """Who hears of a connection's beginning, its messages, a stream that broke, and its end."""

    opened: Callable[[Connection], None]
    message: Callable[[bytes, Connection], None]
    broken: Callable[[bytes, str, Connection], None]
    """The headers of what couldn't be cut, and why."""
    closed: Callable[[Connection, str], None]
    """With the reason, empty where the end is nobody's fault."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds and bytes; see EndpointConfig."""

    max_message_bytes: int
    idle_s: float
    keepalive_s: float


class Connection(asyncio.Protocol):
    """``peer``: where its messages come from, and what a response names to go back on it."""

    def __init__(self, peer: Addr, handlers: Handlers, limits: Limits, *, accepted: bool) -> None:
        self.peer = peer
        self.accepted = accepted
        self.used_for: set[Addr] = set()
        """Addresses that were sent to over it: what waits there has lost its way when it ends."""
        self.local_port = 0
        self._handlers = handlers
        self._limits = limits
        self._framer = StreamFramer(limits.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._heard_at = self._active_at = self._loop.time()
        self._began_at: float | None = None
        self._pinged_at = 0.0
        self._unanswered_since: float | None = None
        self._ponged = False
        self._spoke = False
        self._reason = ""

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Write a message; the caller has asked ``usable``."""
        if self._transport is None:
            return
        self._active_at = self._loop.time()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            self.abort("the peer reads too slowly")

    def abort(self, reason: str) -> None:
        """End it at once; ``reason`` is reported."""
        if self._transport is not None:
            self._reason = self._reason or reason
            self._transport.abort()

    def close(self) -> None:
        """End it after what is still to be sent."""
        if self._transport is not None:
            self._transport.close()

    def look_after(self, now: float) -> None:
        """Called now and then: close what is idle, slow or dead, keep the rest alive."""
        if not self.usable:
            return
        limits = self._limits
        if self.accepted and not self._spoke and now - self._opened_at > _FIRST_S:
            self.abort("it said nothing")
        elif self._began_at is not None and now - self._began_at > _WHOLE_S:
            self.abort("a message wasn't completed in time")
        elif self._ponged and self._unanswered_since is not None and now - self._unanswered_since > _PONG_S:
            self.abort("the peer answers no keep-alive")
        elif now - self._active_at > limits.idle_s:
            self.close()
        elif self._keepalive_due(now):
            self._pinged_at = now
            self._unanswered_since = self._unanswered_since or now
            self._framer.pinged()
            # Our own keep-alive is no reason to keep it: the peer's answer is.
            cast(asyncio.Transport, self._transport).write(KeepAlive.PING.value)

    def _keepalive_due(self, now: float) -> bool:
        every = self._limits.keepalive_s
        last = max(self._heard_at, self._active_at, self._pinged_at)
        return every > 0 and not self.accepted and now - last >= every

    @property
    def _never_heard(self) -> bool:
        return not self.accepted and self._heard_at == self._opened_at

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Event loops don't agree on deriving from Transport, so this isn't asked.
        self._transport = cast(asyncio.Transport, transport)
        self.local_port = int(transport.get_extra_info("sockname")[1])
        self._handlers.opened(self)

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._heard_at = self._active_at = now
        self._unanswered_since = None
        frames, broken = self._framer.feed(data)
        for frame in frames:
            self._spoke = True
            match frame:
                case KeepAlive.PONG:
                    self._ponged = True
                case KeepAlive.PING:
                    if self.usable:
                        self.send(KeepAlive.PONG.value)
                case bytes():
                    self._handlers.message(frame, self)
        if broken is not None:
            self._break_off(broken)
            return
        inside = self._framer.inside
        if frames or not inside:
            self._began_at = now if inside else None
        elif self._began_at is None:
            self._began_at = now

    def _break_off(self, broken: BrokenStream) -> None:
        logger.warning("sip stream broken", extra={"error": str(broken)})
        if broken.head:
            self._handlers.broken(broken.head, str(broken), self)
        self._reason = self._reason or str(broken)
        self.close()

    def eof_received(self) -> None:
        """The peer sends no more: close, which the transport does by itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reason = self._reason
        if not reason and isinstance(exc, OSError):
            name = self.peer.name or self.peer.host
            reason = explain(exc, name) if isinstance(exc, ssl.SSLError) else f"connection lost: {why(exc)}"
        if not reason and self._never_heard and self.peer.transport == "tls":
            # With TLS 1.3 a server refuses our certificate only after its side of the handshake.
            reason = f"{self.peer.name} closed TLS at once: it may want another client certificate"
        self._handlers.closed(self, reason)
