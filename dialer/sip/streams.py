"""TCP and TLS connections: opened on demand, reused, taken in, and found again for a response.

RFC 3261 18, RFC 5923 (reuse), RFC 5922 (a TLS connection is used for the domain only that its
certificate was checked for).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

from dialer.errors import SipParseError, TrunkError
from dialer.sip.address import Addr, default_port, is_numeric, split_quoted
from dialer.sip.config import EndpointConfig
from dialer.sip.connection import Connection, Handlers, Limits
from dialer.sip.message import parse_message, parse_via
from dialer.sip.shared import observe, result_of
from dialer.sip.sockets import make_socket, why
from dialer.sip.tls import TlsContexts, explain

logger = logging.getLogger("dialer.sip")

_MAX_WAITING = 256
"""Messages that wait for one connection to come about."""
_MAX_NAMES = 512
_MAX_ALIASES = 4
"""Further addresses that one connection may stand for."""
_REFUSED_LOG_S = 10.0
_NO_FILES_PAUSE_S = 0.2
_LONGEST_LOOK_S = 1.0

Place = tuple[str, int, str]
"""Host, port, transport."""


class Streams:
    """``on_message(data, addr)``: a message from ``addr``. ``on_broken(data, addr, reason)``: headers that
    end a stream. ``on_error(addr, reason, unsent)``: nothing more comes from there; ``unsent``: and what
    was to be sent there never left."""

    def __init__(
        self,
        config: EndpointConfig,
        on_message: Callable[[bytes, Addr], None],
        on_broken: Callable[[bytes, Addr, str], None],
        on_error: Callable[[Addr, str, bool], None],
    ) -> None:
        self._config = config
        self._on_message, self._on_broken, self._on_error = on_message, on_broken, on_error
        self._tls = TlsContexts(
            ca_file=config.tls_ca_file,
            client_certificate_file=config.tls_client_certificate_file,
            client_key_file=config.tls_client_key_file,
            certificate_file=config.tls_certificate_file,
            key_file=config.tls_key_file,
        )
        self._limits = Limits(config.max_message_bytes, config.idle_s, config.keepalive_s)
        self._handlers = Handlers(self._keep, self._message, self._broken, self._closed)
        self._connections: set[Connection] = set()
        self._at: dict[Place, list[Connection]] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._opening: dict[Addr, asyncio.Task[Connection]] = {}
        self._waiting: dict[Addr, list[tuple[bytes, Addr]]] = {}
        self._welcoming: set[Connection] = set()
        """Taken, and not through their handshake yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None
        self._refused_at = 0.0

    # --- life

    def start(self) -> None:
        self._look_after()

    def listen(self, sock: socket.socket, transport: str) -> None:
        """Take connections on a listening socket, which becomes ours. Raises TrunkError for TLS files."""
        if transport == "tls":
            self._tls.server()
        self._run(self._accept(sock, transport))

    def close(self) -> None:
        for task in (*self._tasks, *self._opening.values()):
            task.cancel()
        for connection in list(self._connections):
            connection.close()
        if self._look is not None:
            self._look.cancel()

    def __len__(self) -> int:
        return len(self._connections)

    def _run(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- out

    def find(self, addr: Addr) -> Connection | None:
        """An open connection that messages for ``addr`` may use."""
        for connection in self._at.get(addr[:3], ()):
            if connection.usable and self._is_for(connection, addr):
                return connection
        return None

    @staticmethod
    def _is_for(connection: Connection, addr: Addr) -> bool:
        if addr.transport != "tls" or not addr.name or is_numeric(addr.name):
            return True
        return connection.peer.name.lower() == addr.name.lower()

    def send(self, data: bytes, addr: Addr, known_as: Addr) -> None:
        """Over a connection that is open, or one that is opened now. Failures go to ``on_error``, which is
        told the address that the sender knows."""
        if (connection := self.find(addr)) is not None:
            self._write(connection, data, known_as)
            return
        if data.startswith(b"SIP/2.0"):
            # RFC 3261 18.2.2: the connection of the request is gone, so back to its sent-by.
            addr = _sent_by(data, addr)
            if (connection := self.find(addr)) is not None:
                self._write(connection, data, known_as)
                return
        waiting = self._waiting.setdefault(addr, [])
        if len(waiting) >= _MAX_WAITING:
            self._on_error(known_as, "too many messages wait for a connection", True)
            return
        waiting.append((data, known_as))
        if len(waiting) == 1:
            self._run(self._send_waiting(addr))

    def _write(self, connection: Connection, data: bytes, known_as: Addr) -> None:
        connection.used_for.add(known_as)
        connection.send(data)

    async def _send_waiting(self, addr: Addr) -> None:
        try:
            connection = await self.connect(addr)
        except TrunkError as error:
            for known_as in dict.fromkeys(wanted for _, wanted in self._waiting.pop(addr)):
                self._on_error(known_as, str(error), True)
            return
        for data, known_as in self._waiting.pop(addr):
            self._write(connection, data, known_as)

    async def connect(self, addr: Addr) -> Connection:
        """An open connection to ``addr``, a numeric host. Raises TrunkError."""
        if (connection := self.find(addr)) is not None:
            return connection
        addr = addr._replace(name=self._name(addr), fixed=False)
        task = self._opening.get(addr)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._open(addr))
            self._opening[addr] = task
            task.add_done_callback(lambda done: self._opened(addr, done))
        return await result_of(task, "the SIP endpoint is closed")

    def _opened(self, addr: Addr, task: asyncio.Task[Connection]) -> None:
        self._opening.pop(addr, None)
        observe(task)

    def _name(self, addr: Addr) -> str:
        """Whose certificate must be there; a bare address means whom it was last known as."""
        if addr.transport != "tls":
            return ""
        if addr.name and not is_numeric(addr.name):
            return addr.name
        return self._names.get(addr[:2]) or addr.name or addr.host

    async def _open(self, addr: Addr) -> Connection:
        if len(self._connections) >= self._config.max_connections:
            raise TrunkError(f"no more than {self._config.max_connections} SIP connections: max_connections")
        limit = self._config.connect_timeout_s
        where = f"{addr.transport.upper()} {addr.name or addr.host}:{addr.port}"
        try:
            async with asyncio.timeout(limit):
                connection = await self._connect(addr)
        except TimeoutError:
            raise TrunkError(f"no connection to {where} within {limit:g} s") from None
        except OSError as error:
            problem = explain(error, addr.name) if addr.transport == "tls" else why(error)
            raise TrunkError(f"no connection to {where}: {problem}") from error
        except ValueError as error:
            # From a Contact, as far as we know: the TLS library refuses it in its own way.
            raise TrunkError(f"no connection to {where}: no certificate can be for that name") from error
        if addr.transport == "tls":
            if len(self._names) >= _MAX_NAMES:
                self._names.pop(next(iter(self._names)))
            self._names[addr[:2]] = addr.name
        logger.info("sip connection opened", extra={"transport": addr.transport})
        return connection

    async def _connect(self, addr: Addr) -> Connection:
        config, loop = self._config, asyncio.get_running_loop()
        tls = self._tls.client() if addr.transport == "tls" else None
        sock = make_socket(socket.SOCK_STREAM, config.bind_host, config.bind_device, config.dscp)
        try:
            _tune(sock, config.connect_timeout_s)
            if config.bind_host not in ("0.0.0.0", "::"):
                sock.bind((config.bind_host, 0))
            await loop.sock_connect(sock, (addr.host, addr.port))
            _, connection = await loop.create_connection(
                lambda: Connection(addr, self._handlers, self._limits, accepted=False),
                sock=sock, ssl=tls, server_hostname=addr.name if tls is not None else None,
            )  # fmt: skip
        except BaseException:
            sock.close()
            raise
        return connection

    # --- in

    async def _accept(self, sock: socket.socket, transport: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    taken, source = await loop.sock_accept(sock)
                except OSError as error:
                    # A peer that went away meanwhile, or no file left: those that are open go on.
                    self._log_refusal(why(error))
                    if error.errno != errno.ECONNABORTED:
                        await asyncio.sleep(_NO_FILES_PAUSE_S)
                    continue
                if len(self._connections) + len(self._welcoming) >= self._config.max_connections:
                    self._log_refusal("max_connections reached")
                    taken.close()
                    continue
                self._run(self._welcome(taken, Addr(source[0], source[1], transport)))
        finally:
            sock.close()

    async def _welcome(self, taken: socket.socket, peer: Addr) -> None:
        config, loop = self._config, asyncio.get_running_loop()
        connection = Connection(peer, self._handlers, self._limits, accepted=True)
        self._welcoming.add(connection)
        try:
            _tune(taken, config.connect_timeout_s)
            tls = self._tls.server() if peer.transport == "tls" else None
            async with asyncio.timeout(config.connect_timeout_s):
                await loop.connect_accepted_socket(lambda: connection, taken, ssl=tls)
        except (OSError, TimeoutError, TrunkError) as error:
            taken.close()
            self._log_refusal(explain(error, "the peer") if isinstance(error, OSError) else str(error))
            return
        finally:
            self._welcoming.discard(connection)

    def _log_refusal(self, reason: str) -> None:
        """Once in a while, so that a flood doesn't fill the disk."""
        now = asyncio.get_running_loop().time()
        if now - self._refused_at >= _REFUSED_LOG_S:
            self._refused_at = now
            logger.warning("sip connection not taken", extra={"reason": reason})

    # --- what connections say

    def _keep(self, connection: Connection) -> None:
        self._welcoming.discard(connection)
        self._connections.add(connection)
        self._at.setdefault(connection.peer[:3], []).append(connection)

    def _message(self, data: bytes, connection: Connection) -> None:
        if connection.accepted and b";alias" in data:
            self._alias(data, connection)
        self._on_message(data, connection.peer)

    def _alias(self, data: bytes, connection: Connection) -> None:
        """RFC 5923 5: requests for the Via's address may use this connection; only for its own host."""
        try:
            via = parse_via(split_quoted(parse_message(data).headers.get("Via") or "", ",")[0])
        except SipParseError:
            return
        peer = connection.peer
        place = (peer.host, via.port or default_port(peer.transport), peer.transport)
        mine = sum(connection in found for found in self._at.values()) if place not in self._at else 0
        if via.alias and via.host.strip("[]") == peer.host and place not in self._at and mine <= _MAX_ALIASES:
            self._at[place] = [connection]

    def _broken(self, head: bytes, reason: str, connection: Connection) -> None:
        self._on_broken(head, connection.peer, reason)

    def _closed(self, connection: Connection, reason: str) -> None:
        self._connections.discard(connection)
        for place in [place for place, found in self._at.items() if connection in found]:
            self._at[place].remove(connection)
            if not self._at[place]:
                del self._at[place]
        if reason:
            logger.warning("sip connection lost", extra={"error": reason})
        for addr in connection.used_for:
            self._on_error(addr, reason or "the peer closed the connection", False)

    def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in list(self._connections):
            connection.look_after(loop.time())
        limits = [s for s in (self._limits.idle_s, self._limits.keepalive_s) if s > 0]
        self._look = loop.call_later(min(_LONGEST_LOOK_S, *(s / 4 for s in limits)), self._look_after)


def _tune(sock: socket.socket, timeout_s: float) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError, AttributeError):
        # Sent and not acknowledged for so long: the peer is gone (Linux).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(4 * timeout_s * 1000)))


def _sent_by(data: bytes, source: Addr) -> Addr:
    try:
        via = parse_via(split_quoted(parse_message(data).headers.get("Via") or "", ",")[0])
    except SipParseError:
        return source
    return source._replace(port=via.port or default_port(source.transport))
