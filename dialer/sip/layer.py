"""Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3), and the timers of all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from sipmessage import Request, Response

from dialer.sip.address import Addr
from dialer.sip.message import MAGIC_COOKIE, Essentials, response_destination, response_to, to_bytes
from dialer.sip.timers import TimerQueue, TimerValues
from dialer.sip.transaction import (
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Send,
    State,
)

OnResponse = Callable[[Response, Essentials, float], None]
OnSilence = Callable[[str, float], None]
"""Called with a reason where no response will come."""
OnFault = Callable[[Addr], None]
"""Called with a peer that stayed silent, or said 503."""
_NO_TCP_S = 600.0
"""A peer without TCP gets large requests by UDP for so long."""
_MAX_NO_TCP = 256
ServerTransaction = InviteServer | NonInviteServer
ClientTransaction = InviteClient | NonInviteClient


class TransactionLayer:
    """All transactions of one user agent."""

    def __init__(
        self,
        timers: TimerValues,
        queue: TimerQueue,
        send: Send,
        max_server: int,
        udp_max_bytes: int = 0,
        on_fault: OnFault | None = None,
    ) -> None:
        self._values = timers
        self._queue = queue
        self._send = send
        self._max_server = max_server
        self._udp_max_bytes = udp_max_bytes
        self._on_fault = on_fault or (lambda _peer: None)
        self._no_tcp: dict[Addr, float] = {}
        self._clients: dict[tuple[str, str], tuple[ClientTransaction, OnResponse, OnSilence]] = {}
        self._client_keys: dict[int, tuple[str, str]] = {}
        self._servers: dict[Hashable, ServerTransaction] = {}
        self._server_keys: dict[int, Hashable] = {}
        self._answered: dict[int, NonInviteServer] = {}
        """Those that only wait for retransmissions, the longest answered first."""

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    # --- client side

    def invite(
        self,
        request: Request,
        branch: str,
        peer: Addr,
        now: float,
        on_response: OnResponse,
        on_silence: OnSilence,
        no_response_s: float | None = None,
        *,
        rings: bool = True,
    ) -> InviteClient:
        """Send an INVITE whose Via carries ``branch``; ``rings`` false: see InviteClient."""
        peer, data = self._by_size(request, peer, now)
        transaction = InviteClient(
            request, peer, self._values, self._send, now, no_response_s, rings=rings, data=data
        )
        self._clients[branch, "INVITE"] = (transaction, on_response, on_silence)
        self._client_keys[id(transaction)] = (branch, "INVITE")
        self._queue.set(transaction, transaction.deadline)
        return transaction

    def request(
        self,
        request: Request,
        branch: str,
        peer: Addr,
        now: float,
        on_response: OnResponse,
        on_silence: OnSilence,
    ) -> NonInviteClient:
        """Send any other request but ACK."""
        peer, data = self._by_size(request, peer, now)
        transaction = NonInviteClient(request, peer, self._values, self._send, now, data=data)
        self._clients[branch, request.method] = (transaction, on_response, on_silence)
        self._client_keys[id(transaction)] = (branch, request.method)
        self._queue.set(transaction, transaction.deadline)
        return transaction

    def receive_response(self, response: Response, found: Essentials, now: float) -> None:
        """Responses that match no transaction are dropped."""
        key = (found.via.branch, found.cseq.method)
        entry = self._clients.get(key)
        if entry is None:
            return
        transaction, on_response, _ = entry
        pass_on = transaction.receive(response, now)
        self._queue.set(transaction, transaction.deadline)
        if response.code == 503 and pass_on:
            self._on_fault(transaction.peer)
        if pass_on:
            on_response(response, found, now)

    def abandon(self, transaction: ClientTransaction) -> None:
        """Forget a client transaction: nothing more of it is passed on."""
        transaction.abandon()
        self._forget(transaction)

    def transport_failed(self, peer: Addr, reason: str, now: float, *, unsent: bool = True) -> None:
        """Nothing can be sent to ``peer``: what waits for its first response is over (RFC 3261 17.1.4).

        ``unsent``: nothing of it had left. What went by TCP for its size only goes by UDP then (18.1.1).
        """
        for transaction, _, on_silence in list(self._clients.values()):
            if transaction.peer != peer or transaction.state not in (State.CALLING, State.TRYING):
                continue
            if unsent and peer.upgraded:
                plain = peer._replace(transport="udp", upgraded=False)
                if len(self._no_tcp) >= _MAX_NO_TCP:
                    del self._no_tcp[next(iter(self._no_tcp))]
                self._no_tcp[plain] = now + _NO_TCP_S
                _write_via(transaction.request, plain.transport)
                transaction.move(plain, now)
                self._queue.set(transaction, transaction.deadline)
                continue
            transaction.unsent = unsent
            transaction.abandon()
            self._forget(transaction)
            on_silence(reason, now)

    def _by_size(self, request: Request, peer: Addr, now: float) -> tuple[Addr, bytes]:
        """TCP for a request that UDP might not carry whole (RFC 3261 18.1.1), and the request's bytes."""
        data = to_bytes(request)
        if not self._udp_max_bytes or peer.transport != "udp" or peer.fixed:
            return peer, data
        if self._no_tcp.get(peer, 0.0) > now or len(data) <= self._udp_max_bytes:
            return peer, data
        _write_via(request, "tcp")
        return peer._replace(transport="tcp", upgraded=True), to_bytes(request)

    def _forget(self, transaction: ClientTransaction) -> None:
        self._queue.set(transaction, None)
        key = self._client_keys.pop(id(transaction), None)
        if key is not None:
            del self._clients[key]

    # --- server side

    def receive_request(
        self, request: Request, found: Essentials, source: Addr, now: float
    ) -> ServerTransaction | None:
        """A new transaction, or None where the request was a retransmission or there is no room.

        Room is made of requests that are answered: at many calls a second their 32 s of waiting for a
        retransmission (timer J) would fill the table, and no call could be hung up any more.
        """
        key = _server_key(found, request.method)
        known = self._servers.get(key)
        if known is not None:
            known.receive_again()
            return None
        peer = response_destination(found.via, source)
        if len(self._servers) >= self._max_server and not self._forget_answered():
            refusal = response_to(request, 503, source)
            refusal.headers.set("Retry-After", "30")
            self._send(to_bytes(refusal), peer)
            return None
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServer(request, peer, self._values, self._send)
        else:
            transaction = NonInviteServer(request, peer, self._values, self._send)
        self._servers[key] = transaction
        self._server_keys[id(transaction)] = key
        return transaction

    def receive_ack(self, found: Essentials, now: float) -> bool:
        """True where the ACK ended a refused INVITE; else it is of a 2xx and goes to its dialog."""
        transaction = self.find_invite(found)
        if transaction is None or transaction.state is State.ACCEPTED:
            return False
        transaction.receive_ack(now)
        self._queue.set(transaction, transaction.deadline)
        return True

    def find_invite(self, found: Essentials) -> InviteServer | None:
        """The INVITE that this CANCEL or ACK is about (RFC 3261 9.2)."""
        transaction = self._servers.get(_server_key(found, "INVITE"))
        return transaction if isinstance(transaction, InviteServer) else None

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> bytes:
        """What left last, in bytes."""
        sent = transaction.respond(response, now)
        self._queue.set(transaction, transaction.deadline)
        if isinstance(transaction, NonInviteServer) and transaction.state is State.COMPLETED:
            self._answered[id(transaction)] = transaction
        return sent

    def _forget_answered(self) -> bool:
        """The one that was answered longest ago; False where none is."""
        for transaction in self._answered.values():
            self._queue.set(transaction, None)
            self._drop(transaction)
            return True
        return False

    def _drop(self, transaction: ServerTransaction) -> None:
        self._answered.pop(id(transaction), None)
        self._servers.pop(self._server_keys.pop(id(transaction), None), None)

    # --- timers

    def on_timer(self, transaction: ClientTransaction | ServerTransaction, now: float) -> None:
        """``transaction``'s deadline has come."""
        silent = transaction.on_timer(now)
        self._queue.set(transaction, transaction.deadline)
        if isinstance(transaction, (InviteServer, NonInviteServer)):
            if transaction.terminated:
                self._drop(transaction)
            return
        on_silence = self._clients[self._client_keys[id(transaction)]][2]
        if transaction.terminated:
            self._forget(transaction)
        if silent:
            self._on_fault(transaction.peer)
            on_silence("no response", now)


def _write_via(request: Request, transport: str) -> None:
    """The transport in our own Via, the topmost."""
    start, _, rest = request.headers["Via"].partition(" ")
    protocol = start.rpartition("/")[0]
    request.headers.set("Via", f"{protocol}/{transport.upper()} {rest}")


def _server_key(found: Essentials, method: str) -> Hashable:
    method = "INVITE" if method == "ACK" else method
    via = found.via
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return (via.branch, via.host.lower(), via.port, method)
    # RFC 2543 peers: no unique branch, so the request is known by what it carries.
    return (found.call_id, found.from_tag, found.cseq.sequence, via.host.lower(), via.port, method)
