"""The SIP user agent without I/O.

Feed it ``receive_datagram`` and ``handle_timer``, take ``datagrams_to_send`` and ``next_event``, and
ask ``get_timer`` when to come back. Every method that does something is told ``now`` in loop seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipmessage import URI, Request, Response

from dialer.errors import SipParseError, TrunkError
from dialer.ports import RemoteMedia
from dialer.sip.accepted import Accepted
from dialer.sip.address import KNOWN_SCHEMES, Addr, parse_address, split_quoted
from dialer.sip.calls import Calls, CallTimer, Phase
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.core import Core, Local
from dialer.sip.description import Direction
from dialer.sip.digest import Randomness
from dialer.sip.early import EarlyDialogs
from dialer.sip.incoming import IncomingCalls
from dialer.sip.indialog import DialogClient
from dialer.sip.info import InfoKeys
from dialer.sip.layer import ClientTransaction, OnFault, ServerTransaction
from dialer.sip.message import (
    Essentials,
    Message,
    essentials,
    header_values,
    parse_message,
    response_destination,
    sent_by,
)
from dialer.sip.modify import Modifications
from dialer.sip.outgoing import InviteSpec, OutgoingCall, OutgoingCalls
from dialer.sip.refer import Refers, ReferTimer
from dialer.sip.registrar import Registrar
from dialer.sip.registration import RegisterSpec, Registrations, RegistrationTimer
from dialer.sip.replaces import Replaces
from dialer.sip.sessiontimer import SessionTimers
from dialer.sip.signals import OptionsAnswered, Signal
from dialer.sip.transaction import InviteServer

_OTHER_METHODS = frozenset(
    {"REGISTER", "INFO", "UPDATE", "PRACK", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"}
)
"""Understood well enough to be refused with 405 and Allow, not 501."""
OnOutside = Callable[[ServerTransaction, Essentials, Addr, float], None]


class UserAgent:
    """UAC and UAS over one UDP port, optionally with a registrar."""

    def __init__(
        self,
        config: UserAgentConfig,
        randomness: Randomness,
        registrar: RegistrarConfig | None = None,
        local: Local | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        self._core = Core(config, randomness, local, on_fault)
        self._calls = Calls(self._core)
        self._calls.on_timer("guard", lambda call, now: self.hang_up(call.number, "rang too long", now))
        client = DialogClient(self._calls)
        timers = SessionTimers(self._calls)
        self._accepted = Accepted(self._calls, timers)
        self._changes = Modifications(self._calls, client, self._accepted, timers)
        early = EarlyDialogs(self._calls, client)
        self._outgoing = OutgoingCalls(self._calls, early, timers, self._changes)
        self._incoming = IncomingCalls(self._calls, self._accepted, timers)
        self._info = InfoKeys(self._calls, client)
        self._refers = Refers(self._calls, client)
        self._registrations = Registrations(self._core)
        self._registrar = None if registrar is None else Registrar(self._core, registrar)
        self._outside: dict[str, OnOutside] = {
            "INVITE": self._invited, "OPTIONS": self._options, "BYE": self._no_dialog,
        }  # fmt: skip
        """What answers a request outside of any dialog; other parts add their methods."""
        if self._registrar is not None:
            self._outside["REGISTER"] = self._register_with_us

    @property
    def config(self) -> UserAgentConfig:
        return self._core.config

    @property
    def size(self) -> int:
        """Calls, transactions and timers held: what a flood could make grow."""
        return len(self._calls.active) + len(self._core.layer) + len(self._core.timers)

    # --- out

    def datagrams_to_send(self) -> list[tuple[bytes, Addr]]:
        """What must leave now; taken once."""
        datagrams = list(self._core.outgoing)
        self._core.outgoing.clear()
        return datagrams

    def next_event(self) -> Signal | None:
        return self._core.events.popleft() if self._core.events else None

    def get_timer(self) -> float | None:
        """When ``handle_timer`` must be called; None: not before something else happens."""
        return self._core.timers.next()

    def lookup(self, aor: str, now: float) -> str | None:
        """The contact URI registered with us for ``aor``."""
        return None if self._registrar is None else self._registrar.lookup(aor, now)

    def flow(self, aor: str, now: float) -> Addr | None:
        """The connection that ``aor`` registered over; None over UDP."""
        return None if self._registrar is None else self._registrar.flow(aor, now)

    # --- commands

    def invite(self, spec: InviteSpec, now: float) -> int:
        """Place a call; its number is in every event about it. Raises TrunkError at ``max_calls``."""
        if len(self._calls.active) >= self.config.max_calls:
            raise TrunkError(f"all {self.config.max_calls} calls that this SIP socket may have are taken")
        return self._outgoing.invite(spec, now)

    def cancel(self, call: int, now: float) -> None:
        """Give up a call that isn't answered: CANCEL leaves once a provisional response is there."""
        found = self._calls.active.get(call)
        if isinstance(found, OutgoingCall):
            self._outgoing.cancel(found, now)

    def refer(
        self, call: int, target: str, wait_s: float, now: float, replaces: int | None = None
    ) -> int | None:
        """Ask the far end of an answered call to call ``target`` itself, or to take the place of our
        other call ``replaces`` there (whose far end it calls where ``target`` is empty). TransferEnded
        with this number follows; None where a call is gone."""
        found = self._calls.active.get(call)
        other = None if replaces is None else self._calls.active.get(replaces)
        if found is None or (replaces is not None and (other is None or other.dialog is None)):
            return None
        if other is not None and other.dialog is not None:
            target = f"{target or other.dialog.target}?{Replaces.of(other.dialog).in_uri}"
        return self._refers.refer(found, target, wait_s, now)

    def parties(self, call: int) -> tuple[URI, Addr] | None:
        """Our identity in a call's dialog, and where its far end is; None where there is none."""
        found = self._calls.active.get(call)
        if found is None or found.dialog is None:
            return None
        return parse_address(found.dialog.local).uri, found.dialog.path()[2]

    def answered(self, call: int) -> bool:
        found = self._calls.active.get(call)
        return found is not None and found.phase is Phase.TALKING

    def report_refer(self, refer: int, code: int, now: float) -> None:
        """Tell the far end how the call goes that its REFER wanted."""
        self._refers.report(refer, code, now)

    def bye(self, call: int, reason: str, now: float) -> None:
        """End an answered call."""
        if (found := self._calls.active.get(call)) is not None and found.phase is not Phase.INVITING:
            self._calls.bye(found, reason, now)

    def hang_up(self, call: int, reason: str, now: float) -> None:
        """CANCEL, BYE or 480, whichever ends the call where it stands. Idempotent."""
        found = self._calls.active.get(call)
        if found is None:
            return
        if found.phase is not Phase.INVITING:
            self._calls.bye(found, reason, now)
        elif isinstance(found, OutgoingCall):
            self._outgoing.cancel(found, now, reason)
        else:
            self._incoming.reject(found, 480, reason, None, now)

    def send_keys(self, call: int, keys: str, now: float) -> None:
        """DTMF keys by INFO in an answered call; KeysSent follows."""
        if (found := self._calls.active.get(call)) is not None:
            self._info.send(found, keys, now)

    def hold(self, call: int, now: float) -> None:
        """Ask the far end to send nothing; CallModified follows."""
        if (found := self._calls.active.get(call)) is not None:
            self._changes.direct(found, Direction.SENDONLY, now)

    def resume(self, call: int, now: float) -> None:
        """The end of ``hold``; CallModified follows."""
        if (found := self._calls.active.get(call)) is not None:
            self._changes.direct(found, Direction.SENDRECV, now)

    def move(self, call: int, host: str, port: int, now: float) -> None:
        """Our media is at another address; CallModified follows."""
        if (found := self._calls.active.get(call)) is not None:
            self._changes.move(found, host, port, now)

    def ring(self, call: int, now: float) -> None:
        """180 to an incoming call."""
        if (found := self._calls.active.get(call)) is not None:
            self._incoming.ring(found, now)

    def answer(self, call: int, host: str, port: int, now: float) -> RemoteMedia | None:
        """200 to an incoming call, with media at ``host:port``. None: the call is gone, or the
        INVITE held no offer and CallAnswered will say where media goes."""
        found = self._calls.active.get(call)
        return None if found is None else self._incoming.answer(found, host, port, now)

    def reject(
        self, call: int, code: int, now: float, reason: str = "", retry_after_s: int | None = None
    ) -> None:
        """Refuse an incoming call with a final response (300-699)."""
        if (found := self._calls.active.get(call)) is not None:
            self._incoming.reject(found, code, reason, retry_after_s, now)

    def register(self, spec: RegisterSpec, now: float) -> int:
        """Register and stay registered."""
        return self._registrations.register(spec, now)

    def unregister(self, registration: int, now: float) -> None:
        self._registrations.unregister(registration, now)

    def refresh(self, registration: int, now: float) -> None:
        """Register again now."""
        self._registrations.refresh(registration, now)

    def relocate(self, registration: int, servers: Sequence[Addr], now: float) -> None:
        """DNS has been asked again for the registrar."""
        self._registrations.relocate(registration, servers, now)

    def options(self, target: URI, peer: Addr, now: float) -> int:
        """Ask whether a peer is alive; OptionsAnswered follows."""
        core, number, branch = self._core, self._core.number(), self._core.new_branch()
        local = URI(scheme="sip", host=core.config.host, port=core.config.port)
        request = core.request(
            "OPTIONS", target, branch=branch, peer=peer, from_=f"<{local}>;tag={core.token()}",
            to=f"<{target}>", call_id=f"{core.token()}@{core.config.host}", seq=1,
        )  # fmt: skip
        request.headers.set("Contact", core.contact(peer, target))

        def done(response: Response, _found: Essentials, _now: float) -> None:
            if response.code >= 200:
                core.emit(OptionsAnswered(number, response.code))

        def silent(_reason: str, _now: float) -> None:
            core.emit(OptionsAnswered(number, 0))

        core.send_request(request, branch, peer, now, done, silent)
        return number

    # --- in

    def handle_timer(self, now: float) -> None:
        """Everything that is due."""
        while (key := self._core.timers.pop(now)) is not None:
            if isinstance(key, CallTimer):
                self._calls.timer_due(key, now)
            elif isinstance(key, ReferTimer):
                self._refers.timer_due(key)
            elif isinstance(key, RegistrationTimer):
                self._registrations.on_timer(key.registration, now)
            elif isinstance(key, ClientTransaction | ServerTransaction):
                self._core.layer.on_timer(key, now)

    def transport_failed(self, peer: Addr, reason: str, now: float, *, unsent: bool = True) -> None:
        """The shell could not send to ``peer``, or, not ``unsent``, lost the connection to it."""
        self._core.layer.transport_failed(peer, reason, now, unsent=unsent)

    def receive_broken(self, data: bytes, addr: Addr, reason: str) -> None:
        """Headers of a message whose end can't be told: its sender gets 400, where it can be."""
        self._bad_request(data, addr, reason)

    def receive_datagram(self, data: bytes, addr: Addr, now: float) -> None:
        """One datagram. Never raises: malformed requests get 400, the rest is dropped."""
        if not data.strip(b"\r\n\0 "):
            return
        try:
            message = parse_message(data)
            found = essentials(message)
            if isinstance(message, Response):
                # More than one Via: it went astray (RFC 3261 8.1.3.3).
                if len(header_values(message, "Via")) == 1:
                    self._core.layer.receive_response(message, found, now)
                return
        except SipParseError as error:
            self._bad_request(data, addr, str(error))
            return
        self._receive_request(message, found, addr, now)

    def _receive_request(self, request: Request, found: Essentials, addr: Addr, now: float) -> None:
        core = self._core
        if request.method == "ACK":
            if not core.layer.receive_ack(found, now):
                self._accepted.receive_ack(request, found, now)
            return
        transaction = core.layer.receive_request(request, found, addr, now)
        if transaction is None:
            return
        if request.headers.get("X-Bad-Version"):
            core.reply(transaction, 505, addr, now)
        elif request.uri.scheme.startswith("?"):
            malformed = request.uri.scheme[1:] in ("", *KNOWN_SCHEMES)
            core.reply(transaction, 400 if malformed else 416, addr, now)
        elif request.method == "CANCEL":
            self._incoming.receive_cancel(transaction, found, addr, now)
        elif found.to_tag:
            known = self._calls.find(found)
            if known is None:
                if not self._refers.receive_late(transaction, found, addr, now):
                    core.reply(transaction, 481, addr, now)
            else:
                self._calls.receive(*known, transaction, found, addr, now)
        else:
            self._receive_outside(request, transaction, found, addr, now)

    def _receive_outside(
        self, request: Request, transaction: ServerTransaction, found: Essentials, addr: Addr, now: float
    ) -> None:
        """A request outside of any dialog (RFC 3261 8.2)."""
        core = self._core
        if unknown := core.unknown_extensions(request):
            core.reply(transaction, 420, addr, now, headers={"Unsupported": unknown})
        elif (handler := self._outside.get(request.method)) is not None:
            handler(transaction, found, addr, now)
        else:
            core.reply(transaction, 405 if request.method in _OTHER_METHODS else 501, addr, now)

    def _options(self, transaction: ServerTransaction, _found: Essentials, addr: Addr, now: float) -> None:
        self._core.reply(transaction, 200, addr, now)

    def _no_dialog(self, transaction: ServerTransaction, _found: Essentials, addr: Addr, now: float) -> None:
        self._core.reply(transaction, 481, addr, now)

    def _register_with_us(
        self, transaction: ServerTransaction, _found: Essentials, addr: Addr, now: float
    ) -> None:
        if self._registrar is not None:
            response = self._registrar.handle(transaction.request, addr, now)
            self._core.layer.respond(transaction, response, now)

    def _invited(self, transaction: ServerTransaction, found: Essentials, addr: Addr, now: float) -> None:
        if isinstance(transaction, InviteServer):
            self._incoming.receive(transaction, found, addr, now)

    def _bad_request(self, data: bytes, addr: Addr, reason: str) -> None:
        """400 (501, 505) where the sender can be told, without keeping any state for it."""
        try:
            message: Message = parse_message(data, strict=False)
            via = message.headers.get("Via")
            if not isinstance(message, Request) or message.method == "ACK" or via is None:
                return
            peer = response_destination(sent_by(split_quoted(via, ",")[0]), addr)
        except SipParseError:
            return
        if message.headers.get("X-Bad-Version"):
            code, reason = 505, ""
        elif message.method in _OTHER_METHODS or message.method in self._core.allowed:
            code = 400
        else:
            code, reason = 501, ""
        response = self._core.response(message, code, addr, self._core.token(), reason)
        self._core.reply_stateless(response, peer)
