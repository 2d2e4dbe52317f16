"""One call's data, and what is the same for both roles once a dialog stands.

BYE both ways, re-INVITE from the far end, and our 2xx retransmitted until its ACK (RFC 3261 12-15).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from sipmessage import Request, Response

from dialer.errors import DigestError, SdpError
from dialer.sip.address import Addr
from dialer.sip.core import SDP_TYPE, Core
from dialer.sip.dialog import Dialog, DialogId
from dialer.sip.digest import DigestClient
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import Essentials, clean, header_values, to_bytes
from dialer.sip.sdp import SessionDescription, make_answer
from dialer.sip.signals import CallAnswered, CallEnded, CallFailed, CallUpdated
from dialer.sip.transaction import InviteServer

_NOWHERE = Addr("", 0)


class Phase(StrEnum):
    INVITING = "inviting"
    """INVITE sent or received, no final response."""
    ANSWERING = "answering"
    """Incoming: our 2xx waits for its ACK."""
    TALKING = "talking"
    ENDING = "ending"
    """Our BYE is on its way."""
    OVER = "over"


@dataclass(slots=True)
class PendingAck:
    """A 2xx of ours that is repeated until its ACK comes (RFC 3261 13.3.1.4)."""

    data: bytes
    peer: Addr
    seq: int
    interval: float
    give_up_at: float


@dataclass(slots=True)
class Call:
    """State of one call; the roles' own fields are theirs alone."""

    number: int
    local_tag: str
    local: SessionDescription | None = None
    remote: SessionDescription | None = None
    dialog: Dialog | None = None
    phase: Phase = Phase.INVITING
    digest: DigestClient | None = None
    end_reason: str = ""
    bye_wanted: bool = False
    pending: PendingAck | None = None
    # incoming only
    request: Request | None = None
    transaction: InviteServer | None = None
    source: Addr = _NOWHERE
    merge_key: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class CallTimer:
    """Key of a call's own deadline: ``guard`` (rings too long), ``cancel``, ``bye``, ``ack``, ...

    ``Calls.on_timer`` says what each kind does; ``Calls.over`` cancels every kind."""

    kind: str
    call: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A request of the far end inside a dialog, in sequence, waiting for its response."""

    call: Call
    dialog: Dialog
    transaction: ServerTransaction
    found: Essentials
    source: Addr
    now: float

    @property
    def request(self) -> Request:
        return self.transaction.request


OnInside = Callable[[Inside], None]
OnCallTimer = Callable[[Call, float], None]


class Calls:
    """Every call of the user agent, and the dialogs they hold.

    Other parts add what they do: ``on_method`` for a request inside a dialog (it is then in Allow),
    ``on_timer`` for a deadline of theirs, ``on_over`` for what they keep of a call.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.active: dict[int, Call] = {}
        self._dialogs: dict[DialogId, Call] = {}
        self._methods: dict[str, OnInside] = {}
        self._timers: dict[str, OnCallTimer] = {}
        self._over: list[Callable[[Call], None]] = []
        self.on_method("BYE", self._receive_bye)
        self.on_method("INVITE", self._receive_invite)
        self.on_method("OPTIONS", lambda inside: self.reply(inside, 200))
        self.on_timer("ack", self.resend_2xx)
        self.on_timer("bye", lambda call, _now: self._bye_done(call))

    # --- who does what

    def on_method(self, method: str, handler: OnInside) -> None:
        """``handler`` answers requests of ``method`` inside dialogs (with ``reply``, or later itself)."""
        self._methods[method] = handler
        if method not in self.core.allowed:
            self.core.allowed.append(method)

    def on_timer(self, kind: str, handler: OnCallTimer) -> None:
        """``handler`` is called when ``CallTimer(kind, call)`` is due."""
        self._timers[kind] = handler

    def on_over(self, handler: Callable[[Call], None]) -> None:
        """``handler`` is called once for each call that is over, before its last event."""
        self._over.append(handler)

    def set_timer(self, kind: str, call: Call, when: float | None) -> None:
        """None cancels."""
        self.core.timers.set(CallTimer(kind, call.number), when)

    def timer_due(self, timer: CallTimer, now: float) -> None:
        if (call := self.active.get(timer.call)) is not None:
            self._timers[timer.kind](call, now)

    def reply(
        self, inside: Inside, code: int, *, phrase: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """The final response to a request inside a dialog."""
        self.core.reply(inside.transaction, code, inside.source, inside.now, phrase=phrase, headers=headers)

    def find(self, found: Essentials) -> Call | None:
        """The call whose dialog a request belongs to."""
        return self._dialogs.get((found.call_id, found.to_tag, found.from_tag))

    def confirm(self, call: Call, dialog: Dialog) -> None:
        call.dialog = dialog
        self._dialogs[dialog.id] = call

    def over(self, call: Call, event: CallFailed | CallEnded) -> None:
        """The call is over, reported once; late messages find no dialog."""
        if call.phase is Phase.OVER:
            return
        call.phase, call.pending = Phase.OVER, None
        for kind in self._timers:
            self.set_timer(kind, call, None)
        for handler in self._over:
            handler(call)
        self.active.pop(call.number, None)
        if call.dialog is not None:
            self._dialogs.pop(call.dialog.id, None)
        self.core.emit(event)

    def lost(self, call: Call, dialog: Dialog, reason: str, now: float) -> None:
        """The far end knows ``dialog`` no more, or is gone (408, 481 or silence; RFC 3261 12.2.1.2)."""
        if dialog is call.dialog and call.phase is Phase.TALKING:
            self.bye(call, reason, now)

    # --- our BYE

    def bye(self, call: Call, reason: str, now: float) -> None:
        """End an answered call; CallEnded follows when the far end confirms or stays silent."""
        if call.dialog is None or call.phase in (Phase.ENDING, Phase.OVER):
            return
        if call.phase is Phase.ANSWERING and call.pending is not None:
            # No BYE before the ACK of our 2xx (RFC 3261 15).
            call.bye_wanted, call.end_reason = True, reason
            return
        call.phase, call.end_reason = Phase.ENDING, reason
        self.core.timers.set(CallTimer("bye", call.number), now + self.core.config.bye_wait_s)
        self._send_bye(call, call.dialog, now)

    def _send_bye(self, call: Call, dialog: Dialog, now: float) -> None:
        branch = self.core.new_branch()
        request, peer = self.core.dialog_request(dialog, "BYE", branch, dialog.next_seq())
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("BYE", str(request.uri))
            request.headers.set(name, value)

        def done(response: Response, _: Essentials, at: float) -> None:
            if response.code < 200:
                return
            if response.code in (401, 407) and call.digest is not None and call.phase is Phase.ENDING:
                try:
                    call.digest.accept(response.code, challenge_headers(response))
                except DigestError:
                    self._bye_done(call)
                else:
                    self._send_bye(call, dialog, at)
                return
            self._bye_done(call)

        self.core.send_request(request, branch, peer, now, done, lambda _reason, _now: self._bye_done(call))

    def _bye_done(self, call: Call) -> None:
        self.over(call, CallEnded(call.number, by_remote=False, reason=call.end_reason))

    def bye_stray(self, call: Call, dialog: Dialog, now: float) -> None:
        """End a dialog that nobody wants: a fork's second answer (RFC 3261 13.2.2.4)."""
        branch = self.core.new_branch()
        request, peer = self.core.dialog_request(dialog, "BYE", branch, dialog.next_seq())
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("BYE", str(request.uri))
            request.headers.set(name, value)
        self.core.send_request(request, branch, peer, now, lambda *_: None, lambda *_: None)

    # --- requests of the far end inside a dialog

    def receive(
        self, call: Call, transaction: ServerTransaction, found: Essentials, source: Addr, now: float
    ) -> None:
        dialog, handler = call.dialog, self._methods.get(transaction.request.method)
        if dialog is None or not dialog.in_order(found.cseq.sequence):
            self.core.reply(transaction, 500, source, now, phrase="CSeq out of order")
        elif handler is None:
            self.core.reply(transaction, 405, source, now)
        else:
            handler(Inside(call, dialog, transaction, found, source, now))

    def _receive_bye(self, inside: Inside) -> None:
        call = inside.call
        self.reply(inside, 200)
        if call.transaction is not None:
            # An INVITE of theirs that is still open ends with its dialog (RFC 3261 15.1.2).
            refusal = self.core.response(call.transaction.request, 487, call.source, call.local_tag)
            self.core.layer.respond(call.transaction, refusal, inside.now)
        if call.phase is Phase.INVITING:
            self.over(call, CallFailed(call.number, 487, "ended by the caller"))
            return
        ours = call.phase is Phase.ENDING
        reason = call.end_reason if ours else _reason_header(inside.request)
        self.over(call, CallEnded(call.number, by_remote=not ours, reason=reason))

    def _receive_invite(self, inside: Inside) -> None:
        if isinstance(inside.transaction, InviteServer):
            self._reinvite(
                inside.call, inside.dialog, inside.transaction, inside.found, inside.source, inside.now
            )

    def _reinvite(
        self,
        call: Call,
        dialog: Dialog,
        transaction: InviteServer,
        found: Essentials,
        source: Addr,
        now: float,
    ) -> None:
        if call.pending is not None or call.local is None:
            self.core.reply(transaction, 500, source, now, headers={"Retry-After": "1"})
            return
        if call.phase is not Phase.TALKING:
            self.core.reply(transaction, 481, source, now)
            return
        request, local = transaction.request, call.local
        if request.body:
            try:
                offer = SessionDescription.parse(request.body)
                local = make_answer(
                    offer, local.host, local.port, local.session_id, version=local.version + 1
                )
            except SdpError as error:
                self.core.reply(transaction, 488, source, now, phrase=str(error))
                return
            moved = call.remote is None or replace(offer, version=0) != replace(call.remote, version=0)
            call.remote = offer
            if moved:
                self.core.emit(CallUpdated(call.number, offer))
        call.local = local
        dialog.refresh_target(request)
        self.send_2xx(call, transaction, found.cseq.sequence, local, source, now)

    # --- our 2xx and its ACK

    def send_2xx(
        self,
        call: Call,
        transaction: InviteServer,
        seq: int,
        local: SessionDescription,
        source: Addr,
        now: float,
    ) -> None:
        response = self.core.response(transaction.request, 200, source, call.local_tag)
        if routes := header_values(transaction.request, "Record-Route"):
            response.headers.setlist("Record-Route", routes)
        response.headers.set("Contact", self.core.contact(source, transaction.request.uri))
        response.headers.set("Content-Type", SDP_TYPE)
        response.body = local.encode()
        self.core.layer.respond(transaction, response, now)
        values = self.core.config.timers
        call.pending = PendingAck(to_bytes(response), transaction.peer, seq, values.t1, now + values.timeout)
        self.core.timers.set(CallTimer("ack", call.number), now + values.t1)

    def resend_2xx(self, call: Call, now: float) -> None:
        """The ``ack`` timer: repeat, or give the call up (RFC 3261 13.3.1.4)."""
        pending = call.pending
        if pending is None:
            return
        if now >= pending.give_up_at:
            call.pending = None
            self.bye(call, "no ACK", now)
            return
        self.core.send(pending.data, pending.peer)
        pending.interval = min(pending.interval * 2, self.core.config.timers.t2)
        self.core.timers.set(CallTimer("ack", call.number), now + pending.interval)

    def receive_ack(self, request: Request, found: Essentials, now: float) -> None:
        """The ACK of a 2xx of ours; any other is ignored."""
        call = self.find(found)
        if call is None or call.pending is None or call.pending.seq != found.cseq.sequence:
            return
        call.pending = None
        self.core.timers.set(CallTimer("ack", call.number), None)
        if call.phase is not Phase.ANSWERING:
            return
        call.phase = Phase.TALKING
        if call.remote is None:
            try:
                call.remote = SessionDescription.parse(request.body)
            except SdpError as error:
                self.bye(call, f"no usable answer in ACK: {error}", now)
                return
        self.core.emit(CallAnswered(call.number, call.remote))
        if call.bye_wanted:
            self.bye(call, call.end_reason, now)


def challenge_headers(response: Response) -> list[str]:
    name = "WWW-Authenticate" if response.code == 401 else "Proxy-Authenticate"
    return list(response.headers.getlist(name))


def _reason_header(request: Request) -> str:
    """The Reason of a BYE (RFC 3326), shortened; empty for none."""
    return clean(request.headers.get("Reason") or "")[:200]
