"""Call transfer without I/O: REFER and its NOTIFYs (RFC 3515, 4488), Referred-By (3892).

A REFER of ours is followed until the far end reports a final status; one of the far end is refused
with 603, or, where the configuration follows it, reported as ReferReceived and kept informed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.model import without_numbers
from dialer.sip.address import Addr, parse_address
from dialer.sip.calls import Call, Calls, Inside, Phase
from dialer.sip.dialog import DialogId
from dialer.sip.indialog import DialogClient
from dialer.sip.layer import ServerTransaction
from dialer.sip.message import PHRASES, Essentials, clean, header_values
from dialer.sip.reason import described
from dialer.sip.replaces import Replaces, cut_replaces
from dialer.sip.signals import ReferReceived, TransferEnded, TransferOutcome

_FRAG = re.compile(rb"SIP/2\.0 +([1-6][0-9]{2})(?: +([^\r\n]*))?(?:\r?\n|$)", re.IGNORECASE)
_FRAG_TYPE = "message/sipfrag"


@dataclass(slots=True)
class _Sent:
    """A REFER of ours."""

    number: int
    call: int
    dialog: DialogId
    subscribed: bool = False
    code: int = 0
    """The last status reported."""


@dataclass(slots=True)
class _Received:
    """A REFER of the far end that is being followed."""

    number: int
    call: Call
    event: str
    silent: bool
    """It wants no NOTIFY (RFC 4488)."""


@dataclass(frozen=True, slots=True)
class ReferTimer:
    """A REFER of ours has had its time."""

    transfer: int


class Refers:
    """Every transfer of the user agent, both ways; one at a time in a call."""

    def __init__(self, calls: Calls, client: DialogClient) -> None:
        self._calls, self._core, self._client = calls, calls.core, client
        self._sent: dict[int, _Sent] = {}
        self._received: dict[int, _Received] = {}
        calls.on_method("REFER", self._receive_refer)
        calls.on_method("NOTIFY", self._receive_notify)
        calls.on_over(self._call_over)
        self._core.extensions["replaces"] = frozenset({"INVITE"})
        self._core.extensions["norefersub"] = frozenset({"REFER"})

    # --- ours

    def refer(self, call: Call, target: str, wait_s: float, now: float) -> int:
        """Ask the far end to call ``target``, a URI with a Replaces header or without one.

        TransferEnded with the number returned follows within ``wait_s``, or 64*T1 for the REFER itself.
        """
        number, dialog = self._core.number(), call.dialog
        if call.phase is not Phase.TALKING or dialog is None:
            self._core.emit(TransferEnded(number, TransferOutcome.REFUSED, 0, "the call isn't answered"))
            return number
        if any(sent.call == call.number for sent in self._sent.values()):
            self._core.emit(TransferEnded(number, TransferOutcome.REFUSED, 0, "a transfer is under way"))
            return number
        sent = self._sent[number] = _Sent(number, call.number, dialog.id)
        self._core.timers.set(ReferTimer(number), now + wait_s)
        _uri, _routes, peer = dialog.path()
        headers = {
            "Refer-To": f"<{target}>",
            "Referred-By": f"<{parse_address(dialog.local).uri}>",
            "Contact": self._core.contact(peer, dialog.target),
            "Supported": ", ".join(self._core.extensions),
        }
        self._client.send(
            call, "REFER", now, lambda response, _at: self._refer_answered(sent, response), headers=headers
        )
        return number

    def _refer_answered(self, sent: _Sent, response: Response | None) -> None:
        if response is None:
            self._end(sent, TransferOutcome.TIMED_OUT, 0, "no response to REFER")
        elif response.code >= 300:
            why = described(clean(response.phrase), response)
            self._end(sent, TransferOutcome.REFUSED, response.code, why)
        elif (response.headers.get("Refer-Sub") or "").strip().lower() == "false":
            self._end(sent, TransferOutcome.ACCEPTED, response.code, "the far end reports nothing more")
        else:
            sent.subscribed = True

    def _receive_notify(self, inside: Inside) -> None:
        sent = next((s for s in self._sent.values() if s.dialog == inside.dialog.id), None)
        self._notified(sent, inside.transaction, inside.source, inside.now)

    def receive_late(
        self, transaction: ServerTransaction, found: Essentials, source: Addr, now: float
    ) -> bool:
        """A NOTIFY whose call is over: the subscription outlives it (RFC 5057 3.2). False: not ours."""
        dialog = (found.call_id, found.to_tag, found.from_tag)
        sent = next((s for s in self._sent.values() if s.dialog == dialog), None)
        if sent is None or transaction.request.method != "NOTIFY":
            return False
        self._notified(sent, transaction, source, now)
        return True

    def _notified(self, sent: _Sent | None, transaction: ServerTransaction, source: Addr, now: float) -> None:
        request = transaction.request
        event = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        match = _FRAG.match(request.body.lstrip(b"\r\n"))
        if event != "refer":
            self._core.reply(transaction, 489, source, now, phrase="Bad Event")
        elif sent is None:
            self._core.reply(transaction, 481, source, now)
        elif _content_type(request) not in ("", _FRAG_TYPE):
            self._core.reply(transaction, 415, source, now, headers={"Accept": _FRAG_TYPE})
        elif match is None and request.body:
            self._core.reply(transaction, 400, source, now, phrase="The body must begin with SIP/2.0 CODE")
        else:
            self._core.reply(transaction, 200, source, now)
            sent.code = int(match[1]) if match else sent.code
            said = clean((match[2] or b"").decode("utf-8", "replace")) if match else ""
            phrase = without_numbers(said)[:100]
            state = (request.headers.get("Subscription-State") or "").strip().lower()
            if sent.code >= 200:
                good = sent.code < 300
                outcome = TransferOutcome.ACCEPTED if good else TransferOutcome.REFUSED
                self._end(sent, outcome, sent.code, phrase)
            elif state.startswith("terminated"):
                self._end(sent, TransferOutcome.TIMED_OUT, sent.code, "the far end stopped reporting")

    def timer_due(self, timer: ReferTimer) -> None:
        if (sent := self._sent.get(timer.transfer)) is not None:
            self._end(sent, TransferOutcome.TIMED_OUT, sent.code, "no final report in time")

    def _end(self, sent: _Sent, outcome: TransferOutcome, code: int, reason: str) -> None:
        if self._sent.pop(sent.number, None) is not None:
            self._core.timers.set(ReferTimer(sent.number), None)
            self._core.emit(TransferEnded(sent.number, outcome, code, reason))

    # --- the far end's

    def _receive_refer(self, inside: Inside) -> None:
        values = header_values(inside.request, "Refer-To")
        busy = any(received.call is inside.call for received in self._received.values())
        if len(values) != 1:
            self._calls.reply(inside, 400, phrase="One Refer-To is needed")
            return
        try:
            uri = parse_address(values[0]).uri
            target, replaces = cut_replaces(str(uri))
        except SipParseError as error:
            self._calls.reply(inside, 400, phrase=str(error))
            return
        method = (uri.parameters.get("method") or "INVITE").upper()
        if uri.scheme not in ("sip", "sips"):
            self._calls.reply(inside, 416)
        elif (
            not self._core.config.follow_refer or method != "INVITE" or inside.call.phase is not Phase.TALKING
        ):
            self._calls.reply(inside, 603)
        elif busy:
            self._calls.reply(inside, 491)
        else:
            self._follow(inside, target, replaces)

    def _follow(self, inside: Inside, target: str, replaces: Replaces | None) -> None:
        request, number = inside.request, self._core.number()
        silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"
        event = f"refer;id={inside.found.cseq.sequence}"
        self._received[number] = _Received(number, inside.call, event, silent)
        _uri, _routes, peer = inside.dialog.path()
        headers = {"Contact": self._core.contact(peer, inside.dialog.target)}
        headers |= {"Refer-Sub": "false"} if silent else {}
        self._calls.reply(inside, 202, headers=headers)
        by = clean(request.headers.get("Referred-By") or "")[:300]
        self._core.emit(ReferReceived(inside.call.number, number, target, replaces, by))
        self.report(number, 100, inside.now)

    def report(self, refer: int, code: int, now: float) -> None:
        """Tell whoever sent the REFER how its call goes; a final ``code`` ends the matter."""
        received = self._received.get(refer)
        if received is None:
            return
        if code >= 200:
            del self._received[refer]
        dialog = received.call.dialog
        if received.silent or dialog is None or received.call.phase is not Phase.TALKING:
            return
        _uri, _routes, peer = dialog.path()
        state = "terminated;reason=noresource" if code >= 200 else "active;expires=60"
        headers = {
            "Event": received.event,
            "Subscription-State": state,
            "Content-Type": f"{_FRAG_TYPE};version=2.0",
            "Contact": self._core.contact(peer, dialog.target),
        }
        body = f"SIP/2.0 {code} {PHRASES.get(code, 'Response')}\r\n".encode()
        self._client.send(
            received.call, "NOTIFY", now, lambda *_: None, headers=headers, body=body, ends_call=False
        )

    # --- ends

    def _call_over(self, call: Call) -> None:
        for received in [r for r in self._received.values() if r.call is call]:
            del self._received[received.number]
        for sent in [s for s in self._sent.values() if s.call == call.number]:
            if not sent.subscribed:
                self._end(
                    sent, TransferOutcome.TIMED_OUT, sent.code, "the call ended before REFER's response"
                )


def _content_type(request: Request) -> str:
    return (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
