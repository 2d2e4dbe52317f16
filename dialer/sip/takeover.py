"""Which call an INVITE with Replaces takes the place of (RFC 3891 3)."""

from __future__ import annotations

from sipmessage import Request

from dialer.errors import SipParseError
from dialer.sip.address import Addr
from dialer.sip.calls import Call, Calls, Phase
from dialer.sip.replaces import Replaces


def find_replaced(calls: Calls, request: Request, source: Addr) -> tuple[int, Call | None]:
    """(0, call); (0, None) where the INVITE replaces nothing; (a refusal's code, None).

    Only the far end of the dialog may replace it: its tags alone prove little, and a caller who takes
    over a customer's call would hear the customer.
    """
    values = request.headers.getlist("Replaces")
    if not values:
        return 0, None
    if len(values) > 1:
        return 400, None
    try:
        wanted = Replaces.parse(values[0])
    except SipParseError:
        return 400, None
    found = calls.dialog(wanted.call_id, wanted.to_tag, wanted.from_tag)
    if found is None:
        return 481, None
    call, dialog = found
    if source.host != dialog.path()[2].host and source.host != call.source.host:
        return 403, None
    if call.phase is Phase.ENDING:
        return 603, None
    if call.phase in (Phase.INVITING, Phase.ANSWERING):
        # An early dialog can be replaced only by the side that called.
        return (0, call) if call.ours else (481, None)
    return (486, None) if wanted.early_only else (0, call)
