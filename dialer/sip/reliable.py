"""Provisional responses of ours that the caller wants reliably (RFC 3262 3)."""

from __future__ import annotations

from collections.abc import Callable

from sipmessage import Response

from dialer.sip.calls import Calls
from dialer.sip.callstate import Call, Inside, Phase, Reliable
from dialer.sip.early import OPTION
from dialer.sip.message import header_values

_FIRST_BITS = 16
"""RSeq starts anywhere low, so that it never comes near 2**31."""


class ReliableResponses:
    """``give_up`` refuses a call whose caller acknowledges nothing."""

    def __init__(self, calls: Calls, give_up: Callable[[Call, float], None]) -> None:
        self._calls = calls
        self._core = calls.core
        self._give_up = give_up
        calls.on_method("PRACK", self._receive_prack)
        calls.on_timer("reliable", self._resend)

    @staticmethod
    def wanted(call: Call) -> bool:
        """Whether the caller's INVITE requires it; a caller that only could gets it the plain way."""
        if call.request is None:
            return False
        return OPTION in (option.lower() for option in header_values(call.request, "Require"))

    def send(self, call: Call, response: Response, now: float) -> None:
        """One at a time: nothing leaves while the one before waits for its PRACK."""
        if call.transaction is None or call.dialog is None or call.reliable is not None:
            return
        call.rseq = call.rseq + 1 if call.rseq else 1 + self._core.randomness.getrandbits(_FIRST_BITS)
        response.headers.set("Require", OPTION)
        response.headers.set("RSeq", str(call.rseq))
        sent = self._core.layer.respond(call.transaction, response, now)
        values = self._core.config.timers
        call.reliable = Reliable(
            sent, call.transaction.peer, call.rseq, call.dialog.invite_seq, values.t1,
            now + values.timeout,
        )  # fmt: skip
        self._calls.set_timer("reliable", call, now + values.t1)

    def stop(self, call: Call) -> None:
        """The final response has left."""
        call.reliable = None
        self._calls.set_timer("reliable", call, None)

    def _resend(self, call: Call, now: float) -> None:
        found = call.reliable
        if found is None or call.phase is not Phase.INVITING:
            return
        if now >= found.give_up_at:
            self.stop(call)
            self._give_up(call, now)
            return
        self._core.send(found.data, found.peer)
        found.interval *= 2
        self._calls.set_timer("reliable", call, min(now + found.interval, found.give_up_at))

    def _receive_prack(self, inside: Inside) -> None:
        call = inside.call
        rack = (inside.request.headers.get("RAck") or "").split()
        found = call.reliable
        if found is None or rack != [str(found.rseq), str(found.cseq), "INVITE"]:
            self._calls.reply(inside, 481)
            return
        self.stop(call)
        self._calls.reply(inside, 200)
