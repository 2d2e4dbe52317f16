"""Calls that come to us: INVITE to our final response (RFC 3261 8.2, 9.2, 13.3)."""

from __future__ import annotations

from dialer.errors import SdpError, SipParseError
from dialer.ports import RemoteMedia
from dialer.sip.accepted import Accepted
from dialer.sip.address import Addr, parse_address
from dialer.sip.calls import Calls
from dialer.sip.callstate import Call, CallTimer, Phase
from dialer.sip.core import SDP_TYPE
from dialer.sip.dialog import Dialog
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import Essentials, header_values
from dialer.sip.negotiation import Open, Session
from dialer.sip.reason import described
from dialer.sip.reliable import ReliableResponses
from dialer.sip.sdes import policy_for
from dialer.sip.sdp import make_offer
from dialer.sip.sessiontimer import SessionTimers
from dialer.sip.signals import CallFailed, IncomingCall
from dialer.sip.takeover import find_replaced
from dialer.sip.transaction import InviteServer

_SESSION_BITS = 31
_DISCARD = 9


class IncomingCalls:
    def __init__(self, calls: Calls, accepted: Accepted, timers: SessionTimers) -> None:
        self._core = calls.core
        self._calls = calls
        self._accepted = accepted
        self._timers = timers
        self._reliable = ReliableResponses(calls, self._unacknowledged)

    def receive(self, transaction: InviteServer, found: Essentials, source: Addr, now: float) -> None:
        """A new INVITE: refused here, or reported as IncomingCall."""
        core, request = self._core, transaction.request
        merge_key = (found.call_id, found.from_tag, found.cseq.sequence)
        if any(call.merge_key == merge_key for call in self._calls.active.values()):
            core.reply(transaction, 482, source, now)
            return
        if len(self._calls.active) >= core.config.max_calls:
            core.reply(transaction, 503, source, now, headers={"Retry-After": "30"})
            return
        kind = (request.headers.get("Content-Type") or SDP_TYPE).partition(";")[0].strip().lower()
        if request.body and kind != SDP_TYPE:
            core.reply(transaction, 415, source, now, headers={"Accept": SDP_TYPE})
            return
        accepted = [value.partition(";")[0].strip().lower() for value in header_values(request, "Accept")]
        if accepted and not {SDP_TYPE, "application/*", "*/*"} & set(accepted):
            core.reply(transaction, 406, source, now)
            return
        if (least := self._timers.too_short(request)) is not None:
            core.reply(transaction, 422, source, now, headers=least)
            return
        refused, replaced = find_replaced(self._calls, request, source)
        if refused:
            core.reply(transaction, refused, source, now)
            return
        tag = core.token()
        try:
            session = self._new_session(source)
            if request.body:
                session.keep_offer(request.body)
            dialog = Dialog.as_callee(request, found, tag)
            dialog.session = session
            dialog.keep_secret(source)
            dialog.mark_nat(found.via.host.strip("[]"), source)
            caller = parse_address(request.headers["From"]).uri.user or ""
        except SdpError as error:
            core.reply(transaction, 488, source, now, phrase=str(error))
            return
        except SipParseError as error:
            core.reply(transaction, 400, source, now, phrase=str(error))
            return
        call = Call(
            core.number(), tag, request=request, transaction=transaction, source=source,
            merge_key=merge_key,
        )  # fmt: skip
        self._calls.active[call.number] = call
        self._calls.confirm(call, dialog)
        core.layer.respond(transaction, core.response(request, 100, source), now)
        core.timers.set(CallTimer("guard", call.number), now + core.config.max_ring_s)
        names = request.headers.keys()
        headers = tuple((name, value) for name in names for value in request.headers.getlist(name))
        core.emit(
            IncomingCall(
                call.number, caller, request.uri.user or "", source, headers,
                replaces=None if replaced is None else replaced.number,
            )
        )  # fmt: skip

    def _new_session(self, source: Addr) -> Session:
        """What we can do; where our media is will be known with the answer. Raises SdpError."""
        core, config = self._core, self._core.config
        srtp = policy_for(config.srtp, encrypted=source.transport == "tls")
        return Session(
            make_offer(
                config.host, _DISCARD, core.randomness.getrandbits(_SESSION_BITS),
                comfort_noise=config.comfort_noise, srtp=srtp, randomness=core.randomness,
            )
        )  # fmt: skip

    # --- commands

    def ring(self, call: Call, now: float) -> None:
        """180, reliably where the caller insists; not at all where it insists and its INVITE has no
        offer: ours would have to go with it, and our media isn't there yet."""
        if call.transaction is None or call.request is None or call.dialog is None:
            return
        if call.phase is not Phase.INVITING:
            return
        response = self._core.response(call.request, 180, call.source, call.local_tag)
        if routes := header_values(call.request, "Record-Route"):
            response.headers.setlist("Record-Route", routes)
        response.headers.set("Contact", self._core.contact(call.source, call.request.uri))
        if not self._reliable.wanted(call):
            self._core.layer.respond(call.transaction, response, now)
        elif call.dialog.session.open is Open.THEIRS:
            self._reliable.send(call, response, now)

    def _unacknowledged(self, call: Call, now: float) -> None:
        """No PRACK for 64*T1 (RFC 3262 3 asks for a 5xx)."""
        self.reject(call, 504, "No PRACK came", None, now)

    def answer(self, call: Call, host: str, port: int, now: float) -> RemoteMedia | None:
        """200 with our SDP. Where media goes; None where the offer is ours and the ACK will say."""
        transaction, dialog = call.transaction, call.dialog
        if transaction is None or dialog is None or call.phase is not Phase.INVITING:
            return None
        session = dialog.session
        session.wish(host=host, port=port)
        local = session.answer() if session.open is Open.THEIRS else session.offer()
        call.phase = Phase.ANSWERING
        self._calls.set_timer("guard", call, None)
        self._reliable.stop(call)
        self._accepted.send(call, transaction, dialog.invite_seq, local, call.source, now)
        call.transaction = None
        return session.media

    def reject(self, call: Call, code: int, reason: str, retry_after_s: int | None, now: float) -> None:
        if call.transaction is None or call.request is None or call.phase is not Phase.INVITING:
            return
        response = self._core.response(call.request, code, call.source, call.local_tag, reason)
        if retry_after_s is not None:
            response.headers.set("Retry-After", str(retry_after_s))
        self._core.layer.respond(call.transaction, response, now)
        self._calls.over(call, CallFailed(call.number, code, reason or response.phrase))

    # --- CANCEL

    def receive_cancel(
        self, transaction: ServerTransaction, found: Essentials, source: Addr, now: float
    ) -> None:
        invite = self._core.layer.find_invite(found)
        if invite is None:
            self._core.reply(transaction, 481, source, now)
            return
        call = next((c for c in self._calls.active.values() if c.transaction is invite), None)
        # The same To tag in the 200 as in the INVITE's responses (RFC 3261 9.2).
        response = self._core.response(
            transaction.request, 200, source, call.local_tag if call else self._core.token()
        )
        self._core.layer.respond(transaction, response, now)
        if call is not None and call.request is not None:
            refusal = self._core.response(call.request, 487, call.source, call.local_tag)
            self._core.layer.respond(invite, refusal, now)
            why = described("cancelled by the caller", transaction.request)
            self._calls.over(call, CallFailed(call.number, 487, why))
