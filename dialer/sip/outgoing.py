"""Calls that we place: INVITE to its final response (RFC 3261 9.1, 13.2, 22.2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sipmessage import URI, Request, Response

from dialer.errors import DigestError, SdpError, SipParseError
from dialer.sip.address import Addr
from dialer.sip.calls import Calls, challenge_headers
from dialer.sip.callstate import Call, CallTimer, Phase
from dialer.sip.core import SDP_TYPE
from dialer.sip.description import SessionDescription
from dialer.sip.dialog import Dialog
from dialer.sip.digest import Credentials
from dialer.sip.early import MAX_BRANCHES, EarlyDialogs, new_session
from dialer.sip.headers import new_request
from dialer.sip.message import Essentials, clean, retry_after_s, to_bytes
from dialer.sip.modify import Modifications
from dialer.sip.negotiation import Open, Session
from dialer.sip.reason import PASSED_ON, described, network_cause, why_cancelled
from dialer.sip.redirect import destination, next_target, refusal
from dialer.sip.sessiontimer import SessionTimers
from dialer.sip.signals import CallAnswered, CallAnsweredLate, CallFailed
from dialer.sip.transaction import InviteClient
from dialer.sip.trunkconfig import KeySending

CROSSED = "answer crossed CANCEL"
_MAX_INVITES = 16
"""One call sends no more: whoever refuses each with another wish would never let it end."""


@dataclass(frozen=True, slots=True)
class InviteSpec:
    """One call to place. ``from_uri`` is the identity shown; ``peer`` where the INVITE goes."""

    target: URI
    from_uri: URI
    peer: Addr
    offer: SessionDescription
    display_name: str = ""
    credentials: Credentials | None = None
    no_response_s: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the INVITE: Route of an outbound proxy, identity, privacy."""
    key_sending: KeySending = KeySending.AUTO
    """How our DTMF keys are sent in this call."""
    redirects: int = 0
    """How many 3xx in a row are followed, to the host of ``target`` or ``peer``."""
    may_follow: Callable[[URI], bool] | None = None
    """Whether a 3xx to this URI may be followed; None: any within the hosts."""
    others: tuple[Addr, ...] = ()
    """Further servers of ``peer``'s domain: the next one gets the INVITE where one surely hasn't got it,
    or says 503 before any ringing (RFC 3263 4.3)."""
    not_after: float | None = None
    """Loop time after which no further server gets it."""
    delayed_offer: bool = False
    """The INVITE goes without SDP: the far end offers, ``offer`` says what we take."""


@dataclass(slots=True)
class OutgoingCall(Call):
    spec: InviteSpec | None = None
    call_id: str = ""
    from_: str = ""
    to: str = ""
    """Who was called first, where a redirection has changed the Request-URI; empty: the target."""
    seq: int = 1
    branch: str = ""
    invite: Request | None = None
    client: InviteClient | None = None
    provisional: bool = False
    rang: bool = False
    cancel_wanted: bool = False
    cancel_reason: str = ""
    tried: tuple[str, ...] = ()
    """Request-URIs that redirected us."""
    cancel_sent: bool = False
    acks: dict[str, tuple[bytes, Addr]] = field(default_factory=dict)
    """ACKs sent, by the remote tag, for 2xx that come again."""


class OutgoingCalls:
    def __init__(
        self, calls: Calls, early: EarlyDialogs, timers: SessionTimers, changes: Modifications
    ) -> None:
        self._core = calls.core
        self._calls = calls
        self._early = early
        self._timers = timers
        self._changes = changes
        calls.on_early_bye = self._branch_ended
        calls.on_timer("cancel", self._cancel_timed_out)

    def invite(self, spec: InviteSpec, now: float) -> int:
        """Send INVITE; the call's number."""
        core = self._core
        tag = core.token()
        name = clean(spec.display_name)
        call = OutgoingCall(
            number=core.number(),
            local_tag=tag,
            ours=True,
            template=Session(spec.offer),
            contact_user=spec.from_uri.user or "",
            spec=spec,
            call_id=f"{core.token()}{core.token()}@{core.config.host}",
            from_=f'"{name}" <{spec.from_uri}>;tag={tag}' if name else f"<{spec.from_uri}>;tag={tag}",
            digest=core.digest(spec.credentials, spec.peer) if spec.credentials else None,
        )
        if not spec.delayed_offer:
            call.template.offer()
        self._calls.active[call.number] = call
        self._send_invite(call, spec, now)
        return call.number

    def _send_invite(self, call: OutgoingCall, spec: InviteSpec, now: float) -> None:
        core = self._core
        call.branch = core.new_branch()
        request = core.request(
            "INVITE", spec.target, branch=call.branch, peer=spec.peer, from_=call.from_,
            to=call.to or f"<{spec.target}>", call_id=call.call_id, seq=call.seq,
        )  # fmt: skip
        request.headers.set("Contact", core.contact(spec.peer, spec.target, call.contact_user))
        self._timers.ask(call, request)
        for name, value in spec.headers:
            request.headers.set(name, value)
        if not spec.delayed_offer:
            request.headers.set("Content-Type", SDP_TYPE)
            request.body = spec.offer.encode()
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("INVITE", str(request.uri), request.body)
            request.headers.set(name, value)
        call.invite, call.provisional, call.invited_at = request, False, spec.peer
        call.client = core.layer.invite(
            request, call.branch, spec.peer, now,
            lambda response, found, at: self._on_response(call, response, found, at),
            lambda reason, at: self._on_silence(call, reason, at),
            spec.no_response_s,
        )  # fmt: skip

    # --- giving up

    def cancel(self, call: OutgoingCall, now: float, reason: str = "") -> None:
        """CANCEL now, or as soon as a provisional response permits it (RFC 3261 9.1)."""
        if call.phase is not Phase.INVITING or call.cancel_wanted:
            return
        call.cancel_wanted, call.cancel_reason = True, reason
        if call.provisional:
            self._send_cancel(call, now)

    def _send_cancel(self, call: OutgoingCall, now: float) -> None:
        if call.invite is None or call.client is None or call.cancel_sent:
            return
        call.cancel_sent = True
        invite, cancel = call.invite, new_request("CANCEL", call.invite.uri)
        cancel.headers.set("Via", invite.headers["Via"])
        if routes := invite.headers.getlist("Route"):
            cancel.headers.setlist("Route", list(routes))
        for name in ("Max-Forwards", "From", "To", "Call-ID", "User-Agent"):
            cancel.headers.set(name, invite.headers[name])
        cancel.headers.set("CSeq", f"{call.seq} CANCEL")
        cancel.headers.set("Reason", why_cancelled(call.cancel_reason))
        self._core.send_request(cancel, call.branch, call.client.peer, now, lambda *_: None, lambda *_: None)
        if call.phase is Phase.INVITING:
            limit = now + self._core.config.timers.timeout
            self._core.timers.set(CallTimer("cancel", call.number), limit)

    def _cancel_timed_out(self, call: Call, _now: float) -> None:
        """No final response to a cancelled INVITE (RFC 3261 9.1)."""
        if not isinstance(call, OutgoingCall):
            return
        if call.client is not None:
            self._core.layer.abandon(call.client)
        self._fail(call, 0, "no final response after CANCEL")

    # --- responses

    def _on_response(self, call: OutgoingCall, response: Response, found: Essentials, now: float) -> None:
        if response.code < 200:
            self._on_provisional(call, response, found, now)
        elif response.code < 300:
            self._on_answer(call, response, found, now)
        elif call.phase is Phase.INVITING:
            if response.code in (401, 407) and not call.cancel_wanted:
                self._on_challenge(call, response, now)
            elif response.code == 422 and not call.cancel_wanted and self._timers.refused(call, response):
                self._again(call, response, now)
            elif response.code < 400 and not call.cancel_wanted:
                self._on_redirect(call, response, now)
            else:
                cause = network_cause(response)
                if response.code == 503 and cause not in PASSED_ON and self._next_server(call, now):
                    return
                why = described(clean(response.phrase)[:200], response)
                self._fail(call, response.code, why, retry_after_s(response), cause)

    def _on_provisional(self, call: OutgoingCall, response: Response, found: Essentials, now: float) -> None:
        if not call.provisional:
            call.provisional = True
            if call.phase is Phase.INVITING:
                limit = now + self._core.config.max_ring_s
                self._core.timers.set(CallTimer("guard", call.number), limit)
        if call.cancel_wanted or call.phase is Phase.OVER:
            # Over: it was given up as silent, but the far end has it after all and may ring.
            self._send_cancel(call, now)
        if response.code > 100 and call.phase is Phase.INVITING and call.invite is not None:
            call.rang = True
            if call.digest is not None:
                call.digest.settled()
            self._early.receive(call, call.invite, response, found, now)

    def _on_challenge(self, call: OutgoingCall, response: Response, now: float) -> None:
        if call.digest is None or call.spec is None:
            self._fail(call, response.code, "the trunk asks for a password and none is configured")
            return
        try:
            call.digest.accept(response.code, challenge_headers(response))
        except DigestError as error:
            self._fail(call, response.code, str(error))
            return
        self._again(call, response, now)

    def _on_redirect(self, call: OutgoingCall, response: Response, now: float) -> None:
        """Followed within the carrier's hosts as often as the call may be; else the call failed."""
        spec = call.spec
        if spec is None or spec.redirects <= 0:
            self._fail(call, response.code, refusal(response), retry_after_s(response))
            return
        tried = (*call.tried, str(spec.target))
        hosts = {spec.target.host, spec.peer.host, spec.peer.name}
        target = next_target(response, hosts, tried)
        if target is None or not (spec.may_follow is None or spec.may_follow(target)):
            why = "redirected to nowhere that may be called"
            self._fail(call, response.code, why, retry_after_s(response))
            return
        call.to, call.tried = call.to or f"<{spec.target}>", tried
        peer = destination(target, spec.peer)
        call.spec = replace(spec, target=target, peer=peer, redirects=spec.redirects - 1)
        self._again(call, response, now)

    def _again(self, call: OutgoingCall, response: Response, now: float) -> None:
        """The same INVITE with what its refusal asked for."""
        if call.spec is None:
            return
        if call.seq >= _MAX_INVITES:
            self._fail(call, response.code, f"{_MAX_INVITES} INVITEs weren't enough for the far end")
            return
        for early in call.early.values():
            self._calls.forget(early.dialog)
        call.early.clear()
        call.seq += 1
        self._send_invite(call, call.spec, now)

    def _branch_ended(self, call: Call, dialog: Dialog, now: float) -> None:
        """BYE of one branch before any answer; with the last one the call is given up."""
        self._calls.forget(dialog)
        call.early.pop(dialog.remote_tag, None)
        if not call.early and isinstance(call, OutgoingCall):
            self.cancel(call, now)

    def _on_answer(self, call: OutgoingCall, response: Response, found: Essentials, now: float) -> None:
        if found.to_tag in call.acks:
            self._core.send(*call.acks[found.to_tag])
            return
        if call.invite is None or len(call.acks) >= MAX_BRANCHES:
            return
        dialog, problem = self._answered_dialog(call, call.invite, response, found)
        session, answer = dialog.session, b""
        if session.open is Open.NONE and session.rounds == 0 and not problem:
            try:
                answer = session.take_offer(response.body).encode()
            except SdpError as error:
                problem = str(error)
        call.acks[found.to_tag] = self._ack(call, dialog, answer)
        self._core.send(*call.acks[found.to_tag])
        if call.dialog is not None or call.phase is not Phase.INVITING:
            self._calls.bye_stray(call, dialog, now)
            return
        for kind in ("guard", "cancel"):
            self._calls.set_timer(kind, call, None)
        if call.digest is not None:
            call.digest.settled()
        self._calls.confirm(call, dialog)
        call.phase = Phase.TALKING
        if call.cancel_wanted:
            self._core.emit(CallAnsweredLate(call.number))
            self._calls.bye(call, CROSSED, now)
            return
        problem = problem or _settle(session, response.body)
        if problem or session.media is None:
            self._calls.bye_stray(call, dialog, now)
            self._fail(call, response.code, f"the answer can't be used: {problem}")
            return
        self._timers.took(call, response, now)
        self._core.emit(CallAnswered(call.number, session.media))
        self._changes.proceed(call, now)

    def _answered_dialog(
        self, call: OutgoingCall, invite: Request, response: Response, found: Essentials
    ) -> tuple[Dialog, str]:
        """The dialog of a 2xx, and why it can't be used. It is answered all the same: it must be
        acknowledged and ended, or the far end repeats its 200."""
        early = call.early.get(found.to_tag)
        if early is not None:
            try:
                early.dialog.confirm(response)
            except SipParseError as error:
                return early.dialog, str(error)
            if call.spec is not None:
                early.dialog.mark_nat(call.spec.target.host.strip("[]"), call.spec.peer)
            return early.dialog, ""
        try:
            dialog, problem = Dialog.as_caller(invite, response, found), ""
        except SipParseError as error:
            dialog, problem = Dialog.as_caller(invite, response, found, routed=False), str(error)
        dialog.session = new_session(call)
        dialog.keep_secret(call.invited_at)
        if call.spec is not None:
            dialog.mark_nat(call.spec.target.host.strip("[]"), call.spec.peer)
        return dialog, problem

    def _ack(self, call: OutgoingCall, dialog: Dialog, answer: bytes) -> tuple[bytes, Addr]:
        """The ACK of a 2xx: a request of its own, with the INVITE's credentials (RFC 3261 22.1)."""
        request, peer = self._core.dialog_request(dialog, "ACK", self._core.new_branch(), call.seq)
        if answer:
            request.headers.set("Content-Type", SDP_TYPE)
            request.body = answer
        if call.invite is not None:
            for name in ("Authorization", "Proxy-Authorization"):
                if value := call.invite.headers.get(name):
                    request.headers.set(name, value)
        return to_bytes(request), peer

    def _next_server(self, call: OutgoingCall, now: float) -> bool:
        """Try another server, where the last one has let no telephone ring. Silence is no proof of that."""
        spec = call.spec
        if spec is None or not spec.others or call.rang or call.cancel_wanted:
            return False
        if spec.not_after is not None and now > spec.not_after:
            return False
        call.spec = replace(spec, peer=spec.others[0], others=spec.others[1:])
        # Another request: the same one again could be taken for a merged one (RFC 3261 8.2.2.2).
        call.seq += 1
        self._send_invite(call, call.spec, now)
        return True

    def _on_silence(self, call: OutgoingCall, reason: str, now: float) -> None:
        unsent = call.client is not None and call.client.unsent
        if call.phase is Phase.INVITING and not (unsent and self._next_server(call, now)):
            self._fail(call, 0, reason)

    def _fail(
        self, call: OutgoingCall, code: int, reason: str, retry_after: float = 0.0, cause: int = 0
    ) -> None:
        before_callee = not call.rang and cause not in PASSED_ON
        ours = before_callee and (code in (0, 401, 407, 408) or 500 <= code < 600)
        self._calls.over(call, CallFailed(call.number, code, reason, ours, retry_after, cause))


def _settle(session: Session, body: bytes) -> str:
    """Take the answer of a 2xx; why that fails, empty where it doesn't.

    Where a reliable response answered already, SDP in the 2xx should be the same; some far ends move
    media with it all the same, unless an UPDATE came in between (RFC 6337 3.1.1).
    """
    try:
        if session.open is Open.OURS and body:
            session.take_answer(body)
            return ""
        session.settle()
    except SdpError as error:
        return str(error)
    if session.rounds == 1 and body and session.asked is not None:
        with suppress(SdpError):
            session.preview(body)
    return ""
