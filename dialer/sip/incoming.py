"""Calls that come to us: INVITE to our final response (RFC 3261 8.2, 9.2, 13.3)."""

from __future__ import annotations

from dialer.errors import SdpError, SipParseError
from dialer.ports import RemoteMedia
from dialer.sip.address import Addr, parse_address
from dialer.sip.calls import Call, Calls, CallTimer, Phase
from dialer.sip.core import SDP_TYPE, Core
from dialer.sip.dialog import Dialog
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import Essentials, header_values
from dialer.sip.sdp import SessionDescription, make_answer, make_offer, remote_media
from dialer.sip.signals import CallFailed, IncomingCall
from dialer.sip.transaction import InviteServer

_SESSION_BITS = 31


class IncomingCalls:
    def __init__(self, core: Core, calls: Calls) -> None:
        self._core = core
        self._calls = calls

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
        tag = core.token()
        try:
            offer = SessionDescription.parse(request.body) if request.body else None
            if offer is not None:
                remote_media(offer, we_answered=True)
            dialog = Dialog.as_callee(request, found, tag)
            caller = parse_address(request.headers["From"]).uri.user or ""
        except SdpError as error:
            core.reply(transaction, 488, source, now, phrase=str(error))
            return
        except SipParseError as error:
            core.reply(transaction, 400, source, now, phrase=str(error))
            return
        call = Call(
            core.number(), tag, remote=offer, request=request, transaction=transaction, source=source,
            merge_key=merge_key,
        )  # fmt: skip
        self._calls.active[call.number] = call
        self._calls.confirm(call, dialog)
        core.layer.respond(transaction, core.response(request, 100, source), now)
        core.timers.set(CallTimer("guard", call.number), now + core.config.max_ring_s)
        names = request.headers.keys()
        headers = tuple((name, value) for name in names for value in request.headers.getlist(name))
        core.emit(IncomingCall(call.number, caller, request.uri.user or "", source, headers))

    # --- commands

    def ring(self, call: Call, now: float) -> None:
        if call.transaction is None or call.request is None or call.phase is not Phase.INVITING:
            return
        response = self._core.response(call.request, 180, call.source, call.local_tag)
        response.headers.set("Contact", self._core.contact(call.source, call.request.uri))
        self._core.layer.respond(call.transaction, response, now)

    def answer(self, call: Call, host: str, port: int, now: float) -> RemoteMedia | None:
        """200 with our SDP. Where media goes; None where the offer is ours and the ACK will say."""
        transaction, dialog = call.transaction, call.dialog
        if transaction is None or dialog is None or call.phase is not Phase.INVITING:
            return None
        session = self._core.randomness.getrandbits(_SESSION_BITS)
        media: RemoteMedia | None = None
        if call.remote is None:
            local = make_offer(host, port, session)
        else:
            local = make_answer(call.remote, host, port, session)
            media = remote_media(call.remote, we_answered=True)
        call.local, call.phase = local, Phase.ANSWERING
        self._core.timers.set(CallTimer("guard", call.number), None)
        self._calls.send_2xx(call, transaction, dialog.remote_seq or 0, local, call.source, now)
        call.transaction = None
        return media

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
            self._calls.over(call, CallFailed(call.number, 487, "cancelled by the caller"))
