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
ServerTransaction = InviteServer | NonInviteServer
ClientTransaction = InviteClient | NonInviteClient


class TransactionLayer:
    """All transactions of one user agent."""

    def __init__(self, timers: TimerValues, queue: TimerQueue, send: Send, max_server: int) -> None:
        self._values = timers
        self._queue = queue
        self._send = send
        self._max_server = max_server
        self._clients: dict[tuple[str, str], tuple[ClientTransaction, OnResponse, OnSilence]] = {}
        self._client_keys: dict[int, tuple[str, str]] = {}
        self._servers: dict[Hashable, ServerTransaction] = {}
        self._server_keys: dict[int, Hashable] = {}

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
    ) -> InviteClient:
        """Send an INVITE whose Via carries ``branch``."""
        transaction = InviteClient(request, peer, self._values, self._send, now, no_response_s)
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
        transaction = NonInviteClient(request, peer, self._values, self._send, now)
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
        if pass_on:
            on_response(response, found, now)

    def abandon(self, transaction: ClientTransaction) -> None:
        """Forget a client transaction: nothing more of it is passed on."""
        transaction.abandon()
        self._forget(transaction)

    def transport_failed(self, peer: Addr, reason: str, now: float) -> None:
        """Nothing can be sent to ``peer``: what waits for its first response is over (RFC 3261 17.1.4)."""
        for transaction, _, on_silence in list(self._clients.values()):
            if transaction.peer == peer and transaction.state in (State.CALLING, State.TRYING):
                transaction.abandon()
                self._forget(transaction)
                on_silence(reason, now)

    def _forget(self, transaction: ClientTransaction) -> None:
        self._queue.set(transaction, None)
        key = self._client_keys.pop(id(transaction), None)
        if key is not None:
            del self._clients[key]

    # --- server side

    def receive_request(
        self, request: Request, found: Essentials, source: Addr, now: float
    ) -> ServerTransaction | None:
        """A new transaction, or None where the request was a retransmission or there is no room."""
        key = _server_key(found, request.method)
        known = self._servers.get(key)
        if known is not None:
            known.receive_again()
            return None
        peer = response_destination(found.via, source)
        if len(self._servers) >= self._max_server:
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

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        transaction.respond(response, now)
        self._queue.set(transaction, transaction.deadline)

    # --- timers

    def on_timer(self, transaction: ClientTransaction | ServerTransaction, now: float) -> None:
        """``transaction``'s deadline has come."""
        silent = transaction.on_timer(now)
        self._queue.set(transaction, transaction.deadline)
        if isinstance(transaction, (InviteServer, NonInviteServer)):
            if transaction.terminated:
                self._servers.pop(self._server_keys.pop(id(transaction), None), None)
            return
        on_silence = self._clients[self._client_keys[id(transaction)]][2]
        if transaction.terminated:
            self._forget(transaction)
        if silent:
            on_silence("no response", now)


def _server_key(found: Essentials, method: str) -> Hashable:
    method = "INVITE" if method == "ACK" else method
    via = found.via
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return (via.branch, via.host.lower(), via.port, method)
    # RFC 2543 peers: no unique branch, so the request is known by what it carries.
    return (found.call_id, found.from_tag, found.cseq.sequence, via.host.lower(), via.port, method)
