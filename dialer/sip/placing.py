"""One INVITE with its media stream: what trunks and agents' phones have in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sipmessage import URI

from dialer.errors import MediaError, TrunkError
from dialer.ports import DialRequest, MediaPlane
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import CallSignal, LegEvents, SipLeg
from dialer.sip.outgoing import InviteSpec
from dialer.sip.stack import SipStack

logger = logging.getLogger("dialer.sip")

MakeSpec = Callable[[str, int], InviteSpec]
"""(our media's host, its port) -> the INVITE"""


async def place(
    endpoint: SipStack,
    media: MediaPlane,
    request: DialRequest,
    make: MakeSpec,
    on_signal: Callable[[CallSignal], None] | None = None,
    turn: Callable[[], Awaitable[None]] | None = None,
) -> SipLeg:
    """Open a stream, wait for ``turn``, send the INVITE. Raises TrunkError before anything left this host."""
    events = LegEvents()
    try:
        stream = await media.open(events.media, beside=request.beside)
    except MediaError as error:
        raise TrunkError(f"no media port: {error}") from error
    leg = SipLeg(endpoint, events, stream, on_signal)
    try:
        if turn is not None:
            await turn()  # nothing is waited for between it and the INVITE
        spec = make(*stream.local)
        if too_late(request):
            raise TrunkError("too late for an INVITE: name, port or pace took too long")
        await endpoint.send_invite(spec, leg)
    except BaseException:
        await stream.close()
        raise
    return leg


def too_late(request: DialRequest) -> bool:
    """Whether the INVITE's time is over."""
    return request.not_after is not None and asyncio.get_running_loop().time() > request.not_after


class DirectCalls:
    """Calls to full SIP URIs: an agent's phone, or a user registered with ``endpoint``.

    They take no line, need no registration, and no carrier's password is ever given to them.
    """

    def __init__(
        self,
        media: MediaPlane,
        endpoint: SipEndpoint,
        no_response_s: float,
        caller_id: str,
        display_name: str,
    ) -> None:
        self._media, self._endpoint, self._no_response_s = media, endpoint, no_response_s
        self._caller_id, self._display_name = caller_id, display_name

    async def dial(self, request: DialRequest) -> SipLeg:
        """Send one INVITE. Raises TrunkError before anything left this host."""
        uri, peer = await self._endpoint.locate(str(request.target))

        def make(host: str, port: int) -> InviteSpec:
            user = request.caller_id or self._caller_id or "dialer"
            return InviteSpec(
                target=uri,
                from_uri=URI(scheme="sip", user=user, host=self._endpoint.advertised.host),
                peer=peer,
                offer=self._endpoint.phone_offer(host, port, peer),
                display_name=request.display_name or self._display_name,
                no_response_s=self._no_response_s,
            )

        leg = await place(self._endpoint, self._media, request, make)
        logger.info("invite sent to a phone", extra={"reference": request.reference})
        return leg
