"""Several trunks as one (ports.Trunk): which of them takes a call, and when a second one may.

Chosen among those that are up, may dial the number and have a free line: lowest ``priority`` first, then
whose pace lets the call leave now, then most free lines times ``weight``.

A call moves to another trunk only where it is certain that it reached nobody, so that one attempt rings
one telephone at most once:

- nothing had left this host (no line, no address, no port, trunk down);
- the carrier itself refused the INVITE before any 18x: 503, or 401/407 with our credentials refused.

Silence is no such proof: the INVITE may have been delivered and its answers lost. Nor are other 5xx,
which a proxy gives for what happened further on. Then the attempt ends, the trunk rests, and another
attempt may follow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.errors import TrunkError
from dialer.model import PhoneNumber, RtpStats
from dialer.ports import (
    Answered,
    DialRequest,
    Failed,
    Leg,
    LegEvent,
    MediaStream,
    Progress,
    TrunkState,
)
from dialer.sip import numbering
from dialer.sip.leg import SipLeg
from dialer.sip.placing import DirectCalls
from dialer.sip.trunk import SipTrunk

logger = logging.getLogger("dialer.sip")

_REFUSED_BY_CARRIER = frozenset({401, 407, 503})


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides whether a trunk gets the next call."""

    index: int
    priority: int
    weight: int
    lines_free: int
    wait_s: float
    """Until its pace lets a call leave."""


def in_order(choices: Sequence[Choice]) -> list[int]:
    """The trunks' indexes, best first."""

    def rank(one: Choice) -> tuple[bool, float, int, int, int]:
        waits = one.wait_s > 0
        return (waits, one.wait_s, one.priority, -one.lines_free * one.weight, one.index)

    return [one.index for one in sorted(choices, key=rank)]


class TrunkGroup:
    """``phones`` calls full SIP URIs. ``failover_s``: how long after its first INVITE a call may move, so
    that the second telephone line still gets the whole ringing time."""

    def __init__(self, trunks: Sequence[SipTrunk], phones: DirectCalls, failover_s: float) -> None:
        if not trunks:
            raise ValueError("trunks: at least one")
        self.trunks = tuple(trunks)
        self._phones, self._failover_s = phones, failover_s

    # --- life

    async def start(self) -> None:
        for trunk in self.trunks:
            await trunk.start()

    async def registered(self) -> None:
        """Until each trunk that registers has done so for the first time."""
        await asyncio.gather(*(trunk.registered() for trunk in self.trunks))

    async def close(self) -> None:
        await asyncio.gather(*(trunk.close() for trunk in self.trunks))

    # --- ports.Trunk

    def state(self) -> TrunkState:
        """Up where one is; the free lines of those that are up."""
        states = [(trunk.config.name, trunk.state()) for trunk in self.trunks]
        up = [state for _, state in states if state.up]
        if len(states) == 1:
            return states[0][1]
        if up:
            free = sum(state.lines_free for state in up)
            return TrunkState(True, free, "" if free else "no free line on any trunk")
        reason = "; ".join(f"{name}: {state.reason}" for name, state in states)
        return TrunkState(False, max(state.lines_free for _, state in states), reason)

    def refusal(self, number: PhoneNumber) -> str:
        """Why no trunk may dial this number; empty where one may."""
        return numbering.refused_by_all(number, [(one.config.allow, one.config.deny) for one in self.trunks])

    async def dial(self, request: DialRequest) -> Leg:
        """Send one INVITE, on the best trunk that can. Raises TrunkError before anything left this host."""
        if isinstance(request.target, str):
            return await self._phones.dial(request)
        return await _GroupLeg.begin(self, request, self._failover_s)

    async def dial_beside(self, request: DialRequest, tried: set[SipTrunk]) -> tuple[SipLeg, SipTrunk]:
        """Place the call on the best trunk that isn't in ``tried``; those that can't are added to it."""
        why = ""
        while (trunk := self._best(request, tried)) is not None:
            tried.add(trunk)
            try:
                return await trunk.dial(request), trunk
            except TrunkError as error:
                why = f"{why}; {error}" if why else str(error)
        raise TrunkError(why or self._why_none(request))

    def _best(self, request: DialRequest, tried: set[SipTrunk]) -> SipTrunk | None:
        if isinstance(request.target, str):
            return None
        choices = []
        for index, trunk in enumerate(self.trunks):
            state = trunk.state()
            if trunk in tried or not state.up or not state.lines_free or not trunk.may_dial(request.target):
                continue
            config, wait_s = trunk.config, trunk.call_wait_s()
            choices.append(Choice(index, config.priority, config.weight, state.lines_free, wait_s))
        found = in_order(choices)
        return self.trunks[found[0]] if found else None

    def _why_none(self, request: DialRequest) -> str:
        if not isinstance(request.target, str) and (refusal := self.refusal(request.target)):
            return refusal
        return self.state().reason or "no trunk can take this call"


class _GroupLeg:
    """ports.Leg over the legs of one attempt, one at a time."""

    def __init__(self, group: TrunkGroup, request: DialRequest, move_until: float) -> None:
        self._group, self._request, self._move_until = group, request, move_until
        self._tried: set[SipTrunk] = set()
        self._legs: list[SipLeg] = []
        self._given_up = False
        self._settled = False
        """A telephone has been reached, or may have been: no other trunk is asked."""
        self._moving: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, group: TrunkGroup, request: DialRequest, failover_s: float) -> _GroupLeg:
        made = cls(group, request, asyncio.get_running_loop().time() + failover_s)
        await made._dial()
        return made

    async def _dial(self) -> None:
        leg, _ = await self._group.dial_beside(self._request, self._tried)
        self._legs.append(leg)

    @property
    def _leg(self) -> SipLeg:
        return self._legs[-1]

    @property
    def media(self) -> MediaStream:
        return self._leg.media

    async def next_event(self) -> LegEvent:
        while True:
            event = await self._leg.next_event()
            if isinstance(event, Progress | Answered):
                self._settled = True
            if isinstance(event, Failed) and self._may_move(event) and await self._move(event):
                continue
            return event

    def _may_move(self, failed: Failed) -> bool:
        if self._settled or self._given_up or not (failed.ours and failed.code in _REFUSED_BY_CARRIER):
            return False
        return asyncio.get_running_loop().time() <= self._move_until

    async def _move(self, failed: Failed) -> bool:
        self._moving = asyncio.get_running_loop().create_task(self._dial())
        try:
            await self._moving
        except TrunkError:
            self._settled = True
            return False
        except asyncio.CancelledError:
            if not self._given_up:
                raise
            return False
        finally:
            self._moving = None
        details = {"reference": self._request.reference, "code": failed.code}
        logger.info("call moved to another trunk", extra=details)
        if self._given_up:
            await self._leg.hang_up("given up while the call moved")
        return True

    async def hang_up(self, reason: str = "") -> None:
        self._given_up = True
        if self._moving is not None:
            self._moving.cancel()
        await self._leg.hang_up(reason)

    async def close(self) -> RtpStats:
        self._given_up = True
        if self._moving is not None:
            self._moving.cancel()
        stats = RtpStats()
        for leg in self._legs:
            stats = await leg.close()
        return stats
