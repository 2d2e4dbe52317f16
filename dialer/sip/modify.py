"""Changes of a session under way: re-INVITE and UPDATE, theirs and ours (RFC 3261 14, RFC 3311).

One offer is open at a time: who comes in between gets 491 or 500 (RFC 3264 4, RFC 6337), and what we
want waits until the other exchange is over. Session refreshes (RFC 4028) go the same way.
"""

from __future__ import annotations

from sipmessage import Response

from dialer.errors import DigestError, SdpError
from dialer.model import without_numbers
from dialer.sip.accepted import Accepted
from dialer.sip.address import Addr
from dialer.sip.calls import Calls, challenge_headers
from dialer.sip.callstate import Call, CallTimer, Change, Inside, Phase
from dialer.sip.core import SDP_TYPE
from dialer.sip.description import Direction
from dialer.sip.dialog import Dialog
from dialer.sip.indialog import GONE, DialogClient
from dialer.sip.message import Essentials, clean, retry_after_s, to_bytes
from dialer.sip.negotiation import Open, Session
from dialer.sip.sessiontimer import SessionTimers
from dialer.sip.signals import CallModified, CallUpdated
from dialer.sip.transaction import InviteServer

_MAX_TRIES = 10
"""How often one change is put off by 491 or 500 before it is given up."""
_MAX_RETRY_AFTER_S = 30.0


class Modifications:
    def __init__(self, calls: Calls, client: DialogClient, accepted: Accepted, timers: SessionTimers) -> None:
        self._calls = calls
        self._core = calls.core
        self._client = client
        self._accepted = accepted
        self._timers = timers
        accepted.on_acknowledged = self.proceed
        calls.on_method("INVITE", self._receive_invite)
        calls.on_method("UPDATE", self._receive_update)
        calls.on_timer("glare", self._start)
        calls.on_timer("refresh", self.refresh)

    # --- theirs

    def _receive_invite(self, inside: Inside) -> None:
        call, session, transaction = inside.call, inside.dialog.session, inside.transaction
        if not isinstance(transaction, InviteServer):
            return
        if call.phase is Phase.INVITING and call.ours:
            self._calls.reply(inside, 491)
        elif call.phase in (Phase.INVITING, Phase.ANSWERING) or call.pending is not None:
            self._later(inside)
        elif call.phase is not Phase.TALKING:
            self._calls.reply(inside, 481)
        elif session.open is Open.OURS or (call.change is not None and call.change.method == "INVITE"):
            self._calls.reply(inside, 491)
        elif self._acceptable(inside):
            before = session.media
            try:
                local = session.take_offer(inside.request.body) if inside.request.body else session.offer()
            except SdpError as error:
                self._calls.reply(inside, 488, phrase=str(error))
                return
            inside.dialog.refresh_target(inside.request)
            sequence = inside.found.cseq.sequence
            self._accepted.send(call, transaction, sequence, local, inside.source, inside.now)
            self._report(call, session, before)

    def _receive_update(self, inside: Inside) -> None:
        call, session, request = inside.call, inside.dialog.session, inside.request
        if call.phase in (Phase.ENDING, Phase.OVER):
            self._calls.reply(inside, 481)
            return
        if request.body and session.open is Open.THEIRS:
            self._later(inside)
            return
        if request.body and not session.stable:
            self._calls.reply(inside, 491)
            return
        if not self._acceptable(inside):
            return
        before = session.media
        response = self._core.response(request, 200, inside.source, call.local_tag)
        if request.body:
            try:
                response.body = session.take_offer(request.body).encode()
            except SdpError as error:
                self._calls.reply(inside, 488, phrase=str(error))
                return
            response.headers.set("Content-Type", SDP_TYPE)
        inside.dialog.refresh_target(request)
        response.headers.set("Contact", self._core.contact(inside.source, request.uri, call.contact_user))
        if call.phase is not Phase.INVITING:
            self._timers.answer(call, request, response, inside.now)
        self._core.layer.respond(inside.transaction, response, inside.now)
        self._report(call, session, before)

    def _acceptable(self, inside: Inside) -> bool:
        """Whether body type and session interval are; else it has been refused."""
        kind = (inside.request.headers.get("Content-Type") or SDP_TYPE).partition(";")[0].strip().lower()
        if inside.request.body and kind != SDP_TYPE:
            self._calls.reply(inside, 415, headers={"Accept": SDP_TYPE})
            return False
        if (headers := self._timers.too_short(inside.request)) is not None:
            self._calls.reply(inside, 422, headers=headers)
            return False
        return True

    def _later(self, inside: Inside) -> None:
        """They have an offer or INVITE open already (RFC 3261 14.2, RFC 3311 5.2)."""
        self._calls.reply(inside, 500, headers={"Retry-After": str(self._below(11))})

    def _report(self, call: Call, session: Session, before: object) -> None:
        if session.media is not None and session.media != before:
            self._core.emit(CallUpdated(call.number, session.media))

    # --- what we want

    def direct(self, call: Call, direction: Direction, now: float) -> None:
        """Hold (sendonly, inactive) or resume (sendrecv)."""
        self._wish(call, direction=direction)
        self._want(call, now)

    def move(self, call: Call, host: str, port: int, now: float) -> None:
        """Our media is elsewhere from now on."""
        self._wish(call, host=host, port=port)
        self._want(call, now)

    def refresh(self, call: Call, now: float) -> None:
        call.wanted.refresh = True
        self._start(call, now)

    def proceed(self, call: Call, now: float) -> None:
        """Something else is over: what waited may go."""
        if call.wanted:
            self._start(call, now)

    def _wish(self, call: Call, *, host: str = "", port: int = 0, direction: Direction | None = None) -> None:
        for session in (call.template, *(dialog.session for dialog in call.dialogs)):
            session.wish(host=host, port=port, direction=direction)

    def _want(self, call: Call, now: float) -> None:
        call.wanted.offer, call.wanted.tries = True, 0
        self._start(call, now)

    def _start(self, call: Call, now: float) -> None:
        """Send what is wanted, unless something is open: then it waits for ``proceed``."""
        wanted = call.wanted
        if not wanted or call.change is not None or call.pending is not None or call.bye_wanted:
            return
        if CallTimer("glare", call.number) in self._core.timers:
            return
        if call.phase is Phase.TALKING and call.dialog is not None:
            dialog = call.dialog
            if not dialog.session.stable:
                return
            if not wanted.offer and "UPDATE" in dialog.allows:
                self._send_update(call, dialog, now)
            else:
                self._send_invite(call, dialog, now)
        elif call.phase is Phase.INVITING and wanted.offer:
            ready = [e.dialog for e in call.early.values() if e.dialog.session.stable]
            if ready and "UPDATE" in ready[-1].allows:
                self._send_update(call, ready[-1], now)

    def _send_update(self, call: Call, dialog: Dialog, now: float) -> None:
        """Before the answer with our offer, after it to refresh the session."""
        headers = {"Contact": self._contact(call, dialog)}
        body, offering = b"", call.wanted.offer
        if offering:
            body, headers["Content-Type"] = dialog.session.offer().encode(), SDP_TYPE
        call.change = Change("UPDATE", offering)

        def done(response: Response | None, at: float) -> None:
            self._over(call, dialog, response, at)

        self._client.send(
            call, "UPDATE", now, done, headers=headers, body=body, dialog=dialog,
            prepare=lambda request: self._timers.ask(call, request) if dialog is call.dialog else None,
        )  # fmt: skip

    def _send_invite(self, call: Call, dialog: Dialog, now: float) -> None:
        core, branch = self._core, self._core.new_branch()
        request, peer = core.dialog_request(dialog, "INVITE", branch, dialog.next_seq())
        seq = dialog.local_seq
        request.headers.set("Contact", self._contact(call, dialog))
        request.headers.set("Content-Type", SDP_TYPE)
        self._timers.ask(call, request)
        offering = call.wanted.offer
        request.body = dialog.session.offer(unchanged=not offering).encode()
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("INVITE", str(request.uri), request.body)
            request.headers.set(name, value)
        acks: list[tuple[bytes, Addr]] = []

        def on_response(response: Response, _found: Essentials, at: float) -> None:
            if 200 <= response.code < 300:
                if not acks:
                    dialog.refresh_target(response)
                    acks.append(self._ack(call, dialog, seq))
                    core.send(*acks[0])
                    self._over(call, dialog, response, at)
                else:
                    core.send(*acks[0])
            elif response.code in (401, 407) and call.digest is not None and call.phase is Phase.TALKING:
                try:
                    call.digest.accept(response.code, challenge_headers(response))
                except DigestError:
                    self._over(call, dialog, response, at)
                else:
                    dialog.session.withdraw()
                    self._send_invite(call, dialog, at)
            elif response.code >= 300:
                self._over(call, dialog, response, at)

        call.change = Change("INVITE", offering)
        core.layer.invite(
            request, branch, peer, now, on_response, lambda _reason, at: self._over(call, dialog, None, at),
            rings=False,
        )  # fmt: skip

    def _ack(self, call: Call, dialog: Dialog, seq: int) -> tuple[bytes, Addr]:
        request, peer = self._core.dialog_request(dialog, "ACK", self._core.new_branch(), seq)
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise("ACK", str(request.uri))
            request.headers.set(name, value)
        return to_bytes(request), peer

    def _contact(self, call: Call, dialog: Dialog) -> str:
        uri, _, peer = dialog.path()
        return self._core.contact(peer, uri, call.contact_user)

    # --- what became of it

    def _over(self, call: Call, dialog: Dialog, response: Response | None, now: float) -> None:
        """The final response to our change; None: there was none."""
        change, call.change = call.change, None
        if call.phase in (Phase.ENDING, Phase.OVER) or change is None:
            return
        if response is None or response.code in GONE:
            dialog.session.withdraw()
            why = "no response" if response is None else str(response.code)
            self._calls.lost(call, dialog, f"{change.method} got {why}", now)
        elif response.code < 300:
            self._accepted_by_them(call, dialog, change, response, now)
        else:
            dialog.session.withdraw()
            self._refused(call, dialog, change, response, now)

    def _accepted_by_them(
        self, call: Call, dialog: Dialog, change: Change, response: Response, now: float
    ) -> None:
        session, wanted = dialog.session, call.wanted
        before = session.media
        dialog.refresh_target(response)
        if call.digest is not None:
            call.digest.settled()
        if dialog is call.dialog:
            self._timers.took(call, response, now)
        if session.open is Open.OURS:
            try:
                session.take_answer(response.body)
            except SdpError as error:
                self._calls.bye(call, f"the answer can't be used: {error}", now)
                return
        self._report(call, session, before)
        wanted.refresh, wanted.tries = False, 0
        if change.offering:
            # What has been wished since the offer left needs another one.
            wanted.offer = session.wishes_more
            self._core.emit(CallModified(call.number, response.code, ""))
        self.proceed(call, now)

    def _refused(self, call: Call, dialog: Dialog, change: Change, response: Response, now: float) -> None:
        wanted, wait_s = call.wanted, -1.0
        wanted.tries += 1
        if response.code == 491:
            wait_s = self._glare_s(call)
        elif response.code == 500 and response.headers.get("Retry-After") is not None:
            wait_s = min(retry_after_s(response), _MAX_RETRY_AFTER_S)
        elif response.code == 422 and self._timers.refused(call, response):
            wait_s = 0.0
        elif change.method == "UPDATE" and response.code in (405, 501):
            dialog.allows -= {"UPDATE"}
            wait_s = 0.0
        if wait_s >= 0 and wanted.tries < _MAX_TRIES:
            self._calls.set_timer("glare", call, now + wait_s)
            return
        wanted.tries = 0
        if change.offering:
            wanted.offer = False
            why = without_numbers(clean(response.phrase))[:200]
            self._core.emit(CallModified(call.number, response.code, why))
        elif call.timer is not None:
            wanted.refresh = False
            self._calls.set_timer("refresh", call, now + call.timer.interval_s / 8)
        self.proceed(call, now)

    def _glare_s(self, call: Call) -> float:
        """RFC 3261 14.1: who made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms."""
        return 2.1 + self._below(191) / 100 if call.ours else self._below(201) / 100

    def _below(self, limit: int) -> int:
        return self._core.randomness.getrandbits(32) % limit
