"""Every call of the user agent, and what is the same for both roles once a dialog stands.

Who answers which request inside a dialog, deadlines, BYE both ways and the end (RFC 3261 12-15).
"""

from __future__ import annotations

from collections.abc import Callable

from sipmessage import Response

from dialer.errors import DigestError
from dialer.sip.address import Addr
from dialer.sip.callstate import (
    Call,
    CallTimer,
    Inside,
    OnCallTimer,
    OnInside,
    Phase,
)
from dialer.sip.core import Core
from dialer.sip.dialog import Dialog, DialogId
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import Essentials
from dialer.sip.reason import described, why_ended
from dialer.sip.signals import CallEnded, CallFailed

__all__ = [
    "Call", "CallTimer", "Calls", "Inside", "OnCallTimer", "OnInside", "Phase", "challenge_headers",
]  # fmt: skip


class Calls:
    """Every call of the user agent, and the dialogs they hold.

    Other parts add what they do: ``on_method`` for a request inside a dialog (it is then in Allow),
    ``on_timer`` for a deadline of theirs, ``on_over`` for what they keep of a call.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.active: dict[int, Call] = {}
        self._dialogs: dict[DialogId, tuple[Call, Dialog]] = {}
        self._methods: dict[str, OnInside] = {}
        self._timers: dict[str, OnCallTimer] = {}
        self._over: list[Callable[[Call], None]] = []
        self.on_early_bye: Callable[[Call, Dialog, float], None] = lambda _call, _dialog, _now: None
        """BYE for a branch of our INVITE, before any answer."""
        self.on_method("BYE", self._receive_bye)
        self.on_method("OPTIONS", lambda inside: self.reply(inside, 200))
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

    def find(self, found: Essentials) -> tuple[Call, Dialog] | None:
        """The call and dialog that a request belongs to."""
        return self._dialogs.get((found.call_id, found.to_tag, found.from_tag))

    def dialog(self, call_id: str, local_tag: str, remote_tag: str) -> tuple[Call, Dialog] | None:
        """The call and dialog of these marks."""
        return self._dialogs.get((call_id, local_tag, remote_tag))

    def open(self, call: Call, dialog: Dialog) -> None:
        """Requests inside ``dialog`` are ``call``'s."""
        self._dialogs[dialog.id] = (call, dialog)

    def forget(self, dialog: Dialog) -> None:
        self._dialogs.pop(dialog.id, None)

    def confirm(self, call: Call, dialog: Dialog) -> None:
        """``dialog`` is the call's; early ones of other branches are no more."""
        for early in call.early.values():
            if early.dialog is not dialog:
                self.forget(early.dialog)
        call.dialog = dialog
        self.open(call, dialog)

    def over(self, call: Call, event: CallFailed | CallEnded) -> None:
        """The call is over, reported once; late messages find no dialog."""
        if call.phase is Phase.OVER:
            return
        call.phase, call.pending, call.reliable = Phase.OVER, None, None
        for kind in self._timers:
            self.set_timer(kind, call, None)
        for handler in self._over:
            handler(call)
        self.active.pop(call.number, None)
        for dialog in call.dialogs:
            self.forget(dialog)
        self.core.emit(event)

    def lost(self, call: Call, dialog: Dialog, reason: str, now: float) -> None:
        """The far end knows ``dialog`` no more, or is gone (408, 481 or silence; RFC 3261 12.2.1.2)."""
        if dialog is call.dialog and call.phase is Phase.TALKING:
            self.bye(call, reason, now)
        elif call.phase is Phase.INVITING and call.ours:
            self.forget(dialog)
            call.early.pop(dialog.remote_tag, None)

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
        self._send_bye(call, call.dialog, now, lambda: self._bye_done(call))

    def bye_stray(self, call: Call, dialog: Dialog, now: float) -> None:
        """End a dialog that nobody wants: a fork's second answer (RFC 3261 13.2.2.4)."""
        self._send_bye(call, dialog, now, lambda: None)

    def _send_bye(self, call: Call, dialog: Dialog, now: float, over: Callable[[], None]) -> None:
        branch = self.core.new_branch()
        request, peer = self.core.dialog_request(dialog, "BYE", branch, dialog.next_seq())
        request.headers.set("Reason", why_ended(call.end_reason))
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("BYE", str(request.uri))
            request.headers.set(name, value)

        def done(response: Response, _: Essentials, at: float) -> None:
            if response.code < 200:
                return
            if response.code in (401, 407) and call.digest is not None:
                try:
                    call.digest.accept(response.code, challenge_headers(response), "BYE")
                except DigestError:
                    over()
                else:
                    self._send_bye(call, dialog, at, over)
                return
            over()

        self.core.send_request(request, branch, peer, now, done, lambda _reason, _now: over())

    def _bye_done(self, call: Call) -> None:
        self.over(call, CallEnded(call.number, by_remote=False, reason=call.end_reason))

    # --- requests of the far end inside a dialog

    def receive(
        self,
        call: Call,
        dialog: Dialog,
        transaction: ServerTransaction,
        found: Essentials,
        source: Addr,
        now: float,
    ) -> None:
        method = transaction.request.method
        inside = Inside(call, dialog, transaction, found, source, now)
        handler = self._methods.get(method)
        if not dialog.in_order(found.cseq.sequence):
            self.reply(inside, 500, phrase="CSeq out of order")
        elif handler is None:
            self.reply(inside, 405)
        elif method != "BYE" and (unknown := self.core.unknown_extensions(transaction.request)):
            # Whoever hangs up is let go, whatever it requires.
            self.reply(inside, 420, headers={"Unsupported": unknown})
        else:
            handler(inside)

    def _receive_bye(self, inside: Inside) -> None:
        call = inside.call
        self.reply(inside, 200)
        if call.phase is Phase.INVITING and call.ours:
            self.on_early_bye(call, inside.dialog, inside.now)
            return
        if call.transaction is not None:
            # An INVITE of theirs that is still open ends with its dialog (RFC 3261 15.1.2).
            refusal = self.core.response(call.transaction.request, 487, call.source, call.local_tag)
            self.core.layer.respond(call.transaction, refusal, inside.now)
        if call.phase is Phase.INVITING:
            why = described("ended by the caller", inside.request)
            self.over(call, CallFailed(call.number, 487, why))
            return
        ours = call.phase is Phase.ENDING
        reason = call.end_reason if ours else described("", inside.request)
        self.over(call, CallEnded(call.number, by_remote=not ours, reason=reason))


def challenge_headers(response: Response) -> list[str]:
    name = "WWW-Authenticate" if response.code == 401 else "Proxy-Authenticate"
    return list(response.headers.getlist(name))
