"""Legs that move from one dialog to another, and transfers that we ask for.

A leg moves when its far end sends REFER (and the configuration follows it: RFC 3515, 5589), or when
an INVITE with Replaces takes its dialog's place (RFC 3891). Its media stream, port and owner stay.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dialer.errors import TrunkError
from dialer.sip.outgoing import InviteSpec
from dialer.sip.signals import (
    CallAnswered,
    CallEnded,
    CallFailed,
    CallProgress,
    CallUpdated,
    IncomingCall,
    ReferReceived,
    Signal,
    TransferEnded,
    TransferOutcome,
)

if TYPE_CHECKING:
    from dialer.sip.endpoint import SipEndpoint
    from dialer.sip.leg import SipLeg

logger = logging.getLogger("dialer.sip")


@dataclass(slots=True)
class _Following:
    """A REFER under way: the leg is in ``old`` until the new call is answered."""

    leg: SipLeg
    refer: int
    old: int
    ended: CallEnded | None = None
    """The far end has left ``old``: where the new call fails, that is the leg's end."""


class Moves:
    def __init__(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint
        self._transfers: dict[int, asyncio.Future[TransferEnded]] = {}
        self._following: dict[int, _Following] = {}
        """By the new call."""
        self._replacing: set[int] = set()
        """Calls that took an answered one's place and wait for their ACK."""
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for number, transfer in self._transfers.items():
            if not transfer.done():
                # Not cancelled: whoever waits for it isn't.
                transfer.set_result(TransferEnded(number, TransferOutcome.TIMED_OUT, 0, "shutting down"))

    # --- transfers that we ask for

    async def transfer(self, call: int, target: str, wait_s: float, replaces: int | None) -> TransferEnded:
        """REFER; its end. Raises TrunkError where the call, or the one to be replaced, is over."""
        number = self._endpoint.refer(call, target, wait_s, replaces)
        if number is None:
            raise TrunkError("the call can't be transferred: it is over, or the other one is")
        ended: asyncio.Future[TransferEnded] = asyncio.get_running_loop().create_future()
        self._transfers[number] = ended
        self._endpoint.flush()
        try:
            return await ended
        finally:
            self._transfers.pop(number, None)

    def transfer_ended(self, event: TransferEnded) -> None:
        ended = self._transfers.get(event.transfer)
        if ended is not None and not ended.done():
            ended.set_result(event)

    # --- REFER of the far end

    def refer_received(self, event: ReferReceived) -> None:
        leg = self._endpoint.leg(event.call)
        if leg is None:
            self._endpoint.report_refer(event.refer, 480)
            return
        task = asyncio.get_running_loop().create_task(self._follow(leg, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, leg: SipLeg, event: ReferReceived) -> None:
        """Call the target for the leg; nobody but our phones and the referrer's own host is called."""
        endpoint = self._endpoint
        try:
            uri, peer = await endpoint.locate(event.target)
            ours, referrer = endpoint.parties(event.call)
            if endpoint.lookup(event.target) is None and uri.host not in (referrer.host, referrer.name):
                logger.warning("refer to a foreign host refused")
                endpoint.report_refer(event.refer, 403)
                return
            headers = [("Referred-By", event.referred_by)] if event.referred_by else []
            headers += [("Replaces", str(event.replaces))] if event.replaces is not None else []
            offer = endpoint.phone_offer(*leg.media.local, peer)
            spec = InviteSpec(target=uri, from_uri=ours, peer=peer, offer=offer, headers=tuple(headers))
            call = endpoint.invite(spec)
        except TrunkError as error:
            logger.warning("refer not followed", extra={"error": str(error)})
            endpoint.report_refer(event.refer, 503)
            return
        self._following[call] = _Following(leg, event.refer, event.call)
        endpoint.flush()

    # --- INVITE with Replaces

    def replaced(self, event: IncomingCall, leg: SipLeg) -> None:
        """The new call takes the old one's place; the old one ends."""
        endpoint, old = self._endpoint, event.replaces
        if old is None or not leg.has_media:
            endpoint.reject(event.call, 488, "", None)
            return
        if endpoint.answered(old):
            self._replacing.add(event.call)
        endpoint.move(leg, old, event.call)
        remote = endpoint.answer(event.call, *leg.media.local)
        if remote is not None and event.call in self._replacing:
            leg.signal(CallUpdated(event.call, remote), endpoint.now())
        endpoint.hang_up(old, "replaced by another dialog")

    # --- events of calls that move

    def takes(self, event: Signal) -> bool:
        """Whether an event of a call is this part's, and not its leg's."""
        match event:
            case CallAnswered() if event.call in self._replacing:
                self._replacing.discard(event.call)
                if (leg := self._endpoint.leg(event.call)) is not None:
                    leg.signal(CallUpdated(event.call, event.remote), self._endpoint.now())
                return True
            case CallEnded() | CallFailed() if event.call not in self._following:
                self._replacing.discard(event.call)
                return isinstance(event, CallEnded) and self._left(event)
            case CallProgress() | CallAnswered() | CallEnded() | CallFailed() if (
                event.call in self._following
            ):
                self._followed(self._following[event.call], event)
                return True
        return False

    def _left(self, event: CallEnded) -> bool:
        """The old call of a leg that follows a REFER is over: far ends may hang up before the new answer."""
        for new, following in list(self._following.items()):
            if following.old == event.call:
                if event.by_remote:
                    following.ended = event
                    return True
                del self._following[new]
                self._endpoint.hang_up(new, event.reason)
        return False

    def _followed(
        self, following: _Following, event: CallProgress | CallAnswered | CallEnded | CallFailed
    ) -> None:
        endpoint = self._endpoint
        if isinstance(event, CallProgress):
            endpoint.report_refer(following.refer, event.code)
            return
        del self._following[event.call]
        if isinstance(event, CallAnswered):
            endpoint.report_refer(following.refer, 200)
            endpoint.move(following.leg, following.old, event.call)
            following.leg.signal(CallUpdated(event.call, event.remote), endpoint.now())
            if following.ended is None:
                endpoint.hang_up(following.old, "transferred")
            return
        code = event.code if isinstance(event, CallFailed) else 0
        endpoint.report_refer(following.refer, code if code >= 300 else 503)
        if following.ended is not None:
            endpoint.drop(following.old)
            following.leg.signal(following.ended, endpoint.now())
