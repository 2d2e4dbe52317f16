"""Requests that we send inside a dialog: credentials, and what their failure means (RFC 3261 12.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipmessage import Request, Response

from dialer.errors import DigestError
from dialer.sip.calls import Call, Calls, Phase, challenge_headers
from dialer.sip.dialog import Dialog
from dialer.sip.message import Essentials
from dialer.sip.transaction import NonInviteClient

OnDone = Callable[[Response | None, float], None]
"""Called once with the final response, or None where none came."""
GONE = frozenset({408, 481})
"""These end the dialog, and so does no response at all (RFC 3261 12.2.1.2)."""


class DialogClient:
    """Sends any request but INVITE, ACK and CANCEL inside a call's dialog."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._core = calls.core

    def send(
        self,
        call: Call,
        method: str,
        now: float,
        done: OnDone,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        dialog: Dialog | None = None,
        prepare: Callable[[Request], None] | None = None,
        ends_call: bool = True,
    ) -> NonInviteClient | None:
        """Send ``method`` in ``dialog`` (the call's own where none is given).

        A challenge is answered from the call's credentials. 408, 481 and silence end the
        call with BYE, unless ``ends_call`` is false: then they say nothing about it. ``headers``
        may set Contact and Content-Type; ``prepare`` may do more to the request.
        """
        dialog = dialog or call.dialog
        if dialog is None:
            return None
        branch = self._core.new_branch()
        request, peer = self._core.dialog_request(dialog, method, branch, dialog.next_seq())
        for name, value in (headers or {}).items():
            request.headers.set(name, value)
        request.body = body
        if prepare is not None:
            prepare(request)
        if call.digest is not None and call.digest.ready:
            name, value = call.digest.authorise(method, str(request.uri), body)
            request.headers.set(name, value)

        def on_response(response: Response, _: Essentials, at: float) -> None:
            if response.code < 200:
                return
            if response.code in (401, 407) and call.digest is not None and call.phase is not Phase.OVER:
                try:
                    call.digest.accept(response.code, challenge_headers(response), method)
                except DigestError:
                    done(response, at)
                else:
                    self.send(
                        call, method, at, done, headers=headers, body=body, dialog=dialog, prepare=prepare,
                        ends_call=ends_call,
                    )  # fmt: skip
                return
            if call.digest is not None:
                call.digest.settled()
            if response.code in GONE and ends_call:
                self._calls.lost(call, dialog, f"{method} got {response.code}", at)
            done(response, at)

        def on_silence(reason: str, at: float) -> None:
            if ends_call:
                self._calls.lost(call, dialog, f"{method}: {reason}", at)
            done(None, at)

        return self._core.layer.request(request, branch, peer, now, on_response, on_silence)
