"""Calls that we place: INVITE to its final response (RFC 3261 9.1, 13.2, 22.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipmessage import URI, Request, Response

from dialer.errors import DigestError, SdpError, SipParseError
from dialer.sip.address import Addr
from dialer.sip.calls import Call, Calls, CallTimer, Phase, challenge_headers
from dialer.sip.core import SDP_TYPE, Core
from dialer.sip.dialog import Dialog
from dialer.sip.digest import Credentials, DigestClient
from dialer.sip.message import Essentials, clean, retry_after_s, to_bytes
from dialer.sip.sdp import SessionDescription, remote_media
from dialer.sip.signals import CallAnswered, CallAnsweredLate, CallFailed, CallProgress
from dialer.sip.transaction import InviteClient

_MAX_FORKS = 16
"""Dialogs of one INVITE that get their ACK; more is an attack."""
CROSSED = "answer crossed CANCEL"


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


@dataclass(slots=True)
class OutgoingCall(Call):
    spec: InviteSpec | None = None
    call_id: str = ""
    from_: str = ""
    seq: int = 1
    branch: str = ""
    invite: Request | None = None
    client: InviteClient | None = None
    provisional: bool = False
    rang: bool = False
    cancel_wanted: bool = False
    cancel_sent: bool = False
    acks: dict[str, tuple[bytes, Addr]] = field(default_factory=dict)
    """ACKs sent, by the remote tag, for 2xx that come again."""


class OutgoingCalls:
    def __init__(self, core: Core, calls: Calls) -> None:
        self._core = core
        self._calls = calls
        calls.on_timer("cancel", self._cancel_timed_out)

    def invite(self, spec: InviteSpec, now: float) -> int:
        """Send INVITE; the call's number."""
        core = self._core
        tag = core.token()
        name = clean(spec.display_name)
        call = OutgoingCall(
            number=core.number(),
            local_tag=tag,
            local=spec.offer,
            spec=spec,
            call_id=f"{core.token()}{core.token()}@{core.config.host}",
            from_=f'"{name}" <{spec.from_uri}>;tag={tag}' if name else f"<{spec.from_uri}>;tag={tag}",
            digest=DigestClient(spec.credentials, core.randomness) if spec.credentials else None,
        )
        self._calls.active[call.number] = call
        self._send_invite(call, spec, now)
        return call.number

    def _send_invite(self, call: OutgoingCall, spec: InviteSpec, now: float) -> None:
        core = self._core
        call.branch = core.new_branch()
        request = core.request(
            "INVITE", spec.target, branch=call.branch, peer=spec.peer, from_=call.from_,
            to=f"<{spec.target}>", call_id=call.call_id, seq=call.seq,
        )  # fmt: skip
        request.headers.set("Contact", core.contact(spec.peer, spec.target, spec.from_uri.user or ""))
        request.headers.set("Content-Type", SDP_TYPE)
        for name, value in spec.headers:
            request.headers.set(name, value)
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("INVITE", str(request.uri))
            request.headers.set(name, value)
        request.body = spec.offer.encode()
        call.invite, call.provisional = request, False
        call.client = core.layer.invite(
            request, call.branch, spec.peer, now,
            lambda response, found, at: self._on_response(call, response, found, at),
            lambda reason, at: self._on_silence(call, reason),
            spec.no_response_s,
        )  # fmt: skip

    # --- giving up

    def cancel(self, call: OutgoingCall, now: float) -> None:
        """CANCEL now, or as soon as a provisional response permits it (RFC 3261 9.1)."""
        if call.phase is not Phase.INVITING or call.cancel_wanted:
            return
        call.cancel_wanted = True
        if call.provisional:
            self._send_cancel(call, now)

    def _send_cancel(self, call: OutgoingCall, now: float) -> None:
        if call.invite is None or call.client is None or call.cancel_sent:
            return
        call.cancel_sent = True
        invite, cancel = call.invite, Request("CANCEL", call.invite.uri)
        cancel.headers.set("Via", invite.headers["Via"])
        if routes := invite.headers.getlist("Route"):
            cancel.headers.setlist("Route", list(routes))
        for name in ("Max-Forwards", "From", "To", "Call-ID", "User-Agent"):
            cancel.headers.set(name, invite.headers[name])
        cancel.headers.set("CSeq", f"{call.seq} CANCEL")
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
            self._on_provisional(call, response, now)
        elif response.code < 300:
            self._on_answer(call, response, found, now)
        elif call.phase is Phase.INVITING:
            if response.code in (401, 407) and not call.cancel_wanted:
                self._on_challenge(call, response, now)
            else:
                self._fail(call, response.code, clean(response.phrase)[:200], retry_after_s(response))

    def _on_provisional(self, call: OutgoingCall, response: Response, now: float) -> None:
        if not call.provisional:
            call.provisional = True
            if call.phase is Phase.INVITING:
                limit = now + self._core.config.max_ring_s
                self._core.timers.set(CallTimer("guard", call.number), limit)
        if call.cancel_wanted or call.phase is Phase.OVER:
            # Over: it was given up as silent, but the far end has it after all and may ring.
            self._send_cancel(call, now)
        if response.code > 100 and call.phase is Phase.INVITING:
            call.rang = True
            self._core.emit(CallProgress(call.number, response.code, early_media=bool(response.body)))

    def _on_challenge(self, call: OutgoingCall, response: Response, now: float) -> None:
        if call.digest is None or call.spec is None:
            self._fail(call, response.code, "the trunk asks for a password and none is configured")
            return
        try:
            call.digest.accept(response.code, challenge_headers(response))
        except DigestError as error:
            self._fail(call, response.code, str(error))
            return
        call.seq += 1
        self._send_invite(call, call.spec, now)

    def _on_answer(self, call: OutgoingCall, response: Response, found: Essentials, now: float) -> None:
        if found.to_tag in call.acks:
            self._core.send(*call.acks[found.to_tag])
            return
        if call.invite is None or len(call.acks) >= _MAX_FORKS:
            return
        problem = ""
        try:
            dialog = Dialog.as_caller(call.invite, response, found)
        except SipParseError as error:
            # It is answered all the same: acknowledge and end it, or the far end repeats its 200.
            dialog = Dialog.as_caller(call.invite, response, found, routed=False)
            problem = str(error)
        call.acks[found.to_tag] = self._ack(call, dialog)
        self._core.send(*call.acks[found.to_tag])
        if call.dialog is not None or call.phase is not Phase.INVITING:
            self._calls.bye_stray(call, dialog, now)
            return
        for kind in ("guard", "cancel"):
            self._core.timers.set(CallTimer(kind, call.number), None)
        if call.digest is not None:
            call.digest.settled()
        self._calls.confirm(call, dialog)
        call.phase = Phase.TALKING
        if call.cancel_wanted:
            self._core.emit(CallAnsweredLate(call.number))
            self._calls.bye(call, CROSSED, now)
            return
        try:
            remote = SessionDescription.parse(response.body)
            remote_media(remote)
        except SdpError as error:
            problem = problem or str(error)
        if problem:
            self._calls.bye_stray(call, dialog, now)
            self._fail(call, response.code, f"the answer can't be used: {problem}")
            return
        call.remote = remote
        self._core.emit(CallAnswered(call.number, remote))

    def _ack(self, call: OutgoingCall, dialog: Dialog) -> tuple[bytes, Addr]:
        """The ACK of a 2xx: a request of its own, with the INVITE's credentials (RFC 3261 22.1)."""
        request, peer = self._core.dialog_request(dialog, "ACK", self._core.new_branch(), call.seq)
        if call.invite is not None:
            for name in ("Authorization", "Proxy-Authorization"):
                if value := call.invite.headers.get(name):
                    request.headers.set(name, value)
        return to_bytes(request), peer

    def _on_silence(self, call: OutgoingCall, reason: str) -> None:
        if call.phase is Phase.INVITING:
            self._fail(call, 0, reason)

    def _fail(self, call: OutgoingCall, code: int, reason: str, retry_after: float = 0.0) -> None:
        ours = not call.rang and (code in (0, 401, 407, 408) or 500 <= code < 600)
        self._calls.over(call, CallFailed(call.number, code, reason, ours, retry_after))
