"""What all parts of the user agent share: outgoing datagrams, events, timers, tokens and headers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sipmessage import URI, Request, Response

from dialer.sip.address import Addr, bracketed
from dialer.sip.config import UserAgentConfig
from dialer.sip.dialog import Dialog
from dialer.sip.digest import Credentials, DigestClient, NonceMemory, Randomness, token
from dialer.sip.headers import new_request
from dialer.sip.layer import OnFault, OnResponse, OnSilence, ServerTransaction, TransactionLayer
from dialer.sip.message import MAGIC_COOKIE, header_values, response_to, to_bytes
from dialer.sip.signals import Signal
from dialer.sip.timers import TimerQueue

SDP_TYPE = "application/sdp"
_MAX_NONCES = 256
"""Peers whose challenges are remembered; the one not used longest gives way."""

Local = Callable[[Addr], tuple[str, int]]
"""The host and port of ours that a peer is told."""


class Core:
    """``host`` and ``port`` become known to the configuration once the socket is bound."""

    def __init__(
        self,
        config: UserAgentConfig,
        randomness: Randomness,
        local: Local | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        self.config = config
        self.local: Local = local or (lambda _peer: (config.host, config.port))
        self.randomness = randomness
        self.timers = TimerQueue()
        self.layer = TransactionLayer(
            config.timers, self.timers, self.send, config.max_server_transactions, config.udp_max_bytes,
            on_fault,
        )  # fmt: skip
        self.outgoing: deque[tuple[bytes, Addr]] = deque()
        self.events: deque[Signal] = deque()
        self.allowed = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"]
        """Allow: what some part has said it handles."""
        self.extensions: dict[str, frozenset[str]] = {}
        """Supported: option tags that some part handles, and the methods that may require them."""
        self._numbers = 0
        self._nonces: dict[tuple[Credentials, str, int], NonceMemory] = {}

    def send(self, data: bytes, peer: Addr) -> None:
        self.outgoing.append((data, peer))

    def emit(self, event: Signal) -> None:
        self.events.append(event)

    def token(self) -> str:
        return token(self.randomness)

    def number(self) -> int:
        """A new handle for a call, registration or request."""
        self._numbers += 1
        return self._numbers

    def contact(self, peer: Addr, uri: URI, user: str = "") -> str:
        """How ``peer`` reaches us; sips where the request's ``uri`` is (RFC 3261 8.1.1.8)."""
        sips = uri.scheme == "sips"
        host, port = self.local(peer)
        ours = URI(scheme="sips" if sips else "sip", host=bracketed(host), port=port, user=user or None)
        return f"<{ours};transport={peer.transport}>" if peer.reliable and not sips else f"<{ours}>"

    def digest(self, credentials: Credentials, peer: Addr) -> DigestClient:
        """Our credentials towards a peer, with what it has challenged before."""
        key = (credentials, peer.host, peer.port)
        memory = self._nonces.pop(key, None) or NonceMemory()
        self._nonces[key] = memory
        while len(self._nonces) > _MAX_NONCES:
            del self._nonces[next(iter(self._nonces))]
        return DigestClient(credentials, self.randomness, memory)

    def via(self, branch: str, peer: Addr) -> str:
        """``alias``: the peer may send its requests on this connection (RFC 5923 5)."""
        host, port = self.local(peer)
        alias = ";alias" if peer.reliable else ""
        return f"SIP/2.0/{peer.transport.upper()} {bracketed(host)}:{port};branch={branch};rport{alias}"

    def unknown_extensions(self, request: Request) -> str:
        """What the request requires and we don't do, for Unsupported (RFC 3261 8.2.2.3)."""
        return ", ".join(
            option
            for option in header_values(request, "Require")
            if request.method not in self.extensions.get(option.lower(), ())
        )

    def new_branch(self) -> str:
        return MAGIC_COOKIE + self.token()

    def request(
        self,
        method: str,
        uri: URI,
        *,
        branch: str,
        peer: Addr,
        from_: str,
        to: str,
        call_id: str,
        seq: int,
        routes: tuple[str, ...] = (),
    ) -> Request:
        """A request with its mandatory headers (RFC 3261 8.1.1)."""
        request = new_request(method, uri)
        request.headers.set("Via", self.via(branch, peer))
        if routes:
            request.headers.setlist("Route", list(routes))
        request.headers.set("Max-Forwards", "70")
        request.headers.set("From", from_)
        request.headers.set("To", to)
        request.headers.set("Call-ID", call_id)
        request.headers.set("CSeq", f"{seq} {method}")
        request.headers.set("User-Agent", self.config.user_agent)
        if method in ("INVITE", "UPDATE", "OPTIONS"):
            request.headers.set("Allow", ", ".join(self.allowed))
            request.headers.set("Supported", ", ".join(self.extensions))
        if method in ("INVITE", "OPTIONS"):
            request.headers.set("Accept", SDP_TYPE)
        return request

    def dialog_request(self, dialog: Dialog, method: str, branch: str, seq: int) -> tuple[Request, Addr]:
        """A request inside a dialog, and where it goes."""
        uri, routes, peer = dialog.path()
        request = self.request(
            method, uri, branch=branch, peer=peer, from_=dialog.local, to=dialog.remote,
            call_id=dialog.call_id, seq=seq, routes=routes,
        )  # fmt: skip
        return request, peer

    def send_request(
        self, request: Request, branch: str, peer: Addr, now: float, done: OnResponse, silent: OnSilence
    ) -> None:
        self.layer.request(request, branch, peer, now, done, silent)

    def response(
        self, request: Request, code: int, source: Addr, to_tag: str = "", phrase: str = ""
    ) -> Response:
        """A response with the headers that say who we are and what we take."""
        response = response_to(request, code, source, to_tag=to_tag, phrase=phrase)
        response.headers.set("Server", self.config.user_agent)
        told = request.method in ("INVITE", "UPDATE", "OPTIONS") and 180 <= code < 300
        if told or code in (405, 501):
            response.headers.set("Allow", ", ".join(self.allowed))
        if told:
            response.headers.set("Supported", ", ".join(self.extensions))
        if request.method == "OPTIONS" and code == 200:
            response.headers.set("Accept", SDP_TYPE)
        return response

    def reply(
        self,
        transaction: ServerTransaction,
        code: int,
        source: Addr,
        now: float,
        *,
        phrase: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer a request outside of any dialog of ours."""
        tag = "" if code == 100 else self.token()
        response = self.response(transaction.request, code, source, tag, phrase)
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        self.layer.respond(transaction, response, now)

    def reply_stateless(self, response: Response, peer: Addr) -> None:
        self.send(to_bytes(response), peer)
