"""Dialogs before the answer: 18x of one or several branches, early media, and PRACK for the reliable
ones (RFC 3261 12.1.2, RFC 3262 4)."""

from __future__ import annotations

from sipmessage import Request, Response

from dialer.errors import SdpError, SipParseError
from dialer.ports import RemoteMedia
from dialer.sip.calls import Calls
from dialer.sip.callstate import Call, Early
from dialer.sip.core import SDP_TYPE
from dialer.sip.description import SessionDescription
from dialer.sip.dialog import Dialog
from dialer.sip.indialog import DialogClient
from dialer.sip.message import Essentials
from dialer.sip.negotiation import Open, Session
from dialer.sip.sessiontimer import supports
from dialer.sip.signals import CallProgress

OPTION = "100rel"
MAX_BRANCHES = 16
"""Dialogs that one INVITE may open; more is an attack."""
_BRANCH_GONE = 199


class EarlyDialogs:
    def __init__(self, calls: Calls, client: DialogClient) -> None:
        self._calls = calls
        self._core = calls.core
        self._client = client
        self._core.extensions[OPTION] = frozenset({"INVITE"})

    def receive(self, call: Call, invite: Request, response: Response, found: Essentials, now: float) -> None:
        """A provisional response above 100: acknowledged where that is asked for, and reported once."""
        if response.code == _BRANCH_GONE:
            if (gone := call.early.pop(found.to_tag, None)) is not None:
                self._calls.forget(gone.dialog)
            return
        early = self._branch(call, invite, response, found)
        reliable = supports_reliably(response)
        if early is None:
            if not reliable:
                self._core.emit(CallProgress(call.number, response.code, early_media=False))
            return
        if reliable and early.rseq:
            if reliable <= early.rseq:
                if early.prack is not None:
                    early.prack.again()
                return
            if reliable != early.rseq + 1:
                return  # one before it was lost: it will come again, and this one too
        early.dialog.note_allow(response)
        media, answer = self._media(early.dialog.session, response, reliable > 0)
        if reliable:
            early.rseq = reliable
            self._acknowledge(call, early, f"{reliable} {found.cseq.sequence} INVITE", answer, now)
        self._core.emit(CallProgress(call.number, response.code, media is not None, media))

    def _branch(self, call: Call, invite: Request, response: Response, found: Essentials) -> Early | None:
        """The dialog that the response is of, opened where it is new; None where it can't be one."""
        early = call.early.get(found.to_tag)
        if early is None and found.to_tag and len(call.early) < MAX_BRANCHES:
            try:
                dialog = Dialog.as_caller(invite, response, found)
            except SipParseError:
                return None
            dialog.session = new_session(call)
            dialog.keep_secret(call.invited_at)
            early = call.early[found.to_tag] = Early(dialog)
            self._calls.open(call, dialog)
        return early

    def _media(
        self, session: Session, response: Response, reliable: bool
    ) -> tuple[RemoteMedia | None, SessionDescription | None]:
        """Where early media goes, and our answer where the response holds an offer.

        SDP that can't be used is no reason to lose the call yet: the final answer may be better.
        """
        if not response.body:
            return None, None
        try:
            if session.open is Open.NONE and session.rounds == 0:
                # Our INVITE had no offer: only a reliable response may bring one (RFC 3262 5).
                if not reliable:
                    return None, None
                answer = session.take_offer(response.body)
                return session.media, answer
            if session.open is Open.OURS and reliable:
                return session.take_answer(response.body), None
            return session.preview(response.body), None
        except SdpError:
            return None, None

    def _acknowledge(
        self, call: Call, early: Early, rack: str, answer: SessionDescription | None, now: float
    ) -> None:
        """PRACK. That it fails means nothing: whether there is a call, INVITE's final response says, and
        481 may only say that the response acknowledged is forgotten (RFC 3262 3)."""
        headers, body = {"RAck": rack}, b""
        if answer is not None:
            headers["Content-Type"], body = SDP_TYPE, answer.encode()

        def done(response: Response | None, _now: float) -> None:
            if response is not None and response.code < 300:
                early.dialog.refresh_target(response)

        early.prack = self._client.send(
            call, "PRACK", now, done, headers=headers, body=body, dialog=early.dialog,
            ends_call=False,
        )  # fmt: skip


def new_session(call: Call) -> Session:
    """The state of a branch's offer/answer: our offer is open in each of them."""
    template = call.template
    return Session(ours=template.ours, open=template.open, offered=template.offered, asked=template.asked)


def supports_reliably(response: Response) -> int:
    """The RSeq of a reliable provisional response; 0 where it isn't one."""
    value = response.headers.get("RSeq") or ""
    if not (value.isascii() and value.isdigit() and len(value) < 11 and supports(response, OPTION)):
        return 0
    return int(value)
