"""Our 2xx to an INVITE: repeated until its ACK comes, or the call is ended (RFC 3261 13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from sipmessage import Request

from dialer.errors import SdpError
from dialer.sip.address import Addr
from dialer.sip.calls import Calls
from dialer.sip.callstate import Call, PendingAck, Phase
from dialer.sip.core import SDP_TYPE
from dialer.sip.description import SessionDescription
from dialer.sip.dialog import Dialog
from dialer.sip.message import Essentials, header_values
from dialer.sip.negotiation import Open
from dialer.sip.sessiontimer import SessionTimers
from dialer.sip.signals import CallAnswered, CallUpdated
from dialer.sip.transaction import InviteServer


class Accepted:
    """``on_acknowledged`` is told when an INVITE of theirs is over."""

    def __init__(self, calls: Calls, timers: SessionTimers) -> None:
        self._calls = calls
        self._core = calls.core
        self._timers = timers
        self.on_acknowledged: Callable[[Call, float], None] = lambda _call, _now: None
        calls.on_timer("ack", self._resend)

    def send(
        self,
        call: Call,
        transaction: InviteServer,
        seq: int,
        local: SessionDescription,
        source: Addr,
        now: float,
    ) -> None:
        """200 with ``local``, an answer or our offer."""
        request = transaction.request
        response = self._core.response(request, 200, source, call.local_tag)
        if routes := header_values(request, "Record-Route"):
            response.headers.setlist("Record-Route", routes)
        response.headers.set("Contact", self._core.contact(source, request.uri, call.contact_user))
        self._timers.answer(call, request, response, now)
        response.headers.set("Content-Type", SDP_TYPE)
        response.body = local.encode()
        sent = self._core.layer.respond(transaction, response, now)
        values = self._core.config.timers
        call.pending = PendingAck(sent, transaction.peer, seq, values.t1, now + values.timeout)
        self._calls.set_timer("ack", call, now + values.t1)

    def _resend(self, call: Call, now: float) -> None:
        pending = call.pending
        if pending is None:
            return
        if now >= pending.give_up_at:
            call.pending = None
            self._calls.bye(call, "no ACK", now)
            return
        self._core.send(pending.data, pending.peer)
        pending.interval = min(pending.interval * 2, self._core.config.timers.t2)
        self._calls.set_timer("ack", call, now + pending.interval)

    def receive_ack(self, request: Request, found: Essentials, now: float) -> None:
        """The ACK of a 2xx of ours; any other is ignored."""
        known = self._calls.find(found)
        if known is None:
            return
        call, dialog = known
        if call.pending is None or call.pending.seq != found.cseq.sequence:
            return
        call.pending = None
        self._calls.set_timer("ack", call, None)
        first = call.phase is Phase.ANSWERING
        if first:
            call.phase = Phase.TALKING
        if call.phase is not Phase.TALKING or not self._settle(call, dialog, request, first, now):
            return
        if call.bye_wanted:
            self._calls.bye(call, call.end_reason, now)
        else:
            self.on_acknowledged(call, now)

    def _settle(self, call: Call, dialog: Dialog, request: Request, first: bool, now: float) -> bool:
        """Take the answer to an offer of ours, and report. False: the call is being ended."""
        session = dialog.session
        before = session.media
        if session.open is Open.OURS:
            try:
                session.take_answer(request.body)
            except SdpError as error:
                self._calls.bye(call, f"no usable answer in ACK: {error}", now)
                return False
        if session.media is None:
            return True
        if first:
            self._core.emit(CallAnswered(call.number, session.media))
        elif session.media != before:
            self._core.emit(CallUpdated(call.number, session.media))
        return True
