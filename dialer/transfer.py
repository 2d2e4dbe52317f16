"""Warm transfer: choose an agent, ring, whisper, wait for the key, bridge, fall back.

The customer's leg stays with the conductor, its recording goes on. Cancelling ``run`` (the customer
left, the daemon drains) never leaves an agent's phone ringing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import MediaError, TrunkError
from dialer.model import AgentLeg, Say, SayKind, Task
from dialer.ports import (
    Answered,
    DialRequest,
    Ended,
    Failed,
    Held,
    KeyPressed,
    Leg,
    MediaFailed,
    MediaStream,
    MediaTimeout,
    Played,
    Synthesiser,
    Trunk,
)

log = logging.getLogger("dialer.transfer")

WHISPER = (Say(SayKind.TEXT, "客户回访转接，接听请按一"),)
"""What the agent hears before accepting."""

_WHISPER_PAUSE_S = 1.5
_OVER = Ended | Failed | MediaTimeout | MediaFailed
"""What ends the talk: an agent whose audio is gone helps nobody."""
_LEAVE_S = 5.0
"""How long a leg may take to confirm its end before it is freed anyway."""


@dataclass(frozen=True, slots=True)
class Agent:
    """坐席: a person with a SIP phone. Never from sales, nor the policy's seller or seller's team (R4-R6)."""

    name: str
    """Staff name or number; compared with the policy's seller."""
    uri: str = ""
    """SIP URI of the phone; empty: the phone registers here as ``name``."""
    sales: bool = False
    """Works in a sales department: never offered a call (R4, R6)."""
    team: str = ""
    """Compared with the seller's team (R5)."""


@dataclass(frozen=True, slots=True)
class TransferConfig:
    """``[transfer]`` in dialer.toml."""

    agents: tuple[Agent, ...] = ()
    """The agents' phones, asked in this order: name and SIP URI; an empty uri means that the phone
    registers here under that name. ``sales``: works in sales, ``team``: the agent's team (R4-R6)."""
    ring_s: float = 20.0
    """How long one agent's phone rings."""
    accept_s: float = 15.0
    """How long the answered agent has for the accept key, whisper included."""
    accept_key: str = "1"
    """The key by which an agent takes the call."""
    max_agents: int = 3
    """How many agents are tried for one customer."""

    def __post_init__(self) -> None:
        for name in ("ring_s", "accept_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: write seconds above 0")
        if len(self.accept_key) != 1 or self.accept_key not in "0123456789*#":
            raise ValueError("accept_key: write one key, 0-9, * or #")
        if self.max_agents < 1:
            raise ValueError("max_agents: write 1 or more")
        names = [agent.name for agent in self.agents]
        if not all(names) or len(set(names)) < len(names):
            raise ValueError("agents: each agent needs a name of its own")


class Attendance:
    """The agents of one call as they come, hold and go."""

    def __init__(self, offset_s: Callable[[], float]) -> None:
        """``offset_s``: how far the call's recording has come."""
        self._offset_s = offset_s
        self._over: list[AgentLeg] = []
        self._agent, self._joined = "", 0
        self._held: list[tuple[int, int]] = []
        self._holding: int | None = None

    @property
    def legs(self) -> tuple[AgentLeg, ...]:
        """Those that are over, in order."""
        return tuple(self._over)

    def joined(self, agent: str) -> None:
        self._agent, self._joined, self._held, self._holding = agent, self._now(), [], None

    def held(self, on: bool) -> None:
        if self._holding is not None:
            self._held.append((self._holding, self._now()))
        self._holding = self._now() if on else None

    def left(self) -> None:
        self.held(False)
        self._over.append(AgentLeg(self._agent, self._joined, self._now(), tuple(self._held)))

    def _now(self) -> int:
        return round(self._offset_s() * 1000)


async def leave(leg: Leg, reason: str) -> None:
    """Hang up, wait (bounded) for the end, free dialog and port."""
    await leg.hang_up(reason)
    try:
        async with asyncio.timeout(_LEAVE_S):
            while not isinstance(await leg.next_event(), Ended | Failed):
                pass
    except TimeoutError:
        log.warning("leg did not confirm its end")
    await leg.close()


class WarmTransfer:
    """Holds who is busy; one instance for the daemon."""

    def __init__(
        self,
        trunk: Trunk,
        prompts: Synthesiser,
        config: TransferConfig,
        locate: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        """``locate``: the registrar's look-up, agent name -> contact URI."""
        self._trunk, self._prompts, self._config, self._locate = trunk, prompts, config, locate
        self._busy: set[str] = set()

    def free_agents(self, task: Task) -> Sequence[tuple[Agent, str]]:
        """Agents that may take this customer now, with their contact URIs."""
        found = []
        for agent in self._config.agents:
            uri = agent.uri or self._locate(agent.name) or ""
            conflict = agent.sales or task.sold_by(agent.name, agent.team)
            if uri and agent.name not in self._busy and not conflict:
                found.append((agent, uri))
        return found

    def staff(self) -> tuple[int, int]:
        """How many agents could take a call now, and how many are at one."""
        reachable = (agent for agent in self._config.agents if agent.uri or self._locate(agent.name))
        return sum(agent.name not in self._busy for agent in reachable), len(self._busy)

    async def run(
        self, customer: Leg, task: Task, accepted: Callable[[str], None], attendance: Attendance | None = None
    ) -> bool:
        """Bridge the customer with an agent until the agent hangs up: True. Nobody accepted: False.

        ``accepted(name)`` is called when the bridge stands; ``attendance`` is told who was there when.
        """
        attendance = attendance or Attendance(lambda: 0.0)
        tried: set[str] = set()
        while len(tried) < self._config.max_agents:
            free = [pair for pair in self.free_agents(task) if pair[0].name not in tried]
            if not free:
                return False
            agent, uri = free[0]
            tried.add(agent.name)
            async with self._offer(agent, uri, customer.media) as leg:
                if leg is None:
                    continue
                try:
                    await customer.media.stop_playing()
                    await customer.media.bridge(leg.media)
                except MediaError:
                    log.warning("bridge failed")
                    return False
                attendance.joined(agent.name)
                accepted(agent.name)
                try:
                    while not isinstance(event := await leg.next_event(), _OVER):
                        if isinstance(event, Held):
                            attendance.held(event.on)
                finally:
                    attendance.left()
                await customer.media.unbridge()
                return True
        return False

    @asynccontextmanager
    async def _offer(self, agent: Agent, uri: str, beside: MediaStream) -> AsyncIterator[Leg | None]:
        """An accepted leg to this agent, or None; whatever happens, the leg is gone afterwards."""
        self._busy.add(agent.name)
        leg: Leg | None = None
        try:
            try:
                leg = await self._trunk.dial(DialRequest(uri, reference=agent.name, beside=beside))
                accepted = await self._accept(leg)
            except (TrunkError, MediaError) as error:
                log.warning("agent can't be called", extra={"agent": agent.name, "why": str(error)})
                accepted = False
            yield leg if accepted else None
        finally:
            try:
                if leg is not None:
                    await asyncio.shield(leave(leg, "transfer over"))
            finally:
                # Also where the customer left while this leg was being left.
                self._busy.discard(agent.name)

    async def _accept(self, leg: Leg) -> bool:
        """Ring, whisper, wait for the key."""
        clips = self._prompts.clips(WHISPER)
        try:
            async with asyncio.timeout(self._config.ring_s):
                while not isinstance(event := await leg.next_event(), Answered):
                    if isinstance(event, Failed | Ended):
                        return False
            async with asyncio.timeout(self._config.accept_s):
                return await self._whisper(leg, clips)
        except TimeoutError:
            return False

    async def _whisper(self, leg: Leg, clips: list[Path]) -> bool:
        """Say it until the key or the end; with a pause, so that it can be understood."""
        play = 0
        pause: float | None = 0.0
        while True:
            try:
                async with asyncio.timeout(pause):
                    event = await leg.next_event()
            except TimeoutError:
                play, pause = play + 1, None
                await leg.media.play(clips, play)
                continue
            if isinstance(event, Failed | Ended):
                return False
            if isinstance(event, KeyPressed) and event.digit == self._config.accept_key:
                await leg.media.stop_playing()
                return True
            if isinstance(event, Played) and event.play_id == play:
                pause = _WHISPER_PAUSE_S
